//! `--replay` and `--replay-fallback` against servers that speak as Salesforce does.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::hostile::{Hostile, accepted, answer, refused, response};
use crate::peer::server;
use crate::program::{bayeux, snapshot};

const CHANNEL: &str = "/event/Order__e";

/// What a handshake is answered with.
pub(crate) fn offer(message: &Value) -> Value {
    let mut reply = accepted(message);
    reply["ext"] = json!({"replay": true, "payload.format": true});
    reply
}

pub(crate) fn event(channel: &str, id: i64) -> Value {
    json!({"channel": channel, "data": {"payload": {"n": id}, "event": {"replayId": id}}})
}

/// An org that has kept events with these ids on every channel, and refuses ids below 100 as
/// too old.
pub(crate) fn org(ids: &'static [i64]) -> Hostile {
    let asked: Mutex<Vec<(String, i64)>> = Mutex::default();
    Hostile::conversation(move |message| {
        let mut asked = asked.lock().unwrap();
        match message["channel"].as_str().unwrap() {
            "/meta/handshake" => Some(vec![offer(message)]),
            "/meta/subscribe" => {
                let channel = message["subscription"].as_str().unwrap();
                let name = channel.split('?').next().unwrap();
                let id = message["ext"]["replay"][name].as_i64().unwrap();
                if (0..100).contains(&id) {
                    return Some(vec![refused(message, &invalid(id))]);
                }
                asked.push((name.to_owned(), id));
                Some(vec![accepted(message)])
            }
            "/meta/connect" if asked.is_empty() => None,
            "/meta/connect" => {
                let mut replies = Vec::new();
                for (channel, from) in asked.drain(..) {
                    let from = match from {
                        -1 => i64::MAX,
                        -2 => i64::MIN,
                        id => id,
                    };
                    let kept = ids.iter().filter(|it| **it > from);
                    replies.extend(kept.map(|id| event(&channel, *id)));
                }
                replies.push(accepted(message));
                Some(replies)
            }
            _ => Some(vec![accepted(message)]),
        }
    })
}

fn invalid(id: i64) -> String {
    format!(
        "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."
    )
}

/// The replay maps that were sent, in JSON.
pub(crate) fn maps(peer: &Hostile) -> Vec<String> {
    let requests = peer.requests();
    let bodies = requests.iter().filter_map(|it| it.split_once("\r\n\r\n"));
    let messages = bodies.flat_map(|(_, body)| serde_json::from_str::<Vec<Value>>(body).unwrap());
    messages
        .filter(|it| it["channel"] == "/meta/subscribe")
        .map(|it| it["ext"]["replay"].to_string())
        .collect()
}

#[test]
fn all_that_was_kept_comes_with_a_warning_about_the_allowance() {
    let peer = org(&[1041, 1042]);
    snapshot!(
        bayeux(["sub", &peer.url(), CHANNEL, "--replay", "all", "-n", "2", "-o", "data"]).run(),
        @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1041},"payload":{"n":1041}}
    {"event":{"replayId":1042},"payload":{"n":1042}}
    ----- stderr -----
    warning: every replayed event counts against the org's daily allowance of deliveries
    ~ subscribed to /event/Order__e
    ~ 2 messages received in [duration]
    "#
    );
}

#[test]
fn an_id_starts_behind_its_event() {
    let peer = org(&[1041, 1042]);
    snapshot!(
        bayeux(["sub", &peer.url(), CHANNEL, "--replay", "1041", "-n", "1", "-o", "data"]).run(),
        @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1042},"payload":{"n":1042}}
    ----- stderr -----
    ~ subscribed to /event/Order__e
    ~ 1 message received in [duration]
    "#
    );
}

#[test]
fn each_channel_may_start_elsewhere_and_a_filter_is_no_part_of_its_name() {
    let peer = org(&[200]);
    let channels = ["/event/A__e", "/event/B__e", "/topic/T?Status=New"];
    let outcome = bayeux(["sub", &peer.url()])
        .args(&channels)
        .args(&[
            "--replay",
            "-2",
            "--replay",
            "/event/B__e=90071992547409931",
        ])
        .args(&["--replay", "/topic/T?Status=New=new", "-n", "1"])
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(
        maps(&peer),
        [
            r#"{"/event/A__e":-2}"#,
            r#"{"/event/B__e":90071992547409931}"#,
            r#"{"/topic/T":-1}"#
        ]
    );
}

/// Loses the session after its first events, as Salesforce does every three hours.
fn forgetful() -> Hostile {
    let n_connects = Mutex::new(0);
    Hostile::new(move |request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        if !body.contains("/meta/connect") {
            return answer(request, |message| match message["channel"].as_str() {
                Some("/meta/handshake") => Some(vec![offer(message)]),
                _ => Some(vec![accepted(message)]),
            });
        }
        let messages: Vec<Value> = serde_json::from_str(body).unwrap();
        let mut n_connects = n_connects.lock().unwrap();
        *n_connects += 1;
        // In text: no number is read.
        let event =
            |id| format!(r#"{{"channel":"{CHANNEL}","data":{{"event":{{"replayId":{id}}}}}}}"#);
        let body = match *n_connects {
            1 => format!(
                "[{},{}]",
                event("90071992547409931233"),
                accepted(&messages[0])
            ),
            2 => {
                let mut reply = refused(&messages[0], "403::Unknown client");
                reply["advice"] = json!({"reconnect": "handshake", "interval": 0});
                format!("[{reply}]")
            }
            3 => format!(
                "[{},{}]",
                event("90071992547409931234"),
                accepted(&messages[0])
            ),
            _ => return crate::hostile::Answer::Silence,
        };
        crate::hostile::Answer::Bytes(response("200 OK", "application/json", &body))
    })
}

