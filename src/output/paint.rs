//! Colours: which parts of the output have which of the 16 ANSI colours.
//!
//! `colored` knows the codes. Whether to use them is decided here, once for each stream: the
//! crate itself looks at standard output only and keeps its decision in a global variable.

use std::ffi::OsString;
use std::io::IsTerminal;

use colored::Color;

/// `--color`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` forces it.
    Auto,
    /// In pipes too.
    Always,
    /// Nowhere.
    Never,
}

/// Whether a stream has colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Paint {
    /// It has.
    Colored,
    /// It has not.
    Plain,
}

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Nothing particular.
    Plain,
    /// Meta channels, circumstances.
    Dim,
    /// A key of a JSON object.
    Key,
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
    /// What was refused, rejected or lost.
    Bad,
    /// What needs attention.
    Warning,
    /// Something to type.
    Hint,
}

impl ColorChoice {
    /// Decides for one stream.
    pub(crate) fn paint(self, stream: &impl IsTerminal) -> Paint {
        self.decide(stream.is_terminal(), |name| std::env::var_os(name))
    }

    fn decide(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Paint {
        let is_set = |name: &str| variable(name).is_some_and(|it| !it.is_empty());
        let is_forced = || variable("CLICOLOR_FORCE").is_some_and(|it| !it.is_empty() && it != "0");
        let is_dumb = || variable("TERM").is_some_and(|it| it == "dumb");
        let is_colored = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto if is_forced() => true,
            Self::Auto => is_terminal && !is_dumb(),
        };
        if is_colored {
            // Terminals of Windows 10 show colours only when told to.
            #[cfg(windows)]
            let _ = colored::control::set_virtual_terminal(true);
            Paint::Colored
        } else {
            Paint::Plain
        }
    }
}

impl Paint {
    /// Appends a piece of text in the colour of its role.
    pub(crate) fn push(self, out: &mut String, role: Role, text: &str) {
        let color = match (self, role) {
            (Self::Plain, _) | (_, Role::Plain) => return out.push_str(text),
            // "Dim" itself is no colour, and several terminals do not show it.
            (Self::Colored, Role::Dim) => Color::BrightBlack,
            (Self::Colored, Role::Key) => Color::Blue,
            (Self::Colored, Role::Text) => Color::Green,
            (Self::Colored, Role::Number | Role::Warning) => Color::Yellow,
            (Self::Colored, Role::Literal) => Color::Magenta,
            (Self::Colored, Role::Bad) => Color::Red,
            (Self::Colored, Role::Hint) => Color::Cyan,
        };
        out.push_str("\x1b[");
        out.push_str(&color.to_fg_str());
        out.push('m');
        out.push_str(text);
        out.push_str("\x1b[0m");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(choice: ColorChoice, is_terminal: bool, variables: &[(&str, &str)]) -> Paint {
        choice.decide(is_terminal, |name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_terminal_has_colours_and_a_pipe_has_none() {
        use ColorChoice::*;
        assert_eq!(decide(Auto, true, &[]), Paint::Colored);
        assert_eq!(decide(Auto, false, &[]), Paint::Plain);
        assert_eq!(decide(Always, false, &[("NO_COLOR", "1")]), Paint::Colored);
        assert_eq!(
            decide(Never, true, &[("CLICOLOR_FORCE", "1")]),
            Paint::Plain
        );
    }

    #[test]
    fn variables_decide_unless_the_option_does() {
        let auto = |is_terminal, variables| decide(ColorChoice::Auto, is_terminal, variables);
        assert_eq!(auto(true, &[("NO_COLOR", "1")]), Paint::Plain);
        assert_eq!(auto(true, &[("NO_COLOR", "")]), Paint::Colored);
        assert_eq!(auto(true, &[("TERM", "dumb")]), Paint::Plain);
        assert_eq!(auto(false, &[("CLICOLOR_FORCE", "1")]), Paint::Colored);
        assert_eq!(auto(false, &[("CLICOLOR_FORCE", "0")]), Paint::Plain);
        assert_eq!(
            auto(true, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
            Paint::Plain
        );
    }

    #[test]
    fn only_painted_text_has_codes() {
        let mut out = String::new();
        Paint::Colored.push(&mut out, Role::Key, "a");
        Paint::Colored.push(&mut out, Role::Plain, "b");
        Paint::Plain.push(&mut out, Role::Bad, "c");
        assert_eq!(out, "\x1b[34ma\x1b[0mbc");
    }
}
