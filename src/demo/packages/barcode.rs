//! EAN-13 numbers of the in-store range (20–29), and their bars.
//!
//! Source of the code tables: GS1 General Specifications, section 5.2 (EAN/UPC symbology).

/// Seven modules of each digit in set A; set C is its complement, set B is set C reversed.
const SET_A: [u8; 10] = [
    0b000_1101, 0b001_1001, 0b001_0011, 0b011_1101, 0b010_0011, 0b011_0001, 0b010_1111, 0b011_1011, 0b011_0111,
    0b000_1011,
];
/// By the first digit: which of the six left digits use set B (bit 5 is the leftmost).
const LEFT_SETS: [u8; 10] =
    [0b00_0000, 0b00_1011, 0b00_1101, 0b00_1110, 0b01_0011, 0b01_1001, 0b01_1100, 0b01_0101, 0b01_0110, 0b01_1010];

/// The check digit of twelve digits: their sum with weights 1 and 3, completed to a multiple of ten.
pub(super) fn check_digit(twelve: &str) -> u8 {
    let sum: u32 = twelve.bytes().enumerate().map(|(i, d)| u32::from(d - b'0') * if i % 2 == 0 { 1 } else { 3 }).sum();
    ((10 - sum % 10) % 10) as u8
}

/// `2`, one digit of the catalogue, ten digits of the product, and the check digit.
pub(super) fn in_store_ean13(catalogue: u64, product: u64) -> String {
    let twelve = format!("2{}{:010}", catalogue % 10, product % 10_000_000_000);
    let check = check_digit(&twelve);
    format!("{twelve}{check}")
}

/// The 95 modules of a barcode, `true` if dark; empty if `code` is not thirteen digits.
pub fn ean13_modules(code: &str) -> Vec<bool> {
    let digits: Vec<usize> = code.bytes().filter(u8::is_ascii_digit).map(|d| usize::from(d - b'0')).collect();
    if digits.len() != 13 {
        return Vec::new();
    }
    let mut bars = vec![true, false, true];
    for (i, &digit) in digits[1..7].iter().enumerate() {
        let in_set_b = LEFT_SETS[digits[0]] >> (5 - i) & 1 == 1;
        for bit in 0..7 {
            let dark = if in_set_b { SET_A[digit] >> bit & 1 == 0 } else { SET_A[digit] >> (6 - bit) & 1 == 1 };
            bars.push(dark);
        }
    }
    bars.extend([false, true, false, true, false]);
    for &digit in &digits[7..] {
        bars.extend((0..7).map(|bit| SET_A[digit] >> (6 - bit) & 1 == 0));
    }
    bars.extend([true, false, true]);
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digit_agrees_with_a_published_example() {
        // 629104150021 → 3 is the worked example of GS1's own check digit page.
        assert_eq!(check_digit("629104150021"), 3);
    }

    #[test]
    fn bars_have_the_guards_of_an_ean_13() {
        let bars = ean13_modules(&in_store_ean13(3, 17));
        assert_eq!(bars.len(), 95);
        assert_eq!(bars[..3], [true, false, true]);
        assert_eq!(bars[45..50], [false, true, false, true, false]);
        assert_eq!(bars[92..], [true, false, true]);
        // Left digits start light and right digits dark, in every set.
        assert!((0..6).all(|i| !bars[3 + 7 * i] && bars[50 + 7 * i]));
    }
}
