//! Why a setting or the file of settings cannot be read, for the person who starts the server.

use figment::error::Kind;
use figment::value::Value;
use figment::{Error, Figment, Source};

use super::{SECRETS, variable_of};
use crate::domain::ValueFault;

/// One line that names the setting, its value, where it is set, and what would be valid.
pub(super) fn describe(figment: &Figment, error: &Error) -> String {
    let path = error.path.join(".");
    let place = describe_place(error, &path);
    if path.is_empty()
        && let Kind::Message(text) = &error.kind
    {
        return describe_file_fault(text, &place);
    }
    if SECRETS.contains(&path.as_str()) {
        return format!("setting {path}{place} must be a text in quotation marks");
    }
    let fault = find_fault(figment, error, &path);
    let sentence = match &fault {
        ValueFault::UnknownName { name, known } => describe_unknown(&path, name, known),
        ValueFault::WrongKind { expected, .. } if expected == "a list" => {
            format!("{}; write it as [\"…\", \"…\"]", fault.describe("setting", &path))
        }
        ValueFault::WrongKind { .. }
        | ValueFault::UnknownWord { .. }
        | ValueFault::Missing(_)
        | ValueFault::Repeated(_)
        | ValueFault::Other(_) => fault.describe("setting", &path),
    };
    // A list in brackets is an object to JSON, and a section of names to whoever writes settings.
    format!("{}{place}", sentence.replace("must be an object", "must be a section of settings"))
}

/// figment tells its errors as values, and those of parsers as texts.
fn find_fault(figment: &Figment, error: &Error, path: &str) -> ValueFault {
    let names = |known: &[&str]| known.iter().map(|name| (*name).to_owned()).collect();
    match &error.kind {
        Kind::InvalidType(value, expected) | Kind::InvalidValue(value, expected) => {
            ValueFault::wrong_kind(&value.to_string(), expected)
        }
        Kind::UnknownField(name, known) => ValueFault::UnknownName { name: name.clone(), known: names(known) },
        Kind::UnknownVariant(word, known) => ValueFault::UnknownWord { word: word.clone(), known: names(known) },
        Kind::MissingField(name) => ValueFault::Missing(name.to_string()),
        Kind::DuplicateField(name) => ValueFault::Repeated((*name).to_owned()),
        Kind::Message(text) => {
            let fault = ValueFault::from_text(text);
            match find_value(figment, path) {
                Some(value) => fault.with_text_value(&value),
                None => fault,
            }
        }
        Kind::InvalidLength(..)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => ValueFault::Other(error.kind.to_string()),
    }
}

/// The text at `path`, whose last part may be a place in a list.
fn find_value(figment: &Figment, path: &str) -> Option<String> {
    let value = figment.find_value(path).ok().or_else(|| {
        let (list, place) = path.rsplit_once('.')?;
        figment.find_value(list).ok()?.into_array()?.into_iter().nth(place.parse().ok()?)
    })?;
    if let Value::String(_, text) = value {
        return Some(text);
    }
    value.to_u128().map(|number| number.to_string())
}

fn describe_unknown(path: &str, name: &str, known: &[String]) -> String {
    let is_close = |known: &&String| known.starts_with(name) || name.starts_with(known.as_str());
    let advice = match known.iter().find(is_close) {
        Some(close) => format!("did you mean {close}?"),
        None => format!("there are {}", known.join(", ")),
    };
    format!("setting {path} does not exist; {advice}")
}

/// ` (in tillsight.toml)`, ` (in TILLSIGHT_BIND)`.
fn describe_place(error: &Error, path: &str) -> String {
    let Some(metadata) = &error.metadata else { return String::new() };
    if let Some(Source::File(file)) = &metadata.source {
        return format!(" (in {})", file.display());
    }
    if metadata.name.contains("environment variable") {
        let setting = path.trim_end_matches(|letter: char| letter == '.' || letter.is_ascii_digit());
        return format!(" (in {})", variable_of(setting));
    }
    String::new()
}

/// A fault of the file's syntax: `TOML parse error at line 2, column 1`, the line with a mark, and the reason. The line is not
/// shown, because it may hold a secret.
fn describe_file_fault(text: &str, place: &str) -> String {
    let position = text.lines().next().and_then(|line| line.strip_prefix("TOML parse error at "));
    let Some(position) = position else {
        let reason = if text.contains("UTF-8") { "is not text in UTF-8" } else { text.trim_end() };
        return format!("the settings file {reason}{place}");
    };
    let reason = text.trim_end().lines().last().unwrap_or_default();
    let advice = if reason.starts_with("duplicate key") {
        "is there a second time; remove one".to_owned()
    } else if reason.starts_with("number too") {
        "is a number outside of what a computer counts".to_owned()
    } else {
        "is not TOML; write a setting as name = value, with texts in \"quotation marks\"".to_owned()
    };
    format!("the settings file{place}: what is at {position} {advice}")
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    fn refuse(overlay: &str) -> String {
        Settings::from_toml(overlay).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_value_is_told_with_what_would_be_valid() {
        let cases = [
            ("bind = 8000", "setting bind must be an IP address and a port, for example 0.0.0.0:8000, not 8000"),
            (
                "bind = \"localhost:80\"",
                "must be an IP address and a port, for example 0.0.0.0:8000, not \"localhost:80\"",
            ),
            (
                "http_workers = \"many\"",
                "setting http_workers must be a whole number of at least 0, not the text \"many\"",
            ),
            ("http_workers = -1", "must be a whole number of at least 0, not -1"),
            ("trusted_proxies = \"10.0.0.1\"", "must be a list, not the text \"10.0.0.1\"; write it as [\"…\", \"…\"]"),
            ("trusted_proxies = [\"10.0.0.0/8\"]", "must be an IP address, for example 10.0.0.1, not \"10.0.0.0/8\""),
            ("environment = \"prod\"", "must be \"development\" or \"production\", not \"prod\""),
            ("tls = \"yes\"", "setting tls must be \"self-signed\", not \"yes\""),
            ("public_docs = \"yes\"", "must be true or false, not the text \"yes\""),
            ("limits = 7", "setting limits must be a section of settings, not 7"),
            ("bindd = 1", "setting bindd does not exist; did you mean bind?"),
            ("colour = 1", "setting colour does not exist; there are bind, tls, tls_cert, "),
            ("[limits]\npages = 7", "setting limits.pages does not exist; did you mean page?"),
            ("[automation.download]\nport = 7", "does not exist; there are hosts, "),
        ];
        for (overlay, expected) in cases {
            let told = refuse(overlay);
            assert!(told.contains(expected), "{overlay}: {told}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_is_told_by_the_position_and_not_shown() {
        for (overlay, expected) in [
            ("bind 8000", "at line 1, column 6 is not TOML"),
            ("admin_password = correct horse", "at line 1, column 18 is not TOML"),
            ("currency = \"EUR\"\ncurrency = \"USD\"", "at line 2, column 1 is there a second time"),
            ("[limits]\npage = 99999999999999999999", "at line 2, column 8 is a number outside"),
        ] {
            let told = refuse(overlay);
            assert!(told.contains(expected) && !told.contains("horse") && !told.contains('\n'), "{overlay}: {told}");
        }
    }
}
