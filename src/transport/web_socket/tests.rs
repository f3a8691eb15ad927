//! An open websocket whose other end is a plain socket, and time that passes at will.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::protocol::Role;

use super::layers::Layers;
use super::opening::Socket;
use super::stream::Stream;
use super::*;

/// Both ends of a connection, the client's as an open websocket.
fn open() -> (Open, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs = listener.accept().unwrap().0;
    let mut layers = Layers::new(Stream::new(Arc::new(ours)), None);
    layers.opened().unwrap();
    let socket = Box::new(Socket::from_raw_socket(layers, Role::Client, None));
    let open = Open {
        socket,
        is_writing: false,
        is_alive: true,
        last_received: Instant::now(),
        pinged: None,
        tls: Tls::default(),
        limit: 1000,
        network_timeout: Duration::from_secs(10),
        failure: None,
        n_unanswered: 0,
    };
    (open, theirs)
}

#[test]
fn a_silent_server_is_pinged_and_then_given_up() {
    let (mut open, mut theirs) = open();
    let began = Instant::now();
    open.heartbeat(began).unwrap();
    open.heartbeat(began + Duration::from_secs(19)).unwrap();
    assert_eq!((open.pinged, open.look_at()), (None, began + SILENCE));

    let pinged = began + SILENCE;
    open.heartbeat(pinged).unwrap();
    let mut frame = [0; 6];
    theirs.read_exact(&mut frame).unwrap();
    assert_eq!(frame[..2], [0x89, 0x80], "a masked ping without content");

    open.heartbeat(pinged + Duration::from_secs(9)).unwrap();
    let error = open.heartbeat(pinged + Duration::from_secs(10));
    assert!(matches!(
        error,
        Err(TransportError::WebSocketSilent { silence }) if silence == Duration::from_secs(30)
    ));
}

#[test]
fn whatever_comes_is_a_sign_of_life() {
    let (mut open, _theirs) = open();
    let began = Instant::now();
    open.heartbeat(began).unwrap();
    open.heartbeat(began + SILENCE).unwrap();
    open.is_alive = true;
    let later = began + SILENCE + Duration::from_secs(60);
    open.heartbeat(later).unwrap();
    assert_eq!((open.pinged, open.look_at()), (None, later + SILENCE));
}

#[test]
fn a_wake_ends_the_sleep_before_its_deadline() {
    let (wake, sleeper) = readiness::pair().unwrap();
    let (open, _theirs) = open();
    let waker = wake.clone();
    let waking = thread::spawn(move || waker.wake());
    let began = Instant::now();
    let ready = sleeper.sleep(Some(open.interest()), Duration::from_secs(60));
    assert!(!ready.unwrap().is_socket);
    assert!(began.elapsed() < Duration::from_secs(50));
    waking.join().unwrap();
    // However often it is used while nobody sleeps, it counts once.
    for _ in 0..100_000 {
        wake.wake();
    }
    sleeper.sleep(None, Duration::from_secs(60)).unwrap();
    let began = Instant::now();
    sleeper.sleep(None, Duration::from_millis(20)).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(20));
}
