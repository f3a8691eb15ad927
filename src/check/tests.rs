//! Checks against the embedded server.

use std::time::{Duration, Instant};

use super::*;
use crate::client::Settings as ClientSettings;
use crate::server::{Server, Settings as ServerSettings};

/// What comes of the checks with these names (all where there are none) against this server.
fn outcomes(server: &Server, over: ConnectionType, ids: &[&str]) -> Vec<Outcome> {
    let settings = Settings {
        transport: ClientSettings::new(server.url().parse().unwrap()).transport,
        connection_type: over,
        prefix: "/check".parse().unwrap(),
        nonce: "n".to_owned(),
        extensions: Default::default(),
    };
    let is_wanted = |it: &&'static Check| ids.is_empty() || ids.contains(&it.id);
    let checks: Vec<_> = all().into_iter().filter(is_wanted).collect();
    let mut outcomes = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    run(&settings, &checks, until, &Default::default(), |it| {
        outcomes.push(it);
    });
    outcomes
}

#[test]
fn the_embedded_server_passes_over_every_transport() {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    for over in [
        ConnectionType::LongPolling,
        ConnectionType::CallbackPolling,
        ConnectionType::WebSocket,
    ] {
        let outcomes = outcomes(&server, over, &[]);
        assert_eq!(outcomes.len(), all().len());
        for it in outcomes {
            let is_fine = !matches!(it.status, Status::Failed | Status::Warned);
            assert!(is_fine, "{} over {over}: {it:#?}", it.check.id);
        }
    }
    // Each check leaves.
    assert_eq!(server.n_sessions(), 0);
}
