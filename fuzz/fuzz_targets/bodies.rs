//! Bodies of requests and responses: messages, what is odd about them, and what is written again.

#![no_main]

use bayeux::protocol::{Body, Message, decode, encode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(Body { messages, findings }) = decode(bytes) else {
        return;
    };
    for finding in &findings {
        let _ = finding.to_string();
    }
    for message in &messages {
        read(message);
    }
    let again = decode(encode(&messages).as_bytes()).expect("what is written is an array");
    let raw = |it: &Vec<Message>| it.iter().map(|it| it.raw().to_owned()).collect::<Vec<_>>();
    assert_eq!(raw(&again.messages), raw(&messages));
});

/// Every field that is read of a message.
fn read(message: &Message) {
    let _ = (message.channel(), message.client_id(), message.id());
    let _ = (
        message.subscriptions(),
        message.get("supportedConnectionTypes"),
    );
    for json in [message.advice(), message.ext(), message.data()]
        .into_iter()
        .flatten()
    {
        assert!(json.parse::<bayeux::protocol::Json>().is_ok(), "{json}");
        let _ = bayeux::protocol::tokens(json).count();
    }
}
