//! Requests as browsers, old clients and strangers write them.

use super::*;

#[test]
fn a_malformed_body_is_a_400_and_the_connection_goes_on() {
    let (server, events) = observed(Settings::default());
    let (mut client, client_id) = Client::connected(&server);
    for body in [
        "",
        "hello",
        "[{'channel':'/a'",
        "[{'channel':Infinity}]",
        "[]x",
        "null",
    ] {
        client.send(body);
        let response = client.response();
        assert_eq!(response.status, 400, "{body}");
        assert!(response.head.contains("text/plain"));
        assert_eq!(response.body.lines().count(), 1, "{}", response.body);
    }
    assert_eq!(client.exchange("[]"), "[]");
    assert!(client.exchange(&publish(&client_id, "1")).contains("true"));
    wait_for(&events, "refused 400: empty body");
}

#[test]
fn deeply_nested_fields_are_read_on_the_threads_stack() {
    let server = bind(Settings {
        require_token: Some(Token::new("x")),
        ..Settings::default()
    });
    let mut client = Client::new(&server);
    for depth in [100, 127, 100_000] {
        let deep = format!("{{'a':{}{}}}", "[".repeat(depth), "]".repeat(depth));
        client.send(&format!(
            "{{'channel':'/meta/handshake','ext':{deep},'advice':{deep},'x':{deep}}}"
        ));
        assert!(client.response().body.contains("handshake_denied"));
    }
    client.exchange("{'channel':'/meta/handshake','ext':{'token':'x'}}");
}

