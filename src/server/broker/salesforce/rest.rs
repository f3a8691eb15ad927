//! Publishing by REST: `POST /services/data/vNN.0/sobjects/Name__e`, as one publishes platform
//! events to Salesforce.

use std::time::Instant;

use crate::protocol::{Json, Message};
use crate::server::broker::Broker;

/// What a POST is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::server) struct Posted {
    pub(in crate::server) status: u16,
    pub(in crate::server) body: String,
}

/// Where the resources of the REST API are.
pub(in crate::server) const PATH: &str = "/services/data";

/// An invented id of a platform event.
const ID: &str = "e01000000000001AAA";

impl Broker {
    /// Publishes the body of a POST to a path below [`PATH`].
    pub(in crate::server) fn post(
        &mut self,
        now: Instant,
        bearer: Option<&str>,
        below: &str,
        body: &[u8],
    ) -> Posted {
        if !self.takes_token(now, bearer) {
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid");
        }
        let Some(name) = platform_event(below) else {
            let message = "The requested resource does not exist";
            return refused(404, "NOT_FOUND", message);
        };
        let text = std::str::from_utf8(body).unwrap_or_default();
        let payload = text.trim().parse::<Json>().ok();
        let payload = payload.filter(|it| Message::parse(it.as_str()).is_ok());
        let Some(payload) = payload else {
            return refused(400, "JSON_PARSER_ERROR", "The body is not a JSON object");
        };
        let uuid = self.uuid();
        let whole = format!(r#"{{"payload":{}}}"#, payload.as_str());
        let whole = super::literal(&whole);
        self.publish_stamped(now, &format!("/event/{name}"), &whole, uuid.clone());
        self.wake(now);
        Posted {
            status: 201,
            body: format!(
                r#"{{"id":"{ID}","success":true,"errors":[{{"statusCode":"OPERATION_ENQUEUED","message":"{uuid}","fields":[]}}]}}"#
            ),
        }
    }
}

/// The event in `/vNN.0/sobjects/Name__e`.
fn platform_event(below: &str) -> Option<&str> {
    let (version, rest) = below.strip_prefix("/v")?.split_once('/')?;
    let name = rest.strip_prefix("sobjects/")?.trim_end_matches('/');
    let is_letter = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
    let is_name = name.ends_with("__e") && name.bytes().all(is_letter);
    (is_name && super::check_version(version).is_ok()).then_some(name)
}

fn refused(status: u16, code: &str, message: &str) -> Posted {
    Posted {
        status,
        body: format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_event_is_named_in_the_path() {
        for (below, expected) in [
            ("/v65.0/sobjects/Order__e", Some("Order__e")),
            ("/v37.0/sobjects/Order__e/", Some("Order__e")),
            ("/v36.0/sobjects/Order__e", None),
            ("/v65.0/sobjects/Account", None),
            ("/v65.0/sobjects/A/B__e", None),
            ("/65.0/sobjects/Order__e", None),
            ("", None),
        ] {
            assert_eq!(platform_event(below), expected, "{below}");
        }
    }
}
