//! jq expressions over messages: filter, projection and assertion in one.
//!
//! jaq reads and runs the expressions. What differs from jq at the command line:
//! - `null` and `false` are outputs like any other and are shown; `select` drops a message.
//! - `halt` ends the outputs for the message at hand, never the process.
//! - `input` and `inputs` do not exist: messages come one by one.
//! - A value that has no JSON form (`nan`, a byte string) is an error.

mod error;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{self, Fun};
use jaq_core::{Compiler, Ctx, Exn, Vars, data::JustLut};
use jaq_json::{Val, read, write};

use crate::protocol::{Json, TokenKind, tokens};

pub use error::FilterError;
use error::{not_compiled, not_loaded};

/// A compiled expression.
///
/// ```
/// use bayeux::filter::{Filter, Filtered};
///
/// let filter = Filter::compile(r#"select(.data.user == "ann") | .data.text"#)?;
/// let message = r#"{"channel":"/demo","data":{"user":"ann","text":"hi"}}"#;
/// assert_eq!(filter.apply(message)?, [Filtered::Text("hi".to_owned())]);
/// assert_eq!(filter.apply(r#"{"channel":"/demo"}"#)?, []);
/// # Ok::<(), bayeux::filter::FilterError>(())
/// ```
pub struct Filter {
    compiled: jaq_core::Filter<JustLut<Val>>,
}

/// One output of an expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Filtered {
    /// A string's content, to be shown without quotes.
    Text(String),
    /// Any other value, without white space. Digits of numbers that were not calculated with
    /// are those of the message, but for leading zeros and the sign of zero.
    Json(Json),
}

/// jaq reads, walks and drops nested values by recursion. Measured in a debug build, `walk(.)`
/// takes a little less than 4 KiB of stack a level: half of the smallest stack in use (2 MiB).
const MAX_DEPTH: usize = 256;

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// When the expression does not follow jq's grammar or uses unknown names.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        let brackets = expression.bytes().filter(|it| b"([{".contains(it));
        if brackets.count() > MAX_DEPTH {
            return Err(FilterError::TooDeep);
        }
        let program = File {
            code: expression,
            path: (),
        };
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, program)
            .map_err(|errors| not_loaded(expression, errors))?;
        load::import(&modules, |_| Err(String::new()))
            .map_err(|errors| not_loaded(expression, errors))?;
        let compiled = Compiler::default()
            .with_global_vars(["$ENV"])
            .with_funs(functions())
            .compile(modules)
            .map_err(|errors| not_compiled(expression, errors))?;
        Ok(Self { compiled })
    }

    /// The outputs for one message; none if the expression drops it.
    ///
    /// # Errors
    /// When the expression fails on this message. Others may well pass.
    pub fn apply(&self, raw_message: &str) -> Result<Vec<Filtered>, FilterError> {
        if is_too_deep(raw_message) {
            return Err(FilterError::TooDeep);
        }
        let message = read::parse_single(raw_message.as_bytes()).map_err(|error| {
            let reason = error.to_string();
            FilterError::Unreadable { reason }
        })?;
        let variables = Vars::new([environment()]);
        let context = Ctx::<JustLut<Val>>::new(&self.compiled.lut, variables);
        let mut outputs = Vec::new();
        for output in self.compiled.id.run((context, message)) {
            match output {
                Ok(value) => outputs.push(Filtered::new(&value)?),
                Err(exception) => match exception.get_halt() {
                    Ok(0) => break,
                    Ok(code) => return Err(FilterError::Halted { code }),
                    Err(exception) => return Err(failed(exception)),
                },
            }
        }
        Ok(outputs)
    }
}

impl Filtered {
    fn new(value: &Val) -> Result<Self, FilterError> {
        if let Val::TStr(bytes) = value {
            return Ok(Self::Text(String::from_utf8_lossy(bytes).into_owned()));
        }
        let mut bytes = Vec::new();
        let style = write::Pp::default();
        // Writing to memory does not fail.
        let _ = write::write(&mut bytes, &style, 0, value);
        let text = String::from_utf8_lossy(&bytes);
        text.parse().map(Self::Json).map_err(|_| {
            let value = shortened(text.into_owned());
            FilterError::NotJson { value }
        })
    }
}

fn failed(exception: Exn<'_, Val>) -> FilterError {
    let reason = match exception.get_err() {
        Ok(error) => match error.into_val() {
            // `error("text")`: the text without quotes.
            Val::TStr(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            value => value.to_string(),
        },
        Err(_) => "break outside of its label".to_owned(),
    };
    FilterError::Failed {
        reason: shortened(reason),
    }
}

/// jaq writes whole values into its reasons, and a message may be long.
fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(160) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

/// jaq's functions, two of them replaced: `fromjson` would recurse on a string from the
/// network, and `env` panics on a variable that is not UTF-8.
fn functions() -> impl Iterator<Item = Fun<JustLut<Val>>> {
    let replaced: [Fun<JustLut<Val>>; 2] = [
        native::run(("fromjson", native::v(0), |cv| {
            native::bome(from_json(&cv.1))
        })),
        native::run(("env", native::v(0), |_| native::bome(Ok(environment())))),
    ];
    jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !matches!(*name, "fromjson" | "env"))
        .chain(replaced)
}

