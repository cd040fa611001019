//! Bringing the index up to the newest catalog change: the only way into it.
//!
//! Every server reads the log from where its own index stands, in order and without a gap. It does so after each of its
//! own changes, when another server's change is announced (`announcements`), and at the start. The same replay heals a
//! crash between commit and index. If the log is wrong (see [`FollowError::is_finding`]), the index is marked as not to be
//! trusted, and answers nothing until a restart fills it anew. Other failures may pass; [`IndexFeed::status`] says since
//! when they last.

use std::time::Duration;

use super::change_log::{ChangeBatch, index_changes, read_batch};
use super::{FollowError, IndexFeed, IndexFiller};
use crate::backoff::INDEX_CATCH_UP;
use crate::db::DatabaseError;
use crate::db::catalog_changes::ChangeRow;
use crate::index::VectorIndex;
use crate::telemetry::FOLLOW_FAILURES_TOTAL;

/// How long the database may take to return one batch of changes. If the database's host vanished, the operating system
/// would keep the connection for a quarter of an hour, and every upload would wait.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

impl IndexFeed {
    /// Brings the index up to the newest change of the catalog; returns the number of the last change applied.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the index at a change that it has applied whole; the next call goes on from there.
    pub async fn follow(&self) -> Result<i64, FollowError> {
        let mut last_applied = self.last_applied.lock().await;
        let active = self.active.current();
        let outcome = self.filler(&active).apply_changes(&active.index, &mut last_applied).await;
        // A log that can be read again does not repair a distrusted index: the reason must stay visible.
        if outcome.is_err() || active.index.untrusted_reason().is_none() {
            self.outage.record(self.clock.now(), &outcome);
        }
        if let Err(error) = &outcome {
            metrics::counter!(FOLLOW_FAILURES_TOTAL, "reason" => error.metric_label()).increment(1);
            if error.is_lasting() {
                active.index.mark_untrusted(&error.to_string());
            }
        }
        outcome
    }

    /// Follows until the index has applied change `seq`, which this server has committed; returns the index's revision.
    /// A client waits, so it gives up after about a second.
    pub async fn catch_up(&self, seq: i64) -> Result<i64, FollowError> {
        let mut delays = INDEX_CATCH_UP.delays();
        loop {
            let error = match self.follow().await {
                Ok(revision) if revision >= seq => return Ok(revision),
                Ok(revision) => FollowError::NotReached { revision, wanted: seq },
                Err(error) => error,
            };
            match delays.next() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            }
        }
    }
}

impl IndexFiller<'_> {
    /// Brings an index of this model up to the newest change of the catalog; returns the number of the last change
    /// applied, and keeps that change in `last_applied`.
    pub(super) async fn apply_changes(
        &self,
        index: &VectorIndex,
        last_applied: &mut Option<ChangeRow>,
    ) -> Result<i64, FollowError> {
        loop {
            let revision = index.stats().await.revision;
            let read = tokio::time::timeout(READ_TIMEOUT, self.next_batch(revision, last_applied)).await;
            let Some(batch) = read.map_err(|_| read_timed_out())?? else { return Ok(revision) };
            let ChangeBatch { last, changes, added } = batch;
            let newest = changes.last().cloned();
            let rows = self.index_rows(added).await?;
            index.apply(last, index_changes(changes, rows)).await?;
            *last_applied = newest;
        }
    }

    async fn next_batch(
        &self,
        revision: i64,
        last_applied: &mut Option<ChangeRow>,
    ) -> Result<Option<ChangeBatch>, FollowError> {
        let mut reader = self.db().read().await?;
        read_batch(&mut reader, self.model(), revision, last_applied).await
    }
}

fn read_timed_out() -> FollowError {
    let seconds = READ_TIMEOUT.as_secs();
    DatabaseError::Unavailable(format!("the catalog's log could not be read within {seconds} s")).into()
}
