//! Conversations with a broker in simulated time.

mod extensions;
mod faults;
mod holds;
mod links;
mod property;
mod requests;
mod salesforce;
mod semantics;
mod sessions;

use std::time::{Duration, SystemTime};

use super::*;
use crate::protocol::{ConnectionType, Message, decode};
use crate::server::BrowserCookie;
use crate::server::fault::Step;

const SECOND: Duration = Duration::from_secs(1);

/// A broker with a clock of its own. Requests and responses are text; `'` stands for `"`.
struct Scenario {
    broker: Broker,
    now: Instant,
}

impl Scenario {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    /// Client ids are `c1`, `c2` and so on. Cookies have a test of their own.
    fn with(settings: Settings) -> Self {
        Self::trusting(settings, BrowserCookie::Ignored)
    }

    fn trusting(settings: Settings, browser_cookie: BrowserCookie) -> Self {
        let settings = Settings {
            browser_cookie,
            ..settings
        };
        let mut n_ids = 0;
        let client_ids = Box::new(move || {
            n_ids += 1;
            Some(format!("c{n_ids}"))
        });
        let started = Now {
            instant: Instant::now(),
            wall: SystemTime::UNIX_EPOCH,
        };
        Self {
            broker: Broker::new(Arc::new(settings), client_ids, started),
            now: started.instant,
        }
    }

    /// A session that has made its first connect, and subscribed to these channels.
    fn connected(&mut self, subscriptions: &[&str]) -> String {
        let handshake = self.request("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        self.connect(&client_id);
        for channel in subscriptions {
            let reply = self.subscribe_to(&client_id, channel);
            assert!(reply.contains("'successful':true"), "{reply}");
        }
        client_id
    }

    fn handle(&mut self, request: &str) -> Handled {
        let around = Around {
            bearer: None,
            below: "",
            cookies: "",
        };
        self.handle_with(request, around)
    }

    fn handle_with(&mut self, request: &str, around: Around) -> Handled {
        let body = decode(request.replace('\'', "\"").as_bytes()).unwrap();
        let request = Request {
            messages: &body.messages,
            n_unreadable: body.findings.len(),
            connection_type: ConnectionType::LongPolling,
            bearer: around.bearer,
            below: around.below,
            cookies: around.cookies,
            user_agent: None,
        };
        self.broker.handle(self.now, request)
    }

    fn request(&mut self, request: &str) -> String {
        match self.handle(request) {
            Handled::Answer(answer) => text(&answer.messages),
            Handled::Unauthorised(line) => line.to_owned(),
            Handled::Instead(instead) => format!("{instead:?}"),
            Handled::Held(_) => panic!("held: {request}"),
        }
    }

    fn connect(&mut self, client_id: &str) -> String {
        self.request(&connect(client_id))
    }

    fn hold(&mut self, client_id: &str) -> HoldId {
        match self.handle(&connect(client_id)) {
            Handled::Held(hold) => hold,
            handled => panic!("not held: {handled:?}"),
        }
    }

    /// What there is to take for a link after this request came over it.
    fn over(&mut self, link: LinkId, request: &str) -> Vec<String> {
        self.handle_on_link(link, request);
        self.taken(link)
    }

    fn handle_on_link(&mut self, link: LinkId, request: &str) {
        let body = decode(request.replace('\'', "\"").as_bytes()).unwrap();
        let request = Request {
            messages: &body.messages,
            n_unreadable: body.findings.len(),
            connection_type: ConnectionType::WebSocket,
            bearer: None,
            below: "",
            cookies: "",
            user_agent: None,
        };
        self.broker.handle_on_link(self.now, link, request);
    }

    fn taken(&mut self, link: LinkId) -> Vec<String> {
        std::iter::from_fn(|| self.broker.take(link))
            .map(|(messages, _)| text(&messages))
            .collect()
    }

    fn ready(&mut self) -> Vec<LinkId> {
        std::iter::from_fn(|| self.broker.poll_ready()).collect()
    }

    fn subscribe_to(&mut self, client_id: &str, channel: &str) -> String {
        self.request(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{channel}'}}]"
        ))
    }

    fn publish(&mut self, client_id: &str, channel: &str, data: &str) -> String {
        self.request(&format!(
            "[{{'channel':'{channel}','clientId':'{client_id}','data':{data}}}]"
        ))
    }

    fn released(&mut self) -> Vec<(HoldId, String)> {
        std::iter::from_fn(|| self.broker.poll_released())
            .map(|released| (released.hold, text(&released.answer.messages)))
            .collect()
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.broker.poll_event()).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.broker.handle_timeout(self.now);
    }
}

/// What a request has beside its messages.
#[derive(Clone, Copy)]
struct Around {
    bearer: Option<&'static str>,
    below: &'static str,
    cookies: &'static str,
}

fn connect(client_id: &str) -> String {
    format!(
        "[{{'channel':'/meta/connect','clientId':'{client_id}','connectionType':'long-polling','id':'9'}}]"
    )
}

fn text(messages: &[Arc<Message>]) -> String {
    let messages: Vec<_> = messages.iter().map(|it| it.raw()).collect();
    messages.join(" ").replace('"', "'")
}

/// A link, and a session on it whose connect is held, with these subscriptions.
fn linked(scenario: &mut Scenario, subscriptions: &[&str]) -> (LinkId, String) {
    let link = scenario.broker.open_link();
    let client_id = scenario.connected(subscriptions);
    assert!(scenario.over(link, &connect(&client_id)).is_empty());
    (link, client_id)
}

const CONNECTED: &str = "{'channel':'/meta/connect','id':'9','successful':true}";
const UNKNOWN: &str = "{'advice':{'interval':0,'reconnect':'handshake'},\
     'channel':'/meta/connect','id':'9','error':'402::session_unknown','successful':false}";
const DELIVERY: &str = "{'data':1,'channel':'/demo'}";
