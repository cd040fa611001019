//! Random secrets: tokens, device keys, codes that a person types, and the text type that keeps them out of logs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::AuthError;
use crate::domain::{readable_code, tidy_code};

/// What every device key begins with, so that a leaked one is recognised as what it is, and tokens are told apart.
pub(super) const KIOSK_KEY_PREFIX: &str = "tsk_";

/// Bytes of a refresh token and of a device key: 256 bits.
const TOKEN_BYTES: usize = 32;

/// A secret on its way to the one person or device it is for: sent as plain text, shown in no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct IssuedSecret(String);

impl IssuedSecret {
    /// The secret itself.
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

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Internal(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// A new refresh token: 43 letters that carry 256 bits.
pub(super) fn refresh_token() -> Result<String, AuthError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<TOKEN_BYTES>()?))
}

/// A new device key.
pub(super) fn kiosk_key() -> Result<String, AuthError> {
    Ok(format!("{KIOSK_KEY_PREFIX}{}", refresh_token()?))
}

/// A new code for a person to type: 100 random bits as `XXXXX-XXXXX-XXXXX-XXXXX`.
pub(super) fn code() -> Result<String, AuthError> {
    readable_code().map_err(|error| AuthError::Internal(format!("no random numbers: {error}")))
}

/// A one-time password for a person to type: a code is one.
pub(super) fn one_time_password() -> Result<SecretString, AuthError> {
    code().map(SecretString::from)
}

/// What is kept of a typed code: the hash of the code that was meant. Nothing where it cannot be a code.
pub(super) fn code_hash(typed: &str) -> Option<Vec<u8>> {
    tidy_code(typed).map(|code| token_hash(&code))
}

/// What is kept of a token: SHA-256. No salt and no slowness, since nobody can guess 256 random bits.
pub(super) fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_was_typed() {
        let code = code().unwrap();
        assert_eq!(code_hash(&format!(" {} ", code.to_lowercase().replace('-', " "))), code_hash(&code));
        assert!(code_hash(&code).is_some());
        for wrong in ["", "ABCDE", "ABCDE-ABCDE-ABCDE-ABCDE-A", "우유"] {
            assert_eq!(code_hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_two_secrets_are_alike_and_none_shows_in_debug_output() {
        assert_ne!(refresh_token().unwrap(), refresh_token().unwrap());
        assert_eq!(refresh_token().unwrap().len(), 43);
        let key = kiosk_key().unwrap();
        assert!(key.starts_with("tsk_"));
        assert_eq!(format!("{:?}", IssuedSecret::from(key)), "[redacted]");
    }
}
