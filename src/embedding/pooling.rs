//! Pools a model's output into one vector per picture.
//!
//! Networks return a vector, a vector for each token of a transformer, or a map of vectors over the picture. The manifest says
//! which; an output of another shape is refused.

use ndarray::{ArrayView, ArrayView3, ArrayView4, Axis, Ix3, Ix4, s};
use serde::{Deserialize, Serialize};

use super::manifest::Output;

/// Exponent of [`Pooling::Gem`]: the initial value of its authors (Radenović et al., "Fine-tuning CNN Image Retrieval with No
/// Human Annotation", 2018).
const GEM_POWER: f32 = 3.0;
/// Smallest input of [`Pooling::Gem`], as in its authors' code.
const GEM_INPUT_MIN: f32 = 1e-6;

/// How a model's output becomes one vector per picture. N: pictures, D: values, T: tokens, H × W: positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The output is one already: N × D, or with more dimensions of length 1 (N × D × 1 × 1).
    #[default]
    None,
    /// N × T × D: the first token, a vision transformer's class token.
    Cls,
    /// N × T × D: the mean over the tokens.
    Mean,
    /// N × D × H × W: the mean over the positions.
    Average,
    /// N × D × H × W: the generalised mean over the positions, with exponent 3.
    Gem,
}

impl Pooling {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The name in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cls => "cls",
            Self::Mean => "mean",
            Self::Average => "average",
            Self::Gem => "gem",
        }
    }

    /// The shape of the output that it pools, in words.
    pub(super) fn output_shape(self) -> &'static str {
        match self {
            Self::None => "pictures × values",
            Self::Cls | Self::Mean => "pictures × tokens × values",
            Self::Average | Self::Gem => "pictures × values × height × width",
        }
    }
}

impl std::fmt::Display for Pooling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Number of values per picture after pooling an output of this `shape`; `None` if `pooling` does not take that shape.
pub(super) fn pooled_dim(shape: &[i64], pooling: Pooling) -> Option<usize> {
    let values = match (pooling, shape) {
        (Pooling::None, [_, values, rest @ ..]) if rest.iter().all(|side| *side == 1) => *values,
        (Pooling::Cls | Pooling::Mean, [_, _, values]) => *values,
        (Pooling::Average | Pooling::Gem, [_, values, _, _]) => *values,
        _ => return None,
    };
    usize::try_from(values).ok().filter(|values| *values > 0)
}

/// Pools the `values` of an output of this `shape` into one vector for each of `count` pictures. `None` if the shape does not
/// match `output`.
pub(super) fn pool_output(values: &[f32], shape: &[i64], output: &Output, count: usize) -> Option<Vec<Vec<f32>>> {
    if pooled_dim(shape, output.pooling) != Some(output.dim) || usize::try_from(*shape.first()?) != Ok(count) {
        return None;
    }
    let length = |axis: usize| usize::try_from(shape[axis]).ok();
    let tokens = || ArrayView::from_shape(Ix3(count, length(1)?, output.dim), values).ok();
    let maps = || ArrayView::from_shape(Ix4(count, output.dim, length(2)?, length(3)?), values).ok();
    match output.pooling {
        Pooling::None => Some(values.chunks_exact(output.dim).map(<[f32]>::to_vec).collect()),
        Pooling::Cls => {
            let tokens = tokens().filter(|tokens| tokens.len_of(Axis(1)) > 0)?;
            Some(tokens.slice(s![.., 0, ..]).outer_iter().map(|first| first.to_vec()).collect())
        }
        Pooling::Mean => average_tokens(tokens()?, output.skip_tokens),
        Pooling::Average => average_positions(maps()?, |value| value, |mean| mean),
        Pooling::Gem => average_positions(
            maps()?,
            |value| if value.is_nan() { value } else { value.max(GEM_INPUT_MIN).powf(GEM_POWER) },
            |mean| mean.powf(1.0 / GEM_POWER),
        ),
    }
}

