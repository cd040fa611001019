//! An input or output of a model's graph: its name, its elements, its sides.

use ort::value::{Outlet, ValueType};
use serde::Serialize;

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Type of the elements, as NumPy calls it: `float32`, `uint8`, `int64` …
    pub element: String,
    /// Its sides, outermost first; empty where the graph does not say.
    pub shape: Vec<Dimension>,
}

/// One side of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Dimension {
    /// Always this long.
    Fixed(u64),
    /// As long as is asked for; the name says what it means, where there is one.
    Free(String),
}

impl Dimension {
    /// The length, where it is fixed.
    pub fn fixed(&self) -> Option<u64> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Free(_) => None,
        }
    }

    /// Whether it can be this long.
    pub fn fits(&self, length: u64) -> bool {
        self.fixed().is_none_or(|fixed| fixed == length)
    }
}

impl std::fmt::Display for Dimension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(length) => length.fmt(f),
            Self::Free(name) if name.is_empty() => f.write_str("?"),
            Self::Free(name) => f.write_str(name),
        }
    }
}

impl TensorInfo {
    /// Reads what ONNX Runtime says of an input or output.
    pub(super) fn of(outlet: &Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } => {
                let side = |(length, symbol): (&i64, &String)| {
                    u64::try_from(*length).map_or_else(|_| Dimension::Free(symbol.clone()), Dimension::Fixed)
                };
                let shape = shape.iter().zip(dimension_symbols.iter()).map(side).collect();
                Self { name, element: format!("{ty:?}").to_lowercase(), shape }
            }
            other @ (ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_)) => {
                Self { name, element: other.to_string(), shape: Vec::new() }
            }
        }
    }
}

/// `"image" float32 N × 3 × 224 × 224`.
impl std::fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\" {} {}", self.name, self.element, product(&self.shape))
    }
}

/// Sides as they are spoken: `N × 3 × 224 × 224`.
pub(super) fn product<T: ToString>(sides: &[T]) -> String {
    if sides.is_empty() {
        return "of a shape that it does not say".to_owned();
    }
    sides.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}
