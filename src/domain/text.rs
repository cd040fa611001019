//! Parsing of text from outside: trimmed, of bounded length, visible, without control characters, in Unicode's form NFC.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

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

/// The text in Unicode's form NFC. `é` can be typed as one letter or as `e` and an accent, `한` as a syllable or as its three
/// letters; they look alike, and are one text to whoever types them.
pub fn to_nfc(text: &str) -> String {
    if is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// One line of text in NFC: trimmed, not empty, at most `length_max` characters, no control characters.
pub fn parse_line(field: &'static str, value: &str, length_max: usize) -> Result<String, InvalidField> {
    let trimmed = to_nfc(value.trim());
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
    if trimmed.chars().all(is_invisible) {
        return Err(InvalidField::new(field, "must hold something that can be seen, not only invisible characters"));
    }
    Ok(trimmed)
}

/// White space, what Unicode calls `Default_Ignorable_Code_Point` (zero-width spaces and joiners, directions, fillers, selectors,
/// tags), and the empty Braille pattern. Inside a text they have their uses, as in emoji and Persian.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The text of a cell of a CSV: what spreadsheets would take for a formula gets an apostrophe before it, which they do not show.
/// [`read_cell`] takes it off again.
pub fn write_cell(text: &str) -> Cow<'_, str> {
    if looks_like_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell that [`write_cell`] or a person's spreadsheet has written.
pub fn read_cell(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| looks_like_formula(rest)).unwrap_or(text)
}

/// Whether it begins as formulas do. Apostrophes before that do not count, so that a text with one keeps it through both.
fn looks_like_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Like [`parse_line`]; an empty text is none.
pub fn parse_optional_line(
    field: &'static str,
    value: Option<&str>,
    length_max: usize,
) -> Result<Option<String>, InvalidField> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(|text| parse_line(field, text, length_max)).transpose()
}

/// 1 to 48 printable ASCII characters without spaces. A check digit is looked at only where a product gets the code, by
/// [`super::check_gtin`].
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
    fn a_text_must_have_something_to_see() {
        for invisible in ["\u{200B}", "\u{FEFF}\u{2060} \u{200D}", "\u{3164}", "\u{2800}", "\u{E0020}\u{AD}"] {
            assert!(parse_line("name", invisible, 20).unwrap_err().message.contains("invisible"), "{invisible:?}");
        }
        assert!(parse_line("name", "می\u{200C}خواهم", 20).is_ok());
        assert!(parse_line("name", "👨\u{200D}🍳", 20).is_ok());
    }

    #[test]
    fn a_cell_is_no_formula_and_is_read_as_it_was() {
        for formula in ["=HYPERLINK(\"http://evil.example\")", "+49", "-10 %", "@home", "\t=1", "'=1"] {
            let cell = write_cell(formula);
            assert!(cell.starts_with('\'') && read_cell(&cell) == formula, "{cell}");
        }
        for text in ["Oat milk", "'s Hertogenbosch", "", "2 = 1 + 1"] {
            assert_eq!((write_cell(text).as_ref(), read_cell(text)), (text, text));
        }
    }

    #[test]
    fn a_text_is_one_in_every_form_in_which_it_is_typed() {
        for (typed, composed) in [("Cafe\u{301}", "Café"), ("\u{1112}\u{1161}\u{11ab}", "한"), ("Å", "Å")] {
            assert_eq!(parse_line("name", typed, 4).unwrap(), composed);
            assert_eq!(parse_username("username", &typed.repeat(3)).unwrap(), composed.to_lowercase().repeat(3));
        }
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
