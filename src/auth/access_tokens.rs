//! Access tokens: JSON Web Tokens with one algorithm and only required claims.
//!
//! A token proves a session for a few minutes and nothing else: the person and their role are read from the database with
//! each request. Expiry is checked against the server's clock, not by the library, which would use the system's.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token_key::TokenKey;
use super::{AuthError, TokenFault};
use crate::clock::Clock;
use crate::domain::{Timestamp, TokenId, UserId};

/// Issuer and audience are checked, so that a key shared with another program by mistake does no harm.
const ISSUER: &str = "tillsight";
const AUDIENCE: &str = "tillsight-api";
/// The only purpose so far. A token for another purpose must not pass as an access token.
const PURPOSE: &str = "access";
/// The clocks of two servers may differ by this much.
const LEEWAY_S: i64 = 10;

/// The claims of an access token. Every field is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
    purpose: String,
    /// [`crate::db::users::UserRow::token_epoch`] when the token was issued.
    epoch: i64,
    /// The family of refresh tokens that this token belongs to and ends with.
    family: Uuid,
}

/// The user and the session that a token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenSubject {
    pub(super) user: UserId,
    /// Identifies the session.
    pub(super) family: TokenId,
    pub(super) epoch: i64,
}

/// Issues and verifies access tokens.
#[derive(Clone)]
pub(super) struct AccessTokens {
    signing_key: EncodingKey,
    verifying_key: DecodingKey,
    validation: Validation,
    clock: Clock,
    lifetime_s: i64,
}

