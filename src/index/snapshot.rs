//! The index in a file: a cache of the database, so that a start need not read every embedding from there.
//!
//! Layout, little-endian: 8 bytes of magic, SHA-256 of the rows and then of the header, the header (a stamp of 32 bytes that the
//! caller chose and understands, dimension u64, revision i64, rows u64); then for each row the identifiers of image and product
//! (16 bytes each) and the vector. A file that is cut off, damaged, of another format or too long is refused.
//!
//! Written while searches and changes go on: each segment is copied under the read lock, which takes about a millisecond, and
//! written outside it. Later changes do no harm: rows newer than the [`IndexPosition`] are left out, and a row that was removed
//! meanwhile is missing, so the removal is ignored when it is replayed after the start.

use std::fs::{File, Permissions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{IndexBuilder, IndexError, IndexOptions, IndexRow, VectorIndex};
use crate::atomic_file::{self, IfExists};

const MAGIC: &[u8; 8] = b"TILLIDX1";
const HASH_BYTES: usize = 32;
/// Stamp, dimension, revision and rows.
const HEADER_BYTES: usize = 32 + 8 + 8 + 8;
/// Rows that are read at a time.
const CHUNK_ROWS: usize = 1_024;
/// A file that claims a larger dimension is damaged.
const DIM_MAX: u64 = 1 << 16;

/// Identifies the state of the database that a snapshot was made from. Only the caller knows what it consists of.
pub type SnapshotStamp = [u8; 32];

/// A point in the history of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPosition {
    /// The last change that was applied.
    pub revision: i64,
    /// For each segment, the serial number of its next row.
    pub(super) serials: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The stamp that the caller wrote.
    pub stamp: SnapshotStamp,
    /// Values per vector.
    pub dim: usize,
    /// The last change in the snapshot.
    pub revision: i64,
    pub rows: u64,
}

/// Why a snapshot cannot be used. The database has everything that is in it.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The file is something else, or of another version.
    #[error("it is not an index snapshot of this version")]
    Foreign,
    /// The file is too short or too long, or its bytes were changed.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl VectorIndex {
    /// The current position, for [`VectorIndex::write_snapshot`].
    pub async fn position(&self) -> IndexPosition {
        self.state.read().await.position()
    }

    /// Writes what the index held at `position` to `path`: under a temporary name, synced, read back and compared, renamed. Until
    /// then an existing snapshot stays. Blocks the thread.
    ///
    /// # Errors
    /// The file cannot be written, or is not the same when read back.
    pub fn write_snapshot(
        &self,
        position: IndexPosition,
        stamp: SnapshotStamp,
        path: &Path,
    ) -> Result<SnapshotHeader, SnapshotError> {
        let write = |file: &mut File| self.write_rows(&position, stamp, file);
        let verify = |temporary: &Path| Snapshot::open(temporary)?.verify();
        atomic_file::write_with(path, Permissions::from_mode(0o600), IfExists::Replace, write, verify)
    }

    fn write_rows(
        &self,
        position: &IndexPosition,
        stamp: SnapshotStamp,
        file: &mut File,
    ) -> Result<SnapshotHeader, SnapshotError> {
        let mut header = SnapshotHeader { stamp, dim: self.dim, revision: position.revision, rows: 0 };
        let mut body = Sha256::new();
        let mut file = BufWriter::new(file);
        file.write_all(&[0; MAGIC.len() + HASH_BYTES + HEADER_BYTES])?;
        // Memory for the rows of a segment, allocated once and outside the lock.
        let mut copy = Vec::with_capacity(self.state.read_blocking().capacity() * row_bytes(self.dim));
        for (segment, end) in position.serials.iter().enumerate() {
            // A copy, so that the lock is released before anything is written.
            header.rows += self.state.read_blocking().copy_to(&mut copy, segment, *end);
            body.update(&copy);
            file.write_all(&copy)?;
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
        file.write_all(&finish_hash(&header, body))?;
        file.write_all(&header.to_bytes())?;
        file.flush()?;
        Ok(header)
    }
}

/// A snapshot whose header was read.
#[derive(Debug)]
pub struct Snapshot {
    header: SnapshotHeader,
    expected_hash: [u8; HASH_BYTES],
    body: BufReader<File>,
}

