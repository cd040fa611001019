//! Parsing of text from outside: trimmed, of bounded length, without control characters.

/// An input value that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidField {
    /// The name of the field in the request.
    pub field: &'static str,
    /// What is wrong with the value, and what would be right.
    pub message: String,
}

impl InvalidField {
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// One line of text: trimmed, not empty, at most `length_max` characters, no control characters.
pub fn parse_line(field: &'static str, value: &str, length_max: usize) -> Result<String, InvalidField> {
    let trimmed = value.trim();
    let length = trimmed.chars().count();
    if trimmed.is_empty() {
        return Err(InvalidField::new(field, "must not be empty"));
    }
    if length > length_max {
        return Err(InvalidField::new(field, format!("has {length} characters; at most {length_max} are allowed")));
    }
    if trimmed.chars().any(char::is_control) {
        return Err(InvalidField::new(field, "must not contain control characters such as line breaks"));
    }
    Ok(trimmed.to_owned())
}

/// Like [`parse_line`]; an empty text is none.
pub fn parse_optional_line(
    field: &'static str,
    value: Option<&str>,
    length_max: usize,
) -> Result<Option<String>, InvalidField> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(|text| parse_line(field, text, length_max)).transpose()
}

/// 1 to 48 printable ASCII characters without spaces. No check digit is required: codes of a store and of weighed goods
/// often have none.
pub fn parse_barcode(field: &'static str, value: &str) -> Result<String, InvalidField> {
    let code = parse_line(field, value, 48)?;
    if code.chars().all(|c| c.is_ascii_graphic()) {
        Ok(code)
    } else {
        Err(InvalidField::new(field, format!("\"{code}\" may hold only printable ASCII characters without spaces")))
    }
}

/// 3 to 64 characters from letters, digits and `. _ - @ +`, in lower case so that `Ann` and `ann` are one account.
pub fn parse_username(field: &'static str, value: &str) -> Result<String, InvalidField> {
    let name = parse_line(field, value, 64)?.to_lowercase();
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
        assert_eq!(parse_line("name", "  Oat milk ", 20).unwrap(), "Oat milk");
        assert!(parse_line("name", " ", 20).unwrap_err().message.contains("empty"));
        assert!(parse_line("name", "a\nb", 20).is_err());
        assert!(parse_line("name", &"x".repeat(21), 20).unwrap_err().message.contains("21"));
        assert_eq!(parse_line("name", "우유", 2).unwrap(), "우유");
    }

    #[test]
    fn usernames_become_lower_case() {
        assert_eq!(parse_username("username", "Ann.Lee").unwrap(), "ann.lee");
        assert!(parse_username("username", "an").is_err());
        assert!(parse_username("username", "ann lee").unwrap_err().message.contains("' '"));
    }

    #[test]
    fn empty_optional_lines_are_none_and_barcodes_are_ascii() {
        assert_eq!(parse_optional_line("sku", Some(" "), 9).unwrap(), None);
        assert!(parse_barcode("barcode", "12 34").is_err());
        assert_eq!(parse_barcode("barcode", " 4006381333931 ").unwrap(), "4006381333931");
    }
}
