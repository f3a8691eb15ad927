//! What is known of one session.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::protocol::{Advice, ChannelPattern, ConnectionType, Message, Reconnect, member, meta};
use crate::traffic::rules::{Breach, Rule, conduct};
use crate::traffic::{Hold, SessionNumber};

/// Deliveries that are remembered to tell those that come twice.
const MOST_REMEMBERED: usize = 256;
/// Connections that a session is known by.
const MOST_CONNECTIONS: usize = 8;
/// Empty answers to connects, one after the other and each at once, that make a loop.
const LOOP: u32 = 5;
/// What is at once.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A session, as somebody in the middle knows it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its number.
    pub number: SessionNumber,
    /// Its client id.
    pub client_id: String,
    /// How its messages travel, as seen last.
    pub connection_type: ConnectionType,
    /// When its handshake was answered, or it was seen first.
    pub opened: Duration,
    /// When anything of it was seen last.
    pub last_seen: Duration,
    /// Whether it lives.
    pub state: SessionState,
    /// The channels and patterns that are subscribed to.
    pub subscriptions: BTreeSet<String>,
    /// The advice that holds.
    pub advice: Advice,
    /// Requests.
    pub n_requests: u64,
    /// Deliveries.
    pub n_deliveries: u64,
    /// Deliveries that came a second time.
    pub n_duplicates: u64,
    /// Whether another one took its place.
    pub(super) is_replaced: bool,
    pub(super) replaced: Option<Replaced>,
    pub(super) connections: VecDeque<u64>,
    cookies: BTreeSet<String>,
    /// What its client called itself when it shook hands.
    pub(super) user_agent: Option<String>,
    /// Requests whose connects wait, by their numbers.
    held: Vec<u64>,
    last_connect_reply: Option<Duration>,
    n_empty: u32,
    is_seen_from_the_start: bool,
    said: HashSet<(&'static str, Option<&'static str>)>,
    remembered: VecDeque<u64>,
}

/// Whether a session lives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionState {
    /// It does.
    Open,
    /// The server does not know it any more.
    Lost,
    /// It was disconnected.
    Ended,
}

/// What a session owes to the one that it took the place of.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    /// Since when messages may have been missed.
    pub(super) since: Duration,
    /// Subscriptions that are not confirmed yet.
    pub(super) owed: BTreeSet<String>,
    pub(super) n_subscriptions: usize,
    /// Connects that were sent since.
    n_connects: u32,
}

impl Session {
    pub(super) fn new(
        number: SessionNumber,
        client_id: &str,
        at: Duration,
        connection_type: ConnectionType,
    ) -> Self {
        Self {
            number,
            client_id: client_id.to_owned(),
            connection_type,
            opened: at,
            last_seen: at,
            state: SessionState::Open,
            subscriptions: BTreeSet::new(),
            advice: Advice::default(),
            n_requests: 0,
            n_deliveries: 0,
            n_duplicates: 0,
            is_replaced: false,
            replaced: None,
            connections: VecDeque::new(),
            cookies: BTreeSet::new(),
            held: Vec::new(),
            last_connect_reply: None,
            n_empty: 0,
            user_agent: None,
            is_seen_from_the_start: false,
            said: HashSet::new(),
            remembered: VecDeque::new(),
        }
    }

    /// Its handshake was seen, so that all its subscriptions are known, and its cookies.
    pub(super) fn begin(&mut self, cookies: &[String], user_agent: Option<&str>) {
        self.user_agent = user_agent.map(str::to_owned);
        self.is_seen_from_the_start = true;
        self.set_cookies(cookies);
    }

    /// Whether it lives.
    pub fn is_open(&self) -> bool {
        self.state == SessionState::Open
    }

    /// Whether a connect of it was answered.
    pub fn has_connected(&self) -> bool {
        self.last_connect_reply.is_some()
    }

