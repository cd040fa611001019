//! Hash chains: a record's seal is made of the seal before it and the record's fields.
//!
//! Whoever changes, drops or inserts a record afterwards breaks every later seal. Each field goes in behind its length,
//! so that no two different records read alike ("ab","c" against "a","bc").

use sha2::{Digest, Sha256};

/// A seal in the making.
#[derive(Debug, Clone)]
pub struct Seal(Sha256);

impl Seal {
    /// What the first record of a chain takes for the seal before it.
    pub const FIRST: [u8; 32] = [0; 32];

    /// Begins with the previous record's seal.
    pub fn after(previous: &[u8]) -> Self {
        Self(Sha256::new()).field(previous)
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: i64) -> Self {
        self.field(number.to_be_bytes())
    }

    /// Adds a field that may be absent; absent and empty seal differently.
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
    fn fields_cannot_flow_into_each_other() {
        let seal =
            |fields: &[&str]| fields.iter().fold(Seal::after(&Seal::FIRST), |seal, field| seal.field(field)).finish();
        assert_ne!(seal(&["ab", "c"]), seal(&["a", "bc"]));
        assert_eq!(seal(&["ab", "c"]), seal(&["ab", "c"]));
        let absent = Seal::after(&[]).optional(None::<&str>).finish();
        assert_ne!(absent, Seal::after(&[]).optional(Some("")).finish());
    }
}
