//! Which passwords are taken: long ones that are not on everybody's list. No rules about digits or symbols (NIST SP
//! 800-63B): they make passwords harder to remember, not to guess.

use std::collections::HashSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::InvalidField;

/// Fewest characters.
const SHORTEST: usize = 12;
/// Most characters; more would only keep the server busy.
const LONGEST: usize = 1_024;
/// Fewest different characters.
const FEWEST_DIFFERENT: usize = 5;
/// A repeated unit up to this length is refused whatever it is: `abcabcabcabc`.
const SHORT_UNIT: usize = 4;

/// Words and phrases that are tried first, one a line, in lower case; written for this project.
const COMMON_TEXT: &str = include_str!("common_passwords.txt");

/// Orders in which fingers run over a keyboard; each is also checked backwards.
const RUNS: [&str; 5] = [
    "0123456789012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

/// What an attacker tries on the account of an admin before anything else, whatever its length: the start is refused
/// outside development where one of them opens an admin's account. The policy lets none of them in; a row that was put
/// into the database by hand could.
pub(super) const WELL_KNOWN: [&str; 12] = [
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

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| COMMON_TEXT.lines().collect());

/// Whether `password` may belong to `username`; the error names `field`.
pub(super) fn check(field: &'static str, password: &SecretString, username: &str) -> Result<(), InvalidField> {
    let refused = |message: String| Err(InvalidField::new(field, message));
    let text = password.expose_secret();
    let length = text.chars().count();
    if length < SHORTEST {
        return refused(format!("has {length} characters; at least {SHORTEST} are needed, a short sentence is best"));
    }
    if length > LONGEST {
        return refused(format!("has {length} characters; at most {LONGEST} are allowed"));
    }
    let folded = text.to_lowercase();
    if folded.contains(&username.to_lowercase()) {
        return refused("must not contain the username".to_owned());
    }
    if is_common(&folded) {
        return refused("is one of the passwords that are tried first; choose another one".to_owned());
    }
    if is_monotonous(&folded) {
        return refused("is too regular to be safe; choose one that is not a run or a repetition".to_owned());
    }
    Ok(())
}

/// Whether `folded`, or what it repeats, is on the list, with or without the digits and signs around and in it.
fn is_common(folded: &str) -> bool {
    let letters: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
    [folded, &letters]
        .into_iter()
        .flat_map(|form| [form.to_owned(), unit(form), unit(core(form))])
        .any(|form| COMMON.contains(form.as_str()) || COMMON.contains(core(&form)))
}

/// What remains of `text` without the digits and signs around it.
fn core(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphabetic())
}

fn is_monotonous(folded: &str) -> bool {
    let different: HashSet<char> = folded.chars().collect();
    let backwards: String = folded.chars().rev().collect();
    different.len() < FEWEST_DIFFERENT
        || unit(folded).chars().count() <= SHORT_UNIT
        || RUNS.iter().any(|run| run.contains(folded) || run.contains(&backwards))
}

/// The shortest text whose repetition is `text`; `text` itself where it repeats nothing.
fn unit(text: &str) -> String {
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

    fn verdict(password: &str) -> Result<(), String> {
        check("password", &password.into(), "ann.lee").map_err(|error| error.message)
    }

    #[test]
    fn long_and_unlisted_passwords_are_taken() {
        for good in ["a till that sees", "우유와 빵과 사과와 커피", "Tr0mbone-harvest", &"xkcd is 936. ".repeat(78)]
        {
            assert_eq!(verdict(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn too_short_and_too_long_say_how_long() {
        assert!(verdict("elevenchars").unwrap_err().contains("11 characters"));
        assert!(verdict(&"ab cd ef gh ".repeat(100)).unwrap_err().contains("1200"));
        // Characters are counted, not bytes: four of these have twelve bytes.
        assert!(verdict("우유빵빵").unwrap_err().contains("4 characters"));
    }

    #[test]
    fn a_password_with_the_username_in_it_is_refused() {
        assert!(verdict("my name is Ann.Lee!").unwrap_err().contains("username"));
    }

    #[test]
    fn listed_passwords_are_refused_in_every_dress() {
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
            assert!(verdict(bad).unwrap_err().contains("tried first"), "{bad}");
        }
    }

    #[test]
    fn runs_and_repetitions_are_refused() {
        for bad in ["aaaaaaaaaaaa", "abababababab", "xyzwxyzwxyzw", "123456789012", "987654321098", "mnopqrstuvwx"] {
            assert!(verdict(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_is_tidy_and_none_of_the_well_known_gets_past_the_policy() {
        assert!(COMMON.len() >= 100, "{}", COMMON.len());
        for line in COMMON_TEXT.lines() {
            assert_eq!(line, line.trim().to_lowercase(), "{line}");
            assert!(!line.is_empty());
        }
        for word in WELL_KNOWN {
            assert!(verdict(word).is_err() && verdict(&word.repeat(3)).is_err(), "{word}");
        }
    }
}
