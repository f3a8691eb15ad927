//! Channel names and channel patterns, and which pattern matches which channel.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A channel name that can be published to: starts with `/`, no empty segment, no wildcard.
///
/// Names outside the grammar of Bayeux 1.0 are legal here, since CometD's own validator is
/// wider and Salesforce appends filters; [`grammar_note`](Self::grammar_note) tells.
///
/// ```
/// use bayeux::protocol::Channel;
///
/// assert!("/demo".parse::<Channel>().is_ok());
/// assert!("demo".parse::<Channel>().is_err());
/// assert!("/demo/*".parse::<Channel>().is_err());
/// ```
// Shared, since each message that is published keeps its channel until its reply is there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Channel(Arc<str>);

/// What can be subscribed to: a channel name, or one whose last segment is `*` or `**`.
///
/// ```
/// use bayeux::protocol::ChannelPattern;
///
/// let pattern: ChannelPattern = "/stocks/**".parse()?;
/// assert!(pattern.matches("/stocks/nyse/ibm"));
/// assert!(!pattern.matches("/stocks"));
/// # Ok::<(), bayeux::protocol::ChannelError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ChannelPattern(Arc<str>);

/// Why a text is neither channel nor pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// Every channel begins with a slash.
    #[error("a channel begins with `/`")]
    NoLeadingSlash,
    /// `//`, or a slash at the end.
    #[error("a channel has no empty segment and no `/` at its end")]
    EmptySegment,
    /// A wildcard where a channel name is needed.
    #[error("cannot publish to a pattern: `*` and `**` are for subscribing")]
    Wildcard,
    /// A wildcard that is not the last segment (CometD 8.0.10 answers HTTP 500 to it).
    #[error("a wildcard is only allowed as the last segment: `/a/*` or `/a/**`")]
    InnerWildcard,
    /// Control characters never belong to a name.
    #[error("a channel has no control characters")]
    Control,
}

/// Why a name is outside the grammar of Bayeux 1.0; some servers refuse it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GrammarNote {
    /// The first character outside the grammar.
    pub character: char,
}

impl fmt::Display for GrammarNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is outside the channel grammar of Bayeux 1.0; Faye refuses it, CometD may accept it",
            self.character
        )
    }
}

impl Channel {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is below `/meta/`, which only the protocol itself uses.
    pub fn is_meta(&self) -> bool {
        is_below(&self.0, "/meta")
    }

    /// Whether the name is below `/service/`: private between client and server.
    pub fn is_service(&self) -> bool {
        is_below(&self.0, "/service")
    }

    /// What is outside the grammar of the specification, if anything is.
    pub fn grammar_note(&self) -> Option<GrammarNote> {
        grammar_note(&self.0)
    }
}

impl FromStr for Channel {
    type Err = ChannelError;

    fn from_str(name: &str) -> Result<Self, ChannelError> {
        check(name)?;
        if wildcard(name).is_some() {
            return Err(ChannelError::Wildcard);
        }
        Ok(Self(name.into()))
    }
}

impl ChannelPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message on this channel is for a subscriber of this pattern: `/a/*` takes
    /// exactly one more segment, `/a/**` one or more (Bayeux 1.0, "Channel Globbing").
    pub fn matches(&self, channel: &str) -> bool {
        let Some(wildcard) = wildcard(&self.0) else {
            return *self.0 == *channel;
        };
        let prefix = &self.0[..self.0.len() - wildcard.len()];
        match channel.strip_prefix(prefix) {
            None | Some("") => false,
            Some(rest) => wildcard == "**" || !rest.contains('/'),
        }
    }

    /// Whether the last segment is a wildcard.
    pub fn is_wild(&self) -> bool {
        wildcard(&self.0).is_some()
    }

    /// What is outside the grammar of the specification, if anything is.
    pub fn grammar_note(&self) -> Option<GrammarNote> {
        let name = &self.0;
        grammar_note(
            name.strip_suffix(wildcard(name).unwrap_or(""))
                .unwrap_or(name),
        )
    }

    /// The patterns that match a channel, the channel itself first: for `/a/b` these are
    /// `/a/b`, `/a/*`, `/a/**` and `/**`.
    pub fn matching(channel: &str) -> impl Iterator<Item = String> {
        // A filter of Salesforce's may end with a slash, behind which a wildcard finds nothing.
        let path = channel.strip_suffix('/').unwrap_or(channel);
        let parents = path
            .match_indices('/')
            .map(|(at, _)| format!("{}/**", &channel[..at]));
        let siblings = path.rfind('/').filter(|_| path == channel);
        let siblings = siblings.map(|last| format!("{}/*", &channel[..last]));
        [channel.to_owned()]
            .into_iter()
            .chain(siblings)
            .chain(parents)
    }
}

