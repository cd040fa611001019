//! Photos read from folders and tables, figures and thresholds against values worked out by hand, and photos that have to
//! be left out.

mod figures;
mod leaving_out;
mod reading;
mod thresholds;

use super::*;
use crate::embedding::Embedding;

/// A sample of `product` in the direction of `degrees`: the cosine of two samples is that of the angle between them.
fn at(product: usize, degrees: f32) -> Sample {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Sample { product, embedding: Embedding::normalise(&[cos, sin]).unwrap() }
}

/// A set of products called a, b, c … without photos, for samples that are made up.
fn products(count: u8) -> PhotoSet {
    let product = |place: u8| {
        let id = char::from(b'a' + place).to_string();
        Product { name: format!("Product {id}"), id }
    };
    let products = (0..count).map(product).collect();
    PhotoSet {
        name: "made up".to_owned(),
        asked_split: None,
        products,
        photos: Vec::new(),
        passed_over: Vec::new(),
        tables: Vec::new(),
    }
}

fn cos(degrees: f32) -> f32 {
    degrees.to_radians().cos()
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5
}
