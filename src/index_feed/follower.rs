//! Teaching the index what has changed in the catalog: the one way into it.
//!
//! Every server reads the catalog's log from where its own index stands, in order and without a gap. It does so after
//! each of its own changes, when another server's change is announced (`others`), and at start. A crash between commit
//! and index is healed by the same replay. Where the log has a hole, a change in it cannot be read, it is shorter than what
//! the index has seen, or has another change in the place of the last one, the index cannot be trusted: it is marked so,
//! and answers nothing until a restart fills it anew. Other failures may pass; since when there is one is told by
//! [`Catalog::status`].

use std::collections::HashMap;
use std::time::Duration;

use super::FollowError;
use super::image_embeddings::EmbeddingSource;
use crate::active_model::ActiveModel;
use crate::catalog::{Catalog, CatalogError};
use crate::db::catalog_changes::{self, ChangeKind, ChangeRow, LoggedChange};
use crate::db::product_images::{self, VectorRow};
use crate::db::{DatabaseError, Reader};
use crate::domain::{ImageId, ProductId};
use crate::index::{Change, IndexError, Row, VectorIndex};
use crate::telemetry::FOLLOW_FAILURES_TOTAL;

/// Changes that are read and applied at a time.
pub(crate) const BATCH: i64 = 64;
/// How long the database may take to tell of one batch of changes. A host that vanished without a word would otherwise be
/// waited for until the operating system gives its connection up, a quarter of an hour later, and every upload with it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Waits before another try where our own change did not reach the index; the client is waiting.
const RETRIES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(500)];

impl Catalog {
    /// Brings the index up to the newest change of the catalog; gives the number of the last change it has seen.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the index at a change that it has seen whole; the next follower goes on from there.
    pub async fn follow(&self) -> Result<i64, FollowError> {
        let mut turn = self.turn.lock().await;
        let active = self.active.now();
        let followed = self.vectors(&active).bring_up(&active.index, &mut turn).await;
        // A log that can be read again does not mend an index that is not to be trusted: why stays to be seen.
        if followed.is_err() || active.index.distrusted().is_none() {
            self.failures.note(self.clock.now(), &followed);
        }
        if let Err(error) = &followed {
            metrics::counter!(FOLLOW_FAILURES_TOTAL, "reason" => error.reason()).increment(1);
            if error.is_lasting() {
                active.index.distrust(&error.to_string());
            }
        }
        followed
    }

    /// Follows until our own change `seq` of `product` is in the index; gives the index's revision. Nothing to do for a
    /// change that the index need not learn of.
    pub(crate) async fn catch_up(&self, product: ProductId, seq: Option<i64>) -> Result<i64, CatalogError> {
        let Some(seq) = seq else { return Ok(self.revision().await) };
        let mut waits = RETRIES.into_iter();
        loop {
            let cause = match self.follow().await {
                Ok(revision) if revision >= seq => return Ok(revision),
                Ok(revision) => FollowError::Short { revision, wanted: seq },
                Err(error) => error,
            };
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(CatalogError::Behind { product_id: product, cause }),
            }
        }
    }

    async fn revision(&self) -> i64 {
        self.active.now().index.stats().await.revision
    }

    pub(crate) fn vectors<'a>(&'a self, active: &'a ActiveModel) -> EmbeddingSource<'a> {
        EmbeddingSource { db: &self.db, blobs: &self.blobs, embedder: &active.embedder, left_out: &self.left_out }
    }
}

impl EmbeddingSource<'_> {
    /// Brings an index of this model up to the newest change of the catalog; gives the number of the last change it has
    /// seen. `seen` is that change, where it is known.
    pub(crate) async fn bring_up(&self, index: &VectorIndex, seen: &mut Option<ChangeRow>) -> Result<i64, FollowError> {
        loop {
            let revision = index.stats().await.revision;
            let read = tokio::time::timeout(PATIENCE, self.batch(revision, seen)).await;
            let Some((last, changes, rows)) = read.map_err(|_| no_answer())?? else { return Ok(revision) };
            let newest = changes.last().cloned();
            let rows = self.of(rows).await?;
            index.apply(last, readable(changes, rows)).await?;
            *seen = newest;
        }
    }

    /// The next changes after `revision`, the number of the last of them, and what they add; nothing where there are none.
    async fn batch(
        &self,
        revision: i64,
        seen: &mut Option<ChangeRow>,
    ) -> Result<Option<(i64, Vec<ChangeRow>, Vec<VectorRow>)>, FollowError> {
        let mut reader = self.db.read().await?;
        let mut changes = changes_since(&mut reader, revision, seen).await?;
        if changes.is_empty() {
            let head = catalog_changes::head(&mut reader).await?;
            if head <= revision {
                return if head < revision { Err(FollowError::Ahead { revision, head }) } else { Ok(None) };
            }
            // A change may have been committed between the two reads. It is committed together with the head, so it is
            // there now, or it is lost.
            changes = changes_since(&mut reader, revision, seen).await?;
        }
        let (last, changes) = in_order(revision, changes)?;
        let head = catalog_changes::head(&mut reader).await?;
        if head < last {
            return Err(FollowError::Counter { head, last });
        }
        let rows = product_images::vectors(&mut reader, self.model(), &added_by(&changes)).await?;
        Ok(Some((last, changes, rows)))
    }
}

