//! The model manifest: a JSON file beside an ONNX file that says how to feed it and how to read it.
//!
//! The input is `(pixel / 255 × range − mean) / std` per channel, in the order that `color` names, as `N×3×height×width`.
//! One output is read, pooled into one vector per picture as `pooling` says, and scaled to length 1.
//! A manifest that could be misread is refused: unknown fields, values out of range and a model file with another SHA-256
//! are errors that name the file, the field and the value.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::pooling::Pooling;
use super::{ModelError, ModelId, Thresholds};
use crate::atomic_file;
use crate::domain::{ValueFault, describe_io_error, describe_json_syntax};

const SIDE_PX_MAX: u32 = 2_048;
const DIM_MAX: usize = 8_192;
/// A manifest has about a thousand bytes.
pub(super) const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// How a model is fed and how its output is read, as written in its manifest.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    /// File name of the ONNX file, which is in the manifest's folder.
    pub file: String,
    /// In hexadecimal.
    pub sha256: String,
    pub input: Input,
    pub output: Output,
    pub thresholds: Thresholds,
}

/// The picture that a model expects.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    pub width: u32,
    pub height: u32,
    pub color: ColorOrder,
    /// Value of a pixel of full brightness before `mean` is subtracted: usually 255 or 1.
    pub range: f32,
    /// Subtracted from each channel, in the order of `color`.
    pub mean: [f32; 3],
    /// Divides each channel, in the order of `color`.
    pub std: [f32; 3],
    pub resize: Fit,
    /// With `resize` = `crop`: the shorter side is scaled to this many pixels, then the centre is cut out. `None`: the
    /// largest centre that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_to: Option<u32>,
    pub filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOrder {
    Rgb,
    Bgr,
}

/// How a picture of another aspect ratio is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The centre: the largest that fits, or cut from the picture scaled to `resize_to`.
    Crop,
    /// Letterbox: all of the picture, with borders of the mean colour (fed as zeros).
    Pad,
    /// All of the picture, distorted.
    Stretch,
}

