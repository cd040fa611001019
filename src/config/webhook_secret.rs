//! The secrets of [Standard Webhooks](https://www.standardwebhooks.com): `whsec_` and the key in base64.
//!
//! The reference libraries decode any text as base64, some of them leniently: one skips letters that it does not know, another
//! takes a text without `whsec_`. A secret is therefore taken only in the one form that all of them read as the same key.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretString};

const PREFIX: &str = "whsec_";
/// The minimum of the specification.
const KEY_BYTES_MIN: usize = 24;
/// The reference libraries ignore bits beyond the last byte as well.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The key that signs.
///
/// # Errors
/// What is wrong with the secret, as the end of a sentence that begins with the name of its setting. It does not show the secret.
pub fn parse_webhook_secret(secret: &SecretString) -> Result<Vec<u8>, String> {
    let secret = secret.expose_secret();
    let Some(encoded) = secret.strip_prefix(PREFIX) else {
        return Err(format!(
            "must begin with {PREFIX}, and the key in base64 must follow; make one with: echo {PREFIX}$(openssl rand -base64 32). \
             If it is base64 already, put {PREFIX} before it. If receivers check signatures with its letters as they are, put \
             {PREFIX} before the base64 of these letters, and they need no change"
        ));
    };
    if let Some((position, letter)) = encoded.char_indices().find(|(_, letter)| !is_base64(*letter)) {
        let letter = describe_letter(letter);
        return Err(format!(
            "has {letter} as letter {} after {PREFIX}; base64 has only A to Z, a to z, 0 to 9, +, / and = at its end",
            encoded[..position].chars().count() + 1
        ));
    }
    let letters = encoded.trim_end_matches('=').len();
    let (padding, padding_needed) = (encoded.len() - letters, (4 - letters % 4) % 4);
    // A single letter holds less than a byte.
    if padding_needed == 3 {
        return Err(format!(
            "has {letters} letters after {PREFIX}, which no base64 has; perhaps a part was not copied"
        ));
    }
    if padding != padding_needed {
        return Err(format!(
            "must end with {padding_needed} = signs, not {padding}, because its base64 has {letters} letters"
        ));
    }
    let key = BASE64
        .decode(encoded)
        .map_err(|_| format!("has = among the letters after {PREFIX}; only its end may have it"))?;
    if key.len() < KEY_BYTES_MIN {
        return Err(format!(
            "has a key of {} bytes; at least {KEY_BYTES_MIN} random ones are needed, for example {PREFIX}$(openssl rand -base64 \
             32)",
            key.len()
        ));
    }
    Ok(key)
}

fn is_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=')
}

/// Tells what typically got in by accident; any other letter may be a part of the secret and is not shown.
fn describe_letter(letter: char) -> &'static str {
    match letter {
        '-' | '_' => "- or _ (write + for - and / for _)",
        '\n' | '\r' => "a line break",
        ' ' | '\t' => "a space",
        '"' | '\'' => "a quotation mark",
        _ => "a letter that is not base64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(secret: &str) -> Result<Vec<u8>, String> {
        parse_webhook_secret(&SecretString::from(secret))
    }

    #[test]
    fn the_key_follows_the_prefix_in_base64() {
        // From the tests of the reference libraries.
        assert_eq!(parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().len(), 24);
        assert_eq!(parse(&format!("whsec_{}8=", "A".repeat(42))).unwrap().len(), 32);
        // The last letter of two bytes may have bits beyond them.
        assert_eq!(parse(&format!("whsec_{}9=", "A".repeat(42))), parse(&format!("whsec_{}8=", "A".repeat(42))));
    }

    #[test]
    fn every_other_form_is_refused_with_what_to_change_and_not_shown() {
        let whole = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
        assert!(parse(&format!("whsec_{whole}")).is_ok());
        let unpadded = whole.trim_end_matches('=');
        let cases = [
            (whole.to_owned(), "must begin with whsec_"),
            ("twenty-four bytes or more".to_owned(), "must begin with whsec_"),
            (format!("WHSEC_{whole}"), "must begin with whsec_"),
            (format!("whsec_{unpadded}"), "must end with 1 = signs, not 0, because its base64 has 43 letters"),
            (format!("whsec_{whole}="), "must end with 1 = signs, not 2"),
            (format!("whsec_{}", &unpadded[..41]), "has 41 letters"),
            (format!("whsec_{whole}\n"), "a line break as letter 45 after whsec_"),
            (format!("whsec_{}", whole.replacen('r', "-", 1)), "write + for - and / for _"),
            (format!("whsec_\"{whole}\""), "a quotation mark as letter 1 "),
            (format!("whsec_MfKQ=r8{}", &whole[7..]), "has = among the letters"),
            ("whsec_vsez0ZkEZnDLohzxWTdAlA==".to_owned(), "a key of 16 bytes"),
            ("whsec_".to_owned(), "a key of 0 bytes"),
        ];
        for (secret, expected) in cases {
            let reason = parse(&secret).unwrap_err();
            assert!(reason.contains(expected), "{secret}: {reason}");
            assert!(!reason.contains("PD8ILPZ") && !reason.contains("twenty"), "{reason}");
        }
    }
}
