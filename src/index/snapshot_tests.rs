//! Snapshots: the index that is read equals the one that was written, and other files are refused.

use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const DIM: usize = 3;
const STAMP: SnapshotStamp = [7; 32];

fn row(n: u32) -> IndexRow {
    let id = |n: u32| Uuid::from_u128(u128::from(n) + 1);
    let angle = n as f32 * 0.37;
    let vector = [angle.cos(), angle.sin(), 0.0];
    IndexRow { image: id(n).into(), product: id(n / 3).into(), vector: vector.to_vec().into() }
}

fn options() -> IndexOptions {
    IndexOptions { segment_rows: Some(16), ..IndexOptions::default() }
}

fn index(rows: u32) -> VectorIndex {
    VectorIndex::build(DIM, 5, (0..rows).map(row).collect(), options()).unwrap()
}

/// All rows, in the order of a search.
async fn all_rows(index: &VectorIndex) -> Hits {
    index.search(vec![1.0, 0.0, 0.0], 1_000).await.unwrap()
}

fn load(path: &Path) -> Result<VectorIndex, SnapshotError> {
    Snapshot::open(path)?.load(options())
}

#[tokio::test]
async fn the_index_that_is_read_equals_the_one_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    for rows in [0, 1, 16, 100] {
        let index = index(rows);
        index.apply(6, vec![Change::Remove(vec![row(0).image, row(7).image])]).await.unwrap();
        let header = index.write_snapshot(index.position().await, STAMP, &path).unwrap();
        assert_eq!((header.stamp, header.dim, header.revision), (STAMP, DIM, 6));
        assert_eq!(Snapshot::open(&path).unwrap().header(), header);
        let reloaded = load(&path).unwrap();
        assert_eq!(all_rows(&reloaded).await, all_rows(&index).await);
        assert_eq!(header.rows as usize, reloaded.stats().await.rows);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[tokio::test]
async fn changes_during_the_write_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    let index = index(60);
    let position = index.position().await;
    // More than a quarter of the first segment is removed, so it is compacted, and new rows fill its room.
    let changes = [
        (6, Change::Remove((0..9).map(|n| row(n).image).collect())),
        (7, Change::Add((60..90).map(row).collect())),
        (8, Change::Add(vec![IndexRow { vector: vec![0.0, 0.0, 1.0].into(), ..row(3) }])),
    ];
    for (revision, change) in changes.clone() {
        index.apply(revision, vec![change]).await.unwrap();
    }
    assert_eq!(index.write_snapshot(position, STAMP, &path).unwrap().revision, 5);
    let reloaded = load(&path).unwrap();
    for (revision, change) in changes {
        reloaded.apply(revision, vec![change]).await.unwrap();
    }
    assert_eq!(all_rows(&reloaded).await, all_rows(&index).await);
}

#[tokio::test]
async fn only_a_complete_snapshot_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    let index = index(40);
    index.write_snapshot(index.position().await, STAMP, &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refusal = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        load(&path).err().map(|error| error.to_string()).expect("it was accepted")
    };
    assert!(refusal(b"").contains("not an index snapshot"));
    assert!(refusal(b"PNG").contains("not an index snapshot"));
    assert!(refusal(&[b"TILLIDX9", &whole[8..]].concat()).contains("not an index snapshot"));
    for length in (0..whole.len()).step_by(13).chain([whole.len() - 1]) {
        refusal(&whole[..length]);
    }
    assert!(refusal(&[&whole[..], b"x"].concat()).contains("length"));
    // A header that claims more rows than any memory holds.
    let mut huge = whole.clone();
    huge[8 + 32 + 48..8 + 32 + 56].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refusal(&huge).contains("length"));
    assert!(load(&folder.path().join("nothing")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_changed_byte_is_detected(at in 0.0_f64..1.0, other in 1_u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.snapshot");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let index = index(20);
        index.write_snapshot(runtime.block_on(index.position()), STAMP, &path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] ^= other;
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(load(&path).is_err(), "byte {} was not detected", at);
    }
}
