//! Servers that misbehave over websockets: the run ends on time, and accounts for every message.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Message as Frame, accept};

use super::truth::exact;
use super::*;

/// What a server does with the nth message that is published, or frame that comes on a connection.
#[derive(Clone, Copy)]
enum Conduct {
    /// What any server does.
    Good,
    /// Connections end after so many frames, without a goodbye.
    EndsAfter(u64),
    /// With the 20th message published, these bytes come instead of a frame.
    Bytes(&'static [u8]),
    /// With the 20th message published, this text comes, which is no Bayeux.
    Text(&'static str),
    /// Each message is delivered twice.
    Twice,
    /// Messages are delivered, and none is acknowledged.
    NoReply,
    /// Nothing but pings.
    Pings,
    /// These bytes answer the upgrade.
    NoUpgrade(&'static str),
}

#[derive(Default)]
struct State {
    n_handshakes: u64,
    n_publishes: u64,
    subscribers: Vec<Arc<Mutex<WebSocket<TcpStream>>>>,
}

/// The URL of a server that goes on until the end of the test program.
fn served(conduct: Conduct) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}/cometd", listener.local_addr().unwrap());
    let state = Arc::new(Mutex::new(State::default()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, state) = (stream.unwrap(), Arc::clone(&state));
            thread::spawn(move || serve(stream, conduct, &state));
        }
    });
    url
}

/// Until one of the two ends the connection.
fn serve(mut stream: TcpStream, conduct: Conduct, state: &Mutex<State>) -> Option<()> {
    if let Conduct::NoUpgrade(answer) = conduct {
        std::io::Read::read(&mut stream, &mut [0; 4096]).ok()?;
        return stream.write_all(answer.as_bytes()).ok();
    }
    let mut raw = stream.try_clone().unwrap();
    let mut reader = accept(stream).ok()?;
    if let Conduct::Pings = conduct {
        while reader.send(Frame::Ping("x".into())).is_ok() {
            thread::sleep(5 * MS);
        }
        return None;
    }
    let writer = WebSocket::from_raw_socket(raw.try_clone().unwrap(), Role::Server, None);
    let writer = Arc::new(Mutex::new(writer));
    let send = |to: &Mutex<WebSocket<TcpStream>>, messages: &[Value]| {
        let text = Value::from(messages).to_string();
        // Whoever has left gets nothing.
        let _ = to.lock().unwrap().send(Frame::text(text));
    };
    for n_frames in 1.. {
        let Frame::Text(text) = reader.read().ok()? else {
            continue;
        };
        let messages: Vec<Value> = serde_json::from_str(&text).unwrap();
        for message in messages {
            let channel = message["channel"].as_str().unwrap();
            let mut reply = json!({"channel": channel, "id": message["id"], "successful": true});
            let mut state = state.lock().unwrap();
            match channel {
                "/meta/handshake" => {
                    state.n_handshakes += 1;
                    reply["clientId"] = Value::from(format!("client{}", state.n_handshakes));
                    reply["version"] = Value::from("1.0");
                    reply["supportedConnectionTypes"] = json!(["websocket"]);
                    reply["advice"] =
                        json!({"reconnect": "retry", "interval": 0, "timeout": 20_000});
                }
                "/meta/connect" if message["advice"]["timeout"] != 0 => continue,
                "/meta/subscribe" => {
                    reply["subscription"] = message["subscription"].clone();
                    state.subscribers.push(Arc::clone(&writer));
                }
                "/meta/connect" | "/meta/disconnect" => {}
                _ => {
                    state.n_publishes += 1;
                    let delivery = json!({"channel": channel, "data": message["data"]});
                    let n_times = match conduct {
                        Conduct::Twice => 2,
                        _ => 1,
                    };
                    for subscriber in &state.subscribers {
                        send(subscriber, &vec![delivery.clone(); n_times]);
                    }
                    match (conduct, state.n_publishes) {
                        (Conduct::Bytes(bytes), 20) => raw.write_all(bytes).ok()?,
                        (Conduct::Text(text), 20) => {
                            writer.lock().unwrap().send(Frame::text(text)).ok()?;
                        }
                        (Conduct::NoReply, _) => continue,
                        _ => {}
                    }
                }
            }
            send(&writer, &[reply]);
        }
        if matches!(conduct, Conduct::EndsAfter(most) if n_frames >= most) {
            // The other side may have been faster.
            let _ = raw.shutdown(std::net::Shutdown::Both);
            return None;
        }
    }
    None
}

