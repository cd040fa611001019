//! Least squares for colours, with terms of the caller's choice, in which outliers count little.
//!
//! Iteratively reweighted with Cauchy weights (Holland and Welsch 1977).

use super::lab_picture::LabPicture;

const ITERATIONS: usize = 8;

/// What is fitted at one pixel: its terms and its colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation<const TERMS: usize> {
    pub(super) terms: [f32; TERMS],
    pub(super) color: [f32; 3],
}

/// A colour as a linear function of the terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearFit<const TERMS: usize> {
    /// The factors of the terms, for each of L*, a* and b*.
    pub(super) factors: [[f32; TERMS]; 3],
}

impl<const TERMS: usize> LinearFit<TERMS> {
    /// Begins with `weights`, one per sample. `ridge` draws each term's factors towards zero.
    pub(super) fn fit_robustly(samples: &[Observation<TERMS>], mut weights: Vec<f32>, ridge: [f64; TERMS]) -> Self {
        let mut fit = Self { factors: [[0.0; TERMS]; 3] };
        for _ in 0..ITERATIONS {
            fit = Self { factors: weighted_least_squares(samples, &weights, ridge) };
            let distances: Vec<f32> = samples.iter().map(|sample| length(fit.difference(*sample))).collect();
            weights = cauchy_weights(&distances);
        }
        fit
    }

    pub(super) fn predict(&self, terms: [f32; TERMS]) -> [f32; 3] {
        let mut color = [0.0; 3];
        for (term, position) in terms.into_iter().zip(0..TERMS) {
            color = std::array::from_fn(|channel| color[channel] + self.factors[channel][position] * term);
        }
        color
    }

    /// The colour of the sample less the fitted one.
    pub(super) fn difference(&self, Observation { terms, color }: Observation<TERMS>) -> [f32; 3] {
        subtract(color, self.predict(terms))
    }
}

/// Weights that fall with the distance from the fit, on the scale of the median distance.
pub(super) fn cauchy_weights(distances: &[f32]) -> Vec<f32> {
    let scale = 2.0 * median(distances).max(0.5);
    distances.iter().map(|distance| 1.0 / (1.0 + (distance / scale).powi(2)).powi(2)).collect()
}

/// The terms of a quadratic surface at a pixel.
pub(super) fn surface_terms(picture: &LabPicture, pixel: usize) -> [f32; 6] {
    let (x, y) = (coordinate(pixel % picture.width, picture.width), coordinate(pixel / picture.width, picture.height));
    [1.0, x, y, x * x, x * y, y * y]
}

/// The coordinate of a pixel along a side, from −0.5 to 0.5.
pub(super) fn coordinate(position: usize, side: usize) -> f32 {
    position as f32 / side as f32 - 0.5
}

pub(super) fn subtract(one: [f32; 3], other: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|channel| one[channel] - other[channel])
}

pub(super) fn length(vector: [f32; 3]) -> f32 {
    squared_length(vector).sqrt()
}

pub(super) fn squared_length([a, b, c]: [f32; 3]) -> f32 {
    a * a + b * b + c * c
}

pub(super) fn median(values: &[f32]) -> f32 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

fn weighted_least_squares<const TERMS: usize>(
    samples: &[Observation<TERMS>],
    weights: &[f32],
    ridge: [f64; TERMS],
) -> [[f32; TERMS]; 3] {
    let mut normal = [[0.0_f64; TERMS]; TERMS];
    let mut right = [[0.0_f64; TERMS]; 3];
    for (Observation { terms, color }, weight) in samples.iter().zip(weights) {
        let (terms, color) = (terms.map(f64::from), color.map(f64::from));
        let weighted = terms.map(|term| f64::from(*weight) * term);
        for (row, factor) in normal.iter_mut().zip(weighted) {
            add_scaled(row, &terms, factor);
        }
        for (row, value) in right.iter_mut().zip(color) {
            add_scaled(row, &weighted, value);
        }
    }
    for (position, ridge) in ridge.into_iter().enumerate() {
        normal[position][position] += ridge;
    }
    right.map(|right| solve(normal, right).map(|factor| factor as f32))
}

fn add_scaled<const N: usize>(sums: &mut [f64; N], values: &[f64; N], factor: f64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// Gaussian elimination with partial pivoting.
fn solve<const TERMS: usize>(mut a: [[f64; TERMS]; TERMS], mut b: [f64; TERMS]) -> [f64; TERMS] {
    for column in 0..TERMS {
        let pivot = (column..TERMS).max_by(|p, q| a[*p][column].abs().total_cmp(&a[*q][column].abs()));
        let pivot = pivot.unwrap_or(column);
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..TERMS {
            let factor = a[row][column] / a[column][column];
            let pivot_row = a[column];
            for (value, above) in a[row].iter_mut().zip(pivot_row).skip(column) {
                *value -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    let mut x = [0.0; TERMS];
    for row in (0..TERMS).rev() {
        let known: f64 = (row + 1..TERMS).map(|k| a[row][k] * x[k]).sum();
        x[row] = (b[row] - known) / a[row][row];
    }
    x
}
