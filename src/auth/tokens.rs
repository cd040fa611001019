//! Access tokens: JSON Web Tokens with one algorithm, in which every claim is required.
//!
//! They are short-lived proof of a session, no more: who the person is and what they may do is read from the database
//! with each request. Time is checked against our own clock, not by the library, which would ask the system's.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::token_key::TokenKey;
use super::{AuthError, TokenFault};
use crate::clock::Clock;
use crate::domain::{Timestamp, TokenId, UserId};

/// Who gives tokens out, and for whom. Checked, so that a key shared with another program by mistake does no harm.
const ISSUER: &str = "tillsight";
const AUDIENCE: &str = "tillsight-api";
/// The only purpose there is; a token made for another one later must not pass as this.
const PURPOSE: &str = "access";
/// Seconds by which the clocks of two servers may differ.
const LEEWAY_S: i64 = 10;

/// What an access token says. Every field is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    exp: i64,
    iat: i64,
    jti: Uuid,
    purpose: String,
    /// [`crate::db::users::UserRow::token_epoch`] when the token was made.
    epoch: i64,
    /// The family of refresh tokens that this token belongs to: it ends with it.
    family: Uuid,
}

/// Whose session a token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenSubject {
    /// The person.
    pub(super) user: UserId,
    /// The session.
    pub(super) family: TokenId,
    /// The epoch it was made in.
    pub(super) epoch: i64,
}

/// Makes and checks access tokens.
#[derive(Clone)]
pub(super) struct AccessTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    clock: Clock,
    lifetime_s: i64,
}

impl AccessTokens {
    pub(super) fn new(key: &TokenKey, clock: Clock, lifetime_s: i64) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // `set_issuer` and `set_audience` check a claim that is there; only this list makes them required.
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(key.bytes()),
            checking: DecodingKey::from_secret(key.bytes()),
            validation,
            clock,
            lifetime_s,
        }
    }

    /// Seconds that a token is good for.
    pub(super) fn lifetime_s(&self) -> i64 {
        self.lifetime_s
    }

    /// A token for `proof`, good from `now` on.
    pub(super) fn issue(&self, proof: TokenSubject, now: Timestamp) -> Result<String, AuthError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: proof.user.uuid(),
            exp: now.plus_seconds(self.lifetime_s).seconds(),
            iat: now.seconds(),
            jti: TokenId::at(now).uuid(),
            purpose: PURPOSE.to_owned(),
            epoch: proof.epoch,
            family: proof.family.uuid(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|error| AuthError::Internal(format!("signing a token: {error}")))
    }

    /// What `token` proves, where it is ours and not expired.
    pub(super) fn check(&self, token: &str) -> Result<TokenSubject, TokenFault> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation)
            .map_err(|_| TokenFault::Malformed)?
            .claims;
        if claims.purpose != PURPOSE {
            return Err(TokenFault::Malformed);
        }
        if claims.exp.saturating_add(LEEWAY_S) <= self.clock.now().seconds() {
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

    fn good() -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": Uuid::from_u128(1), "exp": NOW.seconds() + 600,
            "iat": NOW.seconds(), "jti": Uuid::from_u128(2), "purpose": PURPOSE, "epoch": 0, "family": Uuid::from_u128(3),
        })
    }

    fn signed(claims: &Value, algorithm: Algorithm, key: &[u8]) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
    }

    fn verdict(claims: &Value) -> Result<TokenSubject, TokenFault> {
        tokens().check(&signed(claims, Algorithm::HS256, KEY))
    }

    #[test]
    fn what_is_issued_is_accepted_and_says_whose_it_is() {
        let proof = TokenSubject { user: Uuid::from_u128(1).into(), family: Uuid::from_u128(3).into(), epoch: 4 };
        let token = tokens().issue(proof, NOW).unwrap();
        assert_eq!(tokens().check(&token), Ok(proof));
        assert!(verdict(&good()).is_ok());
    }

    #[test]
    fn each_claim_is_required() {
        for claim in ["iss", "aud", "sub", "exp", "iat", "jti", "purpose", "epoch", "family"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(claim);
            assert_eq!(verdict(&claims), Err(TokenFault::Malformed), "without {claim}");
        }
    }

    #[test]
    fn claims_for_others_are_refused() {
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
            let mut claims = good();
            claims[claim] = value.clone();
            assert_eq!(verdict(&claims), Err(TokenFault::Malformed), "{claim} = {value}");
        }
    }

    #[test]
    fn other_algorithms_and_keys_are_refused() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(tokens().check(&signed(&good(), algorithm, KEY)), Err(TokenFault::Malformed));
        }
        assert_eq!(tokens().check(&signed(&good(), Algorithm::HS256, &[8; 32])), Err(TokenFault::Malformed));
        let payload = BASE64_URL_SAFE_NO_PAD.encode(good().to_string());
        let good_signature = signed(&good(), Algorithm::HS256, KEY).rsplit('.').next().unwrap().to_owned();
        for name in ["none", "None", "NONE", "RS256", "ES256", "EdDSA", "HS1", ""] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": name, "typ": "JWT"}).to_string());
            for signature in ["", good_signature.as_str()] {
                let token = format!("{header}.{payload}.{signature}");
                assert_eq!(tokens().check(&token), Err(TokenFault::Malformed), "alg {name}");
            }
        }
    }

    #[test]
    fn a_changed_payload_or_no_token_at_all_is_refused() {
        let token = signed(&good(), Algorithm::HS256, KEY);
        let mut parts: Vec<&str> = token.split('.').collect();
        let mut claims = good();
        claims["sub"] = json!(Uuid::from_u128(99));
        let other = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        parts[1] = &other;
        assert_eq!(tokens().check(&parts.join(".")), Err(TokenFault::Malformed));
        for nonsense in ["", ".", "..", "a.b.c", "우유", &token[..token.len() - 2], &format!("{token}.x")] {
            assert_eq!(tokens().check(nonsense), Err(TokenFault::Malformed), "{nonsense}");
        }
    }

    #[test]
    fn a_token_expires_by_our_clock_with_a_leeway_of_at_most_30_seconds() {
        let clock = Clock::fixed(NOW);
        let tokens = AccessTokens::new(&TokenKey::new(KEY.to_vec()), clock.clone(), 600);
        let token = signed(&good(), Algorithm::HS256, KEY);
        clock.advance(600 + LEEWAY_S - 1);
        assert!(tokens.check(&token).is_ok());
        clock.advance(1);
        assert_eq!(tokens.check(&token), Err(TokenFault::Expired));
        const { assert!(LEEWAY_S <= 30) };
    }
}
