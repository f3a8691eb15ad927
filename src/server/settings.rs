//! What a server is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AllowedOrigin, Fault, Flavor, Observer, Recording};
use crate::protocol::{Channel, ChannelPattern, Json};
use crate::tls::Identity;

/// How a [`Server`](super::Server) behaves. Any value is legal; `Default` is what CometD 9
/// does, with limits that a test or a debugging session does not reach. [`Settings::of`]
/// gives what another flavor does.
///
/// ```
/// use std::time::Duration;
/// use bayeux::server::Settings;
///
/// let settings = Settings {
///     timeout: Duration::from_secs(2),
///     deny: vec!["/admin/**".parse()?],
///     ..Settings::default()
/// };
/// # let _ = settings;
/// # Ok::<(), bayeux::protocol::ChannelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which server it passes for. Default [`Flavor::CometD`].
    pub flavor: Flavor,
    /// What goes wrong on purpose. Default nothing.
    pub faults: Vec<Fault>,
    /// What the chances of faults (`p=0.1`) are drawn from: the same for the same requests in
    /// the same order. Default 0.
    pub seed: u64,
    /// Answers from a recording, as far as it goes; whatever is not in it is answered as
    /// otherwise. Default none.
    pub replay: Option<Arc<Recording>>,
    /// Channels with messages of the server's own, `{"n":1,"due_ms":0}` and so on. Default
    /// none.
    pub generate: Vec<Generated>,
    /// What a client gets at once that has subscribed to the channel, or to a pattern that
    /// matches it; nobody else gets it. Default nothing.
    pub publish_on_subscribe: Vec<(Channel, Json)>,
    /// Path of the endpoint; paths below it are answered as well, since cometd.js appends
    /// `/handshake` and `/connect`. Default `/cometd`, and `/faye` for [`Flavor::Faye`].
    pub path: String,
    /// How long a connect is held when nothing happens. Default 30 s.
    pub timeout: Duration,
    /// How long clients are advised to wait between a connect reply and the next connect.
    /// Default zero.
    pub interval: Duration,
    /// How long a session lives, beyond `interval`, after the reply to its last connect or to
    /// its handshake. Default 10 s.
    pub max_interval: Duration,
    /// Channels that nobody may publish or subscribe to. A subscription is refused when its
    /// own text matches: `/admin/**` refuses `/admin/x` and `/admin/*` but not `/**`.
    /// Default none.
    pub deny: Vec<ChannelPattern>,
    /// Origins whose pages may use the server, beside those on loopback. Default none.
    pub allow_origins: Vec<AllowedOrigin>,
    /// If set, a handshake is refused unless it comes with this token, as
    /// `Authorization: Bearer TOKEN` or as `ext.token`. [`Flavor::Salesforce`] wants the
    /// header with every request, and answers one without with HTTP 401. Default none.
    pub require_token: Option<Token>,
    /// If set, the server speaks TLS, and this is who it is. Default none.
    pub identity: Option<Identity>,
    /// What to do with a publish that has no client id. Default refused.
    pub unconnected_publish: UnconnectedPublish,
    /// Whether a session is only for those who show the cookie of its browser. Default not, for
    /// the sake of clients that keep none; [`Settings::of`] CometD required. The other flavors
    /// have rules of their own.
    pub browser_cookie: BrowserCookie,
    /// How long a request, or message of a websocket, may take to arrive, from its first byte
    /// to its last; a slower one is answered with HTTP 408, or close code 1008. The handshake of
    /// TLS has as long. Default 30 s.
    pub request_timeout: Duration,
    /// How long a client may take none of what it is sent, once its socket is full. One that
    /// takes more than nothing, but less than 64 KiB/s, is waited for as long beyond the time
    /// that it would take at that rate; then its connection is closed. Default 30 s.
    pub response_timeout: Duration,
    /// Longest request body, or message of a websocket, in bytes; a longer one is answered
    /// with HTTP 413, or close code 1009. Default 16 MiB.
    pub max_body: usize,
    /// The subprotocol of websockets. It is named to clients that offer it; the others get
    /// their websocket without. Default none, as with CometD and Faye.
    pub web_socket_protocol: Option<String>,
    /// Most connections at a time; beyond it they are closed as soon as they are accepted. Each
    /// takes a file descriptor, of which there are often fewer: then those that find none are
    /// closed. Default 100,000.
    pub max_connections: usize,
    /// Most sessions at a time; beyond it handshakes are refused. Default 100,000.
    pub max_sessions: usize,
    /// Most patterns that one session may subscribe to. Default 10,000.
    pub max_subscriptions: usize,
    /// Most messages that wait for one session. When there are more, the session is closed:
    /// its client has to learn that it missed something. Default 100,000.
    pub max_queue_messages: usize,
    /// Most bytes of messages that wait for one session, with the same consequence. Where the
    /// client uses the ack extension, messages wait until they are acknowledged.
    /// Default 16 MiB.
    pub max_queue_bytes: usize,
    /// How long a client may send nothing but connects before its session is ended, as CometD's
    /// activity extension does. Default for ever.
    pub max_inactivity: Option<Duration>,
    /// What is kept of what was published, for subscribes that ask for it by `ext.replay`.
    /// [`Flavor::Salesforce`] keeps its events whatever is said here. Default nothing.
    pub retain: Option<Retention>,
    /// Which channels may be published and subscribed to. Default lenient.
    pub channel_grammar: ChannelGrammar,
    /// Most connects that are held for one browser, told by the cookie `BAYEUX_BROWSER` that
    /// its handshakes showed, or were given. The connects of its further sessions are answered
    /// at once, with the advice `multiple-clients` and an interval of 2 s. CometD says 1.
    /// Default any number.
    pub max_held_per_browser: Option<usize>,
    /// Is told what happens. Default none.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Settings {
    /// The settings of a flavor: its path, times and limits. CometD wants its cookie. Faye holds a connect for 60 s and
    /// keeps a session for twice as long. Salesforce holds one for 110 s, keeps a session for
    /// 40 s, and has 2,000 clients at the most.
    pub fn of(flavor: Flavor) -> Self {
        match flavor {
            Flavor::CometD => Self {
                browser_cookie: BrowserCookie::Required,
                ..Self::default()
            },
            Flavor::Faye => {
                let timeout = Duration::from_secs(60);
                Self {
                    flavor,
                    path: "/faye".to_owned(),
                    timeout,
                    max_interval: flavor.max_interval(timeout),
                    unconnected_publish: UnconnectedPublish::Accepted,
                    ..Self::default()
                }
            }
            Flavor::Salesforce => Self {
                flavor,
                timeout: Duration::from_secs(110),
                max_interval: Duration::from_secs(40),
                max_sessions: 2000,
                ..Self::default()
            },
        }
    }

    /// Of the URLs of a server with these settings.
    pub(super) fn scheme(&self) -> &'static str {
        match self.identity {
            Some(_) => "https",
            None => "http",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flavor: Flavor::CometD,
            faults: Vec::new(),
            seed: 0,
            replay: None,
            generate: Vec::new(),
            publish_on_subscribe: Vec::new(),
            path: "/cometd".to_owned(),
            timeout: Duration::from_secs(30),
            interval: Duration::ZERO,
            max_interval: Duration::from_secs(10),
            deny: Vec::new(),
            allow_origins: Vec::new(),
            require_token: None,
            identity: None,
            unconnected_publish: UnconnectedPublish::Refused,
            browser_cookie: BrowserCookie::Ignored,
            request_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_secs(30),
            max_body: 16 * 1024 * 1024,
            web_socket_protocol: None,
            max_connections: 100_000,
            max_sessions: 100_000,
            max_subscriptions: 10_000,
            max_queue_messages: 100_000,
            max_queue_bytes: 16 * 1024 * 1024,
            max_inactivity: None,
            retain: None,
            channel_grammar: ChannelGrammar::Lenient,
            max_held_per_browser: None,
            observer: None,
        }
    }
}

