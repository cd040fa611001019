//! Text from outside, checked where it enters: trimmed, of bounded length, without control characters.

/// A value from outside that cannot be taken: which field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidField {
    /// The field as the client wrote it.
    pub field: &'static str,
    /// What was wrong, with the value where it helps, and what would be right.
    pub message: String,
}

impl InvalidField {
    /// Names the field and what is wrong with it.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// One line of text: trimmed, not empty, at most `longest` characters, no control characters.
pub fn line(field: &'static str, value: &str, longest: usize) -> Result<String, InvalidField> {
    let trimmed = value.trim();
    let length = trimmed.chars().count();
    if trimmed.is_empty() {
        return Err(InvalidField::new(field, "must not be empty"));
    }
    if length > longest {
        return Err(InvalidField::new(field, format!("has {length} characters; at most {longest} are allowed")));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(InvalidField::new(field, "must not contain control characters such as line breaks"));
    }
    Ok(trimmed.to_owned())
}

/// Like [`line`], but nothing and the empty text both mean "none".
pub fn optional_line(field: &'static str, value: Option<&str>, longest: usize) -> Result<Option<String>, InvalidField> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(|text| line(field, text, longest)).transpose()
}

/// What a scanner reads: 1–48 printable ASCII characters without spaces. No check digit is asked for, since in-store
/// codes and weighed goods often have none.
pub fn barcode(field: &'static str, value: &str) -> Result<String, InvalidField> {
    let code = line(field, value, 48)?;
    if code.chars().all(|c| c.is_ascii_graphic()) {
        Ok(code)
    } else {
        Err(InvalidField::new(field, format!("\"{code}\" may hold only printable ASCII characters without spaces")))
    }
}

/// A name to sign in with: 3–64 characters from letters, digits and `. _ - @ +`, kept in lower case so that `Ann` and
/// `ann` are one account.
pub fn username(field: &'static str, value: &str) -> Result<String, InvalidField> {
    let name = line(field, value, 64)?.to_lowercase();
    if name.chars().count() < 3 {
        return Err(InvalidField::new(field, "must have at least 3 characters"));
    }
    match name.chars().find(|c| !(c.is_alphanumeric() || "._-@+".contains(*c))) {
        None => Ok(name),
        Some(c) => {
            Err(InvalidField::new(field, format!("may not contain {c:?}; letters, digits and . _ - @ + are allowed")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_trimmed_and_bounded() {
        assert_eq!(line("name", "  Oat milk ", 20).unwrap(), "Oat milk");
        assert!(line("name", " ", 20).unwrap_err().message.contains("empty"));
        assert!(line("name", "a\nb", 20).is_err());
        assert!(line("name", &"x".repeat(21), 20).unwrap_err().message.contains("21"));
        assert_eq!(line("name", "우유", 2).unwrap(), "우유");
    }

    #[test]
    fn usernames_are_folded_to_lower_case() {
        assert_eq!(username("username", "Ann.Lee").unwrap(), "ann.lee");
        assert!(username("username", "an").is_err());
        assert!(username("username", "ann lee").unwrap_err().message.contains("' '"));
    }

    #[test]
    fn empty_options_are_none_and_barcodes_are_ascii() {
        assert_eq!(optional_line("sku", Some(" "), 9).unwrap(), None);
        assert!(barcode("barcode", "12 34").is_err());
        assert_eq!(barcode("barcode", " 4006381333931 ").unwrap(), "4006381333931");
    }
}
