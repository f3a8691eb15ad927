//! What one request costs the client in processor time, against a bare socket in the same run.
//!
//! Two clients take turns in front of the same responder on loopback, one session, request after
//! request: a blocking `TcpStream` with httparse, which is as little as HTTP/1.1 can cost, and the
//! session layer. The responder is a process of its own, so that only the client's time counts.
//! Waking a process on another core costs more than all the rest, and both clients the same; started
//! under `taskset -c 0` everything runs on one core, and the ratio shows the client's own work.
//!
//! ```text
//! cargo run --release --example session_cost [REQUESTS [ROUNDS]]
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the project promises: session layer against bare socket.
const GOAL: f64 = 1.6;

/// The length of every body that the responder sends: a typical reply to a connect.
const BODY: usize = 201;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("respond") => respond(),
        requests => {
            let requests = requests.unwrap_or("50000").parse()?;
            let rounds = arguments.next().as_deref().unwrap_or("7").parse()?;
            compare(requests, rounds)
        }
    }
}

/// Alternates both clients, so that a busy machine disturbs them alike, and compares medians.
fn compare(requests: u32, rounds: usize) -> Result<()> {
    let responder = Responder::start()?;
    let (mut bare_rounds, mut session_rounds) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        bare_rounds.push(bare(responder.address, requests)?);
        session_rounds.push(session(responder.address, requests)?);
    }
    let bare = median(&mut bare_rounds);
    let session = median(&mut session_rounds);
    let ratio = session / bare;
    let mut out = io::stdout().lock();
    writeln!(out, "bare socket     {bare:6.2} us of CPU a request")?;
    writeln!(out, "session layer   {session:6.2} us of CPU a request")?;
    writeln!(
        out,
        "ratio           {ratio:6.2}    goal <= {GOAL:.2}    {}",
        if ratio <= GOAL { "met" } else { "NOT met" }
    )?;
    Ok(())
}

/// Microseconds a request of a blocking socket and httparse: one write, one read, one parse.
fn bare(address: SocketAddr, requests: u32) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    let mut request = String::with_capacity(512);
    let mut send = |id: u32| -> Result<()> {
        let body = format!(
            r#"[{{"channel":"/meta/connect","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","connectionType":"long-polling","id":"{id}"}}]"#
        );
        request.clear();
        write!(
            request,
            "POST /cometd HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.write_all(request.as_bytes())?;
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
    send(0)?;
    let before = cpu_time()?;
    for id in 1..=requests {
        send(id)?;
    }
    per_request(before, requests)
}

/// Microseconds a request of one session that connects again and again.
// FIXME: a plain ureq agent stands in until the session's driver is in the library.
fn session(address: SocketAddr, requests: u32) -> Result<f64> {
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("http://{address}/cometd");
    let send = |id: u32| -> Result<()> {
        let body = format!(
            r#"[{{"channel":"/meta/connect","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","connectionType":"long-polling","id":"{id}"}}]"#
        );
        let bytes = agent
            .post(&url)
            .content_type("application/json;charset=UTF-8")
            .send(body.as_bytes())?
            .body_mut()
            .read_to_vec()?;
        bayeux::protocol::decode(&bytes)?;
        Ok(())
    };
    send(0)?;
    let before = cpu_time()?;
    for id in 1..=requests {
        send(id)?;
    }
    per_request(before, requests)
}

fn per_request(before: Duration, requests: u32) -> Result<f64> {
    Ok((cpu_time()? - before).as_secs_f64() * 1e6 / f64::from(requests.max(1)))
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// User and system time of this process, all its threads included.
#[cfg(unix)]
fn cpu_time() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(Duration::try_from(time)?)
}

#[cfg(not(unix))]
fn cpu_time() -> Result<Duration> {
    Err("this example measures processor time, which it can do on Unix only".into())
}

/// The responder's process, which ends when its standard input does, or here.
struct Responder {
    child: Child,
    address: SocketAddr,
}

impl Responder {
    fn start() -> Result<Self> {
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

/// The responder: prints its address and serves one connection after the other until the
/// standard input ends.
fn respond() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error is the client going away.
            let _ = serve(stream);
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
        if filled < head + content_length(request.headers)? {
            continue;
        }
        let body = reply(std::str::from_utf8(&buffer[head..filled])?);
        let response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(response.as_bytes())?;
        filled = 0;
    }
}

/// An accepting reply to the one message of a request, padded to the same length every time.
fn reply(request: &str) -> String {
    let field = |name: &str| {
        let start = request.find(name)? + name.len();
        request[start..].split('"').next()
    };
    let channel = field(r#""channel":""#).unwrap_or("/meta/connect");
    let id = field(r#""id":""#).unwrap_or("0");
    let start = format!(
        r#"[{{"channel":"{channel}","id":"{id}","successful":true,"clientId":"c","version":"1.0","supportedConnectionTypes":["long-polling"],"advice":{{"timeout":0}},"x":""#
    );
    let end = r#""}]"#;
    let padding = BODY.saturating_sub(start.len() + end.len());
    format!("{start}{}{end}", "x".repeat(padding))
}

fn content_length(headers: &[httparse::Header<'_>]) -> Result<usize> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .ok_or("no content-length")?;
    Ok(std::str::from_utf8(header.value)?.trim().parse()?)
}
