//! Servers that refuse, die, stay silent or talk nonsense: the run ends on time, and says what
//! became of every message.

use super::scripted::{Announced, Counts, Handshake, Published, Reaction, Script, Scripted};
use super::truth::{exact, published_until};
use super::*;
use crate::session::End;

const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy";
pub(super) const PAGE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";

/// Two of these are too many for one request that catches up.
fn too_large_for_two() -> Payload {
    Payload::of_size(150_000).unwrap()
}

/// A run with a conduct for each request, over when there is enough.
fn requested(
    plan: Plan,
    request: fn(&Counts, &str) -> Reaction,
    is_enough: fn(&Progress, &Counts) -> bool,
) -> Run {
    let server = Scripted::new(Script {
        request,
        ..Script::default()
    });
    let settings = within(1000 * MS, settings_for(&server.url(), plan));
    drained(&settings, |progress| is_enough(progress, &server.counts()))
}

/// What prevents every session of a run with one conduct for each request.
fn hindered(timeout: Duration, request: fn(&Counts, &str) -> Reaction) -> String {
    let server = Scripted::new(Script {
        request,
        ..Script::default()
    });
    let settings = within(timeout, settings_for(&server.url(), exact(10)));
    no_session(observed(&settings, &mut |_| {}))
}

pub(super) fn within(timeout: Duration, mut settings: Settings) -> Settings {
    settings.transport.connect_timeout = timeout;
    settings.transport.network_timeout = timeout;
    settings
}