/// A channel on which the server publishes on a schedule. The schedule is absolute: message n
/// is due `(n - 1) / rate` seconds after the start, whether or not anybody is subscribed.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Where it publishes.
    pub channel: Channel,
    /// Messages a second; above 0.
    pub rate: f64,
}

/// What to do with a publish without client id (Bayeux 1.0, "Unconnected operation": servers
/// may support it). Faye accepts it, CometD refuses it with 402.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnconnectedPublish {
    /// It is answered `402::session_unknown`.
    Refused,
    /// It is delivered like any other.
    Accepted,
}

/// Which channels clients may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChannelGrammar {
    /// Those that [`Channel`](crate::protocol::Channel) takes, which is more than the
    /// specification does.
    Lenient,
    /// Only those of the grammar of Bayeux 1.0; others are refused. [`Flavor::Salesforce`]
    /// has rules of its own.
    Strict,
}

/// How much a server keeps of what was published, on all channels together. The oldest
/// messages go first.
///
/// ```
/// use bayeux::server::{Retention, Settings};
///
/// let settings = Settings {
///     retain: Some(Retention { max_messages: 100, ..Retention::default() }),
///     ..Settings::default()
/// };
/// # let _ = settings;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Most messages. Default 1,000.
    pub max_messages: usize,
    /// Most bytes of them. Default 64 MiB.
    pub max_bytes: usize,
    /// The age at which a message is forgotten. Default never.
    pub max_age: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_messages: 1000,
            max_bytes: 64 * 1024 * 1024,
            max_age: Duration::MAX,
        }
    }
}

/// What CometD's cookie `BAYEUX_BROWSER` is to a server that passes for it. It comes with the
/// reply to a handshake that has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrowserCookie {
    /// A message over HTTP without the cookie of its session gets `402::session_unknown`.
    Required,
    /// The client id is enough, as where CometD's option `trustClientSession` is set.
    Ignored,
}

/// A credential that a handshake has to show. `Debug` of it shows nothing.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// A token with this text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether the texts are the same. How long it takes tells nothing about where they
    /// differ.
    pub(super) fn fits(&self, shown: &str) -> bool {
        let pairs = self.0.bytes().zip(shown.bytes());
        let difference = pairs.fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        self.0.len() == shown.len() && difference == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_only_itself_and_is_never_shown() {
        let token = Token::new("s3cret");
        assert!(token.fits("s3cret"));
        for other in ["", "s3cre", "s3cret ", "S3cret"] {
            assert!(!token.fits(other), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
