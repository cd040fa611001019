//! Notes when people, kiosks and products are seen: in memory with each request, in the database twice a minute.
//!
//! Invariants: a note is no statement and waits for no database. A server that is killed loses the notes of half a minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::db::{Database, DatabaseError, last_seen};
use crate::domain::Timestamp;

/// The time between two runs of [`LastSeen::write`].
pub const WRITE_PERIOD: Duration = Duration::from_secs(30);
/// Memory is bounded while the database is away.
const NOTES_MAX: usize = 10_000;

/// What was seen since the last write; cheap to clone.
#[derive(Debug, Clone)]
pub struct LastSeen {
    db: Database,
    notes: Arc<Mutex<BTreeMap<Uuid, Timestamp>>>,
}

impl LastSeen {
    pub fn new(db: Database) -> Self {
        Self { db, notes: Arc::default() }
    }

    /// Notes that `id`, of a user, a kiosk or a product, was seen.
    pub fn note(&self, id: Uuid, at: Timestamp) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES_MAX || notes.contains_key(&id) {
            notes.insert(id, at);
        }
    }

    /// Writes the notes. Those of a failed write are kept for the next one.
    pub async fn write(&self) -> Result<(), DatabaseError> {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        if notes.is_empty() {
            return Ok(());
        }
        let written = self.write_notes(&notes).await;
        if written.is_err() {
            let mut newer = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, at) in notes {
                newer.entry(id).or_insert(at);
            }
        }
        written
    }

    /// In the order of their ids, so that two servers do not wait for each other.
    async fn write_notes(&self, notes: &BTreeMap<Uuid, Timestamp>) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        for (id, at) in notes {
            last_seen::upsert(&mut tx, *id, *at).await?;
        }
        tx.commit().await
    }
}
