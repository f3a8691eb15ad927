//! Each rule by itself: what breaks it, and what does not.

use super::*;
use crate::protocol::{ConnectionType, Message, decode};
use crate::traffic::{RequestHead, ResponseHead};

fn message(raw: &str) -> Message {
    Message::parse(raw).unwrap()
}

fn ids(breaches: &[Breach]) -> Vec<&'static str> {
    breaches.iter().map(|it| it.rule.id).collect()
}

fn of_request(raw: &str) -> Vec<&'static str> {
    ids(&request(&message(raw)))
}

fn of_reply(request: &str, answer: &str) -> Vec<&'static str> {
    let (request, answer) = (message(request), message(answer));
    ids(&reply(&request, &answer))
}

const HANDSHAKE: &str = r#"{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"]}"#;
const CONNECT: &str =
    r#"{"channel":"/meta/connect","id":"2","clientId":"a","connectionType":"long-polling"}"#;
const SUBSCRIBE: &str =
    r#"{"channel":"/meta/subscribe","id":"3","clientId":"a","subscription":["/a","/b"]}"#;

#[test]
fn the_ids_of_rules_are_all_different() {
    let mut ids: Vec<_> = RULES.iter().map(|it| it.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
}

#[test]
fn requests_as_they_should_be_break_nothing() {
    for raw in [
        HANDSHAKE,
        CONNECT,
        SUBSCRIBE,
        r#"{"channel":"/meta/unsubscribe","id":"4","clientId":"a","subscription":"/a/**"}"#,
        r#"{"channel":"/meta/disconnect","id":"5","clientId":"a"}"#,
        r#"{"channel":"/a","id":"6","clientId":"a","data":null}"#,
        r#"{"channel":"/service/a","id":"7","data":{}}"#,
    ] {
        assert!(of_request(raw).is_empty(), "{raw}: {:?}", of_request(raw));
    }
}

#[test]
fn requests_lack_what_they_must_have() {
    for (raw, expected) in [
        (r#"{"id":"1"}"#, &["msg.channel-missing"] as &[_]),
        (
            r#"{"channel":"/meta/handshake","id":"1"}"#,
            &["hs.request", "hs.request"],
        ),
        (
            r#"{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":{}}"#,
            &["hs.request"],
        ),
        (
            r#"{"channel":"/meta/connect","id":"1"}"#,
            &["con.request", "msg.clientid"],
        ),
        (
            r#"{"channel":"/meta/subscribe","id":"1","clientId":"a"}"#,
            &["sub.missing"],
        ),
        (
            r#"{"channel":"/meta/disconnect","id":"1"}"#,
            &["dis.request"],
        ),
        (r#"{"channel":"/a","id":"1"}"#, &["pub.data-required"]),
        (r#"{"channel":"/a","data":1}"#, &["msg.id-missing"]),
        (r#"{"channel":"/a","data":1,"id":7}"#, &["msg.id-types"]),
        (r#"{"channel":"/a","data":1,"id":"a-1"}"#, &["msg.id-types"]),
        (r#"{"channel":"/a","data":1,"id":""}"#, &["msg.id-types"]),
    ] {
        assert_eq!(of_request(raw), expected, "{raw}");
    }
}

#[test]
fn requests_name_channels_that_are_not_theirs() {
    let publish = |channel: &str| {
        of_request(&format!(
            r#"{{"channel":"{channel}","id":"1","clientId":"a","data":1}}"#
        ))
    };
    assert_eq!(publish("/a/*"), ["pub.pattern"]);
    assert_eq!(publish("/meta/x"), ["pub.meta"]);
    assert_eq!(publish("/a/é"), ["pub.channel-chars"]);
    assert_eq!(publish("a"), ["pub.channel-chars"]);
    let subscribe = |pattern: &str| {
        of_request(&format!(
            r#"{{"channel":"/meta/subscribe","id":"1","clientId":"a","subscription":"{pattern}"}}"#
        ))
    };
    assert_eq!(subscribe("/a/*/b"), ["sub.wild-middle"]);
    assert_eq!(subscribe("/meta/connect"), ["sub.meta-forbidden"]);
    assert_eq!(subscribe("a"), ["sub.missing"]);
}

#[test]
fn replies_as_they_should_be_break_nothing() {
    for (request, reply) in [
        (
            HANDSHAKE,
            r#"{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"],"clientId":"a1","successful":true}"#,
        ),
        (
            HANDSHAKE,
            r#"{"channel":"/meta/handshake","id":"1","successful":false,"error":"403::Handshake denied"}"#,
        ),
        (
            CONNECT,
            r#"{"channel":"/meta/connect","id":"2","successful":true}"#,
        ),
        (
            SUBSCRIBE,
            r#"{"channel":"/meta/subscribe","id":"3","successful":true,"subscription":["/b","/a"]}"#,
        ),
        (
            r#"{"channel":"/a","id":"6","data":1}"#,
            r#"{"channel":"/a","id":"6","successful":true}"#,
        ),
    ] {
        assert!(of_reply(request, reply).is_empty(), "{reply}");
    }
}

#[test]
fn replies_to_handshakes() {
    for (rest, expected) in [
        (
            r#""successful":true"#,
            &["hs.fields", "hs.fields", "hs.fields"] as &[_],
        ),
        (
            r#""successful":true,"version":"1.0","clientId":"a-b","supportedConnectionTypes":["long-polling"]"#,
            &["hs.clientid-charset"],
        ),
        (
            r#""successful":true,"version":"1.0","clientId":"1w3k…","supportedConnectionTypes":["long-polling"]"#,
            &[],
        ),
        (
            r#""successful":true,"version":"1.0","clientId":"a","supportedConnectionTypes":["websocket"]"#,
            &["hs.no-common-type"],
        ),
        (
            r#""successful":false,"clientId":"a""#,
            &["hs.error-shape", "hs.error-shape"],
        ),
        (r#""successful":false,"error":"no""#, &["msg.error-shape"]),
    ] {
        let reply = format!(r#"{{"channel":"/meta/handshake","id":"1",{rest}}}"#);
        assert_eq!(of_reply(HANDSHAKE, &reply), expected, "{reply}");
    }
}

#[test]
fn replies_to_other_requests() {
    for (request, reply, expected) in [
        (
            CONNECT,
            r#"{"channel":"/meta/connect","id":"3","successful":true}"#,
            "hs.id-echo",
        ),
        (
            CONNECT,
            r#"{"channel":"/meta/connect","successful":true}"#,
            "hs.id-echo",
        ),
        (
            CONNECT,
            r#"{"channel":"/meta/connect","id":"2"}"#,
            "con.fields",
        ),
        (
            CONNECT,
            r#"{"channel":"/meta/connect","id":"2","successful":"true"}"#,
            "msg.successful",
        ),
        (
            CONNECT,
            r#"{"channel":"/meta/connect","id":"2","successful":false}"#,
            "msg.error-shape",
        ),
        (
            SUBSCRIBE,
            r#"{"channel":"/meta/subscribe","id":"3","successful":true}"#,
            "sub.fields",
        ),
        (
            SUBSCRIBE,
            r#"{"channel":"/meta/subscribe","id":"3","successful":true,"subscription":"/a"}"#,
            "sub.fields",
        ),
        (
            r#"{"channel":"/a","id":"6","data":1}"#,
            r#"{"channel":"/b","id":"6","successful":true}"#,
            "pub.reply",
        ),
        (
            r#"{"channel":"/meta/disconnect","id":"6","clientId":"a"}"#,
            r#"{"channel":"/meta/disconnect","id":"6"}"#,
            "dis.reply",
        ),
    ] {
        assert_eq!(of_reply(request, reply), [expected], "{reply}");
    }
}

#[test]
fn advice_has_known_values_and_whole_milliseconds() {
    let broken = |advice_raw: &str| {
        let raw =
            format!(r#"{{"channel":"/meta/connect","successful":true,"advice":{advice_raw}}}"#);
        ids(&advice(&message(&raw)))
    };
    assert!(broken(r#"{"reconnect":"retry","interval":0,"timeout":30000}"#).is_empty());
    assert!(broken(r#"{"interval":-1}"#).is_empty());
    assert_eq!(broken(r#"{"reconnect":"again"}"#), ["adv.shape"]);
    assert_eq!(broken(r#"{"timeout":"0"}"#), ["adv.shape"]);
    assert_eq!(broken(r#"{"timeout":-1}"#), ["adv.shape"]);
    assert_eq!(broken(r#"{"interval":1.5}"#), ["adv.shape"]);
    assert_eq!(broken(r#""retry""#), ["adv.shape"]);
    assert_eq!(
        broken(r#"{"long-polling":{"reconnect":"x"}}"#),
        ["adv.shape"]
    );
    assert_eq!(
        broken(r#"{"multiple-clients":true}"#),
        ["con.multi-session"]
    );
}

#[test]
fn what_may_not_travel_together() {
    let of = |texts: &[&str]| {
        let messages: Vec<_> = texts.iter().map(|it| message(it)).collect();
        ids(&batch(&messages))
    };
    let at_once = r#"{"channel":"/meta/connect","id":"2","clientId":"a","advice":{"timeout":0}}"#;
    let publish = r#"{"channel":"/a","id":"2","clientId":"a","data":1}"#;
    assert!(of(&[HANDSHAKE]).is_empty());
    assert!(of(&[SUBSCRIBE, at_once]).is_empty());
    assert_eq!(of(&[HANDSHAKE, SUBSCRIBE]), ["hs.alone"]);
    assert_eq!(of(&[SUBSCRIBE, CONNECT]), ["con.batched"]);
    assert_eq!(of(&[publish, publish]), ["msg.id-unique"]);
}

#[test]
fn deliveries_and_bodies() {
    let clean = message(r#"{"channel":"/a","data":1}"#);
    assert!(delivery(&clean).is_empty());
    let odd = message(r#"{"channel":"/a","clientId":"x"}"#);
    assert_eq!(ids(&delivery(&odd)), ["evt.no-clientid", "evt.data"]);
    let garbled = decode(br#"[{"channel":"/a","data":Infinity},{"channel":"/a","id":[]}]"#);
    let garbled = garbled.unwrap();
    let breaches = body(&garbled, Side::Server);
    assert_eq!(ids(&breaches), ["msg.garbled-reply", "msg.garbled-reply"]);
    assert_eq!(breaches[1].field, Some("id"));
    assert_eq!(ids(&body(&garbled, Side::Client))[0], "msg.garbled-request");
}

#[test]
fn heads_of_requests() {
    let of = |content_type: Option<&str>| {
        let head = RequestHead {
            user_agent: None,
            content_type: content_type.map(str::to_owned),
            cookies: Vec::new(),
        };
        ids(&request_head(&head, ConnectionType::LongPolling))
    };
    assert!(of(Some("application/json")).is_empty());
    assert!(of(Some("Application/JSON;charset=UTF-8")).is_empty());
    assert!(of(Some("application/x-www-form-urlencoded")).is_empty());
    assert_eq!(of(Some("text/json")), ["http.ctype"]);
    assert_eq!(of(None), ["http.ctype"]);
    let get = request_head(&RequestHead::default(), ConnectionType::CallbackPolling);
    assert!(get.is_empty());
}

#[test]
fn heads_of_responses() {
    let of = |status, content_type: Option<&str>, connection_type| {
        let head = ResponseHead {
            status,
            content_type: content_type.map(str::to_owned),
            cookies_set: Vec::new(),
        };
        ids(&response_head(&head, connection_type))
    };
    let (polling, callback) = (ConnectionType::LongPolling, ConnectionType::CallbackPolling);
    assert!(of(200, Some("application/json"), polling).is_empty());
    assert!(of(200, Some("text/javascript"), callback).is_empty());
    assert_eq!(of(200, Some("text/html"), polling), ["http.reply-ctype"]);
    assert_eq!(of(200, None, callback), ["http.reply-ctype"]);
    assert_eq!(of(500, Some("text/html"), polling), ["http.status"]);
    assert!(of(101, None, ConnectionType::WebSocket).len() == 1);
}
