//! Servers with which nothing works: no check of messages may pass there, and each ends.

use super::*;

/// Those that are about messages, and so need a session.
const GROUPS: [&str; 9] = [
    "con", "sub", "unsub", "pub", "evt", "svc", "dis", "ext", "adv",
];

fn outcomes_of_fault(fault: &str, over: ConnectionType) -> Vec<Outcome> {
    let settings = ServerSettings {
        faults: vec![fault.parse().unwrap()],
        ..ServerSettings::default()
    };
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    let of_groups = all()
        .into_iter()
        .filter(|it| GROUPS.contains(&it.group()) && it.over == Over::Any);
    let ids: Vec<_> = of_groups.map(|it| it.id).collect();
    outcomes(&server, over, &ids)
}

#[test]
fn nothing_passes_where_no_request_is_answered_with_messages() {
    for fault in [
        "any:status=503",
        "any:html",
        "any:close=before",
        "any:cut=10",
    ] {
        for it in outcomes_of_fault(fault, ConnectionType::LongPolling) {
            let is_told = matches!(it.status, Status::Failed | Status::Warned);
            assert!(is_told, "{fault}: {} {:?}", it.check.id, it.status);
            assert!(!it.seen.is_empty(), "{fault}: {}", it.check.id);
        }
    }
}

#[test]
fn nothing_passes_over_a_websocket_that_ends_with_each_request() {
    for it in outcomes_of_fault("any:close=before", ConnectionType::WebSocket) {
        let is_told = matches!(it.status, Status::Failed | Status::Warned);
        assert!(is_told, "{} {:?}", it.check.id, it.status);
    }
}

#[test]
fn where_sessions_are_refused_there_is_nothing_to_check() {
    for it in outcomes_of_fault("handshake:refuse", ConnectionType::LongPolling) {
        // Some ask without a session.
        let is_told = it.status == Status::Skipped
            || ["con.unknown-client", "pub.unconnected", "pub.bogus-client"].contains(&it.check.id);
        assert!(is_told, "{} {:?} {}", it.check.id, it.status, it.seen);
    }
}

#[test]
fn where_the_channels_are_denied_there_is_nothing_to_deliver() {
    let settings = || ServerSettings {
        deny: vec!["/check/**".parse().unwrap()],
        ..ServerSettings::default()
    };
    for id in [
        "con.wakeup",
        "sub.wild-one",
        "pub.self",
        "evt.id",
        "perf.rtt",
    ] {
        let seen = outcome_with(settings(), id);
        assert!(
            seen.starts_with("skip: the server refuses the "),
            "{id}: {seen}"
        );
    }
    // It is told once.
    let seen = outcome_with(settings(), "sub.array");
    assert!(
        seen.starts_with("fail: a subscribe to two channels is refused: "),
        "{seen}"
    );
}

#[test]
fn a_run_whose_time_is_over_blames_nobody() {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let settings = settings_for(&server.url(), ConnectionType::LongPolling);
    // They wait for a held connect, and so for longer than the run may take.
    let waiting = ["con.hold", "con.timeout-honoured", "path.hold"];
    let looks = &|check: &'static Check| {
        let until = Instant::now() + Duration::from_millis(300);
        run(&settings, &[check], until, &Default::default(), |it| {
            let is_cut_off = it.seen.starts_with("the time of the run ");
            let is_fine = !matches!(it.status, Status::Failed | Status::Warned);
            let is_known = AS_COMETD.contains(&check.id);
            assert!(is_cut_off || is_fine || is_known, "{it:#?}");
            if waiting.contains(&check.id) {
                assert_eq!((it.status, is_cut_off), (Status::Skipped, true), "{it:#?}");
            }
        });
    };
    std::thread::scope(|scope| {
        for check in all().into_iter().filter(|it| it.stage == Stage::Beside) {
            scope.spawn(move || looks(check));
        }
    });
}