#[test]
fn what_is_no_request_for_us_is_refused_and_the_server_goes_on() {
    let server = bind(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    for (bytes, status) in [
        ("GET /cometd HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "PUT /cometd HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]".to_owned(),
            405,
        ),
        (post("[]").replace("/cometd", "/other"), 404),
        (post(&" ".repeat(1001)), 413),
        ("hello\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = Client::new(&server);
        client.write(&bytes);
        let response = client.response();
        assert_eq!(response.status, status, "{}", response.body);
        assert!(client.is_at_end());
    }
    let mut client = Client::new(&server);
    client.write(&post("[]").replace("/cometd", "/cometd/handshake?x=1"));
    assert_eq!(client.response().body, "[]");
}

/// dojox.cometd 1.7.12, as it was seen in tests/clients: a form with ids from 0 first, then
/// `text/json`; from a page of another origin a script, whose handshake names no transports.
#[test]
fn dojox_shakes_hands_with_a_form_and_goes_on_with_text_json() {
    let server = bind(Settings::default());
    let mut client = Client::new(&server);
    let form = "message=%5B%7B%22version%22%3A%221.0%22%2C%22minimumVersion%22%3A%220.9%22%2C\
                %22channel%22%3A%22%2Fmeta%2Fhandshake%22%2C%22id%22%3A%220%22%2C\
                %22supportedConnectionTypes%22%3A%5B%22long-polling%22%2C%22callback-polling%22%5D%7D%5D";
    let form_type = "Host: a\r\nContent-Type: application/x-www-form-urlencoded";
    client.write(&post(form).replace("Host: a", form_type));
    let handshake = client.response().body;
    assert!(handshake.contains("'id':'0'"), "{handshake}");
    assert!(handshake.contains("'successful':true"), "{handshake}");
    let client_id = handshake.split("'clientId':'").nth(1).unwrap();
    let client_id = client_id.split('\'').next().unwrap();
    let json_type = "Host: a\r\nContent-Type: text/json;charset=UTF-8";
    // It sends nothing else before this one is answered.
    client.write(&post(&connect(client_id)).replace("Host: a", json_type));
    assert!(client.response().body.contains("'successful':true"));
}

#[test]
fn dojox_of_a_page_elsewhere_shakes_hands_without_connection_types() {
    let server = bind(Settings::default());
    let mut client = Client::new(&server);
    let handshake =
        "[{'version':'1.0','minimumVersion':'0.9','channel':'/meta/handshake','id':'0'}]";
    let page = "Host: localhost:1\r\nReferer: http://localhost:2/\r\nSec-Fetch-Site: same-site";
    let callback = "dojo.io.script.jsonp_dojoIoScript1._jsonpCallback";
    client.write(&get(callback, handshake).replace("Host: a", page));
    let response = client.response();
    assert!(response.body.starts_with(&format!("{callback}([{{")));
    assert!(response.body.contains("'successful':true"));
}

#[test]
fn a_page_of_a_stranger_changes_nothing_and_one_that_is_allowed_reads_every_answer() {
    let (server, events) = observed(Settings {
        allow_origins: vec!["https://app.example".parse().unwrap()],
        ..Settings::default()
    });
    let handshake = "[{'channel':'/meta/handshake'}]";
    for request in [post(handshake), get("cb", handshake)] {
        let mut client = Client::new(&server);
        let evil = "Host: localhost\r\nOrigin: http://evil.example\r\nContent-Type: text/plain";
        client.write(&request.replace("Host: a", evil));
        assert_eq!(client.response().status, 403);
        wait_for(
            &events,
            "refused 403: pages of http://evil.example may not use this server",
        );
    }
    assert_eq!(server.n_sessions(), 0);
    let mut client = Client::new(&server);
    for (body, status) in [(handshake, 200), ("hello", 400)] {
        let page = "Host: localhost\r\nOrigin: https://app.example";
        client.write(&post(body).replace("Host: a", page));
        let response = client.response();
        assert_eq!(response.status, status);
        assert!(
            response
                .head
                .contains("Allow-Origin: https://app.example\r\n")
        );
    }
    assert_eq!(server.n_sessions(), 1);
}

#[test]
fn what_passes_for_salesforce_speaks_long_polling_and_nothing_else() {
    let server = bind(Settings::of(Flavor::Salesforce));
    let handshake = "[{'channel':'/meta/handshake','supportedConnectionTypes':['long-polling']}]";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    let websocket = format!("GET /cometd/65.0 HTTP/1.1\r\n{upgrade}\r\n");
    let callback = get("cb", handshake).replace("/cometd", "/cometd/65.0");
    // A query is no body, also where a POST publishes.
    let rest = get("cb", "{}").replace("/cometd", "/services/data/v65.0/sobjects/X__e");
    for (request, status, body) in [
        (websocket, 400, "POST"),
        (
            callback,
            200,
            "400::Invalid connection type callback-polling",
        ),
        (rest, 404, "nothing here"),
    ] {
        let mut client = Client::new(&server);
        client.write(&request);
        let response = client.response();
        assert_eq!(response.status, status, "{}", response.body);
        assert!(response.body.contains(body), "{}", response.body);
    }
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn a_refused_body_that_was_on_its_way_does_not_cost_the_response() {
    let server = bind(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    let mut client = Client::new(&server);
    client.write(&post(&" ".repeat(3_000_000)));
    assert_eq!(client.response().status, 413);
}

#[test]
fn a_slow_client_gets_408_and_blocks_nobody() {
    let (server, events) = observed(Settings {
        request_timeout: Duration::from_millis(100),
        ..Settings::default()
    });
    let mut slow = Client::new(&server);
    slow.write("POST /cometd HTTP/1.1\r\nHo");
    let (mut client, _) = Client::connected(&server);
    assert_eq!(client.exchange("[]"), "[]");
    assert_eq!(slow.response().status, 408);
    assert!(slow.is_at_end());
    wait_for(&events, "refused 408: the request did not arrive in time");
    // The time is that of one request, not of the connection.
    assert_eq!(client.exchange("[]"), "[]");
}

#[test]
fn chunked_bodies_expected_continues_and_http_1_0_work() {
    let server = bind(Settings::default());
    let mut client = Client::new(&server);
    client.write(
        "POST /cometd HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
    );
    assert_eq!(client.response().body, "[]");
    client.write("POST /cometd HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let mut line = String::new();
    client.socket.read_line(&mut line).unwrap();
    client.socket.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("[]");
    assert_eq!(client.response().body, "[]");
    client.write(&post("[]").replace("HTTP/1.1\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n"));
    assert!(client.response().head.contains("Connection: keep-alive"));
    client.write(&post("[]").replace("HTTP/1.1", "HTTP/1.0"));
    assert!(client.response().head.contains("Connection: close"));
    assert!(client.is_at_end());
}

#[test]
fn a_path_needs_a_slash_and_the_root_takes_everything() {
    let path = "cometd".to_owned();
    let refused = Server::bind(
        "127.0.0.1:0",
        Settings {
            path,
            ..Settings::default()
        },
    );
    assert!(matches!(refused, Err(ServerError::Path(_))));
    let path = "/".to_owned();
    let server = bind(Settings {
        path,
        ..Settings::default()
    });
    assert!(server.url().ends_with('/'));
    let mut client = Client::new(&server);
    assert_eq!(client.exchange("[]"), "[]");
}

#[test]
fn callback_polling_and_long_polling_share_the_broker() {
    let server = bind(Settings::default());
    let (mut poster, _) = Client::held(&server, "/demo");
    let mut getter = Client::new(&server);
    getter.write(&get(
        "cb",
        "[{'channel':'/meta/handshake','supportedConnectionTypes':['callback-polling']}]",
    ));
    let handshake = getter.response();
    assert_eq!(handshake.status, 200);
    assert!(
        handshake
            .head
            .contains("Content-Type: text/javascript;charset=UTF-8\r\n")
    );
    assert!(
        handshake
            .head
            .contains("X-Content-Type-Options: nosniff\r\n")
    );
    assert!(handshake.body.starts_with("cb([{'minimumVersion':'1.0',"));
    assert!(handshake.body.ends_with("}])"));
    let client_id = handshake.body.split("'clientId':'").nth(1).unwrap();
    let client_id = client_id.split('\'').next().unwrap().to_owned();
    for body in [connect(&client_id), subscribe(&client_id, "/demo")] {
        getter.write(&get("cb", &body));
        assert_eq!(getter.response().status, 200);
    }
    // Held; the response calls the function that this request named.
    getter.write(&get("cb2", &connect(&client_id)));
    let (mut publisher, publisher_id) = Client::connected(&server);
    publisher.write(&get("cb", &publish(&publisher_id, "'%E2%80%A8'")));
    assert_eq!(publisher.response().status, 200);
    let delivery = poster.response().body;
    assert!(
        delivery.starts_with("[{'data':'\u{2028}','channel':'/demo'}"),
        "{delivery}"
    );
    let delivery = getter.response().body;
    assert!(
        delivery.starts_with("cb2([{'data':'\\u2028','channel':'/demo'}"),
        "{delivery}"
    );
}

#[test]
fn a_get_that_is_no_callback_polling_is_refused() {
    let (server, events) = observed(Settings::default());
    for (request, reason) in [
        (
            get("alert(1)", "[]"),
            "jsonp is refused: a callback is named with 1 to 64 letters, digits, `.`, `_` or `-`",
        ),
        (get("cb", "[{'a"), "message skipped, cut off at byte 1"),
        (
            "GET /cometd HTTP/1.1\r\n\r\n".to_owned(),
            "this is a Bayeux endpoint; it takes POST with JSON, or GET with jsonp and message",
        ),
    ] {
        let mut client = Client::new(&server);
        client.write(&request);
        let response = client.response();
        assert_eq!((response.status, response.body.trim_end()), (400, reason));
        assert!(response.head.contains("Content-Type: text/plain"));
        assert_eq!(events.recv().unwrap(), format!("refused 400: {reason}"));
    }
}
