//! What is wrong with a value that was read, as a sentence: the one place that turns the texts of parsers into plain words.
//!
//! serde and the standard library tell a fault as a text in one of a few forms (`invalid type: string "x", expected i64 at line 1
//! column 12`). A text in none of these forms is one of ours and stays as it is.

use std::fmt::Display;

/// The most letters of a value that are shown.
const VALUE_CHARS_MAX: usize = 80;
/// The texts of the standard library's and of other parsers, by their beginning, and what they expected.
const PARSER_TEXTS: [(&str, &str); 12] = [
    ("invalid digit found in string", "a whole number"),
    ("cannot parse integer from empty string", "a whole number"),
    ("number too large to fit in target type", "a smaller number"),
    ("number too small to fit in target type", "a larger number"),
    ("invalid float literal", "a number"),
    ("cannot parse float from empty string", "a number"),
    ("provided string was not `true` or `false`", "true or false"),
    ("invalid socket address syntax", SOCKET_ADDRESS),
    ("invalid IP address syntax", IP_ADDRESS),
    ("UUID parsing failed", "an identifier such as 0197f0a1-2b3c-7d4e-8f90-123456789abc"),
    ("unexpected end of hex escape", "a text"),
    ("invalid unicode code point", "a text"),
];
const SOCKET_ADDRESS: &str = "an IP address and a port, for example 0.0.0.0:8000";
const IP_ADDRESS: &str = "an IP address, for example 10.0.0.1";

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueFault {
    /// Both in plain words. The value is `None` where the parser does not tell it.
    WrongKind {
        expected: String,
        value: Option<String>,
    },
    /// Nothing has this name.
    UnknownName {
        name: String,
        known: Vec<String>,
    },
    /// The value is none of the words that are allowed.
    UnknownWord {
        word: String,
        known: Vec<String>,
    },
    Missing(String),
    Repeated(String),
    /// A text of ours.
    Other(String),
}

impl ValueFault {
    /// Reads the text of a serde error, or of a parser that serde passes on.
    pub fn from_text(text: &str) -> Self {
        let text = without_position(text);
        if let Some((value, expected)) =
            strip_either(text, ["invalid type: ", "invalid value: "]).and_then(|rest| rest.rsplit_once(", expected "))
        {
            return Self::wrong_kind(value, expected);
        }
        if let Some((_, expected)) =
            text.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
        {
            return Self::WrongKind { expected: describe_expected(expected), value: None };
        }
        if let Some((name, known)) = text.strip_prefix("unknown field ").and_then(name_and_known) {
            return Self::UnknownName { name, known };
        }
        if let Some((word, known)) = text.strip_prefix("unknown variant ").and_then(name_and_known) {
            return Self::UnknownWord { word, known };
        }
        if let Some((name, _)) = text.strip_prefix("missing field ").and_then(name_and_known) {
            return Self::Missing(name);
        }
        if let Some((name, _)) = text.strip_prefix("duplicate field ").and_then(name_and_known) {
            return Self::Repeated(name);
        }
        match PARSER_TEXTS.iter().find(|(beginning, _)| text.starts_with(beginning)) {
            Some((_, expected)) => Self::WrongKind { expected: (*expected).to_owned(), value: None },
            None => Self::Other(text.to_owned()),
        }
    }

    /// `value` and `expected` as serde writes them: `string "x"`, `i64`.
    pub fn wrong_kind(value: &str, expected: &str) -> Self {
        Self::WrongKind { expected: describe_expected(expected), value: Some(describe_value(value)) }
    }

    /// With the value, if the parser did not tell it.
    pub fn with_text_value(self, text: &str) -> Self {
        match self {
            Self::WrongKind { expected, value: None } => {
                Self::WrongKind { expected, value: Some(format!("\"{}\"", shorten(text))) }
            }
            told @ (Self::WrongKind { .. }
            | Self::UnknownName { .. }
            | Self::UnknownWord { .. }
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Other(_)) => told,
        }
    }

