//! Photos listed from folders and tables, figures, thresholds and confidences against values computed by hand, boxes, and skipped photos.

mod calibration;
mod measure;
mod photo_sets;
mod real_frames;
mod reliability;
mod skipped_photos;

use super::*;
use crate::domain::VerdictLimits;
use crate::embedding::Embedding;

/// A sample of `product` in the direction of `degrees` in a plane.
fn sample(product: usize, degrees: f32) -> Sample {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Sample { product, embedding: Embedding::normalise(&[cos, sin]).unwrap() }
}

/// The default settings.
const LIMITS: VerdictLimits = VerdictLimits { ask_below: 0.8, unknown_below: 0.3 };

/// A set of products called a, b, c … without photos.
fn products(count: u8) -> PhotoSet {
    let product = |position: u8| {
        let id = char::from(b'a' + position).to_string();
        Product { name: format!("Product {id}"), id }
    };
    let products = (0..count).map(product).collect();
    PhotoSet {
        name: "test set".to_owned(),
        query_split: None,
        products,
        photos: Vec::new(),
        ignored: Vec::new(),
        tables: Vec::new(),
    }
}

fn cos(degrees: f32) -> f32 {
    degrees.to_radians().cos()
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5
}
