//! A websocket that is asked for, and a server that takes its time.

use std::time::Instant;

use super::*;
use crate::transport::RawSocket;

#[test]
fn a_head_that_does_not_end_is_waited_for_until_then() {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.head();
        peer.write("HTTP/1.1 101 Switching");
        peer.expect_end_of_anything();
    });
    let began = Instant::now();
    let (opened, _) = RawSocket::open(settings(&server.url), began + Duration::from_millis(100));
    assert!(opened.is_err());
    assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
}
