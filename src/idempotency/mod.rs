//! Idempotent requests: the reply is stored under the client's Idempotency-Key, so that a repeated request does not repeat the
//! work.
//!
//! Invariants: a reply is stored in the transaction of the work that it reports, so neither exists without the other. A
//! failed transaction can be retried, since each attempt first looks for the reply of the previous one. A reply of more than
//! [`REPLY_BYTES_MAX`] is not kept, but that its request was carried out is: a repetition changes nothing, and is refused.

mod retry;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::db::idempotency_keys::{self, StoredReply};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{Caller, Timestamp};

pub use retry::{DatabaseCause, register_metrics, retry_key_race, retry_transaction, retry_transaction_counted};

/// The largest reply that is kept. A bill of 200 lines has some 60 kB, and each of its changes keeps all of it.
const REPLY_BYTES_MAX: usize = 64 * 1_024;
/// The field of what is stored instead of a larger reply; no reply has one of this name.
const NOT_KEPT: &str = "$reply_not_kept_bytes";

/// The reply to an idempotent request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The JSON of the first reply.
    pub body: Value,
    /// Whether this is the stored reply of an earlier request.
    pub replayed: bool,
}

impl Reply {
    /// A reply that is not stored.
    pub fn first(view: &impl Serialize) -> Result<Self, IdempotencyError> {
        // By way of the text, since a `Value` made directly would show an f32 with the digits of an f64.
        let body = serde_json::to_string(view).and_then(|text| serde_json::from_str(&text));
        let body = body.map_err(|error| DatabaseError::Unexpected(error.to_string()))?;
        Ok(Self { body, replayed: false })
    }
}

/// A refusal or failure to look up or store a reply.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    #[error("This Idempotency-Key was already used for another request. Choose a new key for each new request.")]
    KeyReused,
    #[error(
        "The request with this Idempotency-Key was carried out before. Its reply was too large to be kept. Read what it \
         changed; do not send it with another key."
    )]
    ReplyNotKept,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A request with its Idempotency-Key. Without a key, no reply is found or stored.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    scope: String,
    key: Option<String>,
    request_hash: Vec<u8>,
}

impl IdempotentRequest {
    /// A key belongs to one operation and caller. `request` holds everything that must be equal in two requests with the same
    /// key.
    pub fn new(operation: &'static str, caller: &Caller, key: Option<&str>, request: &str) -> Self {
        let scope = scope_of(operation, caller);
        Self { scope, key: key.map(str::to_owned), request_hash: Sha256::digest(request).to_vec() }
    }

    /// A request that is its own key: the same request again is a repetition, although the client sent no key, and whoever
    /// sends it. The caller must be known to be allowed to see the reply.
    pub fn keyed_by_content(operation: &'static str, request: &str) -> Self {
        let hash = Sha256::digest(request);
        Self { scope: operation.to_owned(), key: Some(hex::encode(hash)), request_hash: hash.to_vec() }
    }

    /// The reply stored under the key. Call it after taking the locks of the request: another request with the same key may
    /// finish while this one waits for them.
    pub async fn find_reply(&self, reader: &mut Reader) -> Result<Option<Reply>, IdempotencyError> {
        let Some(key) = &self.key else { return Ok(None) };
        match idempotency_keys::find(reader, &self.scope, key).await? {
            None => Ok(None),
            Some(stored) if stored.request_hash == self.request_hash => match stored.body.get(NOT_KEPT) {
                None => Ok(Some(Reply { body: stored.body, replayed: true })),
                Some(_) => Err(IdempotencyError::ReplyNotKept),
            },
            Some(_) => Err(IdempotencyError::KeyReused),
        }
    }

    /// Stores `view` as the reply if the request has a key, in the transaction of the work.
    pub async fn store_reply(
        &self,
        tx: &mut Tx,
        view: &impl Serialize,
        now: Timestamp,
    ) -> Result<Reply, IdempotencyError> {
        let reply = Reply::first(view)?;
        if let Some(key) = &self.key {
            let bytes = reply.body.to_string().len();
            let body = if bytes > REPLY_BYTES_MAX { json!({ NOT_KEPT: bytes }) } else { reply.body.clone() };
            let stored = StoredReply { request_hash: self.request_hash.clone(), body };
            idempotency_keys::insert(tx, &self.scope, key, &stored, now).await?;
        }
        Ok(reply)
    }
}

/// The reply stored under a key, whatever the request was. For callers that only ask whether the work was done.
pub async fn find_kept_reply(
    reader: &mut Reader,
    operation: &'static str,
    caller: &Caller,
    key: &str,
) -> Result<Option<Reply>, DatabaseError> {
    let stored = idempotency_keys::find(reader, &scope_of(operation, caller), key).await?;
    Ok(stored.map(|stored| Reply { body: stored.body, replayed: true }))
}

/// A key belongs to one operation and caller.
fn scope_of(operation: &str, caller: &Caller) -> String {
    format!("{operation} {}", caller.actor.label())
}
