//! Scripts in the name of a callback, or in what it is called with.

use crate::serve::{HANDSHAKE, Serve, Session};

fn encoded(text: &str) -> String {
    text.bytes().map(|it| format!("%{it:02x}")).collect()
}

fn get(query: &str) -> Vec<u8> {
    format!("GET /cometd?{query} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

#[test]
fn a_callback_that_is_no_name_is_refused_and_not_repeated() {
    let serve = Serve::start(&[]);
    let message = encoded(HANDSHAKE);
    for callback in [
        "",
        "alert(1)//",
        "a;alert(1)",
        "<script>alert(1)</script>",
        "a\r\nSet-Cookie: b=c",
        "a\u{2028}b",
        "a b",
        "\"a\"",
        "a[0]",
        "a`b`",
        "/**/a",
        "a\0",
        "\u{feff}a",
        &"a".repeat(100_000),
    ] {
        let mut wire = serve.connect();
        wire.send(&get(&format!(
            "jsonp={}&message={message}",
            encoded(callback)
        )));
        let response = wire.response();
        let is_harmless = response.head.contains("text/plain")
            && response.head.contains("nosniff")
            && !response.head.contains("Set-Cookie");
        assert!(
            matches!(response.status, 400 | 414 | 431),
            "{callback:?}: {response:?}"
        );
        assert!(is_harmless, "{callback:?}: {}", response.head);
        assert!(!response.text().contains("alert"), "{callback:?}");
    }
    for query in [
        format!("jsonp=a&jsonp=b&message={message}"),
        "jsonp=%ff%fe&message=[]".to_owned(),
        "jsonp=a".to_owned(),
        "jsonp=a&message=%".to_owned(),
        "jsonp=a&message=%ff".to_owned(),
    ] {
        let mut wire = serve.connect();
        wire.send(&get(&query));
        assert_eq!(wire.response().status, 400, "{query}");
    }
    serve.ends_well();
}

/// Both separators end a line in older JavaScript, and what looks like a tag may end a script.
#[test]
fn what_the_callback_is_called_with_stays_data() {
    let serve = Serve::start(&[]);
    let mut session = Session::open(serve.connect());
    session.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/script\"");
    let client_id = session.client_id.clone();
    let data = "</script>\u{2028}\u{2029}<!--";
    let mut publisher = Session::open(serve.connect());
    publisher.ask(&format!("\"channel\":\"/script\",\"data\":\"{data}\""));
    let connect = format!(
        r#"[{{"channel":"/meta/connect","id":"1","clientId":"{client_id}","connectionType":"callback-polling","advice":{{"timeout":0}}}}]"#
    );
    let mut wire = serve.connect();
    wire.send(&get(&format!("jsonp=cb&message={}", encoded(&connect))));
    let response = wire.response();
    assert!(response.head.contains("text/javascript") && response.head.contains("nosniff"));
    let script = response.text();
    assert!(script.contains("\\u2028\\u2029"), "{script}");
    assert!(!script.contains(['\u{2028}', '\u{2029}']), "{script}");
    serve.ends_well();
}
