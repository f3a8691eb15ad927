//! Messages in the fields of a form: the query of a callback-polling request,
//! `jsonp=CALLBACK&message=MESSAGES`, and the body of a POST, `message=MESSAGES`.

use percent_encoding::percent_decode;
use serde_json::value::RawValue;

use crate::protocol::{Callback, InvalidCallback};

/// What a query asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Query {
    /// The function that the response calls.
    pub(crate) callback: Callback,
    /// The messages, as a body would have them.
    pub(crate) messages: Vec<u8>,
}

/// Why a query is no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("this is a Bayeux endpoint; it takes POST with JSON, or GET with jsonp and message")]
    NoMessage,
    #[error("jsonp stands twice")]
    Twice,
    #[error("jsonp is refused: {0}")]
    Callback(#[from] InvalidCallback),
}

impl Query {
    /// Reads a query; other parameters are left alone, and without `jsonp` it is the name
    /// that Faye takes.
    pub(crate) fn parse(query: &str) -> Result<Self, QueryError> {
        let mut callback = None;
        for parameter in query.split('&') {
            if let ("jsonp", value) = name_and_value(parameter)
                && callback.replace(decoded(value)).is_some()
            {
                return Err(QueryError::Twice);
            }
        }
        let messages = messages(query).ok_or(QueryError::NoMessage)?;
        let callback = match callback {
            Some(name) => String::from_utf8(name)
                .map_err(|_| InvalidCallback)?
                .parse()?,
            None => Callback::default(),
        };
        Ok(Self { callback, messages })
    }
}

/// The messages of a form, as a body of JSON would have them. A body without the field is what
/// it is: curl says of whatever it sends that it is a form.
pub(crate) fn messages_of_form(body: Vec<u8>) -> Vec<u8> {
    let form = std::str::from_utf8(&body).ok();
    form.and_then(messages).unwrap_or(body)
}

/// The values of all fields `message`, each a message or an array of them, as one array.
fn messages(form: &str) -> Option<Vec<u8>> {
    let parameters = form.split('&').map(name_and_value);
    let mut values = parameters
        .filter(|(name, _)| *name == "message")
        .map(|(_, value)| decoded(value));
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(first);
    };
    // One value at a time: there may be a million of them.
    let mut array = vec![b'['];
    for value in [first, second].into_iter().chain(values) {
        // Nothing of the request is carried out when a part of it cannot be read, and this
        // value is what says why.
        let Ok(json) = serde_json::from_slice::<&RawValue>(&value) else {
            return Some(value);
        };
        let json = json.get();
        let inside = json.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let elements = inside.unwrap_or(json);
        if elements.trim_ascii().is_empty() {
            continue;
        }
        if array.len() > 1 {
            array.push(b',');
        }
        array.extend_from_slice(elements.as_bytes());
    }
    array.push(b']');
    Some(array)
}

fn name_and_value(parameter: &str) -> (&str, &str) {
    parameter.split_once('=').unwrap_or((parameter, ""))
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
        assert_eq!(parse("jsonp=a&jsonp=a&message=[]"), Err(QueryError::Twice));
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

    #[test]
    fn a_form_has_one_message_or_several_fields_of_messages_and_arrays() {
        for (form, messages) in [
            ("message=%5B%7B%22a%22:1%7D%5D", r#"[{"a":1}]"#),
            ("message={\"a\":1}", r#"{"a":1}"#),
            (
                "x=1&message=[1,+2]&message={\"a\":\"],%26[\"}&message=[+]&message=+[3]+",
                r#"[1, 2,{"a":"],&["},3]"#,
            ),
            ("message=[]&message=[]", "[]"),
            // Of these the reader of bodies says what is wrong.
            ("message=[1]&message=[2&message=3", "[2"),
            ("message=[1],[2&message=]", "[1],[2"),
            ("message=", ""),
            ("[{\"channel\":\"/a\"}]", "[{\"channel\":\"/a\"}]"),
        ] {
            let read = messages_of_form(form.into());
            assert_eq!(String::from_utf8(read).unwrap(), messages, "{form}");
        }
        assert_eq!(messages_of_form(b"message=\xff".to_vec()), b"message=\xff");
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let read = messages_of_form(format!("message={deep}&message=1").into());
        assert_eq!(read.len(), deep.len() + 2);
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_panic(query in "[jsonpmeag=&%+0-9a-f\\[\\]\"]{0,60}") {
            let _ = Query::parse(&query);
        }

        #[test]
        fn what_stands_in_a_form_is_read_of_it(
            values in prop::collection::vec(any::<String>(), 1..4),
            others in prop::collection::vec(("[^&=]{0,5}", "[^&]{0,5}"), 0..3),
        ) {
            use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

            let field = |it: &String| format!("message={}", utf8_percent_encode(it, NON_ALPHANUMERIC));
            let others = others.iter().filter(|it| it.0 != "message");
            let form: Vec<_> = values.iter().map(field).chain(others.map(|it| format!("{}={}", it.0, it.1))).collect();
            let read = messages_of_form(form.join("&").into_bytes());
            if let [value] = &values[..] {
                prop_assert_eq!(read, value.as_bytes());
            } else if values.iter().all(|it| serde_json::from_str::<&RawValue>(it).is_err()) {
                prop_assert_eq!(read, values[0].as_bytes());
            }
        }

        #[test]
        fn any_form_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), fields in "(message=[\\[\\]1,%5b]{0,5}&){0,3}") {
            messages_of_form([fields.as_bytes(), &bytes].concat());
        }
    }
}
