//! The embedding vector: finite, of length 1, immutable.

use std::sync::Arc;

/// Tolerance for the length of a stored vector: f32 rounding over a few thousand values stays below 1e-5.
const LENGTH_TOLERANCE: f64 = 1e-3;

/// Why numbers are not an embedding.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum VectorError {
    #[error("value {position} of the vector is {value}")]
    NotFinite { position: usize, value: f32 },
    /// All values are zero or too close to it.
    #[error("the vector has length {length} and so no direction")]
    ZeroNorm { length: f64 },
    #[error("the vector has {found} values, not {expected}")]
    WrongDimension { expected: usize, found: usize },
    /// The stored bytes were not written by [`Embedding::to_bytes`].
    #[error("the stored vector has length {length}, not 1")]
    NotUnit { length: f64 },
}

/// An L2-normalised vector; the inner product of two is their cosine. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// Scales `raw` to length 1.
    ///
    /// # Errors
    /// [`VectorError::NotFinite`] and [`VectorError::ZeroNorm`].
    pub fn normalise(raw: &[f32]) -> Result<Self, VectorError> {
        let length = length(raw)?;
        if length < 1e-12 {
            return Err(VectorError::ZeroNorm { length });
        }
        Ok(Self(raw.iter().map(|value| (f64::from(*value) / length) as f32).collect()))
    }

    /// Parses the bytes that [`Embedding::to_bytes`] wrote, for a model of `dim` values.
    ///
    /// # Errors
    /// The bytes hold another number of values, a value that is not finite, or a vector of another length than 1.
    pub fn from_bytes(bytes: &[u8], dim: usize) -> Result<Self, VectorError> {
        let (values, rest) = bytes.as_chunks::<4>();
        if values.len() != dim || !rest.is_empty() {
            return Err(VectorError::WrongDimension { expected: dim, found: values.len() });
        }
        let values: Arc<[f32]> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let length = length(&values)?;
        if (length - 1.0).abs() > LENGTH_TOLERANCE {
            return Err(VectorError::NotUnit { length });
        }
        Ok(Self(values))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    pub fn dim(&self) -> usize {
        self.0.len()
    }

    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine with `other`, between -1 and 1. Both must come from the same model.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(other.0.iter()).map(|(a, b)| a * b).sum()
    }
}

impl From<Embedding> for Arc<[f32]> {
    fn from(embedding: Embedding) -> Self {
        embedding.0
    }
}

fn length(values: &[f32]) -> Result<f64, VectorError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(VectorError::NotFinite { position, value: values[position] }),
        None => Ok(values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_to_length_one_even_from_extreme_values() {
        for scale in [1e-8, 1.0, 1e30] {
            let embedding = Embedding::normalise(&[3.0 * scale, 4.0 * scale]).unwrap();
            assert!((embedding.cosine(&embedding) - 1.0).abs() < 1e-6);
            assert!((embedding.as_slice()[0] - 0.6).abs() < 1e-6);
        }
    }

    #[test]
    fn values_that_point_nowhere_are_refused() {
        assert!(matches!(Embedding::normalise(&[0.0; 4]), Err(VectorError::ZeroNorm { .. })));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(matches!(Embedding::normalise(&[1.0, bad]), Err(VectorError::NotFinite { position: 1, .. })));
        }
    }

    #[test]
    fn bytes_come_back_bit_for_bit_and_others_are_refused() {
        let embedding = Embedding::normalise(&[0.1, -0.7, 0.3]).unwrap();
        let bytes = embedding.to_bytes();
        assert_eq!(Embedding::from_bytes(&bytes, 3).unwrap(), embedding);
        assert!(matches!(Embedding::from_bytes(&bytes, 4), Err(VectorError::WrongDimension { found: 3, .. })));
        assert!(Embedding::from_bytes(&bytes[..11], 3).is_err());
        assert!(matches!(Embedding::from_bytes(&2.0_f32.to_le_bytes(), 1), Err(VectorError::NotUnit { .. })));
        assert!(matches!(Embedding::from_bytes(&f32::NAN.to_le_bytes(), 1), Err(VectorError::NotFinite { .. })));
    }
}
