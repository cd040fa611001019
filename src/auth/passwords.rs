//! Password hashing with Argon2id, in a bounded pool and never on the thread of a request.
//!
//! For an unknown user the password is verified against a dummy hash, so the response time does not reveal which names
//! exist.
//!
//! A one-time password is a code that people read and type, so a password that looks like a code is also tried as the code that
//! was meant. That depends on the password alone: a look-up of names by time learns nothing from it.
//!
//! A password is hashed in NFC, so that it is the same from every keyboard. Hashes of before are of what was typed: both forms
//! are tried where they differ, and the hash is renewed at the next login.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};

use super::AuthError;
use super::secrets::random_bytes;
use crate::config::TokenSettings;
use crate::domain::{parse_code, to_nfc};
use crate::pool::Pool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordCheck {
    /// Also for an unknown user.
    Wrong,
    Correct,
    /// Correct, but hashed with weaker parameters than the current ones, or not in NFC.
    NeedsRehash,
}

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    pool: Pool,
    params: Params,
    dummy_hash: SecretString,
}

impl Passwords {
    pub(super) fn new(pool: Pool, settings: &TokenSettings) -> Result<Self, AuthError> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_passes, 1, None)
            .map_err(|error| AuthError::Internal(format!("wrong parameters of Argon2: {error}")))?;
        let dummy_hash = dummy_hash(&params)?;
        Ok(Self { pool, params, dummy_hash })
    }

    /// The hash of a password as a PHC string.
    pub(super) async fn hash(&self, password: &SecretString) -> Result<SecretString, AuthError> {
        let (params, password) = (self.params.clone(), normalize(password));
        let hashed = self.pool.run(move || {
            let hash: Result<PasswordHash, _> = Argon2::from(params).hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| SecretString::from(hash.to_string()))
        });
        hashed.await?.map_err(|error| AuthError::Internal(format!("hashing a password: {error}")))
    }

    /// Checks `password` against `hash`, or against the dummy hash if there is no user.
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&SecretString>,
    ) -> Result<PasswordCheck, AuthError> {
        let (params, password) = (self.params.clone(), password.clone());
        let user_exists = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy_hash).clone();
        let check = self.pool.run(move || verify_typed(&params, &password, hash.expose_secret()));
        match check.await? {
            Ok(_) if !user_exists => Ok(PasswordCheck::Wrong),
            other => other,
        }
    }
}

/// The password as it is hashed, looked for in lists and compared.
pub(super) fn normalize(password: &SecretString) -> SecretString {
    SecretString::from(to_nfc(password.expose_secret()))
}

fn verify_typed(current: &Params, typed: &SecretString, hash: &str) -> Result<PasswordCheck, AuthError> {
    let check = verify_forms(current, typed, hash)?;
    let typed = typed.expose_secret();
    let meant = parse_code(typed).filter(|code| check == PasswordCheck::Wrong && code != typed);
    match meant.map(|code| verify_hash(current, &code, hash)).transpose()? {
        // What was typed is not what a new hash would be made of; a one-time password is replaced at once anyway.
        Some(PasswordCheck::Correct | PasswordCheck::NeedsRehash) => Ok(PasswordCheck::Correct),
        Some(PasswordCheck::Wrong) | None => Ok(check),
    }
}

/// Tries both forms even if the first one is correct: how long it takes depends on what was typed alone.
fn verify_forms(current: &Params, typed: &SecretString, hash: &str) -> Result<PasswordCheck, AuthError> {
    let normalized = normalize(typed);
    let check = verify_hash(current, normalized.expose_secret(), hash)?;
    if normalized.expose_secret() == typed.expose_secret() {
        return Ok(check);
    }
    Ok(match (check, verify_hash(current, typed.expose_secret(), hash)?) {
        (PasswordCheck::Wrong, PasswordCheck::Correct) => PasswordCheck::NeedsRehash,
        (PasswordCheck::Wrong, as_typed) => as_typed,
        (check, _) => check,
    })
}

fn verify_hash(current: &Params, password: &str, hash: &str) -> Result<PasswordCheck, AuthError> {
    let unreadable =
        |error: &dyn std::fmt::Display| AuthError::Internal(format!("a stored password hash is unreadable: {error}"));
    let hash = PasswordHash::new(hash).map_err(|error| unreadable(&error))?;
    let stored = Params::try_from(&hash).map_err(|error| unreadable(&error))?;
    match Argon2::from(current).verify_password(password.as_bytes(), &hash) {
        Ok(()) if needs_rehash(&hash, &stored, current) => Ok(PasswordCheck::NeedsRehash),
        Ok(()) => Ok(PasswordCheck::Correct),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(PasswordCheck::Wrong),
        Err(error) => Err(unreadable(&error)),
    }
}

