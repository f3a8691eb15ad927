//! Sessions and their held connects over connections that come and go.

use super::*;

#[test]
fn a_publish_wakes_the_held_connect_of_another_session() {
    let server = bind(Settings::default());
    let (mut subscriber, _) = Client::held(&server, "/**");
    let (mut publisher, client_id) = Client::connected(&server);
    let reply = publisher.exchange(&publish(&client_id, "{'n':1.00,'big':9007199254740993}"));
    assert_eq!(reply, "[{'channel':'/demo','successful':true}]");
    let response = subscriber.response();
    assert_eq!(
        response.body,
        "[{'data':{'n':1.00,'big':9007199254740993},'channel':'/demo'},\
         {'channel':'/meta/connect','successful':true}]"
    );
    assert!(response.head.contains("Content-Type: application/json\r\n"));
    assert!(response.head.contains("Cache-Control: no-store\r\n"));
    assert_eq!(server.n_sessions(), 2);
}

#[test]
fn the_server_itself_can_publish_and_forget() {
    let server = bind(Settings::default());
    let (mut client, client_id) = Client::held(&server, "/demo");
    server.publish(&"/demo".parse().unwrap(), &"[1]".parse().unwrap());
    assert!(
        client
            .response()
            .body
            .starts_with("[{'data':[1],'channel':'/demo'}")
    );
    client.send(&connect(&client_id));
    server.forget_sessions();
    let body = client.response().body;
    assert!(body.contains("402::session_unknown"), "{body}");
    assert!(body.contains("'reconnect':'handshake'"), "{body}");
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn holds_and_sessions_end_in_time() {
    let (server, events) = observed(Settings {
        timeout: Duration::from_millis(100),
        max_interval: Duration::from_secs(1),
        ..Settings::default()
    });
    let (mut client, client_id) = Client::connected(&server);
    let began = Instant::now();
    let reply = client.exchange(&connect(&client_id));
    assert_eq!(reply, "[{'channel':'/meta/connect','successful':true}]");
    assert!(began.elapsed() >= Duration::from_millis(100));
    wait_for(&events, "closed: expired: no connect in time");
    let reply = client.exchange(&connect(&client_id));
    assert!(reply.contains("402::session_unknown"), "{reply}");
}

#[test]
fn a_held_connect_that_asked_to_close_is_answered_and_closed() {
    let server = bind(Settings {
        timeout: Duration::from_millis(100),
        ..Settings::default()
    });
    let (mut client, client_id) = Client::connected(&server);
    client.write(&post(&connect(&client_id)).replace("Host: a", "Connection: close"));
    assert!(client.response().head.contains("Connection: close"));
    assert!(client.is_at_end());
}

#[test]
fn a_client_that_sends_on_while_its_connect_is_held_gets_both_answers_in_order() {
    let server = bind(Settings::default());
    let (mut client, client_id) = Client::connected(&server);
    let both = post(&connect(&client_id)) + &post(&publish(&client_id, "1"));
    client.write(&both);
    assert!(client.response().body.contains("/meta/connect"));
    assert!(client.response().body.contains("/demo"));
}

#[test]
fn a_session_outlives_its_connection_until_it_expires() {
    let (server, events) = observed(Settings {
        timeout: Duration::from_secs(3600),
        max_interval: Duration::from_millis(500),
        ..Settings::default()
    });
    let (client, _) = Client::held(&server, "/demo");
    drop(client);
    wait_for(&events, "closed: expired: no connect in time");
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn one_publish_wakes_a_thousand_held_connects() {
    let server = bind(Settings::default());
    let mut clients: Vec<_> = (0..1000)
        .map(|_| Client::held(&server, "/demo").0)
        .collect();
    let (mut publisher, client_id) = Client::connected(&server);
    let reply = publisher.exchange(&publish(&client_id, "1"));
    assert!(reply.contains("'successful':true"));
    for client in &mut clients {
        assert!(client.response().body.contains("'data':1"));
    }
}

#[test]
fn a_reader_that_takes_nothing_does_not_stop_the_publisher() {
    let server = bind(Settings::default());
    let (mut lazy, _) = Client::held(&server, "/demo");
    let (mut publisher, client_id) = Client::connected(&server);
    // More than the sockets' buffers take.
    let big = "x".repeat(12_000_000);
    let began = Instant::now();
    let reply = publisher.exchange(&publish(&client_id, &format!("'{big}'")));
    assert!(reply.contains("'successful':true"));
    assert!(
        publisher
            .exchange(&publish(&client_id, "2"))
            .contains("true")
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(lazy.response().body.contains(&big));
}

#[test]
fn stopping_ends_every_connection_and_the_listener() {
    let server = bind(Settings::default());
    let address = server.address();
    let (mut held, _) = Client::held(&server, "/demo");
    let (mut idle, _) = Client::connected(&server);
    server.stop();
    assert!(held.is_at_end());
    assert!(idle.is_at_end());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_observer_is_told_in_order() {
    let (server, events) = observed(Settings::default());
    let (mut client, client_id) = Client::connected(&server);
    client.exchange(&format!(
        "[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]"
    ));
    let told: Vec<_> = (0..8)
        .map(|_| events.recv_timeout(PATIENCE).unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "received 1",
            "opened",
            "sent 1",
            "received 1",
            "sent 1",
            "received 1",
            "closed: disconnected",
            "sent 1"
        ]
    );
}

#[test]
fn a_connection_too_many_is_closed_and_the_others_go_on() {
    let (server, events) = observed(Settings {
        max_connections: 2,
        ..Settings::default()
    });
    let (mut held, _) = Client::held(&server, "/demo");
    let (mut publisher, client_id) = Client::connected(&server);
    assert!(Client::new(&server).is_at_end());
    wait_for(
        &events,
        "accept failed: 2 connections are open, and no more are taken",
    );
    publisher.exchange(&publish(&client_id, "1"));
    assert!(held.response().body.contains("'data':1"));
}
