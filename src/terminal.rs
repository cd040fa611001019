//! Output for the person at the terminal: lines on standard output ([`say`]), notes on standard error ([`note`]).
//!
//! Invariants:
//! * if standard output cannot be written to, that is an error, never a panic: the first error is kept, nothing more is
//!   written, and [`finish_output`] returns the error to the command;
//! * names from other people's files do not control the terminal: control characters are escaped, and an error is one line.

use std::fmt::{Arguments, Write as _};
use std::io::{Error, Write};
use std::sync::Mutex;

/// The first error of writing to standard output.
static OUTPUT_ERROR: Mutex<Option<Error>> = Mutex::new(None);

/// Prints a line, or lines, on standard output; takes what `format!` takes.
macro_rules! say {
    ($($part:tt)*) => { $crate::terminal::print_line(format_args!($($part)*)) };
}

/// Prints a line on standard error; takes what `format!` takes.
macro_rules! note {
    ($($part:tt)*) => { $crate::terminal::print_note(format_args!($($part)*)) };
}

pub(crate) use {note, say};

pub(crate) fn print_line(text: Arguments) {
    write_output(&(escape_controls(&text.to_string()) + "\n"));
}

/// If standard error cannot be written to, the note is lost.
pub(crate) fn print_note(text: Arguments) {
    let text = escape_controls(&text.to_string()) + "\n";
    let _write_error = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints JSON on standard output; the control characters in its strings become JSON escapes.
pub(crate) fn print_json(text: &str) {
    let escape = |output: &mut String, c: char| write!(output, "\\u{:04x}", u32::from(c));
    write_output(&(replace_controls(text, |c| c != '\n', escape) + "\n"));
}

/// Flushes standard output and returns the first error of writing to it, once.
pub(crate) fn finish_output() -> Result<(), Error> {
    record_error(std::io::stdout().flush());
    let mut error = OUTPUT_ERROR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    error.take().map_or(Ok(()), Err)
}

/// Escapes control characters and line ends, as in `\u{1b}`.
pub(crate) fn escape_to_one_line(text: &str) -> String {
    replace_controls(text, |_| true, |output, c| write!(output, "{}", c.escape_default()))
}

/// Escapes all control characters except line ends.
fn escape_controls(text: &str) -> String {
    replace_controls(text, |c| c != '\n', |output, c| write!(output, "{}", c.escape_default()))
}

/// Replaces each control character that `is_replaced` accepts by the output of `write`.
fn replace_controls(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char) -> std::fmt::Result,
) -> String {
    let mut output = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && is_replaced(c) {
            write(&mut output, c).expect("writing to a String cannot fail");
        } else {
            output.push(c);
        }
    }
    output
}

fn write_output(text: &str) {
    let failed = OUTPUT_ERROR.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some();
    if !failed {
        record_error(std::io::stdout().lock().write_all(text.as_bytes()));
    }
}

fn record_error(result: Result<(), Error>) {
    if let Err(error) = result {
        OUTPUT_ERROR.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            escape_controls("red \u{1b}[31m\u{9b}1m\r\nend\u{7f} ü ×"),
            "red \\u{1b}[31m\\u{9b}1m\\r\nend\\u{7f} ü ×"
        );
        assert_eq!(escape_to_one_line("a\nb\tc"), "a\\nb\\tc");
    }

    #[test]
    fn escaped_json_parses_to_the_same_value() {
        let value = serde_json::json!({ "name": "\u{1b}[2J\u{9b}31m\u{7f}\n" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = replace_controls(&text, |c| c != '\n', |hidden, c| write!(hidden, "\\u{:04x}", u32::from(c)));
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
