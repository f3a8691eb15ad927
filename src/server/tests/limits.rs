//! Clients that are slow, read nothing, or send too much at a time.

use super::*;

/// More than the sockets' buffers take.
fn large() -> String {
    format!("'{}'", "x".repeat(12_000_000)).replace('\'', "\"")
}

#[test]
fn a_reader_that_does_not_read_slows_nobody_and_is_dropped_with_the_reason() {
    let (server, events) = observed(Settings {
        response_timeout: Duration::from_millis(100),
        max_interval: Duration::from_millis(100),
        ..Settings::default()
    });
    let (lazy, _) = Client::held(&server, "/demo");
    let (mut other, _) = Client::held(&server, "/other");
    server.publish(&"/demo".parse().unwrap(), &large().parse().unwrap());
    server.publish(&"/other".parse().unwrap(), &"1".parse().unwrap());
    assert!(other.response().body.contains("'data':1"));
    wait_for(
        &events,
        "dropped: the client does not take the response that is sent to it",
    );
    wait_for(&events, "closed: expired: no connect in time");
    drop(lazy);
}

#[test]
fn a_web_socket_that_does_not_read_is_dropped_with_the_reason() {
    let (server, events) = observed(Settings {
        response_timeout: Duration::from_millis(100),
        ..Settings::default()
    });
    let (lazy, _) = web_socket::Socket::held(&server, "/demo");
    server.publish(&"/demo".parse().unwrap(), &large().parse().unwrap());
    wait_for(
        &events,
        "closed 1006: the client takes nothing of what is sent to it",
    );
    drop(lazy);
}

#[test]
fn a_reader_that_reads_on_is_not_dropped() {
    let (server, events) = observed(Settings {
        response_timeout: Duration::from_millis(1000),
        ..Settings::default()
    });
    let (mut slow, _) = Client::held(&server, "/demo");
    server.publish(&"/demo".parse().unwrap(), &large().parse().unwrap());
    let mut n_received = 0;
    while n_received < 12_000_000 {
        let length = slow.socket.fill_buf().unwrap().len();
        assert_ne!(length, 0, "dropped after {n_received} bytes");
        slow.socket.consume(length);
        n_received += length;
    }
    assert!(!events.try_iter().any(|it| it.starts_with("dropped")));
}

#[test]
fn who_sends_requests_and_reads_no_responses_is_not_heard() {
    let (server, events) = observed(Settings {
        response_timeout: Duration::from_millis(500),
        ..Settings::default()
    });
    let (mut greedy, client_id) = Client::connected(&server);
    let socket = greedy.socket.get_mut();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    // The response to each is as long as the request.
    let request = post(&publish(&client_id, &format!("'{}'", "x".repeat(100_000))));
    greedy.send(&subscribe(&client_id, "/demo"));
    let began = Instant::now();
    let socket = greedy.socket.get_mut();
    while socket.write_all(request.as_bytes()).is_ok() {
        assert!(began.elapsed() < PATIENCE, "it is heard for ever");
    }
    wait_for(
        &events,
        "dropped: the client does not take the response that is sent to it",
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    const N_REQUESTS: usize = 500;
    let server = bind(Settings::default());
    let (mut client, client_id) = Client::connected(&server);
    let requests: String = (0..N_REQUESTS)
        .map(|n| match n % 7 {
            // Each is held, until the next request comes.
            3 => post(&connect(&client_id).replace("'channel'", &format!("'id':{n},'channel'"))),
            _ => {
                post(&publish(&client_id, "1").replace("'channel'", &format!("'id':{n},'channel'")))
            }
        })
        .collect();
    client.write(&requests);
    for n in 0..N_REQUESTS {
        let body = client.response().body;
        assert!(body.contains(&format!("'id':'{n}',")), "{n}: {body}");
    }
}

#[test]
fn a_slow_head_and_a_slow_body_have_a_deadline_that_no_byte_moves() {
    for (begin, more) in [
        ("POST /cometd HTTP/1.1\r\nA: ", "x"),
        (
            "POST /cometd HTTP/1.1\r\nContent-Length: 90000\r\n\r\n",
            " ",
        ),
        (
            "POST /cometd HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\n \r\n",
        ),
    ] {
        let (server, events) = observed(Settings {
            request_timeout: Duration::from_millis(200),
            ..Settings::default()
        });
        let mut slow = Client::new(&server);
        slow.write(begin);
        let step = Duration::from_millis(20);
        slow.socket.get_ref().set_read_timeout(Some(step)).unwrap();
        let began = Instant::now();
        while let Err(error) = slow.socket.fill_buf() {
            let kinds = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
            assert!(kinds.contains(&error.kind()), "{error}");
            assert!(began.elapsed() < PATIENCE, "it is waited for");
            slow.write(more);
        }
        assert_eq!(slow.response().status, 408);
        wait_for(&events, "refused 408: the request did not arrive in time");
    }
}

#[test]
fn a_server_may_be_dropped_by_its_own_observer() {
    struct Last(Mutex<Option<Server>>);
    impl Observer for Last {
        fn observe(&self, event: &Event<'_>) {
            if let Event::Received { .. } = event {
                self.0.lock().unwrap().take();
            }
        }
    }
    let last = Arc::new(Last(Mutex::new(None)));
    let server = bind(Settings {
        observer: Some(Arc::clone(&last) as Arc<dyn Observer>),
        ..Settings::default()
    });
    let mut client = Client::new(&server);
    *last.0.lock().unwrap() = Some(server);
    assert_eq!(client.exchange("[]"), "[]");
    assert!(client.is_at_end());
}
