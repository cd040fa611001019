//! An input or output of a model's graph: its name, element type and shape.

use ort::value::{Outlet, ValueType};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    pub name: String,
    /// Type of the elements, in NumPy's words: `float32`, `uint8`, `int64` …
    pub element: String,
    /// Outermost dimension first; empty if the graph does not say.
    pub shape: Vec<Dimension>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Dimension {
    Fixed(u64),
    /// Any length; the name, if there is one, says what it means.
    Free(String),
}

impl Dimension {
    pub fn fixed(&self) -> Option<u64> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Free(_) => None,
        }
    }

    /// Whether the dimension allows this length.
    pub fn allows(&self, length: u64) -> bool {
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
    pub(super) fn from_outlet(outlet: &Outlet) -> Self {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } => {
                let dimension = |(length, symbol): (&i64, &String)| {
                    u64::try_from(*length).map_or_else(|_| Dimension::Free(symbol.clone()), Dimension::Fixed)
                };
                let shape = shape.iter().zip(dimension_symbols.iter()).map(dimension).collect();
                Self { name, element: format!("{ty:?}").to_lowercase(), shape }
            }
            other @ (ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_)) => {
                Self { name, element: other.to_string(), shape: Vec::new() }
            }
        }
    }
}

/// For example `"image" float32 N × 3 × 224 × 224`.
impl std::fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\" {} {}", self.name, self.element, format_shape(&self.shape))
    }
}

/// For example `N × 3 × 224 × 224`.
pub(super) fn format_shape<T: ToString>(shape: &[T]) -> String {
    if shape.is_empty() {
        return "of unknown shape".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}
