//! The index in a file: a cache of what the database holds, so that a start need not read it all from there.
//!
//! Layout, little-endian: 8 bytes of magic, SHA-256 of the rows and then of the head, the head (a stamp of 32 bytes that the
//! caller chose and understands, dimension u64, revision i64, rows u64); then per row the image's and the product's
//! identifier (16 bytes each) and the vector. A file that is cut off, damaged, of another format, or not followed by its end is refused.
//!
//! Written beside the searches and changes: each segment is copied under the read lock, which takes about a millisecond,
//! and nothing is written under it. Changes that come in meanwhile are no harm: rows newer than the [`IndexPosition`] are left out, and
//! a row that was removed meanwhile is missing, which the removal, replayed after the start, passes over.

use std::fs::{File, Permissions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{IndexBuilder, IndexError, IndexOptions, Row, VectorIndex};
use crate::atomic_file::{self, IfExists};

const MAGIC: &[u8; 8] = b"TILLIDX1";
const HASH: usize = 32;
/// Stamp, dimension, revision and rows.
const HEAD: usize = 32 + 8 + 8 + 8;
/// Rows that are read at a time.
const CHUNK: usize = 1_024;
/// Largest dimension that a file may claim; beyond it the file is damaged.
const MOST_VALUES: u64 = 1 << 16;

/// Names the state of the database that a snapshot was made from. What it is made of is the caller's business.
pub type SnapshotStamp = [u8; 32];

/// A point in the index's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPosition {
    /// The change that was in.
    pub revision: i64,
    /// Of each segment, the serial number that its next row was to get.
    pub(super) serials: Vec<u32>,
}

/// What a snapshot says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// As it was written.
    pub stamp: SnapshotStamp,
    /// Values per vector.
    pub dim: usize,
    /// The change that it stands at.
    pub revision: i64,
    /// Its rows.
    pub rows: u64,
}

/// Why a snapshot cannot be used. The database has everything that is in it.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is something else, or of another version.
    #[error("it is not an index snapshot of this version")]
    Foreign,
    /// It ends early, goes on after its end, or its bytes are not those that were written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Its rows are refused by the index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl VectorIndex {
    /// Where the index stands, for [`VectorIndex::write_snapshot`].
    pub async fn mark(&self) -> IndexPosition {
        self.state.read().await.mark()
    }

    /// Writes what the index held at `mark` to `path`: under a temporary name, synced, read back and compared, renamed. A
    /// snapshot that is there is kept until then. Blocks: call it on a thread that may.
    ///
    /// # Errors
    /// The file cannot be written, or reads back as something else.
    pub fn write_snapshot(
        &self,
        mark: IndexPosition,
        stamp: SnapshotStamp,
        path: &Path,
    ) -> Result<SnapshotHeader, SnapshotError> {
        let write = |file: &mut File| self.write_rows(&mark, stamp, file);
        let verify = |unfinished: &Path| Snapshot::open(unfinished)?.check();
        atomic_file::write_with(path, Permissions::from_mode(0o600), IfExists::Replace, write, verify)
    }

    fn write_rows(
        &self,
        mark: &IndexPosition,
        stamp: SnapshotStamp,
        file: &mut File,
    ) -> Result<SnapshotHeader, SnapshotError> {
        let mut head = SnapshotHeader { stamp, dim: self.dim, revision: mark.revision, rows: 0 };
        let mut body = Sha256::new();
        let mut file = BufWriter::new(file);
        file.write_all(&[0; MAGIC.len() + HASH + HEAD])?;
        // Memory for the rows of a segment, taken once and outside the lock.
        let mut copy = Vec::with_capacity(self.state.read_blocking().capacity() * row_bytes(self.dim));
        for (segment, end) in mark.serials.iter().enumerate() {
            // A copy: the lock is let go before anything is written.
            head.rows += self.state.read_blocking().copy_to(&mut copy, segment, *end);
            body.update(&copy);
            file.write_all(&copy)?;
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
        file.write_all(&hash(&head, body))?;
        file.write_all(&head.to_bytes())?;
        file.flush()?;
        Ok(head)
    }
}

/// A snapshot whose head has been read.
#[derive(Debug)]
pub struct Snapshot {
    head: SnapshotHeader,
    written_hash: [u8; HASH],
    body: BufReader<File>,
}

