//! What the faults of one occasion do.

use std::fmt;
use std::sync::Arc;

use super::alteration::altered;
use super::passage::{Body, Passage};
use super::spec::{Reconnect, Side, What};
use crate::protocol::{Message, meta};

/// What the faults of one occasion do; most often nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Effects(pub(super) Vec<What>);

/// A response that takes the place of the one that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Instead {
    /// This HTTP status, and a line.
    Status(u16),
    /// A page, as a proxy or a login shows it.
    Html,
}

impl Instead {
    /// The HTTP status of the response.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Status(status) => status,
            Self::Html => 200,
        }
    }
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivered {
    Once,
    Never,
    Twice,
    /// After the next one.
    Late,
}

/// The page that `html` shows.
pub(crate) const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Log in</title></head>\
     <body><h1>Log in</h1></body></html>\n";

/// Where there are no faults.
pub(crate) static NONE: Effects = Effects(Vec::new());

impl Effects {
    /// Whether the session ends first.
    pub(crate) fn expire(&self) -> bool {
        self.0.contains(&What::Expire)
    }

    /// The code with which the message is refused.
    pub(crate) fn refuse(&self) -> Option<u16> {
        self.find(|it| match it {
            What::Refuse(code) => Some(code),
            _ => None,
        })
    }

    pub(crate) fn instead(&self) -> Option<Instead> {
        self.find(|it| match it {
            What::Status(status) => Some(Instead::Status(status)),
            What::Html => Some(Instead::Html),
            _ => None,
        })
    }

    /// Whether a connect is held that would not be.
    pub(crate) fn hold(&self) -> bool {
        self.0.contains(&What::Hold)
    }

    /// Whether a connect is answered at once.
    pub(crate) fn storm(&self) -> bool {
        self.0.contains(&What::Storm)
    }

    /// Whether the session gets a cookie that it has to show from now on.
    pub(crate) fn cookie(&self) -> bool {
        self.0.contains(&What::Cookie)
    }

    pub(crate) fn delivered(&self) -> Delivered {
        let delivered = self.find(|it| match it {
            What::Drop => Some(Delivered::Never),
            What::Duplicate => Some(Delivered::Twice),
            What::Reorder => Some(Delivered::Late),
            _ => None,
        });
        delivered.unwrap_or(Delivered::Once)
    }

    /// The reply, as the faults alter it.
    pub(crate) fn alter(&self, mut reply: Arc<Message>) -> Arc<Message> {
        for what in &self.0 {
            reply = match what {
                What::WrongId => altered(&reply, "id", r#""fault""#),
                What::Storm => {
                    let advice = r#"{"reconnect":"retry","interval":0,"timeout":0}"#;
                    altered(&reply, "advice", advice)
                }
                // Only in these replies is advice about the session.
                What::Advice(reconnect)
                    if [meta::HANDSHAKE, meta::CONNECT].contains(&reply.channel()) =>
                {
                    altered(&reply, "advice", &advice(*reconnect))
                }
                _ => continue,
            }
            .into();
        }
        reply
    }

    /// What happens to the response on its way.
    pub(crate) fn passage(&self) -> Passage {
        let mut passage = Passage::default();
        for what in &self.0 {
            match *what {
                What::Delay(by) => passage.delay = passage.delay.saturating_add(by),
                What::Infinity => passage.is_infinite = true,
                What::Drop => passage.body = Body::Nothing,
                What::Cut(at) => passage.body = Body::Cut(at),
                What::Drip(pause) => passage.body = Body::Drip(pause),
                What::Close(Side::Before) => passage.body = Body::CloseBefore,
                What::Close(Side::After) => passage.body = Body::CloseAfter,
                _ => {}
            }
        }
        passage
    }

    /// Whether nothing happens.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn find<T>(&self, choose: impl Fn(What) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|it| choose(*it))
    }
}

/// As they are written, without where and when.
impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, what) in self.0.iter().enumerate() {
            let comma = if nth > 0 { ", " } else { "" };
            write!(f, "{comma}{what}")?;
        }
        Ok(())
    }
}

fn advice(reconnect: Reconnect) -> String {
    format!(r#"{{"reconnect":"{}","interval":0}}"#, reconnect.as_str())
}