#[test]
fn a_renewed_session_replays_from_the_last_event_to_the_digit() {
    let peer = forgetful();
    snapshot!(
        bayeux(["sub", &peer.url(), CHANNEL, "--replay", "new", "-n", "2", "-o", "data"]).run(),
        @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":90071992547409931233}}
    {"event":{"replayId":90071992547409931234}}
    ----- stderr -----
    ~ subscribed to /event/Order__e
    ~ session lost after [duration]: 403::Unknown client
    ~ subscribed to /event/Order__e
    ~ session renewed: 1 of 1 subscription restored, replay from 90071992547409931233, gap [duration]
    ~ 2 messages received in [duration], 1 session lost
    "#
    );
    let requests = peer.requests().join("\n");
    let map = r#""ext":{"replay":{"/event/Order__e":90071992547409931233}}"#;
    assert!(requests.contains(map), "{requests}");
}

#[test]
fn an_id_that_is_too_old_is_refused_in_the_servers_words() {
    let peer = org(&[1041]);
    snapshot!(bayeux(["sub", &peer.url(), CHANNEL, "--replay", "7", "-n", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /event/Order__e refused: 400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.
    hint: the server has forgotten that event: --replay-fallback new or all goes on without it
    ");
}

#[test]
fn an_id_that_is_too_old_may_lead_to_all_that_was_kept() {
    let peer = org(&[1041]);
    snapshot!(
        bayeux(["sub", &peer.url(), CHANNEL, "--replay", "7", "-n", "1", "-o", "data"])
            .args(&["--replay-fallback", "all"])
            .run(),
        @r#"
    exit: 0
    ----- stdout -----
    {"event":{"replayId":1041},"payload":{"n":1041}}
    ----- stderr -----
    warning: no events of /event/Order__e behind 7: 400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events; starting with all that the server has kept
    warning: every replayed event counts against the org's daily allowance of deliveries
    ~ subscribed to /event/Order__e
    ~ 1 message received in [duration]
    "#
    );
}

#[test]
fn an_id_that_is_too_old_may_lead_to_new_events() {
    let peer = org(&[1041]);
    let outcome = bayeux([
        "sub",
        &peer.url(),
        CHANNEL,
        "--replay",
        "7",
        "--duration",
        "100ms",
    ])
    .args(&["--replay-fallback", "new"])
    .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(
        maps(&peer),
        [r#"{"/event/Order__e":7}"#, r#"{"/event/Order__e":-1}"#]
    );
}

#[test]
fn another_refusal_is_final_whatever_the_fallback() {
    let peer = Hostile::conversation(|message| match message["channel"].as_str().unwrap() {
        "/meta/handshake" => Some(vec![offer(message)]),
        "/meta/subscribe" => {
            let denied = "403:denied_by_security_policy:create_denied";
            Some(vec![refused(message, denied)])
        }
        _ => Some(vec![accepted(message)]),
    });
    snapshot!(
        bayeux(["sub", &peer.url(), CHANNEL, "--replay", "7", "--replay-fallback", "new"]).run(),
        @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /event/Order__e refused: 403:denied_by_security_policy:create_denied
    hint: the channel does not exist, or these credentials may not create or see it; case matters
    "
    );
}

#[test]
fn a_server_without_replay_is_told() {
    let server = server();
    snapshot!(
        bayeux(["sub", &server.url(), "/demo", "--replay", "all", "--duration", "100ms"]).run(),
        @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: the server does not know the replay extension
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    "
    );
}

#[test]
fn what_is_no_place_to_start_from_is_refused_before_anything_is_sent() {
    let peer = Hostile::untouched();
    let url = peer.url();
    let tail = |options: &[&str]| bayeux(["sub", &url, CHANNEL]).args(options).run();
    snapshot!(tail(&["--replay", "nine"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'nine' for '--replay <[CHANNEL=]new|all|ID>': new, all or a replay id, alone or behind CHANNEL=
    hint: bayeux subscribe -h lists its options
    ");
    snapshot!(tail(&["--replay", "/event/Order__e="]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '/event/Order__e=' for '--replay <[CHANNEL=]new|all|ID>': new, all or a replay id, alone or behind CHANNEL=
    hint: bayeux subscribe -h lists its options
    ");
    snapshot!(tail(&["--replay", "/event/Other__e=7"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --replay: /event/Other__e is not subscribed to
    hint: name it among the channels as well
    ");
    snapshot!(tail(&["--replay", "7", "--replay", "all"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --replay: two places to start from
    hint: one for all channels, and CHANNEL=ID for those that differ
    ");
    snapshot!(tail(&["--replay", "/event/Order__e=7", "--replay", "/event/Order__e?a=b=8"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --replay: two places to start /event/Order__e?a=b from
    hint: a filter behind `?` makes no other channel
    ");
    snapshot!(tail(&["--replay-fallback", "old"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'old' for '--replay-fallback <WHERE>' [possible values: new, all, fail]
    hint: bayeux subscribe -h lists its options
    ");
    peer.assert_unused();
}
