//! Codes that people read from paper or a screen and type: random, in groups, without letters that look alike.

/// Crockford's base 32: no I, L, O, U, which are misread or form words.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 20 letters of 5 bits: 100 random bits.
const LETTERS: usize = 20;
const LETTERS_PER_GROUP: usize = 5;

/// A new random code such as `7K2M9-QX4TD-0H5VN-WB8CR`, with 100 bits from the operating system.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn generate_code() -> Result<String, getrandom::Error> {
    let mut bytes = [0; LETTERS];
    getrandom::fill(&mut bytes)?;
    // 256 is a multiple of 32, so every letter is equally likely.
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    Ok(join_groups(&letters))
}

/// The code that a person meant: in capitals, with dashes, and with misread letters corrected. `None` if the text cannot
/// be a code.
pub fn parse_code(typed: &str) -> Option<String> {
    let letters: Vec<char> = typed
        .chars()
        .filter(|c| !(c.is_whitespace() || *c == '-'))
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let is_code = letters.len() == LETTERS && letters.iter().all(|c| c.is_ascii() && ALPHABET.contains(&(*c as u8)));
    is_code.then(|| join_groups(&letters))
}

fn join_groups(letters: &[char]) -> String {
    letters.chunks(LETTERS_PER_GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_can_be_typed_carelessly() {
        let code = generate_code().unwrap();
        assert_eq!(code.len(), 23);
        assert_ne!(code, generate_code().unwrap());
        let typed = format!(" {} ", code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
        assert_eq!(parse_code(&typed), Some(code));
        assert_eq!(parse_code("too short"), None);
        assert_eq!(parse_code(&"U".repeat(20)), None);
    }
}
