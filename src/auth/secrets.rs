//! Random secrets: tokens, device keys, codes that a person types, and a type that keeps them out of logs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::AuthError;
use crate::domain::{generate_code, parse_code};

/// Prefix of every device key. It distinguishes keys from access tokens and identifies a leaked key.
pub(super) const KIOSK_KEY_PREFIX: &str = "tsk_";

/// Of a refresh token and of a device key.
const TOKEN_BYTES: usize = 32;

/// A secret to be sent to its owner: serialised as plain text, redacted in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct IssuedSecret(String);

impl IssuedSecret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for IssuedSecret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Random bytes from the operating system.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| AuthError::Internal(format!("the operating system has no random numbers: {error}")))?;
    Ok(bytes)
}

/// 43 characters with 256 random bits.
pub(super) fn new_refresh_token() -> Result<String, AuthError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>()?))
}

pub(super) fn new_kiosk_key() -> Result<String, AuthError> {
    Ok(format!("{KIOSK_KEY_PREFIX}{}", new_refresh_token()?))
}

/// A code for a person to type: 100 random bits as `XXXXX-XXXXX-XXXXX-XXXXX`.
pub(super) fn new_enrolment_code() -> Result<String, AuthError> {
    generate_code().map_err(|error| AuthError::Internal(format!("the operating system has no random numbers: {error}")))
}

pub(super) fn new_one_time_password() -> Result<SecretString, AuthError> {
    new_enrolment_code().map(SecretString::from)
}

/// The stored form of a typed code, whatever its case and separators. `None` if it cannot be a code.
pub(super) fn hash_code(typed: &str) -> Option<Vec<u8>> {
    parse_code(typed).map(|code| hash_token(&code))
}

/// The stored form of a token: plain SHA-256, since nobody can guess 256 random bits.
pub(super) fn hash_token(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_same_hash_however_it_is_typed() {
        let code = new_enrolment_code().unwrap();
        assert_eq!(hash_code(&format!(" {} ", code.to_lowercase().replace('-', " "))), hash_code(&code));
        assert!(hash_code(&code).is_some());
        for wrong in ["", "ABCDE", "ABCDE-ABCDE-ABCDE-ABCDE-A", "우유"] {
            assert_eq!(hash_code(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_unique_and_redacted_in_debug_output() {
        assert_ne!(new_refresh_token().unwrap(), new_refresh_token().unwrap());
        assert_eq!(new_refresh_token().unwrap().len(), 43);
        let key = new_kiosk_key().unwrap();
        assert!(key.starts_with("tsk_"));
        assert_eq!(format!("{:?}", IssuedSecret::from(key)), "[redacted]");
    }
}
