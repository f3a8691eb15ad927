//! `bayeux demo`: everything at once against an embedded server, in about a second.

use std::time::{Duration, Instant, SystemTime};

use bayeux::client::{Client, Notice, Settings, Traffic};
use bayeux::protocol::{Channel, ChannelPattern, ConnectionType, Json, Kind, Message};
use bayeux::recording::Direction;
use bayeux::server::{Server, Settings as ServerSettings};
use bayeux::session::{End, Event, Refusal};

use super::conversation::record;
use super::exit::{Exit, Stop, root};
use super::explain;
use crate::output::{Printer, words};

/// Show everything at once against an embedded server, in about a second.
///
/// Two people chat as in the documentation of dojox.cometd, a pattern is subscribed to, a
/// subscribe is refused, and a lost session recovers.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux demo
  bayeux demo -o compact")]
pub(crate) struct Demo {}

/// Everything here takes milliseconds; this is for a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(20);

impl Demo {
    pub(crate) fn run(self, printer: &mut Printer) -> Result<(), Stop> {
        let settings = ServerSettings {
            deny: vec![pattern("/admin/**")],
            ..Default::default()
        };
        let server = Server::bind("127.0.0.1:0", settings).map_err(|error| {
            Stop::new(Exit::Local, "cannot start the server").cause(root(&error))
        })?;
        let started = Instant::now();
        let mut stage = Stage {
            printer,
            server,
            deadline: started + PATIENCE,
        };
        stage.title("A server on this machine, and Ann joins the chat room /demo")?;
        let mut ann = stage.joined("ann", Traffic::Shown, &["/demo"])?;
        stage.title("Bob joins as well and says something; both receive it")?;
        let mut bob = stage.joined("bob", Traffic::Hidden, &["/demo"])?;
        stage.say(&mut bob, "bob", "Hello, is anybody here?")?;
        stage.hear(&mut ann, "Hello, is anybody here?")?;
        stage.title("Ann answers")?;
        let answer = "Hi Bob! Digits stay as they are: 1.00, 9007199254740993";
        stage.say(&mut ann, "ann", answer)?;
        stage.hear(&mut bob, answer)?;
        stage.title("A pattern: /stocks/* takes what is one level below")?;
        ann.client.subscribe(pattern("/stocks/*"));
        stage.until(&mut ann, |it| matches!(it, Event::Subscribed { .. }))?;
        stage
            .server
            .publish(&channel("/stocks/IBM"), &json(r#"{"price": 291.50}"#));
        stage.until(&mut ann, |it| matches!(it, Event::Received { .. }))?;
        stage
            .title("A channel that the server denies: the refusal is told, the session goes on")?;
        ann.client.subscribe(pattern("/admin/**"));
        stage.until(&mut ann, |it| matches!(it, Event::SubscribeRefused { .. }))?;
        stage
            .title("The server forgets every session: a new one takes its place, nothing to do")?;
        stage.server.forget_sessions();
        stage.until(&mut ann, |it| matches!(it, Event::SessionRenewed { .. }))?;
        stage.title("And the conversation goes on")?;
        stage.until(&mut bob, |it| matches!(it, Event::SessionRenewed { .. }))?;
        stage.say(&mut bob, "bob", "Still there?")?;
        stage.hear(&mut ann, "Still there?")?;
        stage.title("Both leave")?;
        for person in [&mut bob, &mut ann] {
            person.client.disconnect();
            stage.until(person, |it| matches!(it, Event::Ended(_)))?;
        }
        let elapsed = words::duration(started.elapsed());
        stage.title(&format!(
            "That was it, in {elapsed}. Next: bayeux serve, bayeux sub, bayeux pub"
        ))
    }
}

struct Stage<'p> {
    printer: &'p mut Printer,
    server: Server,
    deadline: Instant,
}

struct Person {
    name: &'static str,
    client: Client,
}

impl Stage<'_> {
    fn title(&mut self, text: &str) -> Result<(), Stop> {
        Ok(self.printer.title(text)?)
    }

