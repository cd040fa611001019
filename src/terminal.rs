//! What the program tells the person at the terminal: lines on standard output ([`say`]), notes on standard error ([`note`]).
//!
//! Invariants:
//! * a standard output that cannot be written to is a failure, never a panic: the first error is kept, nothing more is
//!   written, and [`written`] gives the error to the command;
//! * names out of other people's files do not steer the terminal: control characters are shown and not obeyed, and none
//!   but a line's own end ends a line of an error.

use std::fmt::{Arguments, Write as _};
use std::io::{Error, Write};
use std::sync::Mutex;

/// The first error of standard output.
static FAILURE: Mutex<Option<Error>> = Mutex::new(None);

/// Prints a line, or lines, on standard output; takes what `format!` takes.
macro_rules! say {
    ($($part:tt)*) => { $crate::terminal::line(format_args!($($part)*)) };
}

/// Prints a line on standard error; takes what `format!` takes.
macro_rules! note {
    ($($part:tt)*) => { $crate::terminal::aside(format_args!($($part)*)) };
}

pub(crate) use {note, say};

/// What [`say`] becomes.
pub(crate) fn line(text: Arguments) {
    put(&(shown(&text.to_string()) + "\n"));
}

/// What [`note`] becomes. Where standard error cannot be written to, there is nobody to tell.
pub(crate) fn aside(text: Arguments) {
    let text = shown(&text.to_string()) + "\n";
    let _nobody_listens = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints JSON on standard output. Control characters that JSON allows in its strings are escaped in its own way.
pub(crate) fn json(text: &str) {
    put(&(escaped(text, |c| c != '\n', |hidden, c| write!(hidden, "\\u{:04x}", u32::from(c))) + "\n"));
}

/// Whether all that was said on standard output could be written.
///
/// # Errors
/// The first that was met; it is given once.
pub(crate) fn written() -> Result<(), Error> {
    let flushed = std::io::stdout().flush();
    keep_first(flushed);
    let mut failure = FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    failure.take().map_or(Ok(()), Err)
}

/// `text` on one line: control characters and ends of lines are shown as `\u{1b}` and the like.
pub(crate) fn one_line(text: &str) -> String {
    escaped(text, |_| true, |hidden, c| write!(hidden, "{}", c.escape_default()))
}

/// `text` as a terminal may have it: of its control characters only ends of lines are left.
fn shown(text: &str) -> String {
    escaped(text, |c| c != '\n', |hidden, c| write!(hidden, "{}", c.escape_default()))
}

/// `text` with each control character that `hides` written by `write` instead.
fn escaped(text: &str, hides: impl Fn(char) -> bool, write: impl Fn(&mut String, char) -> std::fmt::Result) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && hides(c) {
            write(&mut shown, c).expect("a String takes every text");
        } else {
            shown.push(c);
        }
    }
    shown
}

fn put(text: &str) {
    let failed = FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();
    if !failed {
        keep_first(std::io::stdout().lock().write_all(text.as_bytes()));
    }
}

fn keep_first(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(shown("red \u{1b}[31m\u{9b}1m\r\nend\u{7f} ü ×"), "red \\u{1b}[31m\\u{9b}1m\\r\nend\\u{7f} ü ×");
        assert_eq!(one_line("a\nb\tc"), "a\\nb\\tc");
    }

    #[test]
    fn json_stays_json_and_says_the_same() {
        let value = serde_json::json!({ "name": "\u{1b}[2J\u{9b}31m\u{7f}\n" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = escaped(&text, |c| c != '\n', |hidden, c| write!(hidden, "\\u{:04x}", u32::from(c)));
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
