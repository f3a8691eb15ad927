//! Proxies before real and scripted servers.

mod byte_for_byte;
mod faults;
mod scripted;
mod unreachable;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Event, Observer, Proxy, Settings, What};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands events on.
struct Sender(mpsc::Sender<Event>);

impl Observer for Sender {
    fn observe(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

/// A proxy before this server, and what it tells.
fn observed(upstream: &str, change: impl Fn(&mut Settings)) -> (Proxy, mpsc::Receiver<Event>) {
    let (sender, events) = mpsc::channel();
    let mut settings = Settings::new(upstream.parse().unwrap());
    settings.observer = Some(Arc::new(Sender(sender)));
    change(&mut settings);
    (Proxy::bind("127.0.0.1:0", settings).unwrap(), events)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends this and reads to the end.
fn exchanged(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    // A reset behind the response is an end as well.
    let _ = stream.read_to_end(&mut response);
    response
}

/// Waits for an event of this kind.
fn wait_for<T>(events: &mpsc::Receiver<Event>, choose: impl Fn(&What) -> Option<T>) -> T {
    loop {
        let event = events.recv_timeout(PATIENCE).expect("an event");
        if let Some(chosen) = choose(&event.what) {
            return chosen;
        }
    }
}
