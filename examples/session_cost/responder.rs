//! What the clients talk to: a process of its own, so that only the client's time counts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::reply::{content_length, is_held, reply};

/// The responder's process, which ends when its standard input does, or here.
pub(crate) struct Responder {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Responder {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("respond")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("the responder has no stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Self {
            address: line.trim().parse()?,
            child,
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The responder: prints its address and serves each connection on a thread of its own until
/// the standard input ends.
pub(crate) fn respond() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // An error is the client going away.
                let _ = serve(stream);
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..])?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = request.parse(&buffer[..filled])? else {
            continue;
        };
        let is_key = |it: &&httparse::Header<'_>| it.name.eq_ignore_ascii_case("sec-websocket-key");
        if let Some(key) = request.headers.iter().find(is_key) {
            let key = key.value.to_vec();
            return web_socket(stream, &key);
        }
        if filled < head + content_length(request.headers)? {
            continue;
        }
        let request = std::str::from_utf8(&buffer[head..filled])?;
        filled = 0;
        if is_held(request) {
            // Held until the client goes away.
            continue;
        }
        let body = reply(request);
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(response.as_bytes())?;
    }
}

/// Answers each frame by one frame with as many bytes as a reply over HTTP has.
fn web_socket(mut stream: TcpStream, key: &[u8]) -> Result<()> {
    let accept = tungstenite::handshake::derive_accept_key(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let config = tungstenite::protocol::WebSocketConfig::default().read_buffer_size(4096);
    let role = tungstenite::protocol::Role::Server;
    let mut socket = tungstenite::WebSocket::from_raw_socket(stream, role, Some(config));
    loop {
        let tungstenite::Message::Text(request) = socket.read()? else {
            continue;
        };
        if is_held(&request) {
            continue;
        }
        socket.send(tungstenite::Message::text(reply(&request)))?;
    }
}