/// How pixels are interpolated. All but `Nearest` widen their kernel when they shrink (as Pillow does), so that no source
/// pixel is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    Bilinear,
    /// Catmull-Rom, as Pillow's bicubic.
    Bicubic,
    /// Three lobes.
    Lanczos,
    Nearest,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub name: String,
    /// Number of values per picture, after pooling.
    pub dim: usize,
    #[serde(default, skip_serializing_if = "Pooling::is_none")]
    pub pooling: Pooling,
    /// With `pooling` = `mean`: how many leading tokens the mean leaves out, such as class and register tokens.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_tokens: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Manifest {
    /// Reads and checks the manifest at `path`, without reading the model file.
    ///
    /// # Errors
    /// The file cannot be read, is not a manifest, or a value is out of range.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let content = atomic_file::read_limited(path, MANIFEST_BYTES_MAX)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text in UTF-8")));
        let text = content.map_err(|error| {
            let onnx = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
            let hint = if onnx {
                "; this is a model file: name its manifest, the .json file that `model add` writes"
            } else {
                ""
            };
            ModelError::UnreadableManifest {
                path: path.to_owned(),
                reason: format!("{}{hint}", describe_io_error(&error)),
            }
        })?;
        Self::parse(&text, path)
    }

    /// The key of the model's embeddings. The SHA-256 in the manifest stands for the model file.
    pub fn model_id(&self) -> ModelId {
        ModelId::from_manifest(self)
    }

    /// Parses and checks a manifest's `text`; `path` is for the messages.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        let mut json = serde_json::Deserializer::from_str(strip_byte_order_mark(text));
        let describe = |path: &str, error: &serde_json::Error| match error.is_data() {
            true => ValueFault::from_text(&error.to_string()).describe("the field", path.trim_matches('.')),
            false => format!("it {}", describe_json_syntax(error)),
        };
        let parsed = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| describe(&error.path().to_string(), error.inner()));
        let parsed =
            parsed.and_then(|manifest: Self| json.end().map(|()| manifest).map_err(|error| describe("", &error)));
        let manifest = parsed.map_err(|reason| ModelError::InvalidManifest { path: path.to_owned(), reason })?;
        manifest.check(path)?;
        Ok(manifest)
    }

    /// Checks every value; `path` is for the messages.
    pub(super) fn check(&self, path: &Path) -> Result<(), ModelError> {
        match self.first_invalid_field() {
            None => Ok(()),
            Some((field, reason)) => Err(ModelError::InvalidField { path: path.to_owned(), field, reason }),
        }
    }

    /// The first field with an invalid value, and what is wrong with that value.
    pub(super) fn first_invalid_field(&self) -> Option<(&'static str, String)> {
        let (input, output) = (&self.input, &self.output);
        let check_side = |pixels: u32| {
            (!(8..=SIDE_PX_MAX).contains(&pixels))
                .then(|| format!("{pixels} is not between 8 and {SIDE_PX_MAX} pixels"))
        };
        let check_number = |value: f32, valid: bool, rule: &str| (!valid).then(|| format!("{value} is not {rule}"));
        let check_positive = |value: f32| check_number(value, value.is_finite() && value > 0.0, "a positive number");
        let is_file_name = Path::new(&self.file).file_name().is_some_and(|name| name == self.file.as_str());
        let is_sha256 = self.sha256.len() == 64 && self.sha256.chars().all(|c| c.is_ascii_hexdigit());
        [
            ("name", check_identifier(&self.name)),
            ("version", check_identifier(&self.version)),
            (
                "file",
                (!is_file_name)
                    .then(|| format!("\"{}\" is not the name of a file in the manifest's folder", self.file)),
            ),
            ("sha256", (!is_sha256).then(|| format!("\"{}\" is not a SHA-256 of 64 hexadecimal digits", self.sha256))),
            ("input.name", input.name.is_empty().then(|| "must not be empty".to_owned())),
            ("input.width", check_side(input.width)),
            ("input.height", check_side(input.height)),
            ("input.range", check_positive(input.range)),
            ("input.mean", input.mean.iter().find_map(|mean| check_number(*mean, mean.is_finite(), "a finite number"))),
            ("input.std", input.std.iter().find_map(|std| check_positive(*std))),
            ("input.resize_to", self.check_resize_to()),
            ("output.name", output.name.is_empty().then(|| "must not be empty".to_owned())),
            ("output.skip_tokens", {
                let (skip, pooling) = (output.skip_tokens, output.pooling);
                (skip > 0 && pooling != Pooling::Mean)
                    .then(|| format!("{skip} needs \"pooling\": \"mean\"; \"{pooling}\" does not average tokens"))
            }),
            (
                "output.dim",
                (!(1..=DIM_MAX).contains(&output.dim))
                    .then(|| format!("{} is not between 1 and {DIM_MAX} values", output.dim)),
            ),
        ]
        .into_iter()
        .find_map(|(field, reason)| reason.map(|reason| (field, reason)))
        .or_else(|| self.thresholds.first_invalid_field())
    }

    fn check_resize_to(&self) -> Option<String> {
        let Input { width, height, resize, resize_to, .. } = self.input;
        let (resize_to, min) = (resize_to?, width.max(height));
        if resize != Fit::Crop {
            return Some(format!("{resize_to} needs \"resize\": \"crop\"; the other ways cut nothing out"));
        }
        (!(min..=SIDE_PX_MAX).contains(&resize_to))
            .then(|| format!("{resize_to} is not between the input's larger side, {min}, and {SIDE_PX_MAX} pixels"))
    }
}

/// Some editors write a byte-order mark in front of the text.
pub(super) fn strip_byte_order_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// Names and versions become part of a [`ModelId`], where `@` and `#` are separators.
fn check_identifier(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let valid = (1..=64).contains(&text.len()) && text.chars().all(allowed) && text.starts_with(char::is_alphanumeric);
    (!valid).then(|| format!("\"{text}\" is not 1 to 64 letters, digits or . _ - +, beginning with a letter or digit"))
}
