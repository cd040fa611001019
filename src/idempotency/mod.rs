//! Idempotent requests: the reply is stored under the client's Idempotency-Key, so that a repeated request does not repeat the
//! work.
//!
//! Invariants: a reply is stored in the transaction of the work that it reports, so neither exists without the other. A
//! failed transaction can be retried, since each attempt first looks for the reply of the previous one.

mod retry;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::db::idempotency_keys::{self, StoredReply};
use crate::db::{DatabaseError, Reader, Tx};
use crate::domain::{Caller, Timestamp};

pub use retry::{DatabaseCause, register_metrics, retry_transaction, retry_transaction_counted};

/// The reply to an idempotent request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The JSON of the first reply.
    pub body: Value,
    /// Whether this is the stored reply of an earlier request.
    pub replayed: bool,
}

/// A refusal or failure to look up or store a reply.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    #[error("This Idempotency-Key was already used for another request. Choose a new key for each new request.")]
    KeyReused,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A request with its Idempotency-Key.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    scope: String,
    key: String,
    request_hash: Vec<u8>,
}

impl IdempotentRequest {
    /// A key belongs to one operation and caller. `request` holds everything that must be equal in two requests with the same
    /// key.
    pub fn new(operation: &'static str, caller: &Caller, key: &str, request: &str) -> Self {
        let scope = format!("{operation} {}", caller.actor.label());
        Self { scope, key: key.to_owned(), request_hash: Sha256::digest(request).to_vec() }
    }

    /// The reply stored under the key. Call it after taking the locks of the request: another request with the same key may
    /// finish while this one waits for them.
    pub async fn find_reply(&self, reader: &mut Reader) -> Result<Option<Reply>, IdempotencyError> {
        match idempotency_keys::find(reader, &self.scope, &self.key).await? {
            None => Ok(None),
            Some(stored) if stored.request_hash == self.request_hash => {
                Ok(Some(Reply { body: stored.body, replayed: true }))
            }
            Some(_) => Err(IdempotencyError::KeyReused),
        }
    }

    /// Stores `view` as the reply, in the transaction of the work.
    pub async fn store_reply(
        &self,
        tx: &mut Tx,
        view: &impl Serialize,
        now: Timestamp,
    ) -> Result<Reply, IdempotencyError> {
        let body = serde_json::to_value(view).map_err(|error| DatabaseError::Unexpected(error.to_string()))?;
        let stored = StoredReply { request_hash: self.request_hash.clone(), body: body.clone() };
        idempotency_keys::insert(tx, &self.scope, &self.key, &stored, now).await?;
        Ok(Reply { body, replayed: false })
    }
}
