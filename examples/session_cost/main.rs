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
//! cargo run --release --example session_cost [websocket] [REQUESTS [ROUNDS]]
//! ```
//!
//! With `websocket` it is a websocket's message out and message in. The bare loop makes its
//! frames by hand and waits in `read`, or in `poll` on the socket and a waker with a deadline,
//! as everything does that has to hear of signals meanwhile and to notice a server that is
//! gone; the session is held against the latter, which does the same.

mod bare;
mod reply;
mod responder;

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bayeux::client::{Client, Notice, Settings, Traffic};
use bayeux::protocol::{Channel, Json};
use bayeux::session::{Connects, Event};
use bayeux::transport::Capture;

use bare::Wait;
use responder::{Responder, respond};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the project promises: session layer against bare socket.
const GOAL: f64 = 1.6;
/// The same for a websocket, against a loop that sleeps as we do.
const WEB_SOCKET_GOAL: f64 = 1.1;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("respond") => respond(),
        Some("websocket") => {
            let (requests, rounds) = repetitions(arguments.next(), arguments.next())?;
            compare_web_sockets(requests, rounds)
        }
        requests => {
            let (requests, rounds) = repetitions(requests.map(str::to_owned), arguments.next())?;
            compare(requests, rounds)
        }
    }
}

fn repetitions(requests: Option<String>, rounds: Option<String>) -> Result<(u32, usize)> {
    let requests = requests.as_deref().unwrap_or("50000").parse()?;
    Ok((requests, rounds.as_deref().unwrap_or("7").parse()?))
}

/// Alternates the clients, so that a busy machine disturbs them alike, and compares medians.
fn compare(requests: u32, rounds: usize) -> Result<()> {
    let responder = Responder::start()?;
    let address = responder.address;
    let request = recorded_publish(address)?;
    let (mut bare_rounds, mut inline_rounds, mut held_rounds) = (vec![], vec![], vec![]);
    for _ in 0..rounds.max(1) {
        bare_rounds.push(bare::http(address, &request, requests)?);
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

/// The same over a websocket: a message out and a message in.
fn compare_web_sockets(requests: u32, rounds: usize) -> Result<()> {
    let responder = Responder::start()?;
    let address = responder.address;
    let text = {
        let request = String::from_utf8(recorded_publish(address)?)?;
        let body = request.split("\r\n\r\n").nth(1);
        body.ok_or("the publish has no body")?.to_owned()
    };
    let (mut reading, mut polling, mut sessions) = (vec![], vec![], vec![]);
    for _ in 0..rounds.max(1) {
        reading.push(bare::web_socket(address, &text, requests, Wait::Read)?);
        polling.push(bare::web_socket(address, &text, requests, Wait::Poll)?);
        sessions.push(over_web_socket(address, requests)?);
    }
    let (reading, polling) = (median(&mut reading), median(&mut polling));
    let session = median(&mut sessions);
    let ratio = session / polling;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "bare, reading   {reading:6.2} us of CPU a message and its answer"
    )?;
    writeln!(
        out,
        "bare, polling   {polling:6.2} us of CPU a message and its answer"
    )?;
    writeln!(
        out,
        "session         {session:6.2} us of CPU a message and its answer"
    )?;
    writeln!(
        out,
        "ratio           {ratio:6.2}    goal <= {WEB_SOCKET_GOAL:.2}    {}",
        if ratio <= WEB_SOCKET_GOAL {
            "met"
        } else {
            "NOT met"
        }
    )?;
    Ok(())
}

fn over_web_socket(address: SocketAddr, requests: u32) -> Result<f64> {
    let mut settings = Settings::new(format!("ws://{address}/cometd").parse()?);
    settings.session.connects = Connects::Never;
    measured(Client::new(settings)?, requests)
}

/// Microseconds a request of one session that publishes again and again.
fn session(address: SocketAddr, connects: Connects, requests: u32) -> Result<f64> {
    measured(Client::new(settings(address, connects)?)?, requests)
}

fn measured(mut client: Client, requests: u32) -> Result<f64> {
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

pub(crate) fn per_request(before: Duration, requests: u32) -> Result<f64> {
    Ok((cpu_time()? - before).as_secs_f64() * 1e6 / f64::from(requests.max(1)))
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// User and system time of this process, all its threads included.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Result<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(Duration::try_from(time)?)
}

#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Result<Duration> {
    Err("this example measures processor time, which it can do on Unix only".into())
}
