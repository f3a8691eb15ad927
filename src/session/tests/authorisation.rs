//! Credentials that are refused within Bayeux.

use std::time::Duration;

use super::scenario::*;
use crate::protocol::meta;
use crate::session::{Credentials, Recovery, Settings};

const NONE: &str = r#"{"reconnect":"none","interval":0}"#;

fn renewable() -> Settings {
    Settings {
        credentials: Credentials::Renewable,
        ..settings()
    }
}

/// What Salesforce says to a handshake with a bad token.
fn handshake_denied() -> Reply {
    refused(meta::HANDSHAKE, "403::Handshake denied")
        .with(
            "ext",
            r#"{"sfdc":{"failureReason":"401::Authentication invalid"},"replay":true}"#,
        )
        .advice(r#"{"reconnect":"none"}"#)
}

/// And what it says once the token is revoked.
fn token_revoked() -> Reply {
    refused(meta::CONNECT, "401::Authentication invalid").advice(NONE)
}

#[test]
fn a_revoked_token_leads_to_another_one_and_a_new_handshake() {
    let mut scenario = Scenario::connected_with(renewable(), "/demo");
    scenario.passes(Duration::from_secs(30));
    scenario.server_replies([token_revoked()]);
    scenario.expect_events(["session lost", "unauthorised"]);
    scenario.passes(Duration::from_secs(600));
    scenario.expect_sent([]);
    scenario.session.reauthorised(scenario.now);
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.expect_events(["handshaken", "subscribed /demo", "session renewed 1/1"]);
}

#[test]
fn without_other_credentials_a_session_ends_as_it_would_have() {
    let mut scenario = Scenario::connected_with(renewable(), "/demo");
    scenario.server_replies([token_revoked()]);
    scenario.expect_events(["session lost", "unauthorised"]);
    scenario.session.unauthorised();
    scenario.expect_events(["ended: advised none"]);

    let mut scenario = Scenario::new(renewable());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_denied()]);
    scenario.expect_events(["unauthorised"]);
    scenario.session.unauthorised();
    scenario.expect_events(["ended: handshake refused"]);
}

#[test]
fn a_handshake_with_a_bad_token_is_tried_again_with_another_one() {
    for refusal in [
        handshake_denied(),
        refused(meta::HANDSHAKE, "401::Request requires authentication"),
    ] {
        let mut scenario = Scenario::new(renewable());
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([refusal]);
        scenario.expect_events(["unauthorised"]);
        scenario.session.reauthorised(scenario.now);
        // Two handshakes are at least a second apart.
        scenario.expect_sent([]);
        assert_eq!(scenario.passes_until_due(), Duration::from_secs(1));
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([handshake_accepted("one")]);
        scenario.expect_events(["handshaken"]);
    }
}

#[test]
fn a_server_that_refuses_the_other_token_too_is_not_asked_again() {
    let mut scenario = Scenario::new(renewable());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_denied()]);
    scenario.expect_events(["unauthorised"]);
    scenario.session.reauthorised(scenario.now);
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_denied()]);
    scenario.expect_events(["ended: handshake refused"]);
}

#[test]
fn a_server_that_accepts_handshakes_and_refuses_every_connect_is_not_stormed() {
    let mut scenario = Scenario::new(renewable());
    let mut n_handshakes = 0;
    while !scenario.session.is_ended() {
        scenario.expect_sent(["/meta/handshake"]);
        n_handshakes += 1;
        scenario.server_replies([handshake_accepted("one")]);
        scenario.expect_sent(["/meta/connect at once"]);
        scenario.server_replies([token_revoked()]);
        scenario.session.reauthorised(scenario.now);
        if !scenario.session.is_ended() {
            scenario.passes_until_due();
        }
    }
    assert_eq!(n_handshakes, 3);
}

#[test]
fn fixed_credentials_and_other_refusals_end_as_ever() {
    let mut scenario = Scenario::connected("/demo");
    scenario.server_replies([token_revoked()]);
    scenario.expect_events(["ended: advised none"]);

    let mut scenario = Scenario::new(renewable());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([refused(meta::HANDSHAKE, "403::Handshake denied")]);
    scenario.expect_events(["ended: handshake refused"]);

    let mut scenario = Scenario::connected_with(
        Settings {
            recovery: Recovery::Never,
            ..renewable()
        },
        "/demo",
    );
    scenario.server_replies([token_revoked()]);
    scenario.expect_events(["ended: advised none"]);
}

#[test]
fn fayes_unknown_client_is_a_lost_session_and_no_matter_of_credentials() {
    let mut scenario = Scenario::connected_with(renewable(), "/demo");
    scenario.server_replies([refused(meta::CONNECT, "401:one:Unknown client")
        .advice(r#"{"reconnect":"handshake","interval":0}"#)]);
    scenario.expect_events(["session lost"]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_sent(["/meta/handshake"]);
}

#[test]
fn one_who_leaves_waits_for_no_credentials() {
    let mut scenario = Scenario::connected_with(renewable(), "/demo");
    scenario.server_replies([token_revoked()]);
    scenario.session.disconnect();
    scenario.expect_events(["session lost", "unauthorised", "ended: disconnected"]);
    scenario.session.reauthorised(scenario.now);
    scenario.session.unauthorised();
    scenario.expect_sent([]);
    scenario.expect_events([]);
}
