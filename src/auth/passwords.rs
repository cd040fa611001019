//! Hashing passwords: Argon2id, in a bounded pool, never on the thread of the one who asks.
//!
//! Verifying against "nobody" takes as long as verifying against somebody, so that the time of an answer does not tell
//! which names exist.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};

use super::AuthError;
use super::secrets::random;
use crate::config::Tokens;
use crate::pool::Pool;

/// What a password turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordCheck {
    /// Not the right one, or there is nobody it could belong to.
    Wrong,
    /// The right one.
    Right,
    /// The right one, kept under parameters below today's: hash it again.
    RightButWeak,
}

/// Hashes and verifies.
pub(super) struct Passwords {
    pool: Pool,
    params: Params,
    nobody: SecretString,
}

impl Passwords {
    pub(super) fn new(pool: Pool, settings: &Tokens) -> Result<Self, AuthError> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_passes, 1, None)
            .map_err(|error| AuthError::Internal(format!("parameters of Argon2: {error}")))?;
        let nobody = nobodys_hash(&params)?;
        Ok(Self { pool, params, nobody })
    }

    /// The password's hash in PHC form.
    pub(super) async fn hash(&self, password: &SecretString) -> Result<SecretString, AuthError> {
        let (params, password) = (self.params.clone(), password.clone());
        let hashed = self.pool.run(move || {
            let hash: Result<PasswordHash, _> = Argon2::from(params).hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| SecretString::from(hash.to_string()))
        });
        hashed.await?.map_err(|error| AuthError::Internal(format!("hashing a password: {error}")))
    }

    /// Whether `password` is the one behind `hash`; against nobody it never is, and takes as long to say so.
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&SecretString>,
    ) -> Result<PasswordCheck, AuthError> {
        let (params, password) = (self.params.clone(), password.clone());
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).clone();
        let verdict = self.pool.run(move || verify(&params, password.expose_secret(), hash.expose_secret()));
        match verdict.await? {
            Ok(_) if !known => Ok(PasswordCheck::Wrong),
            other => other,
        }
    }
}

fn verify(today: &Params, password: &str, hash: &str) -> Result<PasswordCheck, AuthError> {
    let unreadable = |error: &dyn std::fmt::Display| AuthError::Internal(format!("a kept password hash: {error}"));
    let hash = PasswordHash::new(hash).map_err(|error| unreadable(&error))?;
    let kept = Params::try_from(&hash).map_err(|error| unreadable(&error))?;
    match Argon2::from(today).verify_password(password.as_bytes(), &hash) {
        Ok(()) if is_below(&hash, &kept, today) => Ok(PasswordCheck::RightButWeak),
        Ok(()) => Ok(PasswordCheck::Right),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(PasswordCheck::Wrong),
        Err(error) => Err(unreadable(&error)),
    }
}

fn is_below(hash: &PasswordHash, kept: &Params, today: &Params) -> bool {
    hash.algorithm != ARGON2ID_IDENT || kept.m_cost() < today.m_cost() || kept.t_cost() < today.t_cost()
}

/// A hash that no password has, with today's parameters: its output is random.
fn nobodys_hash(params: &Params) -> Result<SecretString, AuthError> {
    let failed = |error: &dyn std::fmt::Display| AuthError::Internal(format!("making a dummy hash: {error}"));
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::default().into()),
        params: ParamsString::try_from(params).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&random::<16>()?).map_err(|error| failed(&error))?),
        hash: Some(Output::new(&random::<{ Params::DEFAULT_OUTPUT_LEN }>()?).map_err(|error| failed(&error))?),
    };
    Ok(SecretString::from(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory_kib: u32) -> Passwords {
        let settings = Tokens { argon2_memory_kib: memory_kib, ..Tokens::default() };
        Passwords::new(Pool::new("hash-test", 1, 8).unwrap(), &settings).unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_only_against_its_own_hash() {
        let passwords = passwords(19_456);
        let right = SecretString::from("a till that sees");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose_secret());
        assert_eq!(passwords.verify(&right, Some(&hash)).await.unwrap(), PasswordCheck::Right);
        assert_eq!(passwords.verify(&"a till that saw".into(), Some(&hash)).await.unwrap(), PasswordCheck::Wrong);
        assert_eq!(passwords.verify(&right, None).await.unwrap(), PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_hash_below_todays_parameters_is_right_but_weak() {
        let right = SecretString::from("a till that sees");
        let old = passwords(19_456).hash(&right).await.unwrap();
        assert_eq!(passwords(32_768).verify(&right, Some(&old)).await.unwrap(), PasswordCheck::RightButWeak);
        assert_eq!(passwords(32_768).verify(&"wrong".into(), Some(&old)).await.unwrap(), PasswordCheck::Wrong);
        let new = passwords(32_768).hash(&right).await.unwrap();
        assert_eq!(passwords(19_456).verify(&right, Some(&new)).await.unwrap(), PasswordCheck::Right);
    }

    #[tokio::test]
    async fn a_kept_hash_that_is_none_is_a_defect_and_not_a_wrong_password() {
        let broken = SecretString::from("not a hash");
        assert!(matches!(passwords(19_456).verify(&"x".into(), Some(&broken)).await, Err(AuthError::Internal(_))));
    }
}
