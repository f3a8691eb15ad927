//! One test for each failure that people struggle with and that the commands can meet: which
//! lines name it.
//!
//! | what goes wrong | where it is produced |
//! |---|---|
//! | F15 a slow consumer expires its own session | `f15_a_reader_that_is_too_slow_loses_the_session` |

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::hostile::{Hostile, accepted, good, refused};
use crate::program::{bayeux, snapshot};

/// What a server says that does not know the session any more.
fn unknown(message: &Value) -> Value {
    let mut reply = refused(message, "402::session_unknown");
    reply["advice"] = json!({"reconnect": "handshake", "interval": 0});
    reply
}

/// Counts connects, and answers each as the script says.
fn connects(script: impl Fn(u32, &Value) -> Option<Vec<Value>> + Send + Sync + 'static) -> Hostile {
    let n_connects = Mutex::new(0);
    Hostile::conversation(move |message| {
        if message["channel"] != "/meta/connect" {
            return good(message);
        }
        let mut n_connects = n_connects.lock().unwrap();
        *n_connects += 1;
        script(*n_connects, message)
    })
}

#[cfg(unix)]
#[test]
fn f15_a_reader_that_is_too_slow_loses_the_session() {
    use crate::program::shell;

    let peer = connects(|nth, message| {
        let mut reply = accepted(message);
        // More than a pipe holds.
        let event = json!({"channel": "/demo", "data": "x".repeat(300_000)});
        match nth {
            1 => Some(vec![reply]),
            2 => {
                reply["advice"] =
                    json!({"reconnect": "retry", "timeout": 30000, "maxInterval": 100});
                Some(vec![event, reply])
            }
            3 => Some(vec![unknown(message)]),
            4 => Some(vec![json!({"channel": "/demo", "data": 1}), reply]),
            _ => None,
        }
    });
    let url = peer.url();
    let script = format!("bayeux sub {url} /demo -n 2 -o data | (sleep 0.4; tail -1)");
    snapshot!(shell(&script).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    warning: the last connect left after [duration], the server allows 100 ms: is whoever reads the output slow, or was the program stopped?
    ~ session lost after [duration]: 402::session_unknown
    ~ subscribed to /demo
    ~ session renewed: 1 of 1 subscription restored, gap [duration]
    ~ 2 messages received in [duration], 1 session lost
    ");
}
