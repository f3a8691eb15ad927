//! The failures that people struggle with, and which lines name each of them. Scenarios of real servers
//! are in `tests/interop`.
//!
//! | what goes wrong | where it is produced |
//! |---|---|
//! | F1 a session is lost and nothing comes any more | `subscribe::a_lost_session_is_renewed_and_told`; real servers: `session_that_slept_too_long_is_renewed` |
//! | F2 the cookie is not sent | `f02_*` |
//! | F3 several servers without stickiness | `exit_status::status_8_the_server_forgets_every_session`; nginx: `two_servers_without_stickiness_are_named` |
//! | F4 several sessions with one cookie | `f04_*`; CometD: `several_sessions_with_one_cookie_are_told` |
//! | F5 connects return at once | `exit_status::status_8_connects_return_at_once_for_ever` |
//! | F6 handshakes for ever | `salesforce::a_server_that_forgets_every_session_leads_to_no_storm`; ten in a minute, in simulated time: `session::tests::endings`, and the lines: `cli::explain::ended` |
//! | F7 the reason is hidden in `ext` | `bad_input::a_handshake_denied_with_the_reason_hidden_in_ext` |
//! | F8 the token expires | `salesforce::a_token_that_expires_ends_the_tail`, `exit_status::status_8_the_server_advises_none` |
//! | F9 a hold is taken for slowness | a hold is no line of its own; one that outlasts the advice: `f09_*` |
//! | F10 something cuts held connects off | nginx and a relay: `a_read_timeout_of_nginx_is_named`, `a_connection_that_is_cut_at_the_same_age_is_named` |
//! | F11 no upgrade to a websocket | `upgrade::an_upgrade_answered_with_*`; nginx: `an_nginx_that_passes_no_upgrade_is_named` |
//! | F12 no websocket at this path | `upgrade::an_upgrade_answered_with_404_is_explained` |
//! | F13 a page, HTTP 400 or 415 instead of JSON | `f13_*`, `bad_input::a_login_page` |
//! | F14 a message is too large | `f14_*`, `bad_input::a_body_over_the_limit`, `web_socket::a_frame_larger_than_max_body`; to find the limit needs more than one message |
//! | F15 a slow consumer expires its own session | `f15_*` |
//! | F16 two clients displace each other's connects | `f16_*`; CometD, cometd-nodejs: `clients_that_displace_each_others_connects_are_told` |
//! | F17 a subscribe to a channel that is none | `f17_*` |
//! | F18 messages are lost while there is no session | the gap in `subscribe::a_lost_session_is_renewed_and_told`; which messages, only their publisher knows |
//! | F19 duplicates | with acknowledgements: `extensions::what_comes_again_after_a_failure_is_told_once_and_not_counted`; without, a copy looks like another message |
//! | F20 another order | needs numbered messages of a publisher |
//! | F21 an event is too old for a replay | `replay::an_id_that_is_too_old_is_refused_in_the_servers_words` |
//! | F22 odd messages | `recording::what_is_no_message_is_recorded_as_unreadable`, `terminal::an_odd_message_is_harmless` |
//! | F23 another Content-Type | the program has only one, see F13 |
//! | F24 a subscribe is refused in the renewed session | `f24_*` |
//! | F25 a handshake with other messages | the program sends it alone |
//! | F26 cross-origin requests | only browsers mind them |
//! | F27 a session is unknown right after its handshake, once | `f27_*` |
//! | F28 an engine that is stuck | shows in latencies only |
//! | F29 the advice to handshake beside a successful handshake | `f29_*` |
//! | F30 sessions that stay behind | `handshake::the_session_is_gone_afterwards`; real servers: `interrupted_tail_leaves_no_session` |

use std::sync::Mutex;

use serde_json::{Value, json};

use bayeux::server::Settings;

use crate::hostile::{Answer, Hostile, accepted, answer, good, page, refused, response};
use crate::peer::server_with;
use crate::program::{bayeux, snapshot};

/// What a server says that does not know the session any more.
fn unknown(message: &Value) -> Value {
    let mut reply = refused(message, "402::session_unknown");
    reply["advice"] = json!({"reconnect": "handshake", "interval": 0});
    reply
}

fn event() -> Value {
    json!({"channel": "/demo", "data": 1})
}

/// Counts the messages of this channel, and answers each as the script says.
fn nth_of(
    channel: &'static str,
    script: impl Fn(u32, &Value) -> Option<Vec<Value>> + Send + Sync + 'static,
) -> impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static {
    let n_messages = Mutex::new(0);
    move |message| {
        if message["channel"] != channel {
            return good(message);
        }
        let mut n_messages = n_messages.lock().unwrap();
        *n_messages += 1;
        script(*n_messages, message)
    }
}

