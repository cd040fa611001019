//! Logistic regression with an L2 penalty, fitted by Newton's method (iteratively reweighted least squares; Bishop, Pattern
//! Recognition and Machine Learning, §4.3.3). Features are standardised first, so that one penalty suits them all.
//!
//! The penalty keeps the coefficients finite on separable cases; the intercept carries none.

use serde::{Deserialize, Serialize};

use super::features::FEATURE_COUNT;

/// Half of this times the sum of the squared coefficients is added to the loss. The loss counts a known photo as 1, so the
/// penalty matters for some dozen photos and hardly for thousands.
const PENALTY: f64 = 1.0;
/// Newton's method needs about eight.
const ITERATIONS_MAX: usize = 50;
const HALVINGS_MAX: usize = 30;
const STEP_MIN: f64 = 1e-9;
/// A feature that varies less is constant.
const DEVIATION_MIN: f64 = 1e-6;

/// The intercept and a coefficient for each feature.
const PARAMETERS: usize = FEATURE_COUNT + 1;
type Parameters = [f64; PARAMETERS];

/// A training example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    pub(super) features: [f64; FEATURE_COUNT],
    /// How many examples it counts as; positive.
    pub(super) weight: f64,
    pub(super) positive: bool,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LogisticRegression {
    means: [f64; FEATURE_COUNT],
    /// Standard deviations.
    deviations: [f64; FEATURE_COUNT],
    /// The intercept, then the coefficients of the standardised features.
    parameters: Parameters,
}

impl LogisticRegression {
    /// Fits the probability that a case is positive; `None` if all cases are of one kind, which fit any probability near it.
    pub(super) fn fit(cases: &[Case]) -> Option<Self> {
        let positive = cases.iter().filter(|case| case.positive).count();
        if positive == 0 || positive == cases.len() {
            return None;
        }
        let (means, deviations) = moments(cases);
        let mut regression = Self { means, deviations, parameters: [0.0; PARAMETERS] };
        let standardized: Vec<(Parameters, &Case)> =
            cases.iter().map(|case| (regression.standardize(&case.features), case)).collect();
        let mut current_loss = loss(&standardized, &regression.parameters);
        for _ in 0..ITERATIONS_MAX {
            let step = newton_step(&standardized, &regression.parameters);
            // Far from the minimum, a full step may overshoot.
            let halved = |halvings: usize| {
                let scale = 0.5_f64.powi(halvings as i32);
                let parameters = std::array::from_fn(|i| regression.parameters[i] - scale * step[i]);
                (parameters, loss(&standardized, &parameters))
            };
            let Some((parameters, next_loss)) = (0..HALVINGS_MAX).map(halved).find(|(_, next)| *next <= current_loss)
            else {
                break;
            };
            (regression.parameters, current_loss) = (parameters, next_loss);
            if step.iter().all(|value| value.abs() < STEP_MIN) {
                break;
            }
        }
        Some(regression)
    }

    /// The probability that a case with these features is positive.
    pub(super) fn probability(&self, features: &[f64; FEATURE_COUNT]) -> f64 {
        sigmoid(dot(&self.parameters, &self.standardize(features)))
    }

    /// 1 for the intercept, then the standardised features.
    fn standardize(&self, features: &[f64; FEATURE_COUNT]) -> Parameters {
        std::array::from_fn(|i| match i.checked_sub(1) {
            None => 1.0,
            Some(feature) => (features[feature] - self.means[feature]) / self.deviations[feature],
        })
    }
}

/// Weighted means and standard deviations.
fn moments(cases: &[Case]) -> ([f64; FEATURE_COUNT], [f64; FEATURE_COUNT]) {
    let total: f64 = cases.iter().map(|case| case.weight).sum();
    let weighted_mean =
        |value: &dyn Fn(&Case) -> f64| cases.iter().map(|case| case.weight * value(case)).sum::<f64>() / total;
    let means: [f64; FEATURE_COUNT] = std::array::from_fn(|i| weighted_mean(&|case| case.features[i]));
    let deviations = std::array::from_fn(|i| {
        let deviation = weighted_mean(&|case| (case.features[i] - means[i]).powi(2)).sqrt();
        if deviation < DEVIATION_MIN { 1.0 } else { deviation }
    });
    (means, deviations)
}

/// The negative log-likelihood with the penalty.
fn loss(cases: &[(Parameters, &Case)], parameters: &Parameters) -> f64 {
    let penalty = PENALTY / 2.0 * parameters[1..].iter().map(|value| value * value).sum::<f64>();
    let case_loss = |(features, case): &(Parameters, &Case)| {
        let margin = dot(parameters, features) * if case.positive { 1.0 } else { -1.0 };
        // ln(1 + e^-margin) without overflow.
        case.weight * ((-margin).max(0.0) + (-margin.abs()).exp().ln_1p())
    };
    penalty + cases.iter().map(case_loss).sum::<f64>()
}

