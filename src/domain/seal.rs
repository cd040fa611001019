//! Hash chains: the seal of a record covers its fields and the seal of the previous record.
//!
//! Changing, deleting or inserting a record breaks every later seal. Each field is hashed after its length, so that "ab","c"
//! and "a","bc" differ.

use sha2::{Digest, Sha256};

/// A seal that is being computed, field by field.
#[derive(Debug, Clone)]
pub struct Seal(Sha256);

impl Seal {
    /// The previous seal of the first record of a chain.
    pub const FIRST: [u8; 32] = [0; 32];

    pub fn chained_to(previous: &[u8]) -> Self {
        Self(Sha256::new()).field(previous)
    }

    #[must_use]
    pub fn field(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    #[must_use]
    pub fn number(self, number: i64) -> Self {
        self.field(number.to_be_bytes())
    }

    /// Adds a field that may be absent, which differs from empty.
    #[must_use]
    pub fn optional(self, bytes: Option<impl AsRef<[u8]>>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).field(bytes),
            None => self.number(0),
        }
    }

    /// The seal: SHA-256, 32 bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_separated_by_their_length() {
        let seal = |fields: &[&str]| {
            fields.iter().fold(Seal::chained_to(&Seal::FIRST), |seal, field| seal.field(field)).finish()
        };
        assert_ne!(seal(&["ab", "c"]), seal(&["a", "bc"]));
        assert_eq!(seal(&["ab", "c"]), seal(&["ab", "c"]));
        let absent = Seal::chained_to(&[]).optional(None::<&str>).finish();
        assert_ne!(absent, Seal::chained_to(&[]).optional(Some("")).finish());
    }
}