fn from_json(text: &Val) -> Result<Val, jaq_json::Error> {
    let Val::TStr(bytes) = text else {
        return Err(jaq_json::Error::str(format!("cannot parse {text} as JSON")));
    };
    if is_too_deep(&String::from_utf8_lossy(bytes)) {
        return Err(jaq_json::Error::str(FilterError::TooDeep));
    }
    read::parse_single(bytes)
        .map_err(|error| jaq_json::Error::str(format!("cannot parse {text} as JSON: {error}")))
}

fn environment() -> Val {
    let text = |it: std::ffi::OsString| Val::from(it.to_string_lossy().into_owned());
    Val::obj(
        std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
    )
}

fn is_too_deep(json: &str) -> bool {
    let mut depth = 0_usize;
    tokens(json).any(|token| {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::Key
            | TokenKind::String
            | TokenKind::Number
            | TokenKind::Literal => {}
        }
        depth > MAX_DEPTH
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str =
        r#"{"channel":"/demo","data":{"user":"ann","n":[1.50,9007199254740993]}}"#;

    fn apply(expression: &str, message: &str) -> Result<Vec<Filtered>, FilterError> {
        Filter::compile(expression).unwrap().apply(message)
    }

    fn outputs(expression: &str) -> Vec<String> {
        let outputs = apply(expression, MESSAGE).unwrap();
        let text = |it: Filtered| match it {
            Filtered::Text(text) => format!("text {text}"),
            Filtered::Json(json) => json.to_string(),
        };
        outputs.into_iter().map(text).collect()
    }

    fn refusal(expression: &str) -> String {
        match Filter::compile(expression) {
            Ok(_) => panic!("{expression} was compiled"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_expression_selects_projects_and_keeps_digits_and_order() {
        assert_eq!(outputs("."), [MESSAGE]);
        assert_eq!(outputs(".data.n[]"), ["1.50", "9007199254740993"]);
        assert_eq!(outputs(".data.user"), ["text ann"]);
        assert_eq!(outputs(".data.missing, false"), ["null", "false"]);
        assert!(outputs(r#"select(.data.user == "bob")"#).is_empty());
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_one_line_with_its_position() {
        insta::assert_snapshot!(refusal(".data | ("), @"expected closing parenthesis at character 10, where it ends");
        insta::assert_snapshot!(refusal(".é | .data ]"), @r#"expected token at character 2, near "é | .data ]""#);
        insta::assert_snapshot!(refusal("select(.a ==)"), @r#"expected term at character 13, near ")""#);
        insta::assert_snapshot!(refusal(""), @"expected term at character 1, where it ends");
        insta::assert_snapshot!(refusal(". | nosuch(1; 2)"), @"unknown filter nosuch/2 at character 5");
        insta::assert_snapshot!(refusal("$x"), @"unknown variable $x at character 1");
        insta::assert_snapshot!(refusal("input"), @"unknown filter input/0 at character 1");
        insta::assert_snapshot!(refusal(r#"include "x"; ."#), @"modules are not supported: x");
        insta::assert_snapshot!(refusal(r#"import "x" as $x; ."#), @"modules are not supported: x");
    }

    #[test]
    fn a_failure_on_a_message_is_an_error_value() {
        let reason = |expression| apply(expression, MESSAGE).unwrap_err().to_string();
        insta::assert_snapshot!(reason(".channel.x"), @r#"cannot index "/demo" with "x""#);
        insta::assert_snapshot!(reason(r#"error("no user")"#), @"no user");
        insta::assert_snapshot!(reason("error({a: 1})"), @r#"{"a":1}"#);
        insta::assert_snapshot!(reason("nan"), @"not a JSON value: NaN");
        insta::assert_snapshot!(reason("limit(3; repeat(\"long \" * 100)) | error"), @"long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long …");
    }

    #[test]
    fn halt_ends_the_outputs_and_not_the_process() {
        assert_eq!(outputs("1, halt, 2"), ["1"]);
        let halted = apply("halt_error", MESSAGE).unwrap_err();
        assert_eq!(halted, FilterError::Halted { code: 5 });
    }

    #[test]
    fn the_environment_can_be_read() {
        assert_eq!(outputs("env | type"), ["text object"]);
        assert_eq!(outputs("$ENV | type"), ["text object"]);
    }

    #[test]
    fn hostile_nesting_is_refused_wherever_it_comes_from() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let message = |data: &str| format!(r#"{{"channel":"/a","data":{data}}}"#);
        for n in [MAX_DEPTH, 100_000] {
            let result = apply(".data", &message(&deep(n)));
            assert_eq!(result, Err(FilterError::TooDeep));
        }
        for expression in [
            ".data",
            "walk(.)",
            "[paths]",
            "[..] | sort",
            "tojson | fromjson",
        ] {
            let result = apply(expression, &message(&deep(MAX_DEPTH - 1)));
            assert!(result.is_ok(), "{expression}");
        }

        let in_text = message(&format!("\"{}\"", deep(100_000)));
        let error = apply(".data | fromjson", &in_text).unwrap_err();
        assert_eq!(error.to_string(), "nested more than 256 levels deep");
        assert!(matches!(
            Filter::compile(&"(".repeat(100_000)),
            Err(FilterError::TooDeep)
        ));
    }

    #[test]
    fn a_lone_surrogate_is_an_error_and_no_panic() {
        let error = apply(".data", r#"{"channel":"/a","data":"\ud800"}"#).unwrap_err();
        assert!(matches!(error, FilterError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn every_prefix_of_a_message_is_an_error_and_no_panic() {
        let filter = Filter::compile(".").unwrap();
        for end in 0..MESSAGE.len() {
            assert!(filter.apply(&MESSAGE[..end]).is_err());
        }
    }
}