    /// A sentence without its full stop. `noun` says what it is about, such as "The field"; `path` names the value, or what holds
    /// a missing one, and is empty for the whole.
    pub fn describe(&self, noun: &str, path: &str) -> String {
        let subject = if path.is_empty() { noun.to_owned() } else { format!("{noun} {path}") };
        let within = |name: &str| match path.rsplit('.').next() {
            Some(last) if last == name => subject.clone(),
            _ if path.is_empty() => format!("{noun} {name}"),
            _ => format!("{subject}.{name}"),
        };
        match self {
            Self::WrongKind { expected, value: Some(value) } => format!("{subject} must be {expected}, not {value}"),
            Self::WrongKind { expected, value: None } => format!("{subject} must be {expected}"),
            Self::UnknownName { name, known } if known.is_empty() => format!("{} does not exist", within(name)),
            Self::UnknownName { name, known } => {
                format!("{} does not exist; there are {}", within(name), known.join(", "))
            }
            Self::UnknownWord { word, known } => {
                format!("{subject} must be {}, not \"{}\"", list_alternatives(known), shorten(word))
            }
            Self::Missing(name) => format!("{} is missing", within(name)),
            Self::Repeated(name) => format!("{} is there more than once", within(name)),
            Self::Other(text) => format!("{subject}: {text}"),
        }
    }
}

/// Why a text is not JSON, as the end of a sentence: "is not valid JSON at line 1, column 5".
pub fn describe_json_syntax(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "ends before its JSON is complete".to_owned();
    }
    format!("is not valid JSON at line {}, column {}", error.line(), error.column())
}

/// Words for a person to choose from: `"a", "b" or "c"`.
pub fn list_alternatives(words: &[impl Display]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "left out".to_owned(),
    }
}

fn strip_either<'a>(text: &'a str, beginnings: [&str; 2]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| text.strip_prefix(beginning))
}

