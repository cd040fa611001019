//! The password policy: long passwords that are not on a list of common ones. No rules about digits or symbols (NIST SP
//! 800-63B): they make passwords harder to remember, not to guess.

use std::collections::HashSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};

use super::passwords::normalize;
use crate::domain::InvalidField;

const CHARS_MIN: usize = 12;
/// A longer password would only keep the server busy.
const CHARS_MAX: usize = 1_024;
const DISTINCT_CHARS_MIN: usize = 5;
/// A repetition of up to this many characters is refused: `abcabcabcabc`.
const REPEATED_CHARS_MAX: usize = 4;

/// Words and phrases that attackers try first, one per line, in lower case. Written for this project.
const COMMON_PASSWORDS_TEXT: &str = include_str!("common_passwords.txt");

/// Sequences of the alphabet and the keyboard; each is also checked backwards.
const SEQUENCES: [&str; 5] = [
    "0123456789012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

/// Passwords that an attacker tries first on an admin's account. Outside development the server does not start if an admin
/// has one of them. The policy refuses them all, but a row put into the database by hand could hold one.
pub(super) const WELL_KNOWN_PASSWORDS: [&str; 12] = [
    "admin",
    "administrator",
    "password",
    "admin123",
    "password123",
    "tillsight",
    "changeme",
    "letmein",
    "12345678",
    "secret",
    "default",
    "root",
];

static COMMON_PASSWORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| COMMON_PASSWORDS_TEXT.lines().collect());

/// Whether `username` may have `password`. The error names `field`.
pub(super) fn check(field: &'static str, password: &SecretString, username: &str) -> Result<(), InvalidField> {
    let refused = |message: String| Err(InvalidField::new(field, message));
    let password = normalize(password);
    let text = password.expose_secret();
    let length = text.chars().count();
    if length < CHARS_MIN {
        return refused(format!(
            "has {length} characters; it needs at least {CHARS_MIN}, for example a short sentence"
        ));
    }
    if length > CHARS_MAX {
        return refused(format!("has {length} characters; at most {CHARS_MAX} are allowed"));
    }
    let folded = text.to_lowercase();
    if folded.contains(&username.to_lowercase()) {
        return refused("must not contain the username".to_owned());
    }
    if is_common(&folded) {
        return refused("is a common password that attackers try first; choose another one".to_owned());
    }
    if is_regular(&folded) {
        return refused("is a sequence or a repetition; choose a less regular one".to_owned());
    }
    Ok(())
}

/// Whether `folded`, or the text that it repeats, is on the list, with or without the digits and signs around and in it.
fn is_common(folded: &str) -> bool {
    let letters: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
    [folded, &letters]
        .into_iter()
        .flat_map(|form| [form.to_owned(), repeated_part(form), repeated_part(trim_non_letters(form))])
        .any(|form| COMMON_PASSWORDS.contains(form.as_str()) || COMMON_PASSWORDS.contains(trim_non_letters(&form)))
}

fn trim_non_letters(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphabetic())
}

fn is_regular(folded: &str) -> bool {
    let distinct: HashSet<char> = folded.chars().collect();
    let backwards: String = folded.chars().rev().collect();
    distinct.len() < DISTINCT_CHARS_MIN
        || repeated_part(folded).chars().count() <= REPEATED_CHARS_MAX
        || SEQUENCES.iter().any(|sequence| sequence.contains(folded) || sequence.contains(&backwards))
}

/// The shortest text whose repetition is `text`; `text` itself if it repeats nothing.
fn repeated_part(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let period = (1..=chars.len() / 2)
        .filter(|period| chars.len().is_multiple_of(*period))
        .find(|period| chars.iter().zip(&chars[*period..]).all(|(a, b)| a == b))
        .unwrap_or(chars.len());
    chars[..period].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_password(password: &str) -> Result<(), String> {
        check("password", &password.into(), "ann.lee").map_err(|error| error.message)
    }

    #[test]
    fn long_and_uncommon_passwords_are_accepted() {
        for good in ["a till that sees", "우유와 빵과 사과와 커피", "Tr0mbone-harvest", &"xkcd is 936. ".repeat(78)]
        {
            assert_eq!(check_password(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_password_of_a_wrong_length_is_refused_with_its_length() {
        assert!(check_password("elevenchars").unwrap_err().contains("11 characters"));
        assert!(check_password(&"ab cd ef gh ".repeat(100)).unwrap_err().contains("1200"));
        // Characters are counted, not bytes: four of these have twelve bytes.
        assert!(check_password("우유빵빵").unwrap_err().contains("4 characters"));
    }

    #[test]
    fn a_password_that_contains_the_username_is_refused() {
        let decomposed = SecretString::from("my name is \u{1112}\u{1161}\u{11ab}\u{1112}\u{1161}\u{11ab}!");
        assert!(check("password", &decomposed, "한한").unwrap_err().message.contains("username"));
        assert!(check_password("my name is Ann.Lee!").unwrap_err().contains("username"));
    }

    #[test]
    fn common_passwords_are_refused_in_every_variation() {
        for bad in [
            "passwordpassword",
            "Password123456",
            "PASSWORD1234!!",
            "!!administrator2026",
            "letmeinletmein",
            "correct-horse-battery-staple",
            "changemechangeme",
            "tillsight1234",
            "qwertyuiop123",
        ] {
            assert!(check_password(bad).unwrap_err().contains("try first"), "{bad}");
        }
    }

    #[test]
    fn sequences_and_repetitions_are_refused() {
        for bad in ["aaaaaaaaaaaa", "abababababab", "xyzwxyzwxyzw", "123456789012", "987654321098", "mnopqrstuvwx"] {
            assert!(check_password(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_is_normalised_and_the_policy_refuses_all_well_known_passwords() {
        assert!(COMMON_PASSWORDS.len() >= 100, "{}", COMMON_PASSWORDS.len());
        for line in COMMON_PASSWORDS_TEXT.lines() {
            assert_eq!(line, line.trim().to_lowercase(), "{line}");
            assert!(!line.is_empty());
        }
        for word in WELL_KNOWN_PASSWORDS {
            assert!(check_password(word).is_err() && check_password(&word.repeat(3)).is_err(), "{word}");
        }
    }
}
