//! Messages that are JSON and make no sense.

use crate::serve::{HANDSHAKE, Serve, Session};
use crate::wire::post;

/// A message of every kind, with every field that the protocol knows of.
const KINDS: [&str; 9] = [
    r#""channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]"#,
    r#""channel":"/meta/connect","connectionType":"long-polling","advice":{"timeout":0}"#,
    r#""channel":"/meta/subscribe","subscription":"/a""#,
    r#""channel":"/meta/unsubscribe","subscription":"/a""#,
    r#""channel":"/meta/disconnect""#,
    r#""channel":"/meta/other""#,
    r#""channel":"/demo","data":{"a":1}"#,
    r#""channel":"/service/echo","data":{"a":1}"#,
    r#""channel":"/service/time","data":{"a":1}"#,
];

const FIELDS: [&str; 13] = [
    "channel",
    "id",
    "clientId",
    "version",
    "minimumVersion",
    "supportedConnectionTypes",
    "connectionType",
    "advice",
    "ext",
    "subscription",
    "data",
    "successful",
    "error",
];

/// Of every type, and the odd ones of each.
const VALUES: [&str; 21] = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e400",
    "99999999999999999999",
    r#""""#,
    r#"" ""#,
    r#""/""#,
    r#""//""#,
    r#""/a//b""#,
    r#""/**/a""#,
    r#""\u0000""#,
    r#""\ud800""#,
    "[]",
    "[[]]",
    "[null]",
    r#"["/a",1]"#,
    "{}",
    r#"{"timeout":"x","interval":{},"reconnect":7,"token":[],"ack":-1,"replay":[],"timesync":1}"#,
];

#[test]
fn a_wrong_type_in_any_field_costs_only_its_own_message() {
    for flavor in ["cometd", "faye", "salesforce"] {
        let serve = Serve::unasked(&["-q", "--flavor", flavor]);
        let mut wire = serve.connect();
        let ordinary = r#"{"id":"last","channel":"/meta/other"}"#;
        for (kind, field, value) in kinds_fields_and_values() {
            let fields = with(kind, field, value);
            let body =
                format!(r#"[{{"id":"first","channel":"/meta/other"}},{{{fields}}},{ordinary}]"#);
            wire.send(&post_with_token(flavor, &body));
            let response = wire.response();
            assert_eq!(response.status, 200, "{flavor}: {fields}: {response:?}");
            let replies = response.text();
            // Each of them is answered, whatever the middle one is.
            for id in ["\"id\":\"first\"", "\"id\":\"last\""] {
                assert!(replies.contains(id), "{flavor}: {fields}: {replies}");
            }
            assert!(n_replies(&replies) >= 3, "{flavor}: {fields}: {replies}");
        }
    }
}

#[test]
fn a_wrong_type_in_any_field_of_a_session_s_message_is_answered() {
    // A connect whose advice is nonsense is held as long as any other.
    let serve = Serve::start(&["-q", "--timeout", "1ms"]);
    let mut session = Session::open(serve.connect());
    for (kind, field, value) in kinds_fields_and_values() {
        let fields = with(kind, field, value);
        let reply = session.ask(&fields);
        let is_reply = reply.starts_with("[{") && reply.contains("\"successful\":");
        assert!(is_reply, "{fields}: {reply}");
        if kind.contains("/meta/disconnect") {
            session = Session::open(session.wire);
        }
    }
    serve.ends_well();
}

fn kinds_fields_and_values() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    KINDS.into_iter().flat_map(|kind| {
        FIELDS
            .into_iter()
            .flat_map(move |field| VALUES.into_iter().map(move |value| (kind, field, value)))
    })
}

/// A message of this kind with another value in this field.
fn with(kind: &str, field: &str, value: &str) -> String {
    let name = format!("\"{field}\":");
    match kind.split_once(&name) {
        None => format!("{kind},{name}{value}"),
        Some((before, after)) => {
            let end = (1..=after.len())
                .find(|&end| serde_json::from_str::<serde_json::Value>(&after[..end]).is_ok())
                .unwrap();
            format!("{before}{name}{value}{}", &after[end..])
        }
    }
}

