//! Reads the log of catalog changes, and checks that it is the log that the index has followed so far.

use std::collections::HashMap;

use super::FollowError;
use crate::db::catalog_changes::{self, ChangeRow, LoggedChange};
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::db::{Database, DatabaseError, Reader};
use crate::domain::{ChangeKind, ImageId};
use crate::index::{Change, IndexRow};

/// Changes that are read and applied at a time.
pub(super) const BATCH_SIZE: i64 = 64;

/// The next changes to apply.
pub(super) struct ChangeBatch {
    /// The number of the last change.
    pub(super) last: i64,
    pub(super) changes: Vec<ChangeRow>,
    /// The photos that the changes add.
    pub(super) added: Vec<ImageEmbeddingRow>,
}

/// The changes after `revision`, with the photos that they add and their embeddings by `model`; `None` if there are none.
/// `last_applied` is the change with the number `revision`; it is filled in if it is not known yet.
pub(super) async fn read_batch(
    reader: &mut Reader,
    model: &str,
    revision: i64,
    last_applied: &mut Option<ChangeRow>,
) -> Result<Option<ChangeBatch>, FollowError> {
    let mut logged = read_after(reader, revision, last_applied).await?;
    if logged.is_empty() {
        let head = catalog_changes::read_head(reader).await?;
        if head <= revision {
            return if head < revision { Err(FollowError::DatabaseBehind { revision, head }) } else { Ok(None) };
        }
        // A change may have been committed between the two reads. Change and head are committed together, so the log has it
        // now, or it is lost.
        logged = read_after(reader, revision, last_applied).await?;
    }
    let (last, changes) = check_order(revision, logged)?;
    let head = catalog_changes::read_head(reader).await?;
    if head < last {
        return Err(FollowError::CounterBehind { head, last });
    }
    let added = product_images::list_embeddings(reader, model, &added_images(&changes)).await?;
    Ok(Some(ChangeBatch { last, changes, added }))
}

/// The logged changes after `revision`. The change with that number must still be the last one applied: after a restore, or a
/// failover that lost the last commits, the database gives its numbers to other changes.
async fn read_after(
    reader: &mut Reader,
    revision: i64,
    last_applied: &mut Option<ChangeRow>,
) -> Result<Vec<LoggedChange>, FollowError> {
    let mut logged = catalog_changes::list_after(reader, revision - 1, BATCH_SIZE + 1).await?;
    let at_revision = match logged.first() {
        Some(first) if first.seq == revision => logged.remove(0).row.ok(),
        Some(_) | None => None,
    };
    match (last_applied.as_ref().filter(|known| known.seq == revision), at_revision) {
        (Some(known), Some(found)) if *known != found => Err(FollowError::ReplacedChange { seq: revision }),
        (Some(_), None) => match catalog_changes::read_head(reader).await? {
            head if head < revision => Err(FollowError::DatabaseBehind { revision, head }),
            _ => Err(FollowError::MissingChange { expected: revision, found: logged.first().map(|next| next.seq) }),
        },
        (Some(_), Some(_)) => Ok(logged),
        // After a fill from the database, the change at its revision was never read.
        (None, found) => {
            *last_applied = found;
            Ok(logged)
        }
    }
}

/// Checks that the changes continue from `revision` without a gap and are readable. Also returns the number of the last one.
pub(super) fn check_order(revision: i64, logged: Vec<LoggedChange>) -> Result<(i64, Vec<ChangeRow>), FollowError> {
    if logged.is_empty() {
        return Err(FollowError::MissingChange { expected: revision + 1, found: None });
    }
    let (mut last, mut changes) = (revision, Vec::with_capacity(logged.len()));
    for LoggedChange { seq, row } in logged {
        let expected = last + 1;
        if seq != expected {
            return Err(FollowError::MissingChange { expected, found: Some(seq) });
        }
        changes.push(row.map_err(|reason| FollowError::UnreadableChange { seq, reason })?);
        last = seq;
    }
    Ok((last, changes))
}

/// The photos that the changes add.
pub(super) fn added_images(changes: &[ChangeRow]) -> Vec<ImageId> {
    let additions = changes.iter().filter(|change| change.kind == ChangeKind::Add);
    additions.flat_map(|change| change.images.iter().copied()).collect()
}

/// Converts the changes for the index. Photos without a row in `rows` are skipped: they have no embedding, or they were
/// removed meanwhile. A later change then removes them, which does nothing for a missing photo.
pub(super) fn index_changes(changes: Vec<ChangeRow>, rows: Vec<IndexRow>) -> Vec<Change> {
    let rows: HashMap<ImageId, IndexRow> = rows.into_iter().map(|row| (row.image, row)).collect();
    let to_index_change = |change: ChangeRow| match change.kind {
        ChangeKind::Add => Change::Add(change.images.iter().filter_map(|image| rows.get(image).cloned()).collect()),
        ChangeKind::Remove => Change::Remove(change.images),
    };
    changes.into_iter().map(to_index_change).collect()
}

/// The number of the newest change.
pub(super) async fn newest_change(db: &Database) -> Result<i64, DatabaseError> {
    catalog_changes::read_head(&mut db.read().await?).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ProductId, Timestamp};

    fn changes(seqs: &[i64]) -> Vec<LoggedChange> {
        let now = Timestamp::from_micros(1);
        let change = |seq: &i64| ChangeRow {
            seq: *seq,
            kind: ChangeKind::Add,
            product_id: ProductId::generate(now),
            images: Vec::new(),
            created_at: now,
        };
        seqs.iter().map(|seq| LoggedChange { seq: *seq, row: Ok(change(seq)) }).collect()
    }

    #[test]
    fn a_missing_change_is_found_at_the_beginning_within_and_at_the_end() {
        let check = |seqs: &[i64]| check_order(4, changes(seqs));
        let (last, readable) = check(&[5, 6, 7]).unwrap();
        assert_eq!((last, readable.len()), (7, 3));
        assert!(matches!(check(&[6]), Err(FollowError::MissingChange { expected: 5, found: Some(6) })));
        assert!(matches!(check(&[5, 7]), Err(FollowError::MissingChange { expected: 6, found: Some(7) })));
        let end = check(&[]).unwrap_err();
        assert_eq!(end.to_string(), "change 5 is missing from the catalog's log; there is none after it either");
    }

    #[test]
    fn a_change_that_cannot_be_read_is_named() {
        let mut logged = changes(&[5, 6]);
        logged[1].row = Err("no list of photos".to_owned());
        let unreadable = check_order(4, logged).unwrap_err();
        assert_eq!(unreadable.to_string(), "change 6 of the catalog's log cannot be read: no list of photos");
    }
}
