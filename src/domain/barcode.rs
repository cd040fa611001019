//! Barcodes: the one form in which the ways to write an article's number are compared, and its check digit.
//!
//! A GTIN has 8, 12, 13 or 14 digits: UPC-A is EAN-13 with a zero in front, as a scanner may or may not send it. The rules are
//! those of the GS1 General Specifications (check digit: section 7.9; prefixes for use within a company: 1.4; UPC-E: 5.2).
//! What is compared is also computed by the migration `products_of_one_article` for the products of before; a test compares the
//! two.

use super::text::InvalidField;

/// Digits of the form in which GTINs are compared.
const GTIN_DIGITS: usize = 14;
/// Digits that a GTIN may have.
const GTIN_LENGTHS: [usize; 4] = [8, 12, 13, 14];

/// What two ways to write one article's number have in common: the fourteen digits of a GTIN; any other code as it is.
pub fn normalize_barcode(code: &str) -> String {
    match read_gtin(code) {
        Some(digits) => digits.iter().map(|digit| char::from(b'0' + digit)).collect(),
        None => code.to_owned(),
    }
}

/// Refuses a GTIN with a wrong check digit. Codes that a shop made itself pass: other texts, and the numbers that GS1 leaves to
/// shops, in which weight or price may stand.
pub fn check_gtin(field: &'static str, code: &str) -> Result<(), InvalidField> {
    let Some(digits) = read_gtin(code) else { return Ok(()) };
    let last = digits[GTIN_DIGITS - 1];
    if last == check_digit(&digits) || is_within_a_shop(code, &digits) {
        return Ok(());
    }
    // Eight digits with a leading zero are more often a mistyped UPC-E than a shop's own number.
    let should_be = check_digit(&expand_upc_e(code, &digits).unwrap_or(digits));
    let begin = &code[..code.len() - 1];
    let message = format!(
        "\"{code}\" has the check digit {last}, but its other digits ask for {should_be} ({begin}{should_be}). Scan it \
         again, or correct the digit that is wrong"
    );
    Err(InvalidField::new(field, message))
}

/// The fourteen digits of a code that is as long as a GTIN; its check digit may be wrong.
fn read_gtin(code: &str) -> Option<[u8; GTIN_DIGITS]> {
    if !GTIN_LENGTHS.contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = pad(code.bytes().map(|byte| byte - b'0'));
    let expanded = expand_upc_e(code, &digits).filter(|long| check_digit(long) == long[GTIN_DIGITS - 1]);
    Some(expanded.unwrap_or(digits))
}

/// With zeros in front.
fn pad(digits: impl DoubleEndedIterator<Item = u8>) -> [u8; GTIN_DIGITS] {
    let mut padded = [0; GTIN_DIGITS];
    padded.iter_mut().rev().zip(digits.rev()).for_each(|(place, digit)| *place = digit);
    padded
}

/// The UPC-A that eight digits with a leading zero shorten. (Of EAN-8, the numbers with a leading zero are
/// left to shops.)
fn expand_upc_e(code: &str, digits: &[u8; GTIN_DIGITS]) -> Option<[u8; GTIN_DIGITS]> {
    let [.., system @ 0, a, b, c, d, e, rule, check] = *digits else { return None };
    let long = match rule {
        0..=2 => [system, a, b, rule, 0, 0, 0, 0, c, d, e, check],
        3 => [system, a, b, c, 0, 0, 0, 0, 0, d, e, check],
        4 => [system, a, b, c, d, 0, 0, 0, 0, 0, e, check],
        _ => [system, a, b, c, d, e, 0, 0, 0, 0, rule, check],
    };
    (code.len() == 8).then(|| pad(long.into_iter()))
}

/// What brings the sum of all digits, the first and every second one after it three times, to a multiple of ten.
fn check_digit(digits: &[u8; GTIN_DIGITS]) -> u8 {
    let weighted = digits.iter().zip([3, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight);
    let sum = weighted.take(GTIN_DIGITS - 1).fold(0, |sum, value| (sum + value) % 10);
    (10 - sum) % 10
}

/// Prefixes 02, 04 and 20 to 29 of EAN-13, which are the number systems 2 and 4 of UPC-A, and 2 of EAN-8.
fn is_within_a_shop(code: &str, digits: &[u8; GTIN_DIGITS]) -> bool {
    match code.len() {
        8 => digits[6] == 2,
        _ => matches!(digits[1..3], [0, 2 | 4] | [2, _]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str) -> Option<String> {
        check_gtin("barcode", code).err().map(|invalid| invalid.message)
    }

    #[test]
    fn the_forms_of_one_article_are_equal() {
        for (forms, normalized) in [
            (vec!["036000291452", "0036000291452", "00036000291452"], "00036000291452"),
            (vec!["4006381333931", "04006381333931"], "04006381333931"),
            (vec!["96385074", "0000096385074", "00000096385074"], "00000096385074"),
            // One UPC-E for each way in which it leaves zeros out.
            (vec!["04252614", "042100005264"], "00042100005264"),
            (vec!["01234531", "012300000451"], "00012300000451"),
            (vec!["01234543", "012340000053"], "00012340000053"),
            (vec!["01234558", "012345000058"], "00012345000058"),
        ] {
            for form in forms {
                assert_eq!(normalize_barcode(form), normalized, "{form}");
                assert_eq!(refusal(form), None, "{form}");
            }
        }
        assert_ne!(normalize_barcode("14006381333938"), normalize_barcode("4006381333931"), "a case is not the piece");
    }

    #[test]
    fn a_wrong_check_digit_is_told_with_the_right_one() {
        for (code, right) in [
            ("4006381333932", "4006381333931"),
            ("036000291453", "036000291452"),
            ("96385075", "96385074"),
            ("04252615", "04252614"),
            ("14006381333931", "14006381333938"),
        ] {
            let message = refusal(code).unwrap_or_default();
            assert!(message.contains(code) && message.contains(right), "{code}: {message}");
        }
    }

    #[test]
    fn codes_of_a_shop_are_as_they_are() {
        for code in ["A-17", "12345", "200001", "4006381333931X", "004006381333931", "ABCDEFGHIJKLM"] {
            assert_eq!((normalize_barcode(code).as_str(), refusal(code)), (code, None));
        }
        for weighed in ["2012345000000", "0212345000001", "212345000001", "412345678900", "20123457"] {
            assert_eq!(refusal(weighed), None, "{weighed}");
        }
    }
}
