//! Runs that somebody else steers: sessions come and go, rates change, and every count is exact.

use super::*;

/// A steered run, and its portions. `steer` gets each of them, and says whether to go on.
fn steered(
    settings: &Settings,
    steering: &Steering,
    mut steer: impl FnMut(&Portion, usize) -> bool,
) -> (Run, Vec<Portion>) {
    let interrupt = Interrupt::default();
    let mut portions = Vec::new();
    let run = super::steered(settings, steering, &interrupt, &mut |portion| {
        if !steer(&portion, portions.len()) {
            interrupt.interrupt();
        }
        portions.push(portion);
    });
    let run = run.unwrap();
    adds_up(&run);
    assert_eq!(counts(&run), counts(&sum(&portions)));
    (run, portions)
}

fn sum(portions: &[Portion]) -> Run {
    let mut sum = portions[0].measured.clone();
    for portion in &portions[1..] {
        sum.add(&portion.measured);
    }
    sum
}

/// Everything that is a count, or made of counts.
fn counts(run: &Run) -> Run {
    Run {
        config: Config::default(),
        client: ClientUse {
            lag: run.client.lag.clone(),
            ..ClientUse::default()
        },
        ..run.clone()
    }
}

#[test]
fn clients_come_and_go_while_messages_are_published() {
    for connection_type in [ConnectionType::LongPolling, ConnectionType::WebSocket] {
        let server = server();
        let plan = Plan {
            n_publishers: 2,
            ..short()
        };
        let settings = Settings {
            connection_type,
            engine: Engine::Loop { n_threads: 2 },
            ..settings(&server, plan)
        };
        let steering = Steering::new(0, Rate::Fixed(100.0));
        let wanted = [20, 50, 10, 30];
        let mut nth = 0;
        let (run, portions) = steered(&settings, &steering, |portion, _| {
            if portion.progress.n_up < portion.progress.n_wanted {
                return true;
            }
            let Some(&n_clients) = wanted.get(nth) else {
                return false;
            };
            nth += 1;
            steering.steer(n_clients, Rate::Fixed(100.0));
            true
        });
        let messages = &run.messages;
        assert_eq!((run.sessions.up, run.sessions.wanted), (52, 52));
        assert_eq!(run.sessions.churned, 20, "{:?}", run.sessions);
        assert_eq!((messages.lost, messages.duplicates), (0, 0), "{messages:?}");
        assert_eq!(messages.foreign, 0, "{messages:?}");
        assert!(messages.delivered > 1000, "{messages:?}");
        assert_eq!((run.sessions.ended, &run.errors[..]), (0, &[][..]));
        assert!(portions.len() >= 5);
        assert_eq!(run.config.clients, 50);
        assert_eq!(server.n_sessions(), 0, "all have left");
    }
}