/// The inverse of the Hessian times the gradient.
fn newton_step(cases: &[(Parameters, &Case)], parameters: &Parameters) -> Parameters {
    let mut gradient: Parameters = std::array::from_fn(|i| if i == 0 { 0.0 } else { PENALTY * parameters[i] });
    let mut hessian = [[0.0; PARAMETERS]; PARAMETERS];
    for (i, row) in hessian.iter_mut().enumerate() {
        // Where every case is certain, the intercept has no curvature left.
        row[i] = if i == 0 { 1e-9 } else { PENALTY };
    }
    for (features, case) in cases {
        let probability = sigmoid(dot(parameters, features));
        let residual = case.weight * (probability - f64::from(u8::from(case.positive)));
        let curvature = case.weight * probability * (1.0 - probability);
        for i in 0..PARAMETERS {
            gradient[i] += residual * features[i];
            for j in 0..PARAMETERS {
                hessian[i][j] += curvature * features[i] * features[j];
            }
        }
    }
    solve(hessian, gradient)
}

/// Solves `matrix · x = vector` for a symmetric positive definite matrix, by Cholesky's method.
fn solve(matrix: [[f64; PARAMETERS]; PARAMETERS], vector: Parameters) -> Parameters {
    let mut lower = [[0.0; PARAMETERS]; PARAMETERS];
    for i in 0..PARAMETERS {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            lower[i][j] = if i == j { rest.sqrt() } else { rest / lower[j][j] };
        }
    }
    let mut x = vector;
    for i in 0..PARAMETERS {
        x[i] = (x[i] - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
    }
    for i in (0..PARAMETERS).rev() {
        x[i] = (x[i] - (i + 1..PARAMETERS).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    x
}

fn sigmoid(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

fn dot(a: &Parameters, b: &Parameters) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    /// Cases with independent features; each is positive with the probability that `truth` gives.
    fn cases(count: usize, truth: impl Fn(&[f64; FEATURE_COUNT]) -> f64) -> Vec<Case> {
        let mut random = Pcg64::seed_from_u64(1);
        let mut case = || {
            let features = std::array::from_fn(|i| random.random_range(-1.0..1.0) * (i + 1) as f64 + 10.0);
            Case { features, weight: 1.0, positive: random.random::<f64>() < truth(&features) }
        };
        (0..count).map(|_| case()).collect()
    }

    #[test]
    fn known_weights_are_recovered() {
        let truth = |x: &[f64; FEATURE_COUNT]| sigmoid(0.5 + 2.0 * (x[0] - 10.0) - (x[1] - 10.0) + 0.3 * (x[2] - 10.0));
        let regression = LogisticRegression::fit(&cases(20_000, truth)).unwrap();
        for (features, _) in cases(200, |_| 0.5).iter().map(|case| (case.features, ())) {
            let (found, expected) = (regression.probability(&features), truth(&features));
            assert!((found - expected).abs() < 0.03, "{found}, not {expected}");
        }
        let slopes: Vec<f64> =
            (0..FEATURE_COUNT).map(|i| regression.parameters[i + 1] / regression.deviations[i]).collect();
        for (slope, expected) in slopes.iter().zip([2.0, -1.0, 0.3, 0.0, 0.0]) {
            assert!((slope - expected).abs() < 0.1, "{slopes:?}");
        }
    }

    #[test]
    fn at_the_minimum_the_gradient_is_zero() {
        let cases = cases(300, |x| sigmoid(x[0] - x[3]));
        let regression = LogisticRegression::fit(&cases).unwrap();
        let standardized: Vec<(Parameters, &Case)> =
            cases.iter().map(|case| (regression.standardize(&case.features), case)).collect();
        let at = loss(&standardized, &regression.parameters);
        for (i, delta) in (0..PARAMETERS).flat_map(|i| [(i, 1e-3), (i, -1e-3)]) {
            let mut moved = regression.parameters;
            moved[i] += delta;
            assert!(loss(&standardized, &moved) > at, "parameter {i}");
        }
    }

    #[test]
    fn separable_cases_stay_finite() {
        let separable = |scale: f64| -> Vec<Case> {
            let case = |n: u32| {
                let value = f64::from(n) * scale;
                Case { features: [value, -value, 7.0, 0.0, value], weight: 1.0, positive: n >= 50 }
            };
            (0..100).map(case).collect()
        };
        for scale in [1e-4, 1.0, 1e6] {
            let regression = LogisticRegression::fit(&separable(scale)).unwrap();
            let at = |n: f64| regression.probability(&[n * scale, -n * scale, 7.0, 0.0, n * scale]);
            assert!(at(0.0) < 0.05 && at(99.0) > 0.95, "{} {}", at(0.0), at(99.0));
            assert!(regression.parameters.iter().all(|value| value.abs() < 20.0), "{:?}", regression.parameters);
        }
    }

    #[test]
    fn cases_of_one_kind_teach_nothing() {
        assert_eq!(LogisticRegression::fit(&[]), None);
        assert_eq!(LogisticRegression::fit(&cases(50, |_| 1.1)), None);
        assert_eq!(LogisticRegression::fit(&cases(50, |_| -0.1)), None);
    }

    #[test]
    fn a_weight_counts_as_so_many_cases() {
        let once = cases(200, |x| sigmoid(x[0] - 10.0));
        let doubled: Vec<Case> = once.iter().map(|case| Case { weight: 2.0, ..*case }).collect();
        let twice = LogisticRegression::fit(&[once.clone(), once].concat()).unwrap();
        let weighted = LogisticRegression::fit(&doubled).unwrap();
        for (a, b) in twice.parameters.iter().zip(weighted.parameters) {
            assert!((a - b).abs() < 1e-6, "{twice:?} {weighted:?}");
        }
    }
}