impl AccessTokens {
    pub(super) fn new(key: &TokenKey, clock: Clock, lifetime_s: i64) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // `set_issuer` and `set_audience` check a claim only if it is present; this list makes the claims required.
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_exp = false;
        Self {
            signing_key: EncodingKey::from_secret(key.bytes()),
            verifying_key: DecodingKey::from_secret(key.bytes()),
            validation,
            clock,
            lifetime_s,
        }
    }

    pub(super) fn lifetime_s(&self) -> i64 {
        self.lifetime_s
    }

    /// A token that is valid from `now` on.
    pub(super) fn issue(&self, subject: TokenSubject, now: Timestamp) -> Result<String, AuthError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject.user.uuid(),
            exp: now.plus_seconds(self.lifetime_s).seconds(),
            iat: now.seconds(),
            jti: TokenId::generate(now).uuid(),
            purpose: PURPOSE.to_owned(),
            epoch: subject.epoch,
            family: subject.family.uuid(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing_key)
            .map_err(|error| AuthError::Internal(format!("signing a token: {error}")))
    }

    /// The subject of `token`, if this server issued it and it has not expired.
    pub(super) fn verify(&self, token: &str) -> Result<TokenSubject, TokenFault> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying_key, &self.validation)
            .map_err(|_| TokenFault::Malformed)?
            .claims;
        if claims.purpose != PURPOSE {
            return Err(TokenFault::Malformed);
        }
        let now = self.clock.now().seconds();
        // A token that lives longer than one issued now was issued before the clock was set back. Twice, since the clocks of two
        // servers can differ.
        let exp_max = now.saturating_add(self.lifetime_s.saturating_mul(2));
        if claims.exp.saturating_add(LEEWAY_S) <= now || claims.exp > exp_max {
            return Err(TokenFault::Expired);
        }
        Ok(TokenSubject { user: claims.sub.into(), family: claims.family.into(), epoch: claims.epoch })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const KEY: &[u8] = &[7; 32];
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn tokens() -> AccessTokens {
        AccessTokens::new(&TokenKey::new(KEY.to_vec()), Clock::fixed(NOW), 600)
    }

    fn valid_claims() -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": Uuid::from_u128(1), "exp": NOW.seconds() + 600,
            "iat": NOW.seconds(), "jti": Uuid::from_u128(2), "purpose": PURPOSE, "epoch": 0, "family": Uuid::from_u128(3),
        })
    }

    fn sign(claims: &Value, algorithm: Algorithm, key: &[u8]) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
    }

    fn verify(claims: &Value) -> Result<TokenSubject, TokenFault> {
        tokens().verify(&sign(claims, Algorithm::HS256, KEY))
    }

    #[test]
    fn an_issued_token_is_verified_and_names_its_subject() {
        let subject = TokenSubject { user: Uuid::from_u128(1).into(), family: Uuid::from_u128(3).into(), epoch: 4 };
        let token = tokens().issue(subject, NOW).unwrap();
        assert_eq!(tokens().verify(&token), Ok(subject));
        assert!(verify(&valid_claims()).is_ok());
    }

    #[test]
    fn each_claim_is_required() {
        for claim in ["iss", "aud", "sub", "exp", "iat", "jti", "purpose", "epoch", "family"] {
            let mut claims = valid_claims();
            claims.as_object_mut().unwrap().remove(claim);
            assert_eq!(verify(&claims), Err(TokenFault::Malformed), "without {claim}");
        }
    }

    #[test]
    fn a_token_from_before_the_clock_was_set_back_does_not_outlive_it() {
        let subject = TokenSubject { user: Uuid::from_u128(1).into(), family: Uuid::from_u128(3).into(), epoch: 0 };
        let issued = |ahead_s: i64| tokens().issue(subject, NOW.plus_seconds(ahead_s)).unwrap();
        assert!(tokens().verify(&issued(60)).is_ok(), "another server's clock");
        assert_eq!(tokens().verify(&issued(365 * 86_400)), Err(TokenFault::Expired));
    }

    #[test]
    fn foreign_claims_are_refused() {
        let foreign = [
            ("iss", json!("someone")),
            ("iss", json!([ISSUER, "someone"])),
            ("aud", json!("another-api")),
            ("aud", json!([AUDIENCE, "another-api"])),
            ("sub", json!("admin")),
            ("purpose", json!("refresh")),
            ("purpose", json!("")),
            ("exp", json!("never")),
            ("exp", Value::Null),
            ("epoch", json!("0")),
        ];
        for (claim, value) in foreign {
            let mut claims = valid_claims();
            claims[claim] = value.clone();
            assert_eq!(verify(&claims), Err(TokenFault::Malformed), "{claim} = {value}");
        }
    }

    #[test]
    fn other_algorithms_and_keys_are_refused() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(tokens().verify(&sign(&valid_claims(), algorithm, KEY)), Err(TokenFault::Malformed));
        }
        assert_eq!(tokens().verify(&sign(&valid_claims(), Algorithm::HS256, &[8; 32])), Err(TokenFault::Malformed));
        let payload = BASE64_URL_SAFE_NO_PAD.encode(valid_claims().to_string());
        let valid_signature = sign(&valid_claims(), Algorithm::HS256, KEY).rsplit('.').next().unwrap().to_owned();
        for name in ["none", "None", "NONE", "RS256", "ES256", "EdDSA", "HS1", ""] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": name, "typ": "JWT"}).to_string());
            for signature in ["", valid_signature.as_str()] {
                let token = format!("{header}.{payload}.{signature}");
                assert_eq!(tokens().verify(&token), Err(TokenFault::Malformed), "alg {name}");
            }
        }
    }

    #[test]
    fn a_changed_payload_and_nonsense_are_refused() {
        let token = sign(&valid_claims(), Algorithm::HS256, KEY);
        let mut parts: Vec<&str> = token.split('.').collect();
        let mut claims = valid_claims();
        claims["sub"] = json!(Uuid::from_u128(99));
        let other = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        parts[1] = &other;
        assert_eq!(tokens().verify(&parts.join(".")), Err(TokenFault::Malformed));
        for nonsense in ["", ".", "..", "a.b.c", "우유", &token[..token.len() - 2], &format!("{token}.x")] {
            assert_eq!(tokens().verify(nonsense), Err(TokenFault::Malformed), "{nonsense}");
        }
    }

    #[test]
    fn a_token_expires_by_the_servers_clock_with_a_leeway_of_at_most_30_seconds() {
        let clock = Clock::fixed(NOW);
        let tokens = AccessTokens::new(&TokenKey::new(KEY.to_vec()), clock.clone(), 600);
        let token = sign(&valid_claims(), Algorithm::HS256, KEY);
        clock.advance(600 + LEEWAY_S - 1);
        assert!(tokens.verify(&token).is_ok());
        clock.advance(1);
        assert_eq!(tokens.verify(&token), Err(TokenFault::Expired));
        const { assert!(LEEWAY_S <= 30) };
    }
}