/// A server that is good but for its replies to connects.
fn connects(script: impl Fn(u32, &Value) -> Option<Vec<Value>> + Send + Sync + 'static) -> Hostile {
    Hostile::conversation(nth_of("/meta/connect", script))
}

#[test]
fn f02_a_cookie_that_does_not_fit_is_not_sent() {
    let peer = Hostile::new(|request| {
        let script = |message: &Value| match message["channel"].as_str() {
            Some("/meta/handshake") => good(message),
            _ => Some(vec![unknown(message)]),
        };
        let Answer::Bytes(bytes) = answer(request, script) else {
            return Answer::Silence;
        };
        let text = String::from_utf8(bytes).unwrap();
        let cookie = "\r\nSet-Cookie: BAYEUX_BROWSER=s3cret; Path=/app\r\n";
        Answer::Bytes(text.replacen("\r\n", cookie, 1).into_bytes())
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo", "-n", "1"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ session lost after [duration]: 402::session_unknown
    error: http://127.0.0.1:[port]/cometd sets a cookie that does not belong to this URL
    cause: 3 handshakes in a row succeeded, then: 402::session_unknown (not sent: BAYEUX_BROWSER; Path=/app)
    hint: its Path, Domain and Secure have to fit; a proxy that changes paths changes them too (nginx: proxy_cookie_path)
    ");
}

#[test]
fn f04_several_sessions_with_one_cookie() {
    let peer = connects(|_, message| {
        let mut reply = accepted(message);
        reply["advice"] = json!({"reconnect": "retry", "interval": 2000, "multiple-clients": true});
        Some(vec![reply, event()])
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo", "-n", "1", "-o", "data"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    warning: the server sees several sessions with one cookie; messages may be 2s late: give each client a cookie of its own (CometD: or raise maxSessionsPerBrowser)
    ~ 1 message received in [duration]
    ");
}

#[test]
fn f09_a_hold_that_outlasts_the_advice() {
    let peer = connects(|nth, message| {
        let mut reply = accepted(message);
        reply["advice"] = json!({"reconnect": "retry", "interval": 0, "timeout": 100});
        match nth {
            1 => Some(vec![reply]),
            2 => None,
            _ => Some(vec![reply, event()]),
        }
    });
    let words = ["sub", &peer.url(), "/demo", "-n", "1", "-o", "data"];
    let outcome = bayeux(words).args(&["--network-timeout", "200ms"]).run();
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ reconnecting in [duration] (attempt 1): no response within [duration]
    ~ connected again after [duration], same session
    ~ 1 message received in [duration]
    ");
}

#[test]
fn f13_a_server_that_takes_no_json() {
    let peer = Hostile::canned(page("415 Unsupported Media Type"));
    snapshot!(bayeux(["hs", &peer.url()]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 415 (text/html; charset=utf-8, 78 B), not Bayeux
    hint: it takes no JSON in a POST: is it the Bayeux endpoint? -t callback-polling sends a GET
    ");
    let peer = Hostile::canned(response("400 Bad Request", "text/plain", "Bad request"));
    snapshot!(bayeux(["hs", &peer.url()]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 400 (text/plain, 11 B), not Bayeux
    cause: Bad request
    hint: is this a Bayeux endpoint, and does it know this transport? see -t
    ");
}

#[test]
fn f14_a_message_that_is_too_large_for_the_server() {
    let server = server_with(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    let data = format!("\"{}\"", "x".repeat(2000));
    snapshot!(bayeux(["pub", &server.url(), "/demo", &data]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo refused
    cause: HTTP status 413 Payload Too Large
    hint: the server takes no message as large (CometD: maxMessageSize, ws.maxMessageSize)
    ");
    let words = ["pub", &server.url(), "/demo", &data, "-t", "websocket"];
    snapshot!(bayeux(words).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: the server closed the websocket: 1009 (message too big): the message is longer than 1000 bytes
    hint: the server takes no message as large (CometD: maxMessageSize, ws.maxMessageSize)
    ");
}

#[cfg(unix)]
#[test]
fn f15_a_reader_that_is_too_slow_loses_the_session() {
    use crate::program::shell;

    let peer = connects(|nth, message| {
        let mut reply = accepted(message);
        // More than a pipe holds.
        let large = json!({"channel": "/demo", "data": "x".repeat(300_000)});
        match nth {
            1 => Some(vec![reply]),
            2 => {
                reply["advice"] =
                    json!({"reconnect": "retry", "timeout": 30000, "maxInterval": 100});
                Some(vec![large, reply])
            }
            _ => Some(vec![unknown(message)]),
        }
    });
    let url = peer.url();
    let script =
        format!("bayeux sub {url} /demo -o data --no-reconnect | (sleep 0.4; cat >/dev/null)");
    snapshot!(shell(&script).run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    warning: the last connect left after [duration], the server allows 100 ms: is whoever reads the output slow, or was the program stopped?
    ~ 1 message received in [duration]
    error: session lost after [duration]: 402::session_unknown
    hint: drop --no-reconnect to recover from this
    ");
}

/// CometD 8.0.10 and cometd-nodejs-server 1.2.1 answer the older of two connects with HTTP 500.
#[test]
fn f16_two_clients_displace_each_others_connects() {
    let n_connects = Mutex::new(0);
    let peer = Hostile::new(move |request| {
        if !request.contains("/meta/connect") {
            return answer(request, good);
        }
        let mut n_connects = n_connects.lock().unwrap();
        *n_connects += 1;
        match *n_connects {
            // Those that ask to be held are displaced, those that do not are not.
            2 | 4 => Answer::Bytes(page("500 Server Error")),
            1 | 3 => answer(request, |message| Some(vec![accepted(message)])),
            _ => answer(request, |message| Some(vec![accepted(message), event()])),
        }
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo", "-n", "1", "-o", "data"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ reconnecting in [duration] (attempt 1): HTTP status 500 Internal Server Error
    ~ connected again after [duration], same session
    ~ reconnecting in [duration] (attempt 1): HTTP status 500 Internal Server Error
    warning: connects are answered HTTP 500 or 408 in turn with successful ones: is this client id in use elsewhere, or is a proxy sending requests twice?
    ~ connected again after [duration], same session
    ~ 1 message received in [duration]
    ");
}

#[test]
fn f17_a_channel_that_is_none() {
    let peer = Hostile::conversation(nth_of("/meta/subscribe", |_, message| {
        let error = "403:denied_by_security_policy:create_denied";
        Some(vec![refused(message, error)])
    }));
    snapshot!(bayeux(["sub", &peer.url(), "/topic/Nothing"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /topic/Nothing refused: 403:denied_by_security_policy:create_denied
    hint: the channel does not exist, or these credentials may not create or see it; case matters
    ");
}

#[test]
fn f24_a_subscribe_that_is_refused_in_the_renewed_session() {
    let subscribes = nth_of("/meta/subscribe", |nth, message| {
        Some(vec![match nth {
            1 => accepted(message),
            _ => refused(message, "403:/demo:Signature expired"),
        }])
    });
    let peer = Hostile::conversation(move |message| match message["channel"].as_str() {
        Some("/meta/connect") => Some(vec![unknown(message)]),
        _ => subscribes(message),
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ session lost after [duration]: 402::session_unknown
    ~ 0 messages received in [duration], 1 session lost
    error: subscribe to /demo refused: 403:/demo:Signature expired
    hint: the lost session had it: did a token or a signature in ext expire meanwhile?
    ");
}

/// As with servers that share their sessions through a store (faye-redis-ruby, pull request 10).
#[test]
fn f27_a_session_that_is_unknown_right_after_its_handshake_once() {
    let subscribes = nth_of("/meta/subscribe", |nth, message| {
        Some(vec![match nth {
            1 => refused(
                message,
                "401:0123456789abcdef0123456789abcdef:Unknown client",
            ),
            _ => accepted(message),
        }])
    });
    let peer = Hostile::conversation(move |message| match message["channel"].as_str() {
        Some("/meta/connect") => Some(vec![accepted(message), event()]),
        _ => subscribes(message),
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo", "-n", "1", "-o", "data"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ session lost after [duration]: 401:[client id]:Unknown client
    ~ subscribed to /demo
    warning: that session was unknown right after its handshake, this one is not: do several servers share their sessions too late, or not at all?
    ~ session renewed: 1 of 1 subscription restored, gap [duration]
    ~ 1 message received in [duration], 1 session lost
    ");
}

/// cometd issue 2057.
#[test]
fn f29_the_advice_to_handshake_beside_a_successful_handshake() {
    let peer = Hostile::conversation(|message| {
        let mut reply = accepted(message);
        match message["channel"].as_str() {
            Some("/meta/handshake") => reply["advice"] = json!({"reconnect": "handshake"}),
            Some("/meta/connect") => return Some(vec![reply, event()]),
            _ => {}
        }
        Some(vec![reply])
    });
    snapshot!(bayeux(["sub", &peer.url(), "/demo", "-n", "1", "-o", "data"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    warning: the handshake succeeded with the advice to handshake again
    ~ subscribed to /demo
    ~ 1 message received in [duration]
    ");
}