impl Snapshot {
    /// Opens the snapshot at `path` and reads its header, which only [`Snapshot::load`] verifies.
    ///
    /// # Errors
    /// The file cannot be read, is something else, or its length does not match its header.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() && !metadata.is_dir() {
            // Opening a pipe waits for its other end.
            return Err(std::io::Error::new(
                ErrorKind::InvalidInput,
                "it is not a regular file but a pipe, a device or the like",
            )
            .into());
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut body = BufReader::with_capacity(1 << 20, file);
        let (mut magic, mut expected_hash, mut header) = ([0; MAGIC.len()], [0; HASH_BYTES], [0; HEADER_BYTES]);
        let foreign = |_| SnapshotError::Foreign;
        body.read_exact(&mut magic).map_err(foreign)?;
        if &magic != MAGIC {
            return Err(SnapshotError::Foreign);
        }
        body.read_exact(&mut expected_hash).and_then(|()| body.read_exact(&mut header)).map_err(foreign)?;
        let header = SnapshotHeader::from_bytes(&header)?;
        let expected_length =
            header.rows.checked_mul(row_bytes(header.dim) as u64).map(|body| body + rows_offset() as u64);
        if expected_length != Some(length) {
            return Err(SnapshotError::Damaged("its length does not match its header"));
        }
        Ok(Self { header, expected_hash, body })
    }

    pub fn header(&self) -> SnapshotHeader {
        self.header
    }

    /// Loads the index. Blocks the thread.
    ///
    /// # Errors
    /// The bytes were changed, or the index refuses them.
    pub fn load(self, options: IndexOptions) -> Result<VectorIndex, SnapshotError> {
        let SnapshotHeader { dim, revision, .. } = self.header;
        let mut builder = IndexBuilder::new(dim, options);
        self.read_rows(|rows| Ok(builder.add(rows)?))?;
        Ok(builder.finish(revision)?)
    }

    /// Reads the whole file and compares its hash.
    fn verify(self) -> Result<(), SnapshotError> {
        self.read_rows(|_| Ok(()))
    }

    /// Passes all rows to `use_rows` in chunks. They are only verified at the end.
    fn read_rows(
        mut self,
        mut use_rows: impl FnMut(Vec<IndexRow>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let size = row_bytes(self.header.dim);
        let (mut remaining, mut hash) = (self.header.rows, Sha256::new());
        let mut bytes = vec![0; size * CHUNK_ROWS];
        while remaining > 0 {
            let rows = remaining.min(CHUNK_ROWS as u64);
            let chunk = &mut bytes[..size * rows as usize];
            self.body.read_exact(chunk).map_err(|_| SnapshotError::Damaged("it ends early"))?;
            hash.update(&*chunk);
            use_rows(chunk.chunks_exact(size).map(parse_row).collect())?;
            remaining -= rows;
        }
        if finish_hash(&self.header, hash) != self.expected_hash {
            return Err(SnapshotError::Damaged("its SHA-256 does not match"));
        }
        Ok(())
    }
}

impl SnapshotHeader {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..32].copy_from_slice(&self.stamp);
        bytes[32..40].copy_from_slice(&(self.dim as u64).to_le_bytes());
        bytes[40..48].copy_from_slice(&self.revision.to_le_bytes());
        bytes[48..].copy_from_slice(&self.rows.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, SnapshotError> {
        let number =
            |offset: usize| <[u8; 8]>::try_from(&bytes[offset..offset + 8]).map_err(|_| SnapshotError::Foreign);
        let dim = u64::from_le_bytes(number(32)?);
        if !(1..=DIM_MAX).contains(&dim) {
            return Err(SnapshotError::Damaged("its dimension is impossible"));
        }
        let stamp = bytes[..32].try_into().map_err(|_| SnapshotError::Foreign)?;
        let revision = i64::from_le_bytes(number(40)?);
        Ok(Self { stamp, dim: dim as usize, revision, rows: u64::from_le_bytes(number(48)?) })
    }
}

/// The SHA-256 covers the rows and then the header, which is known last.
fn finish_hash(header: &SnapshotHeader, mut body: Sha256) -> [u8; HASH_BYTES] {
    body.update(header.to_bytes());
    body.finalize().into()
}

const fn rows_offset() -> usize {
    MAGIC.len() + HASH_BYTES + HEADER_BYTES
}

const fn row_bytes(dim: usize) -> usize {
    16 + 16 + dim * size_of::<f32>()
}

/// Appends a row as [`parse_row`] reads it.
pub(super) fn append_row(bytes: &mut Vec<u8>, image: Uuid, product: Uuid, vector: &[f32]) {
    bytes.extend_from_slice(image.as_bytes());
    bytes.extend_from_slice(product.as_bytes());
    vector.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
}

fn parse_row(bytes: &[u8]) -> IndexRow {
    let id = |offset: usize| Uuid::from_slice(&bytes[offset..offset + 16]).unwrap_or_default();
    let values = bytes[32..].chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    IndexRow { image: id(0).into(), product: id(16).into(), vector: values.collect() }
}
