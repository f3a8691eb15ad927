//! What is wrong with an expression, or with a message that it is applied to: one line each.

use jaq_core::{compile, load};

use super::MAX_DEPTH;

/// An expression that cannot be compiled, or that fails on a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The expression does not follow jq's grammar.
    #[error("expected {expected} at character {position}{}", near(.found))]
    Syntax {
        /// What the grammar asks for.
        expected: String,
        /// What stands there; empty at the end.
        found: String,
        /// Where, counted from 1.
        position: usize,
    },
    /// The expression uses a name that does not exist.
    #[error("unknown {kind} {name} at character {position}")]
    Undefined {
        /// What kind of name.
        kind: &'static str,
        /// The name.
        name: String,
        /// Where, counted from 1.
        position: usize,
    },
    /// The expression asks for a module.
    #[error("modules are not supported: {name}")]
    Module {
        /// The module's name.
        name: String,
    },
    /// The expression or the message is nested too deeply to be worked on safely.
    #[error("nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// The message has no jq value: half of a surrogate pair in a string.
    #[error("cannot read the message: {reason}")]
    Unreadable {
        /// The parser's reason.
        reason: String,
    },
    /// The expression fails on this message, e.g. where it indexes a number.
    #[error("{reason}")]
    Failed {
        /// jq's reason.
        reason: String,
    },
    /// The expression ended with `halt_error` or `halt` with a code.
    #[error("halted with code {code}")]
    Halted {
        /// The code.
        code: i32,
    },
    /// An output has no JSON form.
    #[error("not a JSON value: {value}")]
    NotJson {
        /// The output as jaq writes it.
        value: String,
    },
}

/// The first error: the others are usually its consequences.
pub(super) fn not_loaded(expression: &str, errors: load::Errors<&str, ()>) -> FilterError {
    let syntax = |expected: &str, found: &str| FilterError::Syntax {
        expected: expected.to_owned(),
        found: found.to_owned(),
        position: position(expression, found),
    };
    let first = errors.into_iter().next().map(|(_, error)| error);
    let error = match first {
        Some(load::Error::Lex(errors)) => errors
            .first()
            .map(|(expected, found)| syntax(expected.as_str(), found)),
        Some(load::Error::Parse(errors)) => errors
            .first()
            .map(|(expected, found)| syntax(expected.as_str(), found)),
        Some(load::Error::Io(errors)) => errors.first().map(|(name, _)| FilterError::Module {
            name: (*name).to_owned(),
        }),
        None => None,
    };
    error.unwrap_or_else(|| syntax("an expression", expression))
}

pub(super) fn not_compiled(expression: &str, errors: compile::Errors<&str, ()>) -> FilterError {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    let Some((name, undefined)) = first else {
        return FilterError::Syntax {
            expected: "an expression".to_owned(),
            found: expression.to_owned(),
            position: 1,
        };
    };
    FilterError::Undefined {
        kind: undefined.as_str(),
        position: position(expression, name),
        name: match undefined {
            compile::Undefined::Filter(n_arguments) => format!("{name}/{n_arguments}"),
            _ => name.to_owned(),
        },
    }
}

/// Where a part of the expression stands, in characters from 1.
fn position(expression: &str, part: &str) -> usize {
    // A part that is not of the expression leads to an offset that `get` refuses.
    let start = (part.as_ptr() as usize).wrapping_sub(expression.as_ptr() as usize);
    expression
        .get(..start)
        .map_or(1, |it| it.chars().count() + 1)
}

fn near(found: &str) -> String {
    if found.is_empty() {
        ", where it ends".to_owned()
    } else {
        format!(", near {:?}", found.chars().take(20).collect::<String>())
    }
}
