//! Sessions and subscriptions by the thousand.

use crate::serve::{HANDSHAKE, Serve, Session, client_id, until};
use crate::wire::post;

#[test]
fn handshakes_beyond_the_bound_are_told_to_come_again_and_may() {
    let serve = Serve::start(&["-q", "--max-sessions", "50", "--max-interval", "1s"]);
    let mut wire = serve.connect();
    let mut n_opened = 0;
    let mut n_refused = 0;
    for _ in 0..300 {
        wire.send(&post(HANDSHAKE));
        let response = wire.response();
        match response.status {
            200 => {
                assert!(client_id(&response.text()).is_some());
                n_opened += 1;
            }
            // HTTP says it to those who know no Bayeux, the message to those who do.
            503 => {
                assert!(
                    response.head.contains("\r\nRetry-After: 10\r\n"),
                    "{}",
                    response.head
                );
                let reply = response.text();
                assert!(
                    reply.contains("\"error\":\"503::too_many_sessions\""),
                    "{reply}"
                );
                assert!(
                    reply.contains("\"interval\":10000,\"reconnect\":\"handshake\""),
                    "{reply}"
                );
                n_refused += 1;
            }
            _ => panic!("{response:?}"),
        }
    }
    // Should this have taken longer than a second, some expired meanwhile.
    assert!(
        n_opened >= 50 && n_refused > 0,
        "{n_opened} opened, {n_refused} refused"
    );
    // Nobody connected, so all of them expire.
    until("there is a place again", || {
        wire.send(&post(HANDSHAKE));
        wire.response().status == 200
    });
    until("there are two", || {
        let both = [(); 2].map(|()| {
            wire.send(&post(HANDSHAKE));
            wire.response().status == 200
        });
        both == [true; 2]
    });
    until("there are places for an ordinary session", || {
        let ids = [(); 4].map(|()| {
            wire.send(&post(HANDSHAKE));
            client_id(&wire.response().text())
        });
        for id in ids.iter().flatten() {
            wire.send(&post(format!(
                r#"[{{"channel":"/meta/disconnect","clientId":"{id}"}}]"#
            )));
            wire.response();
        }
        ids.iter().all(Option::is_some)
    });
    serve.ends_well();
}

/// A script that was called with status 503 would not be run by any browser.
#[test]
fn a_callback_is_told_of_the_bound_with_status_200() {
    let serve = Serve::start(&["--max-sessions", "2"]);
    let query: String = HANDSHAKE.bytes().map(|it| format!("%{it:02x}")).collect();
    let request = format!("GET /cometd?message={query} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut wire = serve.connect();
    let replies: Vec<String> = (0..3)
        .map(|_| {
            wire.send(request.as_bytes());
            let response = wire.response();
            assert_eq!(response.status, 200);
            response.text()
        })
        .collect();
    assert!(replies[2].contains("503::too_many_sessions"), "{replies:?}");
}

#[test]
fn a_flood_of_handshakes_is_forgotten() {
    let serve = Serve::start(&["-q", "--max-interval", "500ms"]);
    let mut wire = serve.connect();
    for _ in 0..100 {
        let requests: Vec<u8> = (0..100).flat_map(|_| post(HANDSHAKE)).collect();
        wire.send(&requests);
        for _ in 0..100 {
            assert_eq!(wire.response().status, 200);
        }
    }
    drop(wire);
    serve.ends_well();
}

#[test]
fn a_hundred_thousand_subscriptions_are_bounded_or_served() {
    // Nobody connects meanwhile, and no session is to expire, however long it takes.
    let serve = Serve::start(&["-q", "--max-interval", "10min"]);
    serve.forgets(|| subscribe_and_disconnect(&serve));
    serve.ends_well();
}

fn subscribe_and_disconnect(serve: &Serve) {
    let patterns = |from: usize, n: usize| -> String {
        let patterns: Vec<String> = (from..from + n).map(|n| format!("\"/a/{n}\"")).collect();
        format!("[{}]", patterns.join(","))
    };
    // All in one message is more than one session may have: all of them or none.
    let mut session = Session::open(serve.connect());
    let all = patterns(0, 100_000);
    let subscribe = |it: &str| format!("\"channel\":\"/meta/subscribe\",\"subscription\":{it}");
    let reply = session.ask(&subscribe(&all));
    assert!(
        reply.contains("403:too_many_subscriptions:"),
        "{reply:.200}"
    );
    // In messages of one each, up to the bound, with a reply to each of them.
    let client_id = session.client_id.clone();
    let messages: Vec<String> = (0..11_000)
        .map(|n| {
            format!(
                r#"{{"channel":"/meta/subscribe","clientId":"{client_id}","subscription":"/b/{n}"}}"#
            )
        })
        .collect();
    session
        .wire
        .send(&post(format!("[{}]", messages.join(","))));
    let replies = session.wire.response().text();
    assert_eq!(replies.matches("\"successful\":true").count(), 10_000);
    assert_eq!(replies.matches("403:too_many_subscriptions:").count(), 1000);
    // Ten sessions may have as many together, and a publish does not look at them.
    let sessions: Vec<Session> = (0..10)
        .map(|n| {
            let mut session = Session::open(serve.connect());
            let reply = session.ask(&subscribe(&patterns(n * 10_000, 10_000)));
            assert!(reply.contains("\"successful\":true"), "{reply:.200}");
            session
        })
        .collect();
    for n in 0..100 {
        let reply = session.ask(&format!("\"channel\":\"/a/{n}\",\"data\":1"));
        assert!(reply.contains("\"successful\":true"), "{reply}");
    }
    for mut session in sessions.into_iter().chain([session]) {
        assert!(
            session
                .ask("\"channel\":\"/meta/disconnect\"")
                .contains("\"successful\":true")
        );
    }
}

/// A client that subscribes and unsubscribes for ever, with ever other names.
#[test]
fn subscriptions_that_are_given_up_leave_nothing() {
    let serve = Serve::start(&["-q"]);
    let mut session = Session::open(serve.connect());
    for round in 0..20 {
        let patterns: Vec<String> = (0..1000).map(|n| format!("\"/{round}/{n}/**\"")).collect();
        let patterns = patterns.join(",");
        for kind in ["subscribe", "unsubscribe"] {
            let reply = session.ask(&format!(
                "\"channel\":\"/meta/{kind}\",\"subscription\":[{patterns}]"
            ));
            assert!(reply.contains("\"successful\":true"), "{reply:.200}");
        }
    }
    serve.ends_well();
}
