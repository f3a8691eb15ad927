//! From a value of TOML to the words that its option takes on a command line.

use bayeux::protocol::Json;
use clap::{Arg, ArgAction};
use toml::{Table, Value};

/// The kinds of message that `--ext` is for.
const KINDS: [&str; 4] = ["handshake", "connect", "subscribe", "publish"];

/// The words for an option, none if the value says what is so anyway, or what it should be.
pub(crate) fn words(option: &Arg, value: &Value) -> Result<Vec<String>, &'static str> {
    match option.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => match value {
            Value::Boolean(is_set) => {
                let is_default = *is_set == matches!(option.get_action(), ArgAction::SetFalse);
                Ok(if is_default {
                    Vec::new()
                } else {
                    vec![is_set.to_string()]
                })
            }
            _ => Err("true or false"),
        },
        ArgAction::Count => match value {
            Value::Integer(n @ 0..=9) => Ok(vec![n.to_string()]),
            _ => Err("a number from 0 to 9"),
        },
        ArgAction::Append => match value {
            Value::Table(table) if option.get_id() == "ext" => Ok(as_extensions(table)),
            Value::Table(table) => Ok(table
                .iter()
                .map(|(key, it)| format!("{key}={}", as_word(it).unwrap_or_else(|| as_json(it))))
                .collect()),
            Value::Array(values) => {
                let words = values.iter().map(as_word).collect::<Option<_>>();
                words.ok_or("a list of strings")
            }
            value => as_word(value)
                .map(|it| vec![it])
                .ok_or("a string, or a list of strings"),
        },
        _ => as_word(value).map(|it| vec![it]).ok_or("a string"),
    }
}

/// Header lines: a table by name, or a list of `Name: value` and `@FILE`.
pub(crate) fn as_headers(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Table(table) => table
            .iter()
            .map(|(name, it)| Some(format!("{name}: {}", as_word(it)?)))
            .collect(),
        Value::Array(values) => values
            .iter()
            .map(|it| Some(it.as_str()?.to_owned()))
            .collect(),
        Value::String(line) => Some(vec![line.clone()]),
        _ => None,
    }
}

/// A value as JSON; a string stands for the JSON that it holds.
pub(crate) fn as_json(value: &Value) -> String {
    match value {
        Value::String(json) => json.clone(),
        value => json(value),
    }
}

/// One object for the handshake, or a table by kind of message.
fn as_extensions(table: &Table) -> Vec<String> {
    let is_of_kind = |(key, it): (&String, &Value)| {
        KINDS.contains(&key.as_str()) && matches!(it, Value::Table(_) | Value::String(_))
    };
    if !table.is_empty() && table.iter().all(is_of_kind) {
        let extension = |(kind, it): (&String, &Value)| format!("{kind}={}", as_json(it));
        table.iter().map(extension).collect()
    } else {
        vec![json_object(table)]
    }
}

/// What can be typed as one word.
fn as_word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// In the order of the file.
fn json(value: &Value) -> String {
    match value {
        Value::String(text) => Json::string(text).to_string(),
        // JSON has no infinity and no not-a-number.
        Value::Float(number) if !number.is_finite() => "null".to_owned(),
        Value::Float(number) => number.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(it) => it.to_string(),
        Value::Datetime(time) => Json::string(&time.to_string()).to_string(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(json).collect();
            format!("[{}]", values.join(","))
        }
        Value::Table(table) => json_object(table),
    }
}

fn json_object(table: &Table) -> String {
    let field = |(key, it): (&String, &Value)| format!("{}:{}", Json::string(key), json(it));
    let fields: Vec<String> = table.iter().map(field).collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(toml: &str) -> Value {
        let mut table: toml::Table = toml::from_str(&format!("x = {toml}")).unwrap();
        table.remove("x").unwrap()
    }

    fn made(option: &Arg, toml: &str) -> Result<Vec<String>, &'static str> {
        words(option, &value(toml))
    }

    #[test]
    fn an_option_with_a_value_takes_one_word() {
        let option = Arg::new("timeout").action(ArgAction::Set);
        assert_eq!(made(&option, "'10s'").unwrap(), ["10s"]);
        assert_eq!(made(&option, "3").unwrap(), ["3"]);
        for toml in ["true", "[]", "{}", "1979-05-27"] {
            assert_eq!(made(&option, toml), Err("a string"), "{toml}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let option = Arg::new("quiet").action(ArgAction::SetTrue);
        assert_eq!(made(&option, "true").unwrap(), ["true"]);
        assert!(made(&option, "false").unwrap().is_empty());
        assert!(made(&option, "'yes'").is_err());
        let option = Arg::new("verbose").action(ArgAction::Count);
        assert_eq!(made(&option, "2").unwrap(), ["2"]);
        assert!(made(&option, "true").is_err() && made(&option, "-1").is_err());
    }

    #[test]
    fn an_option_that_may_be_repeated_takes_a_list_or_a_table() {
        let option = Arg::new("replay").action(ArgAction::Append);
        assert_eq!(made(&option, "'new'").unwrap(), ["new"]);
        assert_eq!(made(&option, "['all', 7]").unwrap(), ["all", "7"]);
        assert_eq!(made(&option, "{ '/a' = 7 }").unwrap(), ["/a=7"]);
        assert!(made(&option, "[true]").is_err());
    }

    #[test]
    fn an_ext_is_an_object_or_several_by_kind() {
        let option = Arg::new("ext").action(ArgAction::Append);
        let one = made(&option, "{ b = 1, a = [true, 1.5, 'x'] }").unwrap();
        assert_eq!(one, [r#"{"b":1,"a":[true,1.5,"x"]}"#]);
        let several = made(&option, "{ subscribe = { a = 1 }, publish = '{}' }").unwrap();
        assert_eq!(several, [r#"subscribe={"a":1}"#, "publish={}"]);
    }
}