    /// Somebody whose session is up and whose subscriptions are confirmed.
    fn joined(
        &mut self,
        name: &'static str,
        traffic: Traffic,
        channels: &[&str],
    ) -> Result<Person, Stop> {
        let endpoint = self
            .server
            .url()
            .parse()
            .map_err(|error| Stop::new(Exit::Local, "the server's URL is none").cause(error))?;
        let settings = Settings {
            traffic,
            ..Settings::new(endpoint)
        };
        let client = Client::new(settings)
            .map_err(|error| Stop::new(Exit::Local, "cannot make a client").cause(error))?;
        let mut person = Person { name, client };
        for channel in channels {
            person.client.subscribe(pattern(channel));
        }
        self.until(&mut person, |it| matches!(it, Event::Connected))?;
        Ok(person)
    }

    /// Publishes to the chat room, and waits until it comes back.
    fn say(&mut self, person: &mut Person, from: &str, text: &str) -> Result<(), Stop> {
        let data = format!(
            "{{\"from\":{},\"text\":{}}}",
            Json::string(from),
            Json::string(text)
        );
        person.client.publish(channel("/demo"), json(&data));
        self.hear(person, text)
    }

    fn hear(&mut self, person: &mut Person, text: &str) -> Result<(), Stop> {
        let text = Json::string(text).to_string();
        self.until(person, |event| match event {
            Event::Received { message } => message.data().is_some_and(|it| it.contains(&text)),
            _ => false,
        })
    }

    /// Shows what happens to a person until something particular does.
    fn until(
        &mut self,
        person: &mut Person,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> Result<(), Stop> {
        while let Some(notice) = person.client.next(Some(self.deadline)) {
            match notice {
                Notice::Event(event) => {
                    self.show(person, &event)?;
                    match event {
                        event if is_wanted(&event) => return Ok(()),
                        Event::Ended(End::Disconnected) => return Ok(()),
                        Event::Ended(end) => {
                            let error = format!("{}'s session ended: {end:?}", person.name);
                            return Err(Stop::new(Exit::Lost, error));
                        }
                        _ => {}
                    }
                }
                Notice::Sent { time, messages } => self.traffic(time, Direction::Out, messages)?,
                Notice::Exchanged { time, messages, .. } => {
                    let replies = messages
                        .into_iter()
                        .filter(|it| it.kind() != Kind::Delivery);
                    self.traffic(time, Direction::In, replies.collect())?;
                }
                _ => {}
            }
        }
        Err(Stop::new(
            Exit::Timeout,
            format!("the demo did not end within {}", words::duration(PATIENCE)),
        )
        .hint("is this machine very busy?"))
    }

    fn show(&mut self, person: &Person, event: &Event) -> Result<(), Stop> {
        let name = person.name;
        match event {
            Event::Received { message } => {
                let received = record(
                    SystemTime::now(),
                    Direction::In,
                    person.client.connection_type(),
                    message.clone(),
                );
                Ok(self.printer.delivery(&received)?)
            }
            Event::SubscribeRefused {
                pattern,
                refusal: Refusal::Reply(reply),
            } => {
                let error = explain::error_of(reply);
                Ok(self
                    .printer
                    .told(&format!("{name}: subscribe to {pattern} refused: {error}"))?)
            }
            Event::SessionLost { reason, .. } => {
                let reason = explain::loss(reason);
                Ok(self
                    .printer
                    .told(&format!("{name}: session lost: {reason}"))?)
            }
            Event::SessionRenewed {
                n_restored,
                n_subscriptions,
                ..
            } => {
                let subscriptions = words::count(*n_subscriptions as u64, "subscription");
                let text =
                    format!("{name}: session renewed: {n_restored} of {subscriptions} restored");
                Ok(self.printer.told(&text)?)
            }
            _ => Ok(()),
        }
    }

    fn traffic(
        &mut self,
        time: SystemTime,
        direction: Direction,
        messages: Vec<Message>,
    ) -> Result<(), Stop> {
        for message in messages {
            let record = record(time, direction, ConnectionType::LongPolling, message);
            self.printer.answer(&record)?;
        }
        Ok(())
    }
}

fn channel(name: &str) -> Channel {
    name.parse().expect("the demo's channels are written above")
}

fn pattern(name: &str) -> ChannelPattern {
    name.parse().expect("the demo's patterns are written above")
}

fn json(text: &str) -> Json {
    text.parse()
        .expect("the demo's messages are written as JSON")
}
