//! Whether the photos of a product are enough: each is left out in turn, and the others must recognise it.

use super::{LeftOutPhoto, Neighbour};
use crate::domain::ImageId;

/// The most photos of one product that are left out in turn.
pub const PHOTOS_CHECKED_MAX: usize = 64;
/// With fewer photos the till asks twice as often: see docs/how-to/photograph-products.md.
const PHOTOS_ENOUGH_MIN: usize = 5;
/// The share of photos that must be recognised by the others.
const RECOGNIZED_SHARE_MIN: f64 = 0.8;

/// How well a product's photos recognise one another.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoCheck {
    /// Photos in the index.
    pub photos: usize,
    /// Photos that were left out in turn: without copies, and at most [`PHOTOS_CHECKED_MAX`].
    pub checked: usize,
    /// Photos that the others recognised.
    pub recognized: usize,
    /// Photos that were not.
    pub unrecognized: Vec<ImageId>,
    /// The other product that a photo is most likely taken for, and that photo.
    pub worst: Option<(ImageId, Neighbour)>,
    /// Whether the till would take that photo for that product, or ask.
    pub is_mistaken: bool,
}

impl PhotoCheck {
    /// `answers` are those of some of the product's photos, of which there are `photos`.
    pub fn from_answers(photos: usize, answers: &[LeftOutPhoto]) -> Self {
        let checked: Vec<&LeftOutPhoto> = answers.iter().filter(|answer| !answer.is_copy()).collect();
        let unrecognized: Vec<ImageId> =
            checked.iter().filter(|answer| !answer.is_recognized()).map(|answer| answer.image).collect();
        let worst = checked.iter().filter_map(|answer| Some((answer, answer.nearest?)));
        let worst = worst.max_by(|(one, nearest), (other, other_nearest)| {
            one.is_mistaken.cmp(&other.is_mistaken).then_with(|| nearest.compare_strength(other_nearest))
        });
        Self {
            photos,
            checked: checked.len(),
            recognized: checked.len() - unrecognized.len(),
            unrecognized,
            worst: worst.map(|(answer, nearest)| (answer.image, nearest)),
            is_mistaken: worst.is_some_and(|(answer, _)| answer.is_mistaken),
        }
    }

    /// Whether more photos would hardly help.
    pub fn is_enough(&self) -> bool {
        are_enough(self.checked, self.checked, self.recognized)
    }

    /// What to do, in a sentence or two. `worst` is the name of the worst neighbour's product.
    pub fn advice(&self, worst: Option<&str>) -> String {
        let Self { photos, checked, recognized, .. } = *self;
        if photos == 0 {
            return "No photo of the product is searched. Add five to ten, or put the product on sale.".to_owned();
        }
        if photos == 1 {
            return "One photo cannot be checked by others. Add four or more, from each side that a customer may turn up."
                .to_owned();
        }
        if checked == 0 {
            return "All photos show the same view. Add photos from each side that a customer may turn up.".to_owned();
        }
        let result = format!("{recognized} of {checked} photos are recognised by the product's other photos.");
        let next_step = match (recognized < checked, worst.filter(|_| self.is_mistaken)) {
            (true, Some(name)) => {
                format!("Some look like \"{name}\": add photos of the side that differs, to both products.")
            }
            (true, None) if !self.is_enough() => "Add photos of the sides that only one photo shows.".to_owned(),
            (_, _) if checked < PHOTOS_ENOUGH_MIN => "Five to ten photos make the till surer.".to_owned(),
            (_, Some(name)) => format!("One looks like \"{name}\": compare the two."),
            (_, None) => "This is enough.".to_owned(),
        };
        format!("{result} {next_step}")
    }
}

/// Whether a product has enough `photos`. `recognized` of the `checked` ones were recognised by the others.
pub(super) fn are_enough(photos: usize, checked: usize, recognized: usize) -> bool {
    photos >= PHOTOS_ENOUGH_MIN && recognized as f64 >= RECOGNIZED_SHARE_MIN * checked as f64
}

impl Neighbour {
    /// By confidence, and by score where there is none.
    pub fn compare_strength(&self, other: &Self) -> std::cmp::Ordering {
        let strength = |neighbour: &Self| (neighbour.confidence.unwrap_or(-1.0), neighbour.score);
        let ((confidence, score), (other_confidence, other_score)) = (strength(self), strength(other));
        confidence.total_cmp(&other_confidence).then(score.total_cmp(&other_score))
    }
}