/// serde_json ends its texts with a position, which helps only in a file.
fn without_position(text: &str) -> &str {
    match text.rsplit_once(" at line ") {
        Some((before, position))
            if position.split_once(" column ").is_some_and(|(line, column)| is_number(line) && is_number(column)) =>
        {
            before
        }
        Some(_) | None => text,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name in backticks, and the names in backticks after it.
fn name_and_known(text: &str) -> Option<(String, Vec<String>)> {
    let text = text.strip_prefix('`')?;
    let end = text.find("`, ").or_else(|| text.strip_suffix('`').map(str::len))?;
    let known = text[end + 1..].split('`').skip(1).step_by(2);
    Some((shorten(&text[..end]), known.map(str::to_owned).collect()))
}

/// serde's word for a kind of value in plain words.
fn describe_expected(expected: &str) -> String {
    let plain = match expected {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of at least 0",
        "f32" | "f64" => "a number",
        "a string" | "a borrowed string" | "string" | "str" | "a character" => "a text",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "path string" => "a path",
        "socket address" => SOCKET_ADDRESS,
        "IP address" => IP_ADDRESS,
        _ if expected.starts_with("struct ") || expected.starts_with("internally tagged enum ") => "an object",
        _ if expected.starts_with("enum ") || expected.starts_with("variant ") => "one of the words allowed here",
        _ if expected.starts_with("an array of ") || expected.starts_with("a tuple of ") => {
            let count: String = expected.chars().filter(char::is_ascii_digit).collect();
            return format!("a list of {count} values");
        }
        _ => expected,
    };
    plain.to_owned()
}

/// A value as serde names it, in plain words: `string "x"` becomes `the text "x"`.
fn describe_value(value: &str) -> String {
    if let Some(text) = value.strip_prefix("string ") {
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        return format!("the text \"{}\"", shorten(inner));
    }
    if let Some((_, number)) = value.split_once('`') {
        return shorten(number.trim_end_matches('`'));
    }
    match value {
        "sequence" => "a list",
        "map" => "an object",
        "unit" | "unit value" | "Option value" | "option" => "nothing",
        other => other,
    }
    .to_owned()
}

fn shorten(text: &str) -> String {
    let mut letters = text.chars().filter(|letter| !letter.is_control());
    let beginning: String = letters.by_ref().take(VALUE_CHARS_MAX).collect();
    if letters.next().is_some() { format!("{beginning}…") } else { beginning }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the test only parses it")]
    struct Sample {
        version: i64,
        count: Option<u32>,
        is_open: Option<bool>,
        names: Option<Vec<String>>,
        inner: Option<Inner>,
        kind: Option<Kind>,
        mean: Option<[f32; 3]>,
        address: Option<std::net::SocketAddr>,
        id: Option<uuid::Uuid>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "the test only parses it")]
    struct Inner {
        ratio: f64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Gross,
        Net,
    }

    fn describe<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).unwrap_err();
        ValueFault::from_text(&error.to_string()).describe("The field", "f")
    }

    #[test]
    fn serdes_texts_become_sentences_without_a_type() {
        let cases = [
            (r#"{"version": "x, expected y"}"#, r#"The field f must be a whole number, not the text "x, expected y""#),
            (r#"{"version": 1.5}"#, "The field f must be a whole number, not 1.5"),
            (r#"{"version": null}"#, "The field f must be a whole number, not null"),
            (r#"{"version": [1]}"#, "The field f must be a whole number, not a list"),
            (r#"{"version": 1, "count": -5}"#, "The field f must be a whole number from 0 to 4294967295, not -5"),
            (r#"{"version": 1, "is_open": "yes"}"#, r#"The field f must be true or false, not the text "yes""#),
            (r#"{"version": 1, "names": "a"}"#, r#"The field f must be a list, not the text "a""#),
            (r#"{"version": 1, "names": [7]}"#, "The field f must be a text, not 7"),
            (r#"{"version": 1, "inner": true}"#, "The field f must be an object, not true"),
            (r#"{"version": 1, "inner": {"ratio": {}}}"#, "The field f must be a number, not an object"),
            (r#"{"version": 1, "kind": "gros"}"#, r#"The field f must be "gross" or "net", not "gros""#),
            (r#"{"version": 1, "mean": [1, 2]}"#, "The field f must be a list of 3 values"),
            (
                r#"{"version": 1, "address": "here"}"#,
                "The field f must be an IP address and a port, for example 0.0.0.0:8000",
            ),
            (r#"{"version": 1, "version": 2}"#, "The field f.version is there more than once"),
            ("{}", "The field f.version is missing"),
        ];
        for (json, expected) in cases {
            assert_eq!(describe::<Sample>(json), expected, "{json}");
        }
        assert!(describe::<Sample>(r#"{"version": 1, "id": "7"}"#).contains("must be an identifier such as "));
        let unknown = describe::<Sample>(r#"{"version": 1, "total": 5}"#);
        assert!(
            unknown.starts_with("The field f.total does not exist; there are version, count, is_open, names"),
            "{unknown}"
        );
    }

    #[test]
    fn a_path_that_ends_with_the_name_is_not_doubled_and_may_be_empty() {
        let missing = ValueFault::Missing("price".to_owned());
        assert_eq!(missing.describe("The field", ""), "The field price is missing");
        assert_eq!(missing.describe("The field", "items.price"), "The field items.price is missing");
        let digits = ValueFault::from_text(&"x7".parse::<i64>().unwrap_err().to_string()).with_text_value("x7");
        assert_eq!(digits.describe("The field", "limit"), "The field limit must be a whole number, not \"x7\"");
        let own = ValueFault::from_text("a time is written as in RFC 3339 at line 1 column 9");
        assert_eq!(own.describe("The field", "at"), "The field at: a time is written as in RFC 3339");
        let long =
            ValueFault::wrong_kind(&format!("string \"{}\"", "x".repeat(5_000)), "i64").describe("The field", "f");
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn faults_of_syntax_are_told_by_their_position() {
        let refuse = |text: &str| describe_json_syntax(&serde_json::from_str::<serde_json::Value>(text).unwrap_err());
        assert_eq!(refuse("{\"a\": tru}"), "is not valid JSON at line 1, column 10");
        assert_eq!(refuse("{\"a\": 1"), "ends before its JSON is complete");
        assert_eq!(list_alternatives(&["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
