//! The background as smooth surfaces of colour, fitted to the border of the picture, where products seldom are.
//!
//! A quadratic surface follows light that falls off to the sides. The fit is robust, so that what lies across the border
//! counts little. A second surface is fitted to the residuals of the first one, if they are many: a table and the wall behind
//! it.

use super::lab_picture::LabPicture;
use super::robust_fit::{LinearFit, Observation, length, median, squared_length, surface_terms};

/// Width of the border as a share of the shorter side.
const BORDER_SHARE: f32 = 0.06;
/// Border pixels that are looked at, at most: more change the surface by less than its noise.
const SAMPLES_MAX: usize = 1_200;
/// A border pixel less than this from a surface in L*a*b* shows background: a clearly visible difference is about 10.
const NEAR: f32 = 10.0;
/// Share of the border that is far from the first surface, from which on it is a background too.
const SECOND_SHARE_MIN: f32 = 0.12;

/// A fitted background.
#[derive(Debug)]
pub(super) struct BorderBackground {
    surfaces: Vec<QuadraticSurface>,
    /// Median distance in L*a*b* of the border's pixels to their surface.
    pub(super) spread: f32,
    /// Share of the border's pixels that are near a surface.
    pub(super) share_near: f32,
}

const TERMS: usize = 6;
/// A picture of one row or column leaves terms undetermined.
const RIDGE: [f64; TERMS] = [1e-6; TERMS];

type QuadraticSurface = LinearFit<TERMS>;

impl BorderBackground {
    pub(super) fn fit(picture: &LabPicture) -> Self {
        let samples = border_samples(picture);
        let first = fit_surface(&samples);
        let far = |sample: &&Observation<TERMS>| length(first.difference(**sample)) >= NEAR;
        let residual_samples: Vec<Observation<TERMS>> = samples.iter().filter(far).copied().collect();
        let mut surfaces = vec![first];
        if residual_samples.len() as f32 >= SECOND_SHARE_MIN * samples.len() as f32 {
            surfaces.push(fit_surface(&residual_samples));
        }
        let mut background = Self { surfaces, spread: 0.0, share_near: 0.0 };
        let distances: Vec<f32> = samples.iter().map(|sample| length(background.difference(*sample))).collect();
        background.spread = median(&distances).max(0.5);
        let near = distances.iter().filter(|distance| **distance < NEAR).count();
        background.share_near = near as f32 / distances.len().max(1) as f32;
        background
    }

    /// L* in the middle of the picture.
    pub(super) fn lightness(&self) -> f32 {
        self.surfaces[0].factors[0][0]
    }

    /// What each pixel of `picture` differs by from the nearest surface, as a vector in L*a*b*.
    pub(super) fn differences(&self, picture: &LabPicture) -> Vec<[f32; 3]> {
        let mut nearest = Vec::with_capacity(picture.colors.len());
        for (y, line) in picture.colors.chunks_exact(picture.width).enumerate() {
            let start = nearest.len();
            for (index, surface) in self.surfaces.iter().enumerate() {
                let row = surface.row_factors(y as f32 / picture.height as f32 - 0.5);
                for (column, color) in line.iter().enumerate() {
                    let x = column as f32 / picture.width as f32 - 0.5;
                    let difference: [f32; 3] = std::array::from_fn(|channel| {
                        let [constant, linear, square] = row[channel];
                        color[channel] - (constant + x * (linear + x * square))
                    });
                    match nearest.get_mut(start + column) {
                        None => nearest.push(difference),
                        Some(first) if squared_length(difference) < squared_length(*first) => *first = difference,
                        Some(_) => debug_assert!(index > 0, "the first surface fills the row"),
                    }
                }
            }
        }
        nearest
    }

    fn difference(&self, sample: Observation<TERMS>) -> [f32; 3] {
        let differences = self.surfaces.iter().map(|surface| surface.difference(sample));
        let nearest = differences.min_by(|one, other| length(*one).total_cmp(&length(*other)));
        nearest.unwrap_or_default()
    }
}

impl QuadraticSurface {
    /// For each channel the factors of 1, x and x² in the row at `y`.
    fn row_factors(&self, y: f32) -> [[f32; 3]; 3] {
        self.factors.map(|[constant, x, y_factor, x_square, x_y, y_square]| {
            [constant + y * (y_factor + y * y_square), x + y * x_y, x_square]
        })
    }
}

fn fit_surface(samples: &[Observation<TERMS>]) -> QuadraticSurface {
    LinearFit::fit_robustly(samples, vec![1.0; samples.len()], RIDGE)
}

fn border_samples(picture: &LabPicture) -> Vec<Observation<TERMS>> {
    let pixels = border_pixels(picture.width, picture.height);
    let step = pixels.len().div_ceil(SAMPLES_MAX).max(1);
    let sample = |pixel: &usize| Observation { terms: surface_terms(picture, *pixel), color: picture.colors[*pixel] };
    pixels.iter().step_by(step).map(sample).collect()
}

/// The pixels of the border of a picture of this size.
pub(super) fn border_pixels(width: usize, height: usize) -> Vec<usize> {
    let border = ((width.min(height) as f32 * BORDER_SHARE) as usize).max(1);
    let in_border = |pixel: &usize| {
        let (x, y) = (pixel % width, pixel / width);
        x < border || y < border || x + border >= width || y + border >= height
    };
    (0..width * height).filter(in_border).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(color: impl Fn(f32, f32) -> [f32; 3]) -> LabPicture {
        let (width, height) = (64, 48);
        let at = |pixel: usize| color((pixel % width) as f32 / 64.0, (pixel / width) as f32 / 48.0);
        LabPicture { width, height, colors: (0..width * height).map(at).collect() }
    }

    #[test]
    fn light_that_falls_off_is_background_and_a_thing_across_the_border_is_not() {
        let picture = picture(|x, y| {
            let thing = (0.4..0.6).contains(&x) && y > 0.5;
            if thing { [40.0, 50.0, 30.0] } else { [80.0 - 30.0 * x * x - 10.0 * y, 2.0, -3.0 * y] }
        });
        let background = BorderBackground::fit(&picture);
        let differences = background.differences(&picture);
        let at = |x: usize, y: usize| length(differences[y * 64 + x]);
        assert!(at(10, 20) < 2.0 && at(60, 5) < 2.0, "{} {}", at(10, 20), at(60, 5));
        assert!(at(32, 40) > 40.0 && background.share_near > 0.85, "{background:?}");
    }

    #[test]
    fn a_table_and_the_wall_behind_it_are_background() {
        let picture = picture(|x, y| match (x, y) {
            _ if (0.4..0.6).contains(&x) && (0.3..0.8).contains(&y) => [40.0, 50.0, 30.0],
            (_, y) if y < 0.4 => [40.0, -5.0, -10.0],
            _ => [75.0, 5.0, 20.0 + 10.0 * x],
        });
        let background = BorderBackground::fit(&picture);
        assert!(background.share_near > 0.95 && background.surfaces.len() == 2, "{background:?}");
        let differences = background.differences(&picture);
        assert!(length(differences[5 * 64 + 5]) < NEAR && length(differences[44 * 64 + 5]) < NEAR);
        assert!(length(differences[24 * 64 + 32]) > 30.0);
    }

    #[test]
    fn a_border_of_many_colours_is_no_background() {
        let picture = picture(|x, y| [50.0 + 40.0 * (x * 40.0).sin(), 60.0 * (y * 30.0).cos(), 20.0]);
        assert!(BorderBackground::fit(&picture).share_near < 0.4);
    }
}