    /// The connections that carried it last, by their numbers.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        self.connections.iter().copied()
    }

    pub(super) fn seen(&mut self, at: Duration, connection: u64, connection_type: ConnectionType) {
        self.last_seen = at;
        self.connection_type = connection_type;
        if !self.connections.contains(&connection) {
            if self.connections.len() >= MOST_CONNECTIONS {
                self.connections.pop_front();
            }
            self.connections.push_back(connection);
        }
    }

    pub(super) fn set_cookies(&mut self, cookies: &[String]) {
        self.cookies.extend(cookies.iter().cloned());
    }

    /// Which cookie a request lacks.
    pub(super) fn missing_cookie(&self, returned: &[String]) -> Option<&str> {
        let missing = self.cookies.iter().find(|it| !returned.contains(it));
        missing.map(String::as_str)
    }

    /// What is wrong with a request at this point of the session.
    pub(super) fn judge_request(&self, at: Duration, message: &Message) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let is_connect = message.channel() == meta::CONNECT;
        match (&self.state, self.advice.reconnect) {
            (SessionState::Ended, _) => breaches.push(conduct::ended_session(message)),
            (_, Reconnect::None) if message.channel() != meta::DISCONNECT => {
                breaches.push(conduct::no_rest(message));
            }
            (SessionState::Lost, _) | (_, Reconnect::Handshake) if is_connect => {
                breaches.push(conduct::no_handshake());
            }
            (SessionState::Lost, _) => breaches.push(conduct::ended_session(message)),
            _ => {}
        }
        if !is_connect || !self.is_open() {
            return breaches;
        }
        if !self.held.is_empty() {
            breaches.push(conduct::two_connects());
        }
        if let (Some(last), Some(interval)) = (self.last_connect_reply, self.advice.interval) {
            let after = at.saturating_sub(last);
            breaches.extend(conduct::too_early(after, interval));
            let life = self.advice.max_interval.map(|it| interval + it);
            breaches.extend(life.and_then(|it| conduct::too_late(after, it)));
        }
        breaches
    }

    /// How long the server may hold this request.
    pub(super) fn hold(&self, message: &Message) -> Hold {
        if message.channel() != meta::CONNECT {
            return Hold::No;
        }
        let asked = message
            .advice()
            .and_then(|it| Advice::parse(it, self.connection_type))
            .and_then(|it| it.timeout);
        match asked.or(self.advice.timeout) {
            Some(Duration::ZERO) => Hold::No,
            Some(hold) => Hold::UpTo(hold),
            None => Hold::Unknown,
        }
    }

    /// A request left. Returns the subscriptions that the client went on without: it sends
    /// its second connect, so that it has nothing else to do before.
    pub(super) fn asked(
        &mut self,
        request: u64,
        message: &Message,
        being_asked: &BTreeSet<String>,
    ) -> Vec<String> {
        self.n_requests += 1;
        if message.channel() != meta::CONNECT {
            return Vec::new();
        }
        self.held.push(request);
        let Some(replaced) = &mut self.replaced else {
            return Vec::new();
        };
        replaced.n_connects += 1;
        if replaced.n_connects < 2 {
            return Vec::new();
        }
        let (waiting, forgotten): (BTreeSet<_>, BTreeSet<_>) = std::mem::take(&mut replaced.owed)
            .into_iter()
            .partition(|it| being_asked.contains(it));
        replaced.owed = waiting;
        if replaced.owed.is_empty() {
            self.replaced = None;
        }
        forgotten.into_iter().collect()
    }

    /// A request will not wait any more, answered or not.
    pub(super) fn settled(&mut self, request: u64) {
        self.held.retain(|it| *it != request);
    }

    /// A reply to a connect came. `n_deliveries` came with it.
    pub(super) fn connect_answered(
        &mut self,
        at: Duration,
        latency: Duration,
        hold: Hold,
        n_deliveries: usize,
    ) -> Option<Breach> {
        self.last_connect_reply = Some(at);
        let is_empty = hold != Hold::No && latency < AT_ONCE && n_deliveries == 0;
        self.n_empty = if is_empty { self.n_empty + 1 } else { 0 };
        if self.n_empty >= LOOP {
            return Some(conduct::tight_loop(self.n_empty));
        }
        match hold {
            Hold::UpTo(hold) => conduct::held_too_long(latency, hold),
            Hold::No | Hold::Unknown => None,
        }
    }

    /// A subscription is confirmed. Returns, with the last that a replaced session had, how many
    /// those were and how long messages may have been missed.
    pub(super) fn subscribed(&mut self, at: Duration, channel: &str) -> Option<(usize, Duration)> {
        self.subscriptions.insert(channel.to_owned());
        let replaced = self.replaced.as_mut()?;
        replaced.owed.remove(channel);
        if !replaced.owed.is_empty() {
            return None;
        }
        let restored = (replaced.n_subscriptions, at.saturating_sub(replaced.since));
        self.replaced = None;
        Some(restored)
    }

    /// A subscription is refused. Returns whether the replaced session had it.
    pub(super) fn subscribe_refused(&mut self, channel: &str) -> bool {
        let owed = self.replaced.as_mut().map(|it| &mut it.owed);
        owed.is_some_and(|it| it.remove(channel))
    }

    /// A delivery came. Returns whether it came before, and what is wrong with that.
    pub(super) fn delivered(&mut self, message: &Message) -> (bool, Vec<Breach>) {
        self.n_deliveries += 1;
        let channel = message.channel();
        let mut breaches = Vec::new();
        let is_private = channel.starts_with("/service/");
        if self.is_seen_from_the_start && !is_private && !self.is_subscribed(channel) {
            breaches.push(conduct::not_subscribed(channel));
        }
        let Some(identity) = identity(message) else {
            return (false, breaches);
        };
        let is_duplicate = self.remembered.contains(&identity);
        if is_duplicate {
            self.n_duplicates += 1;
            breaches.push(conduct::delivered_twice(channel));
        } else {
            if self.remembered.len() >= MOST_REMEMBERED {
                self.remembered.pop_front();
            }
            self.remembered.push_back(identity);
        }
        (is_duplicate, breaches)
    }

    /// Whether this breach is the first of its rule and field.
    pub(super) fn is_first(&mut self, rule: Rule, field: Option<&'static str>) -> bool {
        self.said.insert((rule.id, field))
    }

    /// The subscriptions that one in its place has to have.
    pub(super) fn owed(&self) -> BTreeSet<String> {
        let still = self.replaced.iter().flat_map(|it| &it.owed);
        self.subscriptions.iter().chain(still).cloned().collect()
    }

    /// When messages began to be missed: with the last reply to a connect.
    pub(super) fn last_sign(&self) -> Duration {
        self.last_connect_reply.unwrap_or(self.opened)
    }

    fn is_subscribed(&self, channel: &str) -> bool {
        self.subscriptions.iter().any(|it| {
            // A filter behind `?` is Salesforce's, and not of the channel's name.
            let name = it.split('?').next().unwrap_or(it);
            name.parse::<ChannelPattern>()
                .is_ok_and(|it| it.matches(channel))
        })
    }
}

/// What tells a delivery from all others, if anything does.
fn identity(message: &Message) -> Option<u64> {
    let replay_id = message
        .data()
        .and_then(|it| member(it, "event"))
        .and_then(|it| member(it, "replayId"));
    let mut hasher = DefaultHasher::new();
    message.channel().hash(&mut hasher);
    match replay_id {
        Some(replay_id) => replay_id.hash(&mut hasher),
        None => {
            message.id()?;
            message.raw().hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

impl Replaced {
    pub(super) fn new(since: Duration, owed: BTreeSet<String>) -> Self {
        Self {
            since,
            n_subscriptions: owed.len(),
            owed,
            n_connects: 0,
        }
    }
}
