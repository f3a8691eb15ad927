//! Bare sockets that do the same as a session, with as little as the protocol below can cost.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::reply::content_length;
use crate::{Result, cpu_time, per_request};

/// Microseconds a request of a blocking socket and httparse: one write, one read, one parse.
pub(crate) fn http(address: SocketAddr, request: &[u8], requests: u32) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    let mut send = || -> Result<()> {
        stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let n = stream.read(&mut buffer[filled..])?;
            if n == 0 {
                return Err("the responder closed the connection".into());
            }
            filled += n;
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(head) = response.parse(&buffer[..filled])? else {
                continue;
            };
            if filled == head + content_length(response.headers)? {
                return Ok(());
            }
        }
    };
    send()?;
    let before = cpu_time()?;
    for _ in 0..requests {
        send()?;
    }
    per_request(before, requests)
}

/// Microseconds a message sent and answered over a websocket with hand-made frames. `wait` is
/// how the loop waits for the answer.
pub(crate) fn web_socket(
    address: SocketAddr,
    text: &str,
    requests: u32,
    wait: Wait,
) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let upgrade = "GET /cometd HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: GkgANNkdHAkBU68LJyTNXg==\r\n\r\n";
    stream.write_all(upgrade.as_bytes())?;
    let mut buffer = [0; 4096];
    let mut n_head = 0;
    while !buffer[..n_head].ends_with(b"\r\n\r\n") {
        n_head += stream.read(&mut buffer[n_head..])?;
    }
    stream.set_nonblocking(matches!(wait, Wait::Poll))?;
    let waker = waker()?;
    let mut frame = Vec::with_capacity(text.len() + 8);
    let mut mask = 0x1234_5678_u32;
    let mut send = || -> Result<()> {
        mask = mask.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        masked(text.as_bytes(), mask.to_be_bytes(), &mut frame);
        stream.write_all(&frame)?;
        let mut filled = 0;
        loop {
            if matches!(wait, Wait::Poll) {
                readable(&stream, &waker)?;
            }
            match stream.read(&mut buffer[filled..]) {
                Ok(0) => return Err("the responder closed the connection".into()),
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            // Two bytes, and two more for a length from 126 on: the responder's frames are such.
            if filled >= 4 && filled == 4 + usize::from(u16::from_be_bytes([buffer[2], buffer[3]]))
            {
                return Ok(());
            }
        }
    };
    send()?;
    let before = cpu_time()?;
    for _ in 0..requests {
        send()?;
    }
    per_request(before, requests)
}

/// How a loop waits for its socket.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    /// In `read`: nothing else can be heard meanwhile.
    Read,
    /// In `poll`, with a second descriptor and a deadline, as whoever has to hear of signals and
    /// of lines to send, and to notice a server that is gone.
    Poll,
}

/// A text frame of a client (RFC 6455 5.2), for up to 64 KiB.
fn masked(text: &[u8], mask: [u8; 4], frame: &mut Vec<u8>) {
    frame.clear();
    frame.push(0x81);
    match u16::try_from(text.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => unreachable!("a publish of this example is short"),
    }
    frame.extend(mask);
    frame.extend(
        text.iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// Both ends of what another thread would wake the loop with; nobody does.
#[cfg(unix)]
fn waker() -> Result<[std::os::unix::net::UnixStream; 2]> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    Ok([ours, theirs])
}

#[cfg(unix)]
fn readable(stream: &TcpStream, waker: &[std::os::unix::net::UnixStream; 2]) -> Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let timeout = Timespec::try_from(std::time::Duration::from_secs(10))?;
    let socket = PollFd::new(stream, PollFlags::IN);
    let woken = PollFd::new(&waker[0], PollFlags::IN);
    poll(&mut [woken, socket], Some(&timeout))?;
    Ok(())
}

#[cfg(not(unix))]
fn waker() -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn readable(_: &TcpStream, (): &()) -> Result<()> {
    Ok(())
}
