//! Snapshots: what is written is what is read, and nothing else is taken for one.

use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const DIM: usize = 3;
const STAMP: SnapshotStamp = [7; 32];

fn row(n: u32) -> Row {
    let id = |n: u32| Uuid::from_u128(u128::from(n) + 1);
    let turn = n as f32 * 0.37;
    let vector = [turn.cos(), turn.sin(), 0.0];
    Row { image: id(n).into(), product: id(n / 3).into(), vector: vector.to_vec().into() }
}

fn options() -> IndexOptions {
    IndexOptions { segment_rows: Some(16), ..IndexOptions::default() }
}

fn index(rows: u32) -> VectorIndex {
    VectorIndex::build(DIM, 5, (0..rows).map(row).collect(), options()).unwrap()
}

/// Everything that it holds, in the order of a search.
async fn everything(index: &VectorIndex) -> Hits {
    index.search(vec![1.0, 0.0, 0.0], 1_000).await.unwrap()
}

fn load(path: &Path) -> Result<VectorIndex, SnapshotError> {
    Snapshot::open(path)?.load(options())
}

#[tokio::test]
async fn what_is_written_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    for rows in [0, 1, 16, 100] {
        let index = index(rows);
        index.apply(6, vec![Change::Remove(vec![row(0).image, row(7).image])]).await.unwrap();
        let head = index.write_snapshot(index.mark().await, STAMP, &path).unwrap();
        assert_eq!((head.stamp, head.dim, head.revision), (STAMP, DIM, 6));
        assert_eq!(Snapshot::open(&path).unwrap().head(), head);
        let again = load(&path).unwrap();
        assert_eq!(everything(&again).await, everything(&index).await);
        assert_eq!(head.rows as usize, again.stats().await.rows);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files stay behind");
}

#[tokio::test]
async fn changes_while_it_is_written_are_replayed_onto_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    let index = index(60);
    let mark = index.mark().await;
    // More than a quarter of the first segment goes, so that it is compacted, and its room is taken by new rows.
    let changes = [
        (6, Change::Remove((0..9).map(|n| row(n).image).collect())),
        (7, Change::Add((60..90).map(row).collect())),
        (8, Change::Add(vec![Row { vector: vec![0.0, 0.0, 1.0].into(), ..row(3) }])),
    ];
    for (revision, change) in changes.clone() {
        index.apply(revision, vec![change]).await.unwrap();
    }
    assert_eq!(index.write_snapshot(mark, STAMP, &path).unwrap().revision, 5);
    let again = load(&path).unwrap();
    for (revision, change) in changes {
        again.apply(revision, vec![change]).await.unwrap();
    }
    assert_eq!(everything(&again).await, everything(&index).await);
}

#[tokio::test]
async fn what_is_no_whole_snapshot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.snapshot");
    let index = index(40);
    index.write_snapshot(index.mark().await, STAMP, &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        load(&path).err().map(|error| error.to_string()).expect("it was taken")
    };
    assert!(refused(b"").contains("not an index snapshot"));
    assert!(refused(b"PNG").contains("not an index snapshot"));
    assert!(refused(&[b"TILLIDX9", &whole[8..]].concat()).contains("not an index snapshot"));
    for length in (0..whole.len()).step_by(13).chain([whole.len() - 1]) {
        refused(&whole[..length]);
    }
    assert!(refused(&[&whole[..], b"x"].concat()).contains("length"));
    // A head that claims what no memory holds.
    let mut greedy = whole.clone();
    greedy[8 + 32 + 48..8 + 32 + 56].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused(&greedy).contains("length"));
    assert!(load(&folder.path().join("nothing")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_byte_that_is_another_one_is_noticed(at in 0.0_f64..1.0, other in 1_u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.snapshot");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let index = index(20);
        index.write_snapshot(runtime.block_on(index.mark()), STAMP, &path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] ^= other;
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(load(&path).is_err(), "byte {} was not noticed", at);
    }
}
