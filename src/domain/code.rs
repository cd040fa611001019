//! Codes that people read from paper and type: random, grouped, without letters that look alike.

/// 32 characters, 5 bits each: digits and capitals without 0/O and 1/I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Groups of a code, and characters of a group: 20 × 5 = 100 random bits.
const GROUPS: usize = 4;
const GROUP: usize = 5;

/// A new random code such as `K7QW2-…`: 100 bits from the operating system, in four groups of five.
///
/// # Errors
/// Where the operating system gives no random bytes.
pub fn readable_code() -> Result<String, getrandom::Error> {
    let mut bytes = [0; GROUPS * GROUP];
    getrandom::fill(&mut bytes)?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// What a person typed, in the form that [`readable_code`] makes: capitals, grouped, spaces and dashes wherever they
/// were. Text that cannot be a code is given back as it is, and will match none.
pub fn tidy_code(typed: &str) -> String {
    let letters: Vec<char> =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_survive_being_typed() {
        let code = readable_code().unwrap();
        assert_eq!(code.len(), 23);
        assert_ne!(code, readable_code().unwrap());
        assert_eq!(tidy_code(&format!(" {} ", code.to_lowercase().replace('-', " "))), code);
    }
}
