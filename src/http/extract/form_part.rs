//! The head of a part of a form: which field it is, and the name of its file.
//!
//! Read as browsers and programs mean it: parameters in capitals, file names in the encoding of the client's system or in that of
//! RFC 5987, a file input where nothing was chosen.

use multer::Field;
use percent_encoding::percent_decode;

use crate::domain::decode_file_name;

/// The names in the head of a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PartNames {
    /// Of the field.
    pub field: String,
    /// `None`: the part is a text.
    pub file: Option<String>,
}

impl PartNames {
    pub(super) fn read(part: &Field<'_>) -> Self {
        part.headers().get("content-disposition").map(|value| Self::parse(value.as_bytes())).unwrap_or_default()
    }

    /// Whether the part is what a browser sends for a file input where nothing was chosen, if it has no content.
    pub(super) fn is_unnamed_file(&self) -> bool {
        self.file.as_deref() == Some("")
    }

    fn parse(header: &[u8]) -> Self {
        let (mut names, mut extended) = (Self::default(), None);
        for (name, value) in parameters(header) {
            match name.as_str() {
                "name" => names.field = decode_file_name(&value),
                // Browsers write a quotation mark in a name in this way, and nothing else.
                "filename" => names.file = Some(decode_file_name(&value).replace("%22", "\"")),
                "filename*" => extended = decode_extended(&value),
                _ => {}
            }
        }
        names.file = extended.or(names.file);
        names
    }
}

/// The parameters of a header, their names in lower case.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parameters = Vec::new();
    let mut rest = after(header, b';');
    while !rest.is_empty() {
        let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else { break };
        if rest[equals] == b';' {
            rest = &rest[equals + 1..];
            continue;
        }
        let name = String::from_utf8_lossy(&rest[..equals]).trim().to_ascii_lowercase();
        let (value, after_value) = read_value(rest[equals + 1..].trim_ascii_start());
        parameters.push((name, value));
        rest = after(after_value, b';');
    }
    parameters
}

/// A value in quotation marks or without, and what comes after it. A backslash stands for itself, since paths have it, except before
/// a quotation mark.
fn read_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), &text[end..]);
    };
    let (mut value, mut position) = (Vec::new(), 0);
    while let Some(&byte) = quoted.get(position) {
        match (byte, quoted.get(position + 1)) {
            (b'"', _) => return (value, &quoted[position + 1..]),
            (b'\\', Some(b'"')) => {
                value.push(b'"');
                position += 2;
            }
            _ => {
                value.push(byte);
                position += 1;
            }
        }
    }
    (value, &[])
}

/// What comes after the first `separator`.
fn after(text: &[u8], separator: u8) -> &[u8] {
    text.iter().position(|byte| *byte == separator).map_or(&[], |position| &text[position + 1..])
}

/// A value such as `UTF-8''%ec%9a%b0.jpg` (RFC 5987). Its bytes tell its encoding as well as its first part does.
fn decode_extended(value: &[u8]) -> Option<String> {
    let encoded = value.splitn(3, |byte| *byte == b'\'').nth(2)?;
    Some(decode_file_name(&percent_decode(encoded).collect::<Vec<u8>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &[u8]) -> (String, Option<String>) {
        let names = PartNames::parse(header);
        (names.field, names.file)
    }

    #[test]
    fn names_are_read_in_every_form_that_clients_send() {
        let photo = |name: &str| ("images".to_owned(), Some(name.to_owned()));
        for (header, name) in [
            (&b"form-data; name=\"images\"; filename=\"a.jpg\""[..], "a.jpg"),
            (b"Form-Data; Name=\"images\"; FileName=\"a.jpg\"", "a.jpg"),
            (b"form-data; filename=a.jpg ;name=images", "a.jpg"),
            (b"form-data; name=\"images\"; filename=\"a;name=b.jpg\"", "a;name=b.jpg"),
            (b"form-data; name=\"images\"; filename=\"7%22 pizza.jpg\"", "7\" pizza.jpg"),
            (b"form-data; name=\"images\"; filename=\"7\\\" pizza.jpg\"", "7\" pizza.jpg"),
            (b"form-data; name=\"images\"; filename=\"C:\\photos\\a.jpg\"", "C:\\photos\\a.jpg"),
            (b"form-data; name=\"images\"; filename=\"K\xe4se.jpg\"", "Käse.jpg"),
            (b"form-data; name=\"images\"; filename=\"\xbf\xec\xc0\xaf.jpg\"", "우유.jpg"),
            (b"form-data; name=\"images\"; filename*=utf-8''%ec%9a%b0%ec%9c%a0.jpg", "우유.jpg"),
            (b"form-data; name=\"images\"; filename=\"_.jpg\"; filename*=ISO-8859-1'de'K%E4se.jpg", "Käse.jpg"),
            (b"form-data; name=\"images\"; filename=\"\"", ""),
            (b"form-data; x; name=\"images\"; filename=\"cut", "cut"),
        ] {
            assert_eq!(parse(header), photo(name), "{}", String::from_utf8_lossy(header));
        }
        assert_eq!(parse(b"form-data; name=\"note\""), ("note".to_owned(), None));
        assert_eq!(parse(b"form-data"), (String::new(), None));
    }
}
