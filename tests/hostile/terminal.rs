//! A terminal that is stopped, or a pipe that nobody reads: what there is to tell cannot be told.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};

use crate::serve::{begin, resident, until};
use crate::wire::{Wire, post};

/// A server whose standard error nobody reads.
struct Unheard {
    process: Child,
    address: SocketAddr,
}

impl Unheard {
    fn start() -> Self {
        let (process, address) = begin(Command::new(env!("CARGO_BIN_EXE_bayeux")), &[]);
        Self { process, address }
    }

    /// Publishes so often, and gets a reply each time.
    fn publish(&self, n_times: usize, n_bytes: usize) {
        let mut wire = Wire::new(TcpStream::connect(self.address).unwrap());
        let data = "x".repeat(n_bytes);
        let request = post(format!(r#"[{{"channel":"/a","data":"{data}"}}]"#));
        for _ in 0..n_times {
            wire.send(&request);
            assert!(wire.response().text().contains("\"channel\":\"/a\""));
        }
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_server_that_cannot_tell_anything_serves_and_ends_when_it_is_asked_to() {
    let mut serve = Unheard::start();
    serve.publish(6000, 1);
    let pid = rustix::process::Pid::from_child(&serve.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    until("the server ends", || {
        serve.process.try_wait().unwrap().is_some()
    });
}

#[test]
fn what_cannot_be_told_takes_no_memory_without_end() {
    let serve = Unheard::start();
    serve.publish(2, 1_000_000);
    let before = resident(&serve.process);
    serve.publish(100, 1_000_000);
    let taken = resident(&serve.process).saturating_sub(before);
    assert!(
        taken <= 64 * 1024 * 1024,
        "{taken} bytes of memory are taken"
    );
}
