//! What a long-poll request and its answer cost at the least, with many connections on one
//! thread: the measure for the engine of `bayeux bench`. `benchmarks/engine` runs it beside
//! wrk and the engine.
//!
//! ```text
//! cargo run --release --example engine_cost respond
//! cargo run --release --example engine_cost bare|bare-proto ADDRESS CONNECTIONS REQUESTS
//! cargo run --release --example engine_cost framing [REQUESTS]
//! ```
//!
//! - `respond` prints its URL and answers, on one thread, however many connections there are,
//!   until its standard input ends. It is a process of its own, so that only the client's time
//!   counts.
//! - `bare` is an epoll loop with httparse: on each connection one publish after the other, each
//!   when the last one was answered. It knows nothing of Bayeux and measures nothing but
//!   itself: it prints the microseconds of CPU for each request, once every connection is up
//!   and a tenth of the requests are done.
//! - `bare-proto` is the same loop with the client of ureq-proto, and `framing` compares the two
//!   without a socket.

// Its loops are made of Linux's epoll.
#[cfg(target_os = "linux")]
mod bare;
#[cfg(target_os = "linux")]
mod framing;
#[cfg(target_os = "linux")]
#[path = "../session_cost/reply.rs"]
mod reply;
#[cfg(target_os = "linux")]
mod responder;

use std::error::Error;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[cfg(target_os = "linux")]
fn main() -> Result<()> {
    use std::io::Write;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    match arguments[..] {
        ["respond"] => responder::respond(),
        [
            mode @ ("bare" | "bare-proto"),
            address,
            connections,
            requests,
        ] => {
            let load = bare::Load {
                address: address.parse()?,
                n_connections: connections.parse()?,
                n_requests: requests.parse()?,
            };
            let cost = match mode {
                "bare" => bare::run(&load, framing::Template::new(address))?,
                _ => bare::run(&load, framing::Proto::new(address)?)?,
            };
            Ok(writeln!(out, "{cost:.3}")?)
        }
        ["framing"] => framing::compare(200_000),
        ["framing", requests] => framing::compare(requests.parse()?),
        _ => Err(
            "one of: respond, bare or bare-proto ADDRESS CONNECTIONS REQUESTS, framing [REQUESTS]"
                .into(),
        ),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<()> {
    Err("this example is made of epoll, which is Linux's".into())
}

/// User and system time of this process.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time() -> Result<std::time::Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(std::time::Duration::try_from(time)?)
}