fn average_tokens(tokens: ArrayView3<'_, f32>, skip: usize) -> Option<Vec<Vec<f32>>> {
    if skip >= tokens.len_of(Axis(1)) {
        return None;
    }
    let mean = tokens.slice(s![.., skip.., ..]).mean_axis(Axis(1))?;
    Some(mean.outer_iter().map(|vector| vector.to_vec()).collect())
}

fn average_positions(
    maps: ArrayView4<'_, f32>,
    before: impl Fn(f32) -> f32,
    after: impl Fn(f32) -> f32,
) -> Option<Vec<Vec<f32>>> {
    let mean = |map: ArrayView<'_, f32, ndarray::Ix2>| map.mapv(&before).mean().map(&after);
    maps.outer_iter().map(|picture| picture.outer_iter().map(mean).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(values: &[f32], shape: &[i64], pooling: Pooling, dim: usize, skip_tokens: usize) -> Option<Vec<Vec<f32>>> {
        let output = Output { name: "embedding".to_owned(), dim, pooling, skip_tokens };
        pool_output(values, shape, &output, 2)
    }

    const TWELVE: [f32; 12] = [1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12.];

    #[test]
    fn a_vector_is_taken_as_it_is_with_or_without_dimensions_of_one() {
        let expected = Some(vec![TWELVE[..6].to_vec(), TWELVE[6..].to_vec()]);
        for shape in [&[2, 6][..], &[2, 6, 1], &[2, 6, 1, 1]] {
            assert_eq!(pool(&TWELVE, shape, Pooling::None, 6, 0), expected);
        }
    }

    #[test]
    fn tokens_become_the_first_or_the_mean_of_those_not_skipped() {
        let (shape, dim) = ([2, 3, 2], 2);
        assert_eq!(pool(&TWELVE, &shape, Pooling::Cls, dim, 0), Some(vec![vec![1., 2.], vec![7., 8.]]));
        assert_eq!(pool(&TWELVE, &shape, Pooling::Mean, dim, 0), Some(vec![vec![3., 4.], vec![9., 10.]]));
        assert_eq!(pool(&TWELVE, &shape, Pooling::Mean, dim, 1), Some(vec![vec![4., 5.], vec![10., 11.]]));
        assert_eq!(pool(&TWELVE, &shape, Pooling::Mean, dim, 3), None);
    }

    #[test]
    fn maps_become_their_mean_or_generalised_mean() {
        let shape = [2, 3, 1, 2];
        let average = pool(&TWELVE, &shape, Pooling::Average, 3, 0);
        assert_eq!(average, Some(vec![vec![1.5, 3.5, 5.5], vec![7.5, 9.5, 11.5]]));
        let generalised = pool(&TWELVE, &shape, Pooling::Gem, 3, 0).unwrap();
        // The cube root of (1³ + 2³) / 2, of (3³ + 4³) / 2, …
        for (value, expected) in generalised[0].iter().zip([4.5_f32.cbrt(), 45.5_f32.cbrt(), 170.5_f32.cbrt()]) {
            assert!((value - expected).abs() < 1e-5, "{generalised:?}");
        }
        let not_a_number = [f32::NAN; 12];
        for pooling in [Pooling::Average, Pooling::Gem] {
            assert!(pool(&not_a_number, &shape, pooling, 3, 0).unwrap()[0][0].is_nan(), "{pooling}");
        }
    }

    #[test]
    fn an_output_of_another_shape_is_refused() {
        for (shape, pooling, dim) in [
            (&[2, 3, 2][..], Pooling::None, 6),
            (&[2, 6], Pooling::Cls, 6),
            (&[2, 6], Pooling::Average, 6),
            (&[2, 3, 1, 2], Pooling::Mean, 2),
            (&[2, 6], Pooling::None, 5),
            (&[1, 12], Pooling::None, 12),
            (&[12], Pooling::None, 12),
            (&[], Pooling::None, 1),
        ] {
            assert_eq!(pool(&TWELVE, shape, pooling, dim, 0), None, "{shape:?} {pooling}");
        }
    }
}
