//! Checks against the embedded server, against one that does as its script says, and against one
//! whose messages are tampered with.

mod connect;
mod cookie;
mod delivery;
mod handshake;
mod hostile;
mod http;
mod json;
mod leaving;
mod message;
mod path;
mod scripted;
mod subscribe;
mod tampering;
mod web_socket;

use std::time::{Duration, Instant};

use super::*;
use crate::client::Settings as ClientSettings;
use crate::server::{Flavor, Server, Settings as ServerSettings};
use crate::transport::Tls;

/// What comes of the checks with these names (all where there are none) against this server.
fn outcomes(server: &Server, over: ConnectionType, ids: &[&str]) -> Vec<Outcome> {
    outcomes_at(&server.url(), over, ids)
}

fn outcomes_at(url: &str, over: ConnectionType, ids: &[&str]) -> Vec<Outcome> {
    outcomes_trusting(url, Tls::default(), over, ids)
}

/// The same where this is trusted.
fn outcomes_trusting(url: &str, tls: Tls, over: ConnectionType, ids: &[&str]) -> Vec<Outcome> {
    let mut settings = settings_for(url, over);
    settings.transport.tls = tls;
    let is_wanted = |it: &&'static Check| ids.is_empty() || ids.contains(&it.id);
    let checks: Vec<_> = all().into_iter().filter(is_wanted).collect();
    let mut outcomes = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    run(&settings, &checks, until, &Default::default(), |it| {
        outcomes.push(it);
    });
    outcomes
}

fn settings_for(url: &str, over: ConnectionType) -> Settings {
    Settings {
        transport: ClientSettings::new(url.parse().unwrap()).transport,
        connection_type: over,
        prefix: "/check".parse().unwrap(),
        nonce: "n".to_owned(),
        extensions: Default::default(),
    }
}

/// What one check comes to, as `fail: what was seen`.
fn outcome_at(url: &str, over: ConnectionType, id: &str) -> String {
    let outcomes = outcomes_at(url, over, &[id]);
    let [outcome] = &outcomes[..] else {
        panic!("no check {id}");
    };
    let status = outcome.status.as_str();
    match outcome.seen.as_str() {
        "" => status.to_owned(),
        seen => format!("{status}: {seen}"),
    }
}

/// The same over long-polling against the embedded server with these settings.
fn outcome_with(settings: ServerSettings, id: &str) -> String {
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    outcome_at(&server.url(), ConnectionType::LongPolling, id)
}

/// The same with this fault.
fn outcome_of_fault(fault: &str, id: &str) -> String {
    let settings = ServerSettings {
        faults: vec![fault.parse().unwrap()],
        ..ServerSettings::default()
    };
    outcome_with(settings, id)
}

/// The same as this server.
fn outcome_as(flavor: Flavor, id: &str) -> String {
    outcome_with(ServerSettings::of(flavor), id)
}

/// Where the embedded server does what CometD 9 does, and not what the specification asks for.
const AS_COMETD: [&str; 8] = [
    "con.multi-session",
    "con.type-required",
    "hs.alone",
    "hs.no-common-type",
    "hs.version-required",
    "pub.channel-chars",
    "pub.data-required",
    "pub.pattern",
];

#[test]
fn the_embedded_server_passes_over_long_polling() {
    passes_over(ConnectionType::LongPolling);
}

#[test]
fn the_embedded_server_passes_over_callback_polling() {
    passes_over(ConnectionType::CallbackPolling);
}

#[test]
fn the_embedded_server_passes_over_websockets() {
    passes_over(ConnectionType::WebSocket);
}

fn passes_over(over: ConnectionType) {
    // Short, since there are checks that wait for a hold or a session to end.
    let settings = ServerSettings {
        timeout: Duration::from_secs(1),
        max_interval: Duration::from_secs(2),
        ..ServerSettings::default()
    };
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    // What has a transport of its own is seen with the first.
    let is_new = |it: &&'static Check| it.over == Over::Any || over == ConnectionType::LongPolling;
    let ids = all().into_iter().filter(is_new).map(|it| it.id);
    // It waits for longer than all the others; it has a test of its own.
    let ids: Vec<_> = ids.filter(|it| *it != "con.expiry").collect();
    let outcomes = outcomes(&server, over, &ids);
    assert_eq!(outcomes.len(), ids.len());
    for it in outcomes {
        let is_fine = !matches!(it.status, Status::Failed | Status::Warned);
        let is_known = AS_COMETD.contains(&it.check.id);
        assert!(is_fine || is_known, "{} over {over}: {it:#?}", it.check.id);
    }
    // Each check leaves.
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn every_check_ends_in_time_whatever_the_server_does() {
    // More than any check should need for its last goodbye and its threads.
    const AT_MOST: Duration = Duration::from_secs(5);
    let server = |faults: &[&str]| {
        let faults = faults.iter().map(|it| it.parse().unwrap()).collect();
        let settings = ServerSettings {
            faults,
            ..ServerSettings::default()
        };
        Server::bind("127.0.0.1:0", settings).unwrap()
    };
    let servers = [
        server(&["any:drop"]),
        server(&["any:drip=20ms"]),
        server(&["any:cut"]),
        server(&["any:close=before", "upgrade:drop"]),
        server(&["connect:html", "publish:status=500", "subscribe:drop"]),
    ];
    std::thread::scope(|scope| {
        for server in &servers {
            for check in all() {
                scope.spawn(move || {
                    for over in [ConnectionType::LongPolling, ConnectionType::WebSocket] {
                        let settings = settings_for(&server.url(), over);
                        let until = Instant::now() + Duration::from_millis(300);
                        let mut n_outcomes = 0;
                        run(&settings, &[check], until, &Default::default(), |_| {
                            n_outcomes += 1
                        });
                        assert_eq!(n_outcomes, 1, "{} over {over}", check.id);
                        let late = until.elapsed();
                        assert!(late < AT_MOST, "{} over {over}: {late:?}", check.id);
                    }
                });
            }
        }
    });
}
