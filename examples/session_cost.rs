//! What one request costs the client in processor time, against a bare socket in the same run.
//!
//! Clients take turns in front of the same responder on loopback, one session, request after
//! request, each answered before the next leaves:
//!
//! - a blocking `TcpStream` with httparse, which is as little as HTTP/1.1 can cost: it writes the
//!   bytes of one recorded publish again and again, and finds the end of the response;
//! - a `Client` without connects, the one of a one-shot `publish`: it does its exchanges on the
//!   thread that asks for the acknowledgement. This is the session layer that the goal is about;
//! - a `Client` that holds a connect, for information: each publish goes to the thread of its
//!   lane and its reply comes back from there, which the kernel charges two wake-ups for.
//!
//! The responder is a process of its own, so that only the client's time counts. Waking a
//! process on another core costs more than all the rest, and all clients the same; started
//! under `taskset -c 0` everything runs on one core, and the ratio shows the client's own work.
//!
//! ```text
//! cargo run --release --example session_cost [REQUESTS [ROUNDS]]
//! ```

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bayeux::client::{Client, Notice, Settings, Traffic};
use bayeux::protocol::{Channel, Json, meta};
use bayeux::session::{Connects, Event};
use bayeux::transport::Capture;

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

/// Alternates the clients, so that a busy machine disturbs them alike, and compares medians.
fn compare(requests: u32, rounds: usize) -> Result<()> {
    let responder = Responder::start()?;
    let address = responder.address;
    let request = recorded_publish(address)?;
    let (mut bare_rounds, mut inline_rounds, mut held_rounds) = (vec![], vec![], vec![]);
    for _ in 0..rounds.max(1) {
        bare_rounds.push(bare(address, &request, requests)?);
        inline_rounds.push(session(address, Connects::Never, requests)?);
        held_rounds.push(session(address, Connects::Held, requests)?);
    }
    let bare = median(&mut bare_rounds);
    let session = median(&mut inline_rounds);
    let held = median(&mut held_rounds);
    let ratio = session / bare;
    let mut out = io::stdout().lock();
    writeln!(out, "bare socket     {bare:6.2} us of CPU a request")?;
    writeln!(out, "session layer   {session:6.2} us of CPU a request")?;
    writeln!(out, "with threads    {held:6.2} us of CPU a request")?;
    writeln!(
        out,
        "ratio           {ratio:6.2}    goal <= {GOAL:.2}    {}",
        if ratio <= GOAL { "met" } else { "NOT met" }
    )?;
    Ok(())
}

/// Microseconds a request of a blocking socket and httparse: one write, one read, one parse.
fn bare(address: SocketAddr, request: &[u8], requests: u32) -> Result<f64> {
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

/// Microseconds a request of one session that publishes again and again.
fn session(address: SocketAddr, connects: Connects, requests: u32) -> Result<f64> {
    let mut client = Client::new(settings(address, connects)?)?;
    let (channel, data) = publication()?;
    acknowledged(&mut client, &channel, &data)?;
    let before = cpu_time()?;
    for _ in 0..requests {
        acknowledged(&mut client, &channel, &data)?;
    }
    let cost = per_request(before, requests);
    client.disconnect();
    while client.next(Some(deadline())).is_some() {}
    cost
}

/// Publishes, and waits for the acknowledgement.
fn acknowledged(client: &mut Client, channel: &Channel, data: &Json) -> Result<()> {
    client.publish(channel.clone(), data.clone());
    let deadline = deadline();
    while let Some(notice) = client.next(Some(deadline)) {
        match notice {
            Notice::Event(Event::Acknowledged { .. }) => return Ok(()),
            Notice::Event(Event::Handshaken { .. } | Event::Connected) => {}
            notice => return Err(format!("unexpected: {notice:?}").into()),
        }
    }
    Err("no acknowledgement came".into())
}

/// The request that a session writes for a publish, byte by byte.
fn recorded_publish(address: SocketAddr) -> Result<Vec<u8>> {
    let mut settings = settings(address, Connects::Never)?;
    settings.traffic = Traffic::Shown;
    settings.transport.capture = Capture::Text;
    let mut client = Client::new(settings)?;
    let (channel, data) = publication()?;
    client.publish(channel.clone(), data);
    while let Some(notice) = client.next(Some(deadline())) {
        if let Notice::Exchanged {
            messages,
            trace: Some(trace),
            ..
        } = notice
            && messages.iter().any(|it| it.channel() == channel.as_str())
        {
            return Ok(trace.request.expose().to_vec());
        }
    }
    Err("no publish was recorded".into())
}

fn settings(address: SocketAddr, connects: Connects) -> Result<Settings> {
    let mut settings = Settings::new(format!("http://{address}/cometd").parse()?);
    settings.session.connects = connects;
    Ok(settings)
}

fn publication() -> Result<(Channel, Json)> {
    let data = r#"{"user":"ann","text":"hello, world","n":1.00}"#;
    Ok(("/demo".parse()?, data.parse()?))
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(10)
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

/// The responder: prints its address and serves each connection on a thread of its own until
/// the standard input ends.
fn respond() -> Result<()> {
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
        if filled < head + content_length(request.headers)? {
            continue;
        }
        let request = std::str::from_utf8(&buffer[head..filled])?;
        filled = 0;
        if request.contains(meta::CONNECT) && !request.contains(r#""timeout":0"#) {
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

/// An accepting reply to the one message of a request, padded to the same length every time.
fn reply(request: &str) -> String {
    let field = |name: &str| {
        let start = request.find(name)? + name.len();
        request[start..].split('"').next()
    };
    let channel = field(r#""channel":""#).unwrap_or(meta::CONNECT);
    let id = field(r#""id":""#).unwrap_or("0");
    let only_handshakes_and_connects = match channel {
        meta::HANDSHAKE => {
            r#""version":"1.0","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","supportedConnectionTypes":["long-polling"],"#
        }
        meta::CONNECT => r#""advice":{"reconnect":"retry","interval":0,"timeout":30000},"#,
        _ => "",
    };
    let start = format!(
        r#"[{{"channel":"{channel}","id":"{id}","successful":true,{only_handshakes_and_connects}"x":""#
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