/// The failure without which there would have been a session.
fn no_session(result: Result<Run, BenchError>) -> String {
    let Err(BenchError::NoSession { first, .. }) = result else {
        panic!("{result:?}");
    };
    match *first {
        End::Unreachable(failure) => failure.to_string(),
        End::HandshakeRefused(reply) => reply.error().unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_refused_handshake_is_one_session_less() {
    let server = Scripted::new(Script {
        handshake: |nth| match nth {
            499 => Handshake::Refuse,
            _ => Handshake::Accept,
        },
        ..Script::default()
    });
    let plan = Plan {
        n_clients: 599,
        ..exact(5)
    };
    let run = run(&settings_for(&server.url(), plan));
    assert_eq!((run.sessions.wanted, run.sessions.up), (600, 599));
    assert_eq!((run.sessions.handshakes, run.sessions.ended), (599, 0));
    let messages = &run.messages;
    assert_eq!((messages.expected, messages.lost), (598 * 5, 0));
    assert_eq!(run.errors.len(), 1, "{:?}", run.errors);
    assert_eq!(
        run.errors[0].kind,
        "handshake refused: 403 handshake … denied"
    );
    assert_eq!(run.errors[0].count, 1);
}

#[test]
fn a_refused_first_handshake_ends_the_run() {
    let server = Scripted::new(Script {
        handshake: |_| Handshake::Refuse,
        ..Script::default()
    });
    let result = observed(&settings_for(&server.url(), exact(20)), &mut |_| {});
    assert_eq!(no_session(result), "403::handshake 7 denied");
    assert_eq!(server.counts().n_handshakes, 1, "the first one goes alone");
}

#[test]
fn a_server_that_dies_and_comes_back_gets_its_sessions_back() {
    let server = Scripted::new(Script::default());
    let plan = Plan {
        rate: Rate::Fixed(40.0),
        payload: too_large_for_two(),
        ..exact(80)
    };
    let mut n_looks = 0;
    let settings = settings_for(&server.url(), plan);
    let run = drained(&settings, |progress| {
        n_looks += u32::from(progress.n_published >= 20);
        match n_looks {
            2 => server.die(),
            4 => server.revive(),
            _ => {}
        }
        progress.n_published == 80 && server.counts().n_handshakes == 2 * 4
    });
    let messages = &run.messages;
    assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
    assert_eq!(run.sessions.renewed, 4, "{:?}", run.errors);
    assert_eq!(messages.intended, 80);
    // One publish at the most was under way. The rest of what was due in the meantime waited for
    // its publisher, whose session was lost with the others.
    assert!(messages.unacknowledged <= 1, "{messages:?}");
    assert!(run.latency.delivery.max() > Some(200 * MS), "{run:?}");
    assert_eq!(messages.lost_by.unexplained, 0, "{messages:?}");
    assert!(messages.delivered > 120, "{messages:?}");
    assert!(n_errors(&run, "connection refused") > 0, "{:?}", run.errors);
    assert_eq!(n_errors(&run, "session lost: 402 session_unknown"), 4);
}

#[test]
fn what_is_published_to_forgotten_subscribers_is_lost_for_want_of_a_session() {
    let server = Scripted::new(Script::default());
    let plan = Plan {
        rate: Rate::Fixed(100.0),
        ..exact(240)
    };
    let mut n_forgotten = 0;
    let settings = settings_for(&server.url(), plan);
    let run = drained(&settings, |progress| {
        if (n_forgotten == 0 && progress.n_published >= 20)
            || (n_forgotten == 1 && progress.n_published >= 150)
        {
            server.forget_subscribers();
            n_forgotten += 1;
        }
        (progress.n_published, progress.n_errors) == (240, 6)
    });
    let messages = &run.messages;
    assert_eq!(n_forgotten, 2);
    assert_eq!((messages.published, messages.acknowledged), (240, 240));
    assert!(messages.lost > 0, "{messages:?}");
    assert_eq!(messages.lost, messages.lost_by.no_session, "{messages:?}");
    assert_eq!(messages.expected, 720);
    assert_eq!(n_errors(&run, "session lost: 402 session_unknown"), 6);
}

#[test]
fn a_server_that_goes_for_good_leaves_a_run_that_ends() {
    let server = Scripted::new(Script::default());
    let plan = Plan {
        rate: Rate::Fixed(100.0),
        stop: Stop::After(1000 * MS),
        drain: 300 * MS,
        ..exact(1)
    };
    let mut is_alive = true;
    let settings = settings_for(&server.url(), plan);
    let run = observed(&settings, &mut |progress| {
        if is_alive && progress.n_published >= 30 {
            server.die();
            is_alive = false;
        }
    });
    let run = run.unwrap();
    let messages = &run.messages;
    assert_eq!(messages.intended, 100);
    assert!(messages.unsent > 20, "{messages:?}");
    assert!(run.client.shortfall.is_some());
    // Whoever cannot connect tries again, and not all the time.
    assert!(run.traffic.requests < 1000, "{:?}", run.traffic);
}

#[test]
fn a_server_that_is_busy_for_a_while_is_left_alone_as_it_asks() {
    let run = requested(
        Plan {
            rate: Rate::Fixed(100.0),
            payload: too_large_for_two(),
            ..exact(30)
        },
        // Within the handshakes, and once more in the middle.
        |seen, _| match (seen.n_requests, seen.n_publishes, seen.n_raw) {
            (3..=4, _, _) | (_, 10.., ..7) => Reaction::Raw(BUSY),
            _ => Reaction::Serve,
        },
        |progress, seen| {
            let n_all = (30, 7, 3 * seen.n_publishes);
            (
                progress.n_published,
                progress.n_errors,
                progress.n_delivered,
            ) == n_all
        },
    );
    let messages = &run.messages;
    assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
    assert_eq!((run.sessions.up, messages.intended), (4, 30));
    // The status says nothing of what became of a publish.
    assert!(messages.unacknowledged <= 5, "{messages:?}");
    assert_eq!(messages.lost_by.unacknowledged, messages.lost);
    assert_eq!(n_errors(&run, "HTTP 503"), 7, "{:?}", run.errors);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let error = hindered(200 * MS, |_, _| Reaction::Silence);
    assert!(error.starts_with("no response within "), "{error}");
}

#[test]
fn a_server_that_falls_silent_is_said_to() {
    let run = requested(
        Plan {
            rate: Rate::Fixed(100.0),
            ..exact(100)
        },
        |seen, _| match seen.n_publishes {
            ..10 => Reaction::Serve,
            _ => Reaction::Silence,
        },
        |progress, _| progress.n_published == 100,
    );
    let messages = run.messages;
    assert_eq!(messages.intended, 100);
    assert!(messages.unacknowledged > 10, "{messages:?}");
}

#[test]
fn a_page_instead_of_an_answer_ends_what_asked_for_it() {
    let error = hindered(1000 * MS, |_, _| Reaction::Raw(PAGE));
    assert!(error.starts_with("the response is not JSON"), "{error}");
    let run = requested(
        Plan {
            payload: too_large_for_two(),
            ..exact(20)
        },
        |seen, _| match seen.n_publishes {
            ..10 => Reaction::Serve,
            _ => Reaction::Raw(PAGE),
        },
        |progress, _| (progress.n_published, progress.n_errors) == (20, 10 + 3),
    );
    let messages = &run.messages;
    assert_eq!((messages.intended, messages.unacknowledged), (20, 10));
    // Connects that are held go on, so the publisher's does; that of each client is answered with
    // the tenth message at the latest, and the next one ends its session.
    assert_eq!(run.sessions.ended, 3, "{:?}", run.errors);
    let n_ended = n_errors(&run, "unreachable: the response is not JSON");
    assert_eq!(n_ended, run.sessions.ended);
    let kind = "publish without acknowledgement: the response is not JSON";
    assert_eq!(n_errors(&run, kind), messages.unacknowledged);
    assert_eq!(messages.lost_by.unexplained, 0, "{messages:?}");
}

#[test]
fn connections_that_are_closed_after_some_requests_are_opened_again() {
    let run_with = |announced| {
        let server = Scripted::new(Script {
            requests_a_connection: Some((10, announced)),
            ..Script::default()
        });
        let plan = Plan {
            rate: Rate::Fixed(100.0),
            drain: 3000 * MS,
            ..exact(60)
        };
        let run = run(&settings_for(&server.url(), plan));
        assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
        assert!(server.counts().n_connections > 12, "{:?}", server.counts());
        run
    };
    let run = run_with(Announced::ByHeader);
    let messages = &run.messages;
    assert_eq!((messages.acknowledged, messages.delivered), (60, 180));
    assert_eq!((messages.lost, run.errors.as_slice()), (0, &[][..]));
    // Without a word a publish may leave just when the connection ends, and its outcome is
    // unknown; a connect is sent once more.
    let run = run_with(Announced::Not);
    let messages = &run.messages;
    assert_eq!(messages.published, 60);
    assert_eq!(messages.lost_by.unexplained, 0, "{:?}", run.errors);
    assert!(messages.acknowledged > 40, "{messages:?}");
}

#[test]
fn publishes_without_an_answer_are_told_from_those_without_a_delivery() {
    let run_with = |publish| {
        let server = Scripted::new(Script {
            publish,
            ..Script::default()
        });
        let plan = Plan {
            // One message each, so that no request has one that is swallowed and others.
            n_publishers: 20,
            rate: Rate::Fixed(20.0),
            ..exact(20)
        };
        let mut settings = settings_for(&server.url(), plan);
        settings.transport.network_timeout = 500 * MS;
        drained(&settings, |progress| {
            (progress.n_published, progress.n_delivered) == (20, 57) && progress.n_errors >= 2
        })
    };
    let run = run_with(|nth| match nth {
        5 => Published::Swallow,
        10 => Published::DeliverInSilence,
        _ => Published::Deliver,
    });
    let messages = &run.messages;
    assert_eq!((messages.published, messages.unsent), (20, 0));
    // A busy machine may be late with others, which are delivered all the same.
    assert!(messages.unacknowledged >= 2, "{messages:?}");
    assert_eq!((messages.expected, messages.delivered), (60, 57));
    assert_eq!((messages.lost, messages.lost_by.unacknowledged), (3, 3));
    let n_unanswered = n_errors(&run, "publish without acknowledgement: no response in time");
    assert_eq!(n_unanswered, messages.unacknowledged, "{:?}", run.errors);
}

#[test]
fn a_publish_that_waits_at_the_end_is_unacknowledged() {
    let plan = Plan {
        payload: too_large_for_two(),
        ..exact(10)
    };
    let publish = |nth| match nth {
        4.. => Published::Swallow,
        _ => Published::Deliver,
    };
    let run = published_until(plan, publish, |progress| {
        (progress.n_published, progress.n_delivered) == (5, 12)
    });
    let messages = &run.messages;
    assert_eq!((messages.published, messages.unsent), (5, 5));
    assert_eq!((messages.acknowledged, messages.unacknowledged), (4, 1));
    assert_eq!((messages.lost, messages.lost_by.unacknowledged), (3, 3));
    assert_eq!(n_errors(&run, "still waiting at the end"), 1);
}

#[test]
fn sessions_that_expire_again_and_again_are_renewed() {
    let faulty = ServerSettings {
        faults: vec!["expire=1100ms".parse().unwrap()],
        ..ServerSettings::default()
    };
    let server = Server::bind("127.0.0.1:0", faulty).unwrap();
    let plan = Plan {
        n_clients: 5,
        rate: Rate::Fixed(100.0),
        ..exact(250)
    };
    let run = drained(&settings(&server, plan), |progress| {
        progress.n_published == 250
    });
    let messages = &run.messages;
    assert_eq!(run.sessions.ended, 0, "{:?}", run.errors);
    assert!(run.sessions.renewed >= 6, "{:?}", run.sessions);
    assert_eq!((messages.intended, messages.unacknowledged), (250, 0));
    assert_eq!(messages.lost_by.no_session, messages.lost, "{messages:?}");
    assert!(messages.delivered > 300, "{messages:?}");
}

#[test]
fn more_sessions_than_fit_are_refused_before_anything_is_sent() {
    let server = Scripted::new(Script::default());
    let plan = Plan {
        n_clients: 900_000,
        ..exact(10)
    };
    let settings = settings_for(&server.url(), plan);
    match observed(&settings, &mut |_| {}) {
        Err(BenchError::NoRoom { n_wanted, capacity }) => {
            assert_eq!(n_wanted, 900_001);
            assert!(capacity.n_sessions < n_wanted, "{capacity:?}");
        }
        // A machine where as many files may be open.
        other => panic!("{other:?}"),
    }
    assert_eq!(server.counts().n_connections, 0);
}
