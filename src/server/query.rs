//! The query of a callback-polling request: `jsonp=CALLBACK&message=MESSAGES`.

use percent_encoding::percent_decode;

use crate::protocol::{Callback, InvalidCallback};

/// What a query asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Query {
    /// The function that the response calls.
    pub(super) callback: Callback,
    /// The messages, as a body would have them.
    pub(super) messages: Vec<u8>,
}

/// Why a query is no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("this is a Bayeux endpoint; it takes POST with JSON, or GET with jsonp and message")]
    NoMessage,
    #[error("jsonp or message stands twice")]
    Twice,
    #[error("jsonp is refused: {0}")]
    Callback(#[from] InvalidCallback),
}

impl Query {
    /// Reads a query; other parameters are left alone, and without `jsonp` it is the name
    /// that Faye takes.
    pub(super) fn parse(query: &str) -> Result<Self, QueryError> {
        let [mut callback, mut messages] = [None, None];
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let known = match name {
                "jsonp" => &mut callback,
                "message" => &mut messages,
                _ => continue,
            };
            if known.replace(decoded(value)).is_some() {
                return Err(QueryError::Twice);
            }
        }
        let messages = messages.ok_or(QueryError::NoMessage)?;
        let callback = match callback {
            Some(name) => String::from_utf8(name)
                .map_err(|_| InvalidCallback)?
                .parse()?,
            None => Callback::default(),
        };
        Ok(Self { callback, messages })
    }
}

/// As a form has it: `+` is a blank.
fn decoded(value: &str) -> Vec<u8> {
    let value = value.replace('+', " ");
    percent_decode(value.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str) -> Result<(String, String), QueryError> {
        let Query { callback, messages } = Query::parse(query)?;
        Ok((callback.to_string(), String::from_utf8(messages).unwrap()))
    }

    #[test]
    fn callback_and_messages_are_read_in_any_order_among_others() {
        let read = |callback: &str, messages: &str| Ok((callback.into(), messages.into()));
        assert_eq!(
            parse("jsonp=a.b&message=%5B%22%C3%A9%2B+%22%5D"),
            read("a.b", r#"["é+ "]"#)
        );
        assert_eq!(parse("x&message=[]&token=1&jsonp=cb&y="), read("cb", "[]"));
        assert_eq!(parse("message=[]"), read("jsonpcallback", "[]"));
        assert_eq!(parse("message=%zz%5"), read("jsonpcallback", "%zz%5"));
    }

    #[test]
    fn what_is_no_request_says_why() {
        assert_eq!(parse(""), Err(QueryError::NoMessage));
        assert_eq!(parse("jsonp=cb"), Err(QueryError::NoMessage));
        assert_eq!(parse("message=[]&message=[]"), Err(QueryError::Twice));
        for name in [
            "",
            "a(b)",
            "%0d%0aSet-Cookie:a",
            "%3Cscript%3E",
            "%ff",
            "a%20b",
        ] {
            assert_eq!(
                parse(&format!("message=[]&jsonp={name}")),
                Err(QueryError::Callback(InvalidCallback)),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_panic(query in "[jsonpmeag=&%+0-9a-f\\[\\]\"]{0,60}") {
            let _ = Query::parse(&query);
        }
    }
}