impl FromStr for ChannelPattern {
    type Err = ChannelError;

    fn from_str(name: &str) -> Result<Self, ChannelError> {
        check(name)?;
        Ok(Self(name.into()))
    }
}

impl From<Channel> for ChannelPattern {
    fn from(channel: Channel) -> Self {
        Self(channel.0)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ChannelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names and patterns have in common. A Salesforce filter (`/topic/X?Url=http://y`)
/// is not looked into.
fn check(name: &str) -> Result<(), ChannelError> {
    let path = name.split('?').next().unwrap_or(name);
    let Some(segments) = path.strip_prefix('/') else {
        return Err(ChannelError::NoLeadingSlash);
    };
    if segments.split('/').any(str::is_empty) {
        return Err(ChannelError::EmptySegment);
    }
    if name.chars().any(char::is_control) {
        return Err(ChannelError::Control);
    }
    let inner = segments.rsplit('/').skip(1);
    if inner
        .clone()
        .any(|segment| segment == "*" || segment == "**")
    {
        return Err(ChannelError::InnerWildcard);
    }
    Ok(())
}

fn wildcard(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next()?;
    (last == "*" || last == "**").then_some(last)
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn grammar_note(name: &str) -> Option<GrammarNote> {
    let legal = |it: char| it.is_ascii_alphanumeric() || "/-_!~()$@".contains(it);
    name.chars()
        .find(|&it| !legal(it))
        .map(|character| GrammarNote { character })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_specification_says() {
        for (pattern, channel, expected) in [
            ("/foo", "/foo", true),
            ("/foo", "/foobar", false),
            ("/foo/*", "/foo/bar", true),
            ("/foo/*", "/foo", false),
            ("/foo/*", "/foo/bar/boo", false),
            ("/foo/**", "/foo/bar", true),
            ("/foo/**", "/foo/bar/boo", true),
            ("/foo/**", "/foo", false),
            ("/foo/**", "/foobar", false),
            ("/foo/**", "/foobar/boo", false),
            ("/*", "/foo", true),
            ("/*", "/foo/bar", false),
            ("/**", "/foo/bar/boo", true),
        ] {
            let parsed: ChannelPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(channel), expected, "{pattern} on {channel}");
            let listed = ChannelPattern::matching(channel).any(|it| it == pattern);
            assert_eq!(listed, expected, "{pattern} listed for {channel}");
        }
    }

    #[test]
    fn the_matching_patterns_are_those_of_the_specification() {
        let patterns: Vec<String> = ChannelPattern::matching("/a/b/c").collect();
        assert_eq!(patterns, ["/a/b/c", "/a/b/*", "/**", "/a/**", "/a/b/**"]);
    }

    #[test]
    fn illegal_names_say_why() {
        use ChannelError::*;
        for (name, error) in [
            ("demo", NoLeadingSlash),
            ("", NoLeadingSlash),
            ("/", EmptySegment),
            ("//a", EmptySegment),
            ("/a/", EmptySegment),
            ("/a/*", Wildcard),
            ("/a/*/b", InnerWildcard),
            ("/a\u{1b}[31m", Control),
        ] {
            assert_eq!(name.parse::<Channel>(), Err(error), "{name:?}");
        }
        assert!("/a/**".parse::<ChannelPattern>().is_ok());
        assert_eq!("/a/**/b".parse::<ChannelPattern>(), Err(InnerWildcard));
    }

    #[test]
    fn names_outside_the_grammar_are_noted_not_refused() {
        let filter: ChannelPattern = "/topic/X?Type=Tech Partner&Url=http://y".parse().unwrap();
        assert_eq!(filter.grammar_note(), Some(GrammarNote { character: '?' }));
        assert_eq!(
            "/a/**".parse::<ChannelPattern>().unwrap().grammar_note(),
            None
        );
        let dotted: Channel = "/de.mo".parse().unwrap();
        assert_eq!(dotted.grammar_note(), Some(GrammarNote { character: '.' }));
    }
}
