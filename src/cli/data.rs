//! DATA on the command line: JSON, a file, standard input, or items.

use std::io::Read;

use bayeux::protocol::{Json, JsonError};

use super::exit::{Stop, plain};

/// How DATA is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// JSON, `@FILE`, `-`, or items `key=text key:=json`.
    Json,
    /// Plain text, to be sent as a JSON string.
    Text,
}

/// Reads what the words after the channel mean.
pub(crate) fn read(words: &[String], form: Form) -> Result<Json, Stop> {
    match (words, form) {
        ([], _) => Err(Stop::usage("no DATA to publish")
            .hint("give JSON, @FILE, `-` for standard input, or items like user=ann n:=1")),
        ([word], _) if word == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Stop::local("cannot read standard input", &error))?;
            parse(&text, "standard input", form)
        }
        ([word], Form::Text) => parse(word, "DATA", form),
        ([word], Form::Json) if word.starts_with('@') => {
            let path = &word[1..];
            let text = std::fs::read_to_string(path)
                .map_err(|error| Stop::usage(format!("cannot read {path}")).cause(plain(&error)))?;
            parse(&text, path, form)
        }
        ([word], Form::Json) => match word.parse::<Json>() {
            Ok(json) => Ok(json),
            Err(_) if item(word).is_some() => items(words),
            Err(error) => Err(Stop::usage(format!("DATA is not JSON: {}", shown(word)))
                .cause(reason(&error))
                .hint("--text sends it as a JSON string; key=text makes an object")),
        },
        (words, Form::Text) => parse(&words.join(" "), "DATA", form),
        (words, Form::Json) => items(words),
    }
}

/// Reads one line of `--lines`.
pub(crate) fn line(text: &str, form: Form) -> Result<Json, String> {
    match form {
        Form::Text => Ok(Json::string(text)),
        Form::Json => text.parse().map_err(|JsonError { reason, column, .. }| {
            format!("not JSON: {reason} at column {column}")
        }),
    }
}

fn parse(text: &str, source: &str, form: Form) -> Result<Json, Stop> {
    match form {
        Form::Text => Ok(Json::string(text)),
        Form::Json if text.trim().is_empty() => Err(Stop::usage(format!(
            "no DATA to publish: {source} is empty"
        ))
        .hint("`null` is the JSON for nothing")),
        Form::Json => text.parse().map_err(|error| {
            Stop::usage(format!("not JSON: {source}"))
                .cause(reason(&error))
                .hint("--text sends it as a JSON string")
        }),
    }
}

/// Why it is not JSON; that it is none is said by then.
fn reason(
    JsonError {
        reason,
        line,
        column,
    }: &JsonError,
) -> String {
    format!("{reason} at line {line} column {column}")
}

/// `user=ann n:=1` is `{"user":"ann","n":1}`.
fn items(words: &[String]) -> Result<Json, Stop> {
    let mut object = String::from("{");
    for word in words {
        let Some((key, value)) = item(word) else {
            return Err(Stop::usage(format!("not an item: {}", shown(word)))
                .hint("several words of DATA are items: key=text or key:=json"));
        };
        let value = match value {
            Value::Text(text) => Json::string(text),
            Value::Json(json) => json.parse().map_err(|error| {
                Stop::usage(format!("the value of {key}:= is not JSON: {}", shown(json)))
                    .cause(reason(&error))
                    .hint("key=text makes it a string")
            })?,
        };
        if object.len() > 1 {
            object.push(',');
        }
        object.push_str(&format!("{}:{value}", Json::string(key)));
    }
    object.push('}');
    object
        .parse()
        .map_err(|error| Stop::usage("the items make no JSON object").cause(error))
}

enum Value<'a> {
    Text(&'a str),
    Json(&'a str),
}

/// Whichever of `:=` and `=` comes first splits the item.
fn item(word: &str) -> Option<(&str, Value<'_>)> {
    let at = word.find('=')?;
    let (key, value) = (&word[..at], &word[at + 1..]);
    let (key, value) = match key.strip_suffix(':') {
        Some(key) => (key, Value::Json(value)),
        None => (key, Value::Text(value)),
    };
    let is_key = !key.is_empty() && !key.contains(['{', '[', '"']);
    is_key.then_some((key, value))
}

fn shown(word: &str) -> String {
    let cut: String = word.chars().take(60).collect();
    if cut.len() < word.len() {
        format!("{cut}...")
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        read(&words, Form::Json)
            .map(|it| it.to_string())
            .map_err(|stop| stop.to_string())
    }

    #[test]
    fn json_is_kept_as_it_is_written() {
        assert_eq!(read_words(&[r#"{"n": 1.00}"#]).unwrap(), r#"{"n": 1.00}"#);
        assert_eq!(read_words(&["null"]).unwrap(), "null");
        assert_eq!(read_words(&[r#""a=b""#]).unwrap(), r#""a=b""#);
    }

    #[test]
    fn items_make_an_object() {
        let made = read_words(&["user=ann", "n:=1.0", "list:=[1]", "q=a=b", "e="]).unwrap();
        assert_eq!(
            made,
            r#"{"user":"ann","n":1.0,"list":[1],"q":"a=b","e":""}"#
        );
    }

    #[test]
    fn what_is_neither_says_so() {
        assert_eq!(
            read_words(&["hello"]).unwrap_err(),
            "DATA is not JSON: hello"
        );
        assert_eq!(
            read_words(&["{\"a\"=1}"]).unwrap_err(),
            "DATA is not JSON: {\"a\"=1}"
        );
        assert_eq!(read_words(&["a=1", "b"]).unwrap_err(), "not an item: b");
        assert_eq!(
            read_words(&["a:=x"]).unwrap_err(),
            "the value of a:= is not JSON: x"
        );
        assert_eq!(read_words(&[]).unwrap_err(), "no DATA to publish");
    }

    #[test]
    fn text_becomes_a_string() {
        let words = ["say \"hi\"".to_owned()];
        assert_eq!(
            read(&words, Form::Text).unwrap().as_str(),
            r#""say \"hi\"""#
        );
    }
}