impl Snapshot {
    /// Opens the snapshot at `path` and reads its head, which [`Snapshot::load`] proves.
    ///
    /// # Errors
    /// It cannot be read, is something else, or its length is not what its head says.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let about = std::fs::metadata(path)?;
        if !about.is_file() && !about.is_dir() {
            // To open a pipe waits for its other end.
            return Err(std::io::Error::new(
                ErrorKind::InvalidInput,
                "it is no regular file but a pipe, a device or the like",
            )
            .into());
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut body = BufReader::with_capacity(1 << 20, file);
        let (mut magic, mut written_hash, mut head) = ([0; MAGIC.len()], [0; HASH], [0; HEAD]);
        let foreign = |_| SnapshotError::Foreign;
        body.read_exact(&mut magic).map_err(foreign)?;
        if &magic != MAGIC {
            return Err(SnapshotError::Foreign);
        }
        body.read_exact(&mut written_hash).and_then(|()| body.read_exact(&mut head)).map_err(foreign)?;
        let head = SnapshotHeader::from_bytes(&head)?;
        let whole = head.rows.checked_mul(row_bytes(head.dim) as u64).map(|body| body + start() as u64);
        if whole != Some(length) {
            return Err(SnapshotError::Damaged("its length is not what its head says"));
        }
        Ok(Self { head, written_hash, body })
    }

    /// What it says of itself.
    pub fn head(&self) -> SnapshotHeader {
        self.head
    }

    /// The index that was written. Blocks: call it on a thread that may.
    ///
    /// # Errors
    /// Its bytes are not those that were written, or the index refuses them.
    pub fn load(self, options: IndexOptions) -> Result<VectorIndex, SnapshotError> {
        let SnapshotHeader { dim, revision, .. } = self.head;
        let mut builder = IndexBuilder::new(dim, options);
        self.rows(|rows| Ok(builder.add(rows)?))?;
        Ok(builder.finish(revision)?)
    }

    /// Reads it all and compares its hash.
    fn check(self) -> Result<(), SnapshotError> {
        self.rows(|_| Ok(()))
    }

    /// Hands out all rows in chunks. Only the end tells whether they were right.
    fn rows(mut self, mut each: impl FnMut(Vec<Row>) -> Result<(), SnapshotError>) -> Result<(), SnapshotError> {
        let size = row_bytes(self.head.dim);
        let (mut left, mut hashed) = (self.head.rows, Sha256::new());
        let mut bytes = vec![0; size * CHUNK];
        while left > 0 {
            let rows = left.min(CHUNK as u64);
            let chunk = &mut bytes[..size * rows as usize];
            self.body.read_exact(chunk).map_err(|_| SnapshotError::Damaged("it ends early"))?;
            hashed.update(&*chunk);
            each(chunk.chunks_exact(size).map(row).collect())?;
            left -= rows;
        }
        if hash(&self.head, hashed) != self.written_hash {
            return Err(SnapshotError::Damaged("its SHA-256 is another one"));
        }
        Ok(())
    }
}

impl SnapshotHeader {
    fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..32].copy_from_slice(&self.stamp);
        bytes[32..40].copy_from_slice(&(self.dim as u64).to_le_bytes());
        bytes[40..48].copy_from_slice(&self.revision.to_le_bytes());
        bytes[48..].copy_from_slice(&self.rows.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; HEAD]) -> Result<Self, SnapshotError> {
        let number = |at: usize| <[u8; 8]>::try_from(&bytes[at..at + 8]).map_err(|_| SnapshotError::Foreign);
        let dim = u64::from_le_bytes(number(32)?);
        if !(1..=MOST_VALUES).contains(&dim) {
            return Err(SnapshotError::Damaged("its dimension cannot be meant"));
        }
        let stamp = bytes[..32].try_into().map_err(|_| SnapshotError::Foreign)?;
        let revision = i64::from_le_bytes(number(40)?);
        Ok(Self { stamp, dim: dim as usize, revision, rows: u64::from_le_bytes(number(48)?) })
    }
}

/// SHA-256 of the body and then of the head, which is known last.
fn hash(head: &SnapshotHeader, mut body: Sha256) -> [u8; HASH] {
    body.update(head.to_bytes());
    body.finalize().into()
}

/// Where the rows begin.
const fn start() -> usize {
    MAGIC.len() + HASH + HEAD
}

/// Bytes of one row.
const fn row_bytes(dim: usize) -> usize {
    16 + 16 + dim * size_of::<f32>()
}

/// Appends a row as [`row`] reads it.
pub(super) fn put_row(bytes: &mut Vec<u8>, image: Uuid, product: Uuid, vector: &[f32]) {
    bytes.extend_from_slice(image.as_bytes());
    bytes.extend_from_slice(product.as_bytes());
    vector.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
}

fn row(bytes: &[u8]) -> Row {
    let id = |at: usize| Uuid::from_slice(&bytes[at..at + 16]).unwrap_or_default();
    let values = bytes[32..].chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Row { image: id(0).into(), product: id(16).into(), vector: values.collect() }
}