fn result(plan: Plan, conduct: Conduct) -> Result<Run, BenchError> {
    observed(&settings_against(plan, conduct), &mut |_| {})
}

fn settings_against(plan: Plan, conduct: Conduct) -> Settings {
    let mut settings = settings_for(&served(conduct), plan);
    settings.connection_type = ConnectionType::WebSocket;
    settings.transport.connect_timeout = 1000 * MS;
    settings.transport.network_timeout = 1000 * MS;
    settings
}

#[test]
fn every_message_is_accounted_for_over_websockets() {
    let run = result(exact(50), Conduct::Good).unwrap();
    let messages = &run.messages;
    assert_eq!((messages.acknowledged, messages.delivered), (50, 150));
    assert_eq!((run.sessions.up, run.traffic.connections), (4, 4));
    assert_eq!(run.errors, []);
}

#[test]
fn websockets_that_end_again_and_again_are_opened_again() {
    let plan = Plan {
        drain: 3000 * MS,
        ..exact(100)
    };
    let run = result(plan, Conduct::EndsAfter(10)).unwrap();
    let messages = &run.messages;
    assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
    assert_eq!((messages.intended, messages.unsent), (100, 0));
    assert!(run.traffic.connections > 5, "{:?}", run.traffic);
    assert!(messages.acknowledged > 0, "{messages:?}");
    assert_eq!(messages.lost_by.unexplained, 0, "{messages:?}");
    assert!(n_errors(&run, "ended without a goodbye") >= 2);
}

#[test]
fn what_is_no_frame_or_no_bayeux_costs_one_connection() {
    for (conduct, kind) in [
        (Conduct::Bytes(&[0xff; 40]), "a bad frame"),
        (
            // A text of as many bytes as there can be.
            Conduct::Bytes(&[0x81, 127, 0x40, 0, 0, 0, 0, 0, 0, 0, b'x']),
            "too large",
        ),
        (Conduct::Text("{\"no json"), "a bad frame"),
    ] {
        let settings = settings_against(exact(60), conduct);
        let run = drained(&settings, |progress| progress.n_published == 60);
        let messages = &run.messages;
        assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
        assert_eq!((messages.published, messages.unsent), (60, 0));
        assert!(messages.unacknowledged > 0, "{messages:?}");
        assert_eq!(messages.lost_by.unexplained, 0, "{messages:?}");
        assert!(n_errors(&run, kind) > 0, "{kind}: {:?}", run.errors);
    }
}

#[test]
fn what_comes_twice_over_a_websocket_is_counted_once() {
    let messages = result(exact(50), Conduct::Twice).unwrap().messages;
    assert_eq!((messages.delivered, messages.duplicates), (150, 150));
}

#[test]
fn without_a_schedule_a_publisher_does_not_wait_for_each_reply_over_a_websocket() {
    for engine in [Engine::Loop { n_threads: 1 }, Engine::Threads] {
        let plan = Plan {
            rate: Rate::Max,
            stop: Stop::After(300 * MS),
            drain: 100 * MS,
            ..exact(1)
        };
        let mut settings = settings_against(plan, Conduct::NoReply);
        settings.engine = engine;
        // As many as a session has unanswered at the most.
        let n_published = run(&settings).messages.published;
        assert!(
            (200..=256).contains(&n_published),
            "{engine:?}: {n_published}"
        );
    }
}

#[test]
fn a_websocket_that_brings_no_session_ends_the_run() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>";
    for conduct in [Conduct::Pings, Conduct::NoUpgrade(PAGE)] {
        let result = result(exact(10), conduct);
        assert!(
            matches!(result, Err(BenchError::NoSession { .. })),
            "{result:?}"
        );
    }
}
