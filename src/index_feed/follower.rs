//! Following the catalog: applies logged changes to the index, which never changes in another way.
//!
//! Every server reads the log from its own index's revision, in order and without gaps: at the start, after each of its own
//! changes, and when another server's change is announced (`announcements`). This also repairs a crash between the commit of
//! a change and its application. If the log is wrong (see [`FollowError::is_finding`]), the index is marked untrusted and
//! refuses searches until a restart fills it again. Other failures are temporary; [`IndexFeed::status`] shows since when they
//! last.

use std::time::Duration;

use super::change_log::{ChangeBatch, index_changes, read_batch};
use super::{FollowError, IndexFeed, IndexFiller};
use crate::backoff::INDEX_CATCH_UP;
use crate::db::DatabaseError;
use crate::db::catalog_changes::ChangeRow;
use crate::index::VectorIndex;
use crate::telemetry::FOLLOW_FAILURES_TOTAL;

/// How long reading one batch of changes may take. If the database's host vanished, the operating system would keep the
/// connection for a quarter of an hour, and every upload would wait.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

impl IndexFeed {
    /// Brings the index up to the newest change of the catalog; returns the number of the last change applied.
    ///
    /// # Cancel safety
    /// If the future is dropped, the index has applied each change completely or not at all; the next call continues.
    pub async fn follow(&self) -> Result<i64, FollowError> {
        let mut last_applied = self.last_applied.lock().await;
        let active = self.active.current();
        let outcome = self.filler(&active).apply_changes(&active.index, &mut last_applied).await;
        // Reading the log again does not repair an untrusted index, so the reason stays visible.
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

    /// Follows until the index has applied change `seq`, which this server has committed; returns the index's revision. Gives
    /// up after about a second, because a client waits.
    pub async fn catch_up(&self, seq: i64) -> Result<i64, FollowError> {
        let mut delays = INDEX_CATCH_UP.delays();
        loop {
            let error = match self.follow().await {
                Ok(revision) if revision >= seq => return Ok(revision),
                Ok(revision) => FollowError::NotReached { revision, target: seq },
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