fn n_replies(array: &str) -> usize {
    let replies: Vec<&serde_json::value::RawValue> = serde_json::from_str(array).unwrap();
    replies.len()
}

fn post_with_token(flavor: &str, body: &str) -> Vec<u8> {
    let path = match flavor {
        "faye" => "/faye",
        "salesforce" => "/cometd/65.0",
        _ => "/cometd",
    };
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn elements_that_are_no_messages_do_not_cost_the_others_their_replies() {
    let serve = Serve::start(&[]);
    let mut session = Session::open(serve.connect());
    let client_id = session.client_id.clone();
    let subscribe = format!(
        r#"{{"channel":"/meta/subscribe","clientId":"{client_id}","id":"7","subscription":"/a"}}"#
    );
    session.wire.send(&post(format!(
        r#"[1,null,"x",[],{{}},true,{subscribe},[[{subscribe}]],1e400,{{"":{{}}}}]"#
    )));
    let response = session.wire.response();
    assert_eq!(response.status, 200);
    let replies = response.text();
    assert_eq!(n_replies(&replies), 10, "{replies}");
    assert_eq!(
        replies.matches("\"successful\":true").count(),
        1,
        "{replies}"
    );
    assert!(replies.contains("\"id\":\"7\""), "{replies}");
    serve.ends_well();
}

#[test]
fn a_handshake_among_others_costs_nobody_a_reply() {
    let serve = Serve::start(&[]);
    let handshake = &HANDSHAKE[1..HANDSHAKE.len() - 1];
    let body = format!(
        r#"[{{"channel":"/a","id":"2"}},{handshake},{handshake},{{"channel":"/meta/connect","id":"3"}}]"#
    );
    let mut wire = serve.connect();
    wire.send(&post(body));
    let response = wire.response();
    assert_eq!(response.status, 200);
    assert_eq!(n_replies(&response.text()), 4);
    serve.ends_well();
}

#[test]
fn client_ids_cannot_be_guessed() {
    let serve = Serve::start(&["-q"]);
    let mut ids: Vec<String> = (0..200)
        .map(|_| Session::open(serve.connect()).client_id)
        .collect();
    // 128 bits, in hexadecimal digits.
    assert!(ids.iter().all(|it| it.len() >= 32), "{ids:?}");
    // At each place stands nearly every digit, so that none is counted up or fixed. That one of
    // 200 places lacks more than six of sixteen digits has a chance far below 2^-100.
    for place in 0..32 {
        let mut digits: Vec<u8> = ids.iter().map(|it| it.as_bytes()[place]).collect();
        digits.sort_unstable();
        digits.dedup();
        assert!(digits.len() >= 10, "at {place} there are only {digits:?}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    // What is nearly an id is none, and is told nothing else than what is far from it.
    let known = Session::open(serve.connect());
    let id = known.client_id.clone();
    let mut wire = known.wire;
    let near = [
        id[..id.len() - 1].to_owned(),
        format!("{id}0"),
        id.to_uppercase() + "g",
        format!(" {id}"),
        format!("{id}\\u0000"),
        "0".repeat(id.len()),
        "*".to_owned(),
        "%".to_owned(),
        String::new(),
        "x".repeat(1_000_000),
    ];
    for guess in near {
        wire.send(&post(format!(
            r#"[{{"channel":"/meta/subscribe","id":"1","clientId":"{guess}","subscription":"/a"}}]"#
        )));
        let reply = wire.response().text();
        let is_same = reply.contains("\"error\":\"402::session_unknown\"") && reply.len() < 200;
        assert!(is_same, "{guess:.40}: {reply:.400}");
    }
    serve.ends_well();
}

/// Who knows no client id but its own gets at no other session, by whatever message.
#[test]
fn a_message_in_another_session_s_name_changes_nothing_there() {
    let serve = Serve::start(&[]);
    let connect = "\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"";
    let mut victim = Session::open(serve.connect());
    victim.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/private\"");
    victim.ask(connect);
    let victim_id = victim.client_id.clone();
    let mut attacker = Session::open(serve.connect());
    let attacker_id = attacker.client_id.clone();
    // What servers write, from a client; and its own id in every field but the right one.
    for fields in [
        "\"channel\":\"/meta/connect\",\"successful\":true,\"advice\":{\"reconnect\":\"none\"}",
        "\"channel\":\"/meta/disconnect\",\"successful\":true,\"session\":\"*\"",
        "\"channel\":\"/meta/unsubscribe\",\"subscription\":\"/private\"",
        "\"channel\":\"/meta/unsubscribe\",\"subscription\":\"/**\"",
        "\"channel\":\"/meta/subscribe\",\"subscription\":\"/meta/**\"",
        "\"channel\":\"/meta/subscribe\",\"subscription\":\"/meta/connect\"",
    ] {
        let message = format!(r#"[{{"id":"1","clientId":"x{victim_id}",{fields}}}]"#);
        attacker.wire.send(&post(message));
        assert!(
            attacker.wire.response().text().contains("402::"),
            "{fields}"
        );
    }
    for (fields, error) in [
        ("\"channel\":\"/meta/publish\",\"data\":1", "403:"),
        (
            "\"channel\":\"/meta/subscribe\",\"subscription\":\"/meta/**\"",
            "403:",
        ),
        (
            "\"channel\":\"/meta/subscribe\",\"subscription\":\"/meta/connect\"",
            "403:",
        ),
        ("\"channel\":\"private\",\"data\":1", "405:"),
    ] {
        assert!(attacker.ask(fields).contains(error), "{fields}");
    }
    // As with CometD it is no error, and reaches nobody.
    let reply = attacker.ask("\"channel\":\"/private/**\",\"data\":\"to a pattern\"");
    assert!(reply.contains("\"successful\":true"), "{reply}");
    // A service is nobody's to listen to.
    attacker.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/service/**\"");
    victim.ask("\"channel\":\"/service/echo\",\"data\":\"of the victim\"");
    let reply = attacker.ask("\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"");
    assert!(!reply.contains("of the victim"), "{reply}");
    // Both in one request: each gets its own, and neither learns the other's id.
    attacker.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/private\"");
    victim.send(connect);
    attacker.ask(&format!(
        "\"channel\":\"/private\",\"data\":\"from the attacker\",\"ext\":{{\"clientId\":\"{victim_id}\"}}"
    ));
    let delivered = victim.wire.response().text();
    assert!(delivered.contains("from the attacker"), "{delivered}");
    assert!(!delivered.contains(&attacker_id), "{delivered}");
    assert!(!delivered.contains("to a pattern"), "{delivered}");
    // What stands in `ext` is passed on as it was written, and the field is not.
    assert_eq!(delivered.matches("clientId").count(), 1, "{delivered}");
    serve.ends_well();
}

/// Every level of a channel is one more pattern that may match it, and a session keeps what it
/// subscribes to: neither must grow with what somebody sends.
#[test]
fn a_channel_of_many_levels_costs_little() {
    let serve = Serve::start(&["-q"]);
    let mut session = Session::open(serve.connect());
    session.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/**\"");
    for n_levels in [500, 100_000, 1_000_000] {
        let channel = "/a".repeat(n_levels);
        let publish = session.ask(&format!("\"channel\":\"{channel}\",\"data\":1"));
        let subscribe = session.ask(&format!(
            "\"channel\":\"/meta/subscribe\",\"subscription\":\"{channel}/**\""
        ));
        if n_levels == 500 {
            assert!(publish.contains("\"successful\":true"), "{publish:.200}");
            assert!(
                subscribe.contains("\"successful\":true"),
                "{subscribe:.200}"
            );
        } else {
            assert!(publish.contains("405::channel_invalid"));
            assert!(subscribe.contains("403::subscription_invalid"));
        }
    }
    serve.ends_well();
}