fn no_answer() -> FollowError {
    DatabaseError::Unavailable(format!("the catalog's log was not told within {} s", PATIENCE.as_secs())).into()
}

/// The photos that the changes add.
pub(crate) fn added_by(changes: &[ChangeRow]) -> Vec<ImageId> {
    let adding = changes.iter().filter(|change| change.kind == ChangeKind::Add);
    adding.flat_map(|change| change.images.iter().copied()).collect()
}

/// The changes in their order, as the index takes them. Photos without a row are left out: those that are gone by now, since the
/// change that took them away comes later in the log (and removing what is not there does nothing), and those without an
/// embedding.
pub(crate) fn readable(changes: Vec<ChangeRow>, rows: Vec<Row>) -> Vec<Change> {
    let rows: HashMap<ImageId, Row> = rows.into_iter().map(|row| (row.image, row)).collect();
    let readable = changes.into_iter().map(|change| match change.kind {
        ChangeKind::Add => Change::Add(change.images.iter().filter_map(|image| rows.get(image).cloned()).collect()),
        ChangeKind::Remove => Change::Remove(change.images),
    });
    readable.collect()
}

/// Changes after `revision`. The change of that number must still be the one that was `seen`: a database that was set back,
/// by a backup or by a failover that lost the last commits, gives its numbers to other changes.
async fn changes_since(
    reader: &mut Reader,
    revision: i64,
    seen: &mut Option<ChangeRow>,
) -> Result<Vec<LoggedChange>, FollowError> {
    let mut logged = catalog_changes::after(reader, revision - 1, BATCH + 1).await?;
    let there = match logged.first() {
        Some(first) if first.seq == revision => logged.remove(0).row.ok(),
        Some(_) | None => None,
    };
    match (seen.as_ref().filter(|known| known.seq == revision), there) {
        (Some(known), Some(there)) if *known != there => Err(FollowError::Another { seq: revision }),
        (Some(_), None) => match catalog_changes::head(reader).await? {
            head if head < revision => Err(FollowError::Ahead { revision, head }),
            _ => Err(FollowError::Hole { expected: revision, found: logged.first().map(|next| next.seq) }),
        },
        (Some(_), Some(_)) => Ok(logged),
        // What was filled from the database stands at a change that nobody has looked at yet.
        (None, there) => {
            *seen = there;
            Ok(logged)
        }
    }
}

/// The changes and the number of the last of them. They must be some, go on from `revision` one by one, and be readable.
pub(crate) fn in_order(revision: i64, logged: Vec<LoggedChange>) -> Result<(i64, Vec<ChangeRow>), FollowError> {
    if logged.is_empty() {
        return Err(FollowError::Hole { expected: revision + 1, found: None });
    }
    let (mut last, mut changes) = (revision, Vec::with_capacity(logged.len()));
    for LoggedChange { seq, row } in logged {
        let expected = last + 1;
        if seq != expected {
            return Err(FollowError::Hole { expected, found: Some(seq) });
        }
        changes.push(row.map_err(|reason| FollowError::Unreadable { seq, reason })?);
        last = seq;
    }
    Ok((last, changes))
}

impl FollowError {
    /// Whether trying again does not mend it: the index must be filled anew.
    pub fn is_lasting(&self) -> bool {
        let refused = |error: &IndexError| {
            matches!(error, IndexError::Duplicate { .. } | IndexError::Row { .. } | IndexError::Distrusted { .. })
        };
        self.is_finding() || matches!(self, Self::Index(error) if refused(error))
    }

    /// The label of the metric.
    fn reason(&self) -> &'static str {
        match self {
            Self::Hole { .. } => "hole",
            Self::Unreadable { .. } => "unreadable",
            Self::Another { .. } => "another",
            Self::Ahead { .. } => "ahead",
            Self::Counter { .. } => "counter",
            Self::Short { .. } => "short",
            Self::Embedder(_) => "embedder",
            Self::Index(_) => "index",
            Self::Database(_) => "store",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn changes(seqs: &[i64]) -> Vec<LoggedChange> {
        let now = Timestamp::from_micros(1);
        let change = |seq: &i64| ChangeRow {
            seq: *seq,
            kind: ChangeKind::Add,
            product_id: ProductId::at(now),
            images: Vec::new(),
            created_at: now,
        };
        seqs.iter().map(|seq| LoggedChange { seq: *seq, row: Ok(change(seq)) }).collect()
    }

    #[test]
    fn a_hole_is_found_at_the_beginning_within_and_at_the_end() {
        let order = |seqs: &[i64]| in_order(4, changes(seqs));
        let (last, readable) = order(&[5, 6, 7]).unwrap();
        assert_eq!((last, readable.len()), (7, 3));
        assert!(matches!(order(&[6]), Err(FollowError::Hole { expected: 5, found: Some(6) })));
        assert!(matches!(order(&[5, 7]), Err(FollowError::Hole { expected: 6, found: Some(7) })));
        let end = order(&[]).unwrap_err();
        assert_eq!(end.to_string(), "change 5 is missing from the catalog's log; there is none after it either");
    }

    #[test]
    fn a_change_that_cannot_be_read_is_named() {
        let mut logged = changes(&[5, 6]);
        logged[1].row = Err("no list of photos".to_owned());
        let unreadable = in_order(4, logged).unwrap_err();
        assert_eq!(unreadable.to_string(), "change 6 of the catalog's log cannot be read: no list of photos");
    }
}
