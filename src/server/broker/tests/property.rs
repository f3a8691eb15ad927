//! Whatever comes in whatever order: every message is answered once, and all comes to rest.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One message of a client that may have lost its senses.
fn any_message() -> impl Strategy<Value = String> {
    let channel = prop::sample::select(vec![
        "/meta/handshake",
        "/meta/connect",
        "/meta/connect",
        "/meta/connect",
        "/meta/subscribe",
        "/meta/subscribe",
        "/meta/unsubscribe",
        "/meta/disconnect",
        "/meta/other",
        "/service/echo",
        "/a",
        "/a/b",
        "a",
    ]);
    let subscription = prop::sample::select(vec!["'/a'", "'/**'", "['/a/*','/a']", "[1]", "{}"]);
    (channel, 1..4_u8, subscription, 0..2_u8).prop_map(|(channel, client, subscription, advice)| {
        format!(
            "{{'channel':'{channel}','clientId':'c{client}','data':1,'subscription':{subscription}{}}}",
            if advice == 0 { "" } else { ",'advice':{'timeout':0}" }
        )
    })
}

proptest! {
    #[test]
    fn every_message_is_answered_once_and_every_hold_released_whatever_comes(
        requests in prop::collection::vec((prop::collection::vec(any_message(), 0..3), 0..15_u64), 0..40),
    ) {
        let mut scenario = Scenario::with(Settings { max_queue_messages: 3, ..Settings::default() });
        let mut held = BTreeSet::new();
        for (messages, seconds) in requests {
            match scenario.handle(&format!("[{}]", messages.join(","))) {
                Handled::Answer(answer) => {
                    let n_replies = answer.messages.iter().filter(|it| it.successful().is_some()).count();
                    prop_assert_eq!(n_replies, messages.len());
                }
                Handled::Held(hold) => prop_assert!(held.insert(hold)),
                handled => prop_assert!(false, "{:?}", handled),
            }
            scenario.pass(Duration::from_secs(seconds));
            for (hold, _) in scenario.released() {
                prop_assert!(held.remove(&hold));
            }
        }
        // Left alone, everything comes to rest: no hold, no session, no deadline.
        while let Some(at) = scenario.broker.poll_timeout() {
            scenario.pass(at.saturating_duration_since(scenario.now));
        }
        for (hold, _) in scenario.released() {
            prop_assert!(held.remove(&hold));
        }
        prop_assert!(held.is_empty());
        prop_assert_eq!(scenario.broker.n_sessions(), 0);
        prop_assert!(scenario.broker.subscriptions.is_empty());
    }
}

proptest! {
    /// The same with links, which come and go, beside requests that are held.
    #[test]
    fn every_message_over_a_link_is_answered_once_while_the_link_is_there(
        requests in prop::collection::vec(
            (prop::collection::vec(any_message(), 0..3), 0..15_u64, 0..4_usize, 0..8_u8),
            0..40,
        ),
    ) {
        let mut scenario = Scenario::with(Settings { max_queue_messages: 3, ..Settings::default() });
        // Each link, how many messages came over it and how many replies went.
        let mut links: Vec<_> = (0..3).map(|_| (scenario.broker.open_link(), 0, 0)).collect();
        let mut n_held = 0;
        for (messages, seconds, way, fate) in requests {
            let request = format!("[{}]", messages.join(","));
            match links.get_mut(way) {
                None => match scenario.handle(&request) {
                    Handled::Answer(_) => {}
                    Handled::Held(_) => n_held += 1,
                    handled => prop_assert!(false, "{:?}", handled),
                },
                Some((link, n_messages, _)) => {
                    scenario.handle_on_link(*link, &request);
                    *n_messages += messages.len();
                }
            }
            if fate == 0 && let Some((link, n_messages, n_replies)) = links.get_mut(way) {
                scenario.broker.link_gone(scenario.now, *link);
                prop_assert!(scenario.taken(*link).is_empty());
                (*link, *n_messages, *n_replies) = (scenario.broker.open_link(), 0, 0);
            }
            scenario.pass(Duration::from_secs(seconds));
            n_held -= scenario.released().len();
            for link in scenario.ready() {
                let it = links.iter_mut().find(|(it, _, _)| *it == link).unwrap();
                let taken = scenario.taken(link).join(" ");
                it.2 += taken.matches("'successful':").count();
            }
        }
        while let Some(at) = scenario.broker.poll_timeout() {
            scenario.pass(at.saturating_duration_since(scenario.now));
        }
        n_held -= scenario.released().len();
        prop_assert_eq!(n_held, 0);
        for (link, n_messages, n_replies) in links {
            let taken = scenario.taken(link).join(" ");
            prop_assert_eq!(n_messages, n_replies + taken.matches("'successful':").count());
            prop_assert!(!scenario.broker.is_in_use(link));
        }
        prop_assert_eq!(scenario.broker.n_sessions(), 0);
        prop_assert!(scenario.broker.holds.is_empty());
        prop_assert!(scenario.broker.subscriptions.is_empty());
    }
}
