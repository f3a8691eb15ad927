//! What it costs at the least to receive what a Bayeux server delivers over websockets: one thread,
//! epoll and `recv`, and nothing made of what comes but a count. `benches/peers/run` shows it beside
//! the clients, which do the same and read the messages besides.
//!
//! ```text
//! cargo run --release --example bare_receiver -- --url URL --clients N --channels N --rate N --batch N
//!     --size BYTES --warmup SECONDS --duration SECONDS --drain SECONDS
//! ```
//!
//! It takes part as the other programs do: each client handshakes, subscribes to one channel and holds
//! a connect, and one more session publishes on a schedule that is fixed before it begins. Its one line
//! of JSON has the same members as theirs, but no latencies, which it does not know.

// Its loop is made of Linux's epoll.
#[cfg(target_os = "linux")]
mod receiver;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod workload;

use std::error::Error;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[cfg(target_os = "linux")]
fn main() -> Result<()> {
    use std::io::Write;

    let words: Vec<String> = std::env::args().skip(1).collect();
    let workload = workload::Workload::read(&words)?;
    let result = receiver::run(&workload)?;
    Ok(writeln!(std::io::stdout(), "{result}")?)
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<()> {
    Err("this example is made of epoll, which is Linux's".into())
}
