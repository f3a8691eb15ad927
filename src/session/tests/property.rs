//! Any order of inputs: no panic, one request in each lane, nothing after the end, and no
//! publish sent twice without leave.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::scenario::{failure, permanent, settings};
use crate::protocol::{Message, meta};
use crate::session::extension::{Ack, Fallback, Replay, ReplayFrom};
use crate::session::{Credentials, Event, Lane, Session, Settings, Stage, Transmit};

#[derive(Clone, Debug)]
enum Input {
    Subscribe(u8),
    Unsubscribe(u8),
    Publish,
    Disconnect,
    /// Answers the oldest request; the numbers choose what each message gets.
    Respond(Vec<u8>),
    Fail(u8),
    /// Answers the question for other credentials.
    Credentials(bool),
    Pass(u32),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        2 => (0..3_u8).prop_map(Input::Subscribe),
        1 => (0..3_u8).prop_map(Input::Unsubscribe),
        3 => Just(Input::Publish),
        1 => Just(Input::Disconnect),
        12 => proptest::collection::vec(0..13_u8, 0..6).prop_map(Input::Respond),
        4 => (0..5_u8).prop_map(Input::Fail),
        1 => any::<bool>().prop_map(Input::Credentials),
        4 => (0..60_000_u32).prop_map(Input::Pass),
    ]
}

fn reply(asked: &Message, choice: u8) -> Option<String> {
    let (channel, id) = (asked.channel(), asked.id().unwrap());
    let head = format!(r#"{{"channel":"{channel}","id":"{id}""#);
    let success = match channel {
        meta::HANDSHAKE => r#""successful":true,"clientId":"c""#,
        _ => r#""successful":true"#,
    };
    let rest = match choice {
        0..=3 => success.to_owned(),
        4 => format!(r#"{success},"ext":{{"ack":7,"replay":true}}"#),
        5 => format!(r#"{success},"advice":{{"reconnect":"retry","interval":100,"timeout":1000}}"#),
        6 => r#""successful":false,"error":"402::session_unknown","advice":{"reconnect":"handshake"}"#.to_owned(),
        7 => r#""successful":false,"error":"401:c:Unknown client""#.to_owned(),
        8 => r#""successful":false,"error":"503::busy""#.to_owned(),
        9 => r#""successful":false,"error":"403::denied","advice":{"reconnect":"none"}"#.to_owned(),
        11 => r#""successful":false,"error":"401::Authentication invalid","advice":{"reconnect":"none"}"#.to_owned(),
        10 => return Some(format!(r#"{{"channel":"{channel}","successful":true}}"#)),
        _ => return None,
    };
    Some(format!("{head},{rest}}}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_order_of_inputs_keeps_the_invariants(inputs in proptest::collection::vec(input(), 1..80), max_encoded in proptest::option::of(0..700_usize)) {
        let mut now = std::time::Instant::now();
        let mut session = Session::new(Settings {
            credentials: Credentials::Renewable,
            extensions: vec![
                Box::new(Ack::new()),
                Box::new(Replay::new([], ReplayFrom::New, Fallback::All)),
            ],
            max_encoded,
            ..settings()
        });
        let mut is_unauthorised = false;
        session.handshake(now);
        let mut in_flight: Vec<Transmit> = Vec::new();
        let mut may_be_carried_out: HashMap<String, u32> = HashMap::new();
        let mut n_published = 0;
        let mut is_ended = false;
        for input in inputs {
            match input {
                Input::Subscribe(n) => session.subscribe(format!("/c/{n}").parse().unwrap()),
                Input::Unsubscribe(n) => session.unsubscribe(&format!("/c/{n}").parse().unwrap()),
                Input::Publish => {
                    let data = format!("{n_published}").parse().unwrap();
                    n_published += 1;
                    session.publish("/p".parse().unwrap(), data);
                }
                Input::Disconnect => session.disconnect(),
                Input::Respond(choices) if !in_flight.is_empty() => {
                    let transmit = in_flight.remove(0);
                    let choices = choices.into_iter().chain(std::iter::repeat(0));
                    let replies = transmit.messages.iter().zip(choices).filter_map(|(asked, choice)| {
                        let raw = reply(asked, choice)?;
                        if raw.contains("session_unknown") || raw.contains("Unknown client") {
                            // The server said that it did not carry it out.
                            if let Some(data) = asked.data() {
                                may_be_carried_out.remove(data);
                            }
                        }
                        Some(Message::parse(&raw).unwrap())
                    });
                    let replies = replies.collect();
                    session.handle_response(now, transmit.exchange, replies);
                }
                Input::Fail(choice) if !in_flight.is_empty() => {
                    let transmit = in_flight.remove(0);
                    let stage = [Stage::Unsent, Stage::Unanswered, Stage::Interrupted][usize::from(choice % 3)];
                    if stage == Stage::Unsent {
                        for data in transmit.messages.iter().filter_map(Message::data) {
                            may_be_carried_out.remove(data);
                        }
                    }
                    let failure = if choice == 4 { permanent(stage) } else { failure(stage) };
                    session.handle_failure(now, transmit.exchange, &failure);
                }
                Input::Respond(_) | Input::Fail(_) => {}
                Input::Credentials(are_new) => {
                    is_unauthorised = false;
                    match are_new {
                        true => session.reauthorised(now),
                        false => session.unauthorised(),
                    }
                }
                Input::Pass(millis) => {
                    now += Duration::from_millis(millis.into());
                    session.handle_timeout(now);
                }
            }
            while let Some(cancelled) = session.poll_cancel() {
                in_flight.retain(|it| it.exchange != cancelled);
            }
            while let Some(transmit) = session.poll_transmit(now) {
                prop_assert!(!is_ended, "sent after the end: {:?}", transmit.messages);
                prop_assert!(in_flight.iter().all(|it| it.lane != transmit.lane), "two in one lane");
                let is_connect = |it: &Message| it.channel() == meta::CONNECT;
                prop_assert_eq!(transmit.messages.iter().any(is_connect), transmit.lane == Lane::Connect);
                for data in transmit.messages.iter().filter_map(Message::data) {
                    let n = may_be_carried_out.entry(data.to_owned()).or_default();
                    *n += 1;
                    prop_assert_eq!(*n, 1, "published twice: {}", data);
                }
                in_flight.push(transmit);
            }
            while let Some(event) = session.poll_event() {
                prop_assert!(!is_ended, "{:?} after the end", event);
                is_ended = matches!(event, Event::Ended(_));
                is_unauthorised |= matches!(event, Event::Unauthorised { .. });
            }
            prop_assert_eq!(session.is_ended(), is_ended);
            // A session that is not over either waits for somebody or knows when to act.
            if !is_ended && !is_unauthorised && in_flight.is_empty() {
                prop_assert!(session.poll_timeout().is_some(), "stuck: {:?}", session);
            }
        }
    }
}