fn needs_rehash(hash: &PasswordHash, stored: &Params, current: &Params) -> bool {
    hash.algorithm != ARGON2ID_IDENT || stored.m_cost() < current.m_cost() || stored.t_cost() < current.t_cost()
}

/// A hash with random output, which no password matches. It takes as long to verify as a user's.
fn dummy_hash(params: &Params) -> Result<SecretString, AuthError> {
    let failed = |error: &dyn std::fmt::Display| AuthError::Internal(format!("making a dummy hash: {error}"));
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::default().into()),
        params: ParamsString::try_from(params).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&random_bytes::<16>()?).map_err(|error| failed(&error))?),
        hash: Some(Output::new(&random_bytes::<{ Params::DEFAULT_OUTPUT_LEN }>()?).map_err(|error| failed(&error))?),
    };
    Ok(SecretString::from(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32) -> Passwords {
        let settings = TokenSettings { argon2_memory_kib: memory_kib, ..TokenSettings::default() };
        Passwords::new(Pool::new("hash-test", 1, 8).unwrap(), &settings).unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_only_against_its_own_hash() {
        let passwords = passwords(19_456);
        let right = SecretString::from("a till that sees");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose_secret());
        assert_eq!(passwords.verify(&right, Some(&hash)).await.unwrap(), PasswordCheck::Correct);
        assert_eq!(passwords.verify(&"a till that saw".into(), Some(&hash)).await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(passwords.verify(&right, None).await.unwrap(), PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_code_may_be_typed_in_any_case_and_without_dashes() {
        let passwords = passwords(19_456);
        let hash = passwords.hash(&"7K2M9-QX4TD-0H5VN-WB8CR".into()).await.unwrap();
        for typed in ["7K2M9-QX4TD-0H5VN-WB8CR", " 7k2m9-qx4td-oh5vn-wb8cr ", "7k2m9qx4td0h5vnwb8cr"] {
            assert_eq!(passwords.verify(&typed.into(), Some(&hash)).await.unwrap(), PasswordCheck::Correct, "{typed}");
        }
        let other = passwords.verify(&"7k2m9-qx4td-0h5vn-wb8cs".into(), Some(&hash)).await.unwrap();
        assert_eq!(other, PasswordCheck::Wrong);
        // A password of one's own stays as it is.
        let hash = passwords.hash(&"harvesttrombonepaper".into()).await.unwrap();
        let upper = passwords.verify(&"HARVESTTROMBONEPAPER".into(), Some(&hash)).await.unwrap();
        assert_eq!(upper, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_hash_with_weaker_parameters_needs_a_rehash() {
        let right = SecretString::from("a till that sees");
        let old = passwords(19_456).hash(&right).await.unwrap();
        assert_eq!(passwords(32_768).verify(&right, Some(&old)).await.unwrap(), PasswordCheck::NeedsRehash);
        assert_eq!(passwords(32_768).verify(&"wrong".into(), Some(&old)).await.unwrap(), PasswordCheck::Wrong);
        let new = passwords(32_768).hash(&right).await.unwrap();
        assert_eq!(passwords(19_456).verify(&right, Some(&new)).await.unwrap(), PasswordCheck::Correct);
    }

    /// `é` as one letter, and as `e` with an accent; `한` as a syllable, and as its letters.
    #[tokio::test]
    async fn a_password_is_one_in_both_forms_and_older_hashes_hold_as_they_were_typed() {
        let passwords = passwords(19_456);
        let composed = SecretString::from("le café a une 한 table");
        let decomposed = SecretString::from("le cafe\u{301} a une \u{1112}\u{1161}\u{11ab} table");
        for (chosen, typed) in [(&composed, &decomposed), (&decomposed, &composed), (&decomposed, &decomposed)] {
            let hash = passwords.hash(chosen).await.unwrap();
            assert_eq!(passwords.verify(typed, Some(&hash)).await.unwrap(), PasswordCheck::Correct);
        }
        let older = Argon2::from(passwords.params.clone()).hash_password(decomposed.expose_secret().as_bytes());
        let older: PasswordHash = older.unwrap();
        let older = SecretString::from(older.to_string());
        assert_eq!(passwords.verify(&decomposed, Some(&older)).await.unwrap(), PasswordCheck::NeedsRehash);
        assert_eq!(passwords.verify(&composed, Some(&older)).await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(passwords.verify(&decomposed, None).await.unwrap(), PasswordCheck::Wrong);
        let other = SecretString::from("le cafe\u{301} a deux tables");
        assert_eq!(passwords.verify(&other, Some(&older)).await.unwrap(), PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn an_unreadable_stored_hash_is_a_defect_and_not_a_wrong_password() {
        let broken = SecretString::from("not a hash");
        assert!(matches!(passwords(19_456).verify(&"x".into(), Some(&broken)).await, Err(AuthError::Internal(_))));
    }
}
