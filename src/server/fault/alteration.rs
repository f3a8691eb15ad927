//! Other texts for messages: another value of a member, a number that is none.

use crate::protocol::{Json, Message, TokenKind, encode, members, tokens};

/// The message with another value of this member, which it may not have had.
pub(crate) fn altered(message: &Message, name: &str, value: &str) -> Message {
    let members = members(message.raw()).unwrap_or_default();
    let mut object = String::with_capacity(message.raw().len() + value.len());
    let mut is_there = false;
    for (member, own) in &members {
        let is_it = member == name;
        is_there |= is_it;
        push(&mut object, member, if is_it { value } else { own });
    }
    if !is_there {
        push(&mut object, name, value);
    }
    object.push('}');
    // The members were read from a message, and the value is ours.
    Message::parse(&object).unwrap_or_else(|_| message.clone())
}

fn push(object: &mut String, name: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(Json::string(name).as_str());
    object.push(':');
    object.push_str(value);
}

/// The messages as an array in which the first number of the first data is `Infinity`; if
/// there is no such number, the last message gets one in its `ext`. CometD 8.0.10 writes that
/// for 1e400.
pub(super) fn infinite<'a>(messages: impl IntoIterator<Item = &'a Message>) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut is_done = false;
    for message in messages {
        let raw = message.raw();
        let number = match message.data() {
            Some(data) if !is_done => {
                let start = data.as_ptr() as usize - raw.as_ptr() as usize;
                let mut tokens = tokens(data);
                let number = tokens.find(|it| it.kind == TokenKind::Number);
                number.map(|it| (start + it.offset, it.text.len()))
            }
            Some(_) | None => None,
        };
        texts.push(match number {
            Some((at, length)) => {
                is_done = true;
                format!("{}Infinity{}", &raw[..at], &raw[at + length..])
            }
            None => raw.to_owned(),
        });
    }
    if let Some(last) = texts.last_mut()
        && !is_done
        && let Some(end) = last.rfind('}')
    {
        last.insert_str(end, r#","ext":{"number":Infinity}"#);
    }
    match texts.is_empty() {
        true => encode([]),
        false => format!("[{}]", texts.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: &str) -> Message {
        Message::parse(raw).unwrap()
    }

    #[test]
    fn a_member_is_replaced_where_it_stands_or_added() {
        let reply = message(r#"{"channel":"/a","id":"1","n":1.00}"#);
        let raw = |name, value| altered(&reply, name, value).raw().to_owned();
        assert_eq!(raw("id", "2"), r#"{"channel":"/a","id":2,"n":1.00}"#);
        assert_eq!(
            raw("x", "[]"),
            r#"{"channel":"/a","id":"1","n":1.00,"x":[]}"#
        );
    }

    #[test]
    fn infinity_takes_the_place_of_the_first_number_of_data() {
        let texts = [
            r#"{"channel":"/a","id":1,"data":"1"}"#,
            r#"{"channel":"/a","id":1,"data":{"1":[2.50,3]}}"#,
            r#"{"channel":"/a","data":4}"#,
        ];
        let messages = texts.map(message);
        assert_eq!(
            infinite(&messages),
            r#"[{"channel":"/a","id":1,"data":"1"},{"channel":"/a","id":1,"data":{"1":[Infinity,3]}},{"channel":"/a","data":4}]"#
        );
        assert_eq!(
            infinite(&messages[..1]),
            r#"[{"channel":"/a","id":1,"data":"1","ext":{"number":Infinity}}]"#
        );
        assert_eq!(infinite(&messages[..0]), "[]");
    }
}
