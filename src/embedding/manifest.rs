//! The model manifest: a JSON file beside an ONNX file that says how to feed it and how to read it.
//!
//! What is fed is `(pixel / 255 × range − mean) / std` per channel, in the order `color` names, as `N×3×height×width`.
//! What is read is one output, made into one vector per picture as `pooling` says, and scaled to length 1.
//! A manifest that could be misread is refused: unknown fields, values out of range and a model file whose SHA-256
//! differs are errors that name the file, the field and the value.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::pooling::Pooling;
use super::{ModelError, ModelId, Thresholds};
use crate::atomic_file;

const LARGEST_SIDE: u32 = 2_048;
const LARGEST_DIM: usize = 8_192;
/// Most bytes of a manifest; one has about a thousand.
pub(super) const LARGEST_MANIFEST: u64 = 1 << 20;

/// How a model is fed and read, as written in its manifest.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The ONNX file's name; it lies beside the manifest.
    pub file: String,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
    /// What goes in.
    pub input: Input,
    /// What comes out.
    pub output: Output,
    /// Where a match begins.
    pub thresholds: Thresholds,
}

/// The picture that a model expects.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name of the graph's input.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Order of the channels.
    pub color: ColorOrder,
    /// What a pixel of full brightness is before `mean` is taken off: 255 or 1, usually.
    pub range: f32,
    /// Taken off each channel, in the order of `color`.
    pub mean: [f32; 3],
    /// Divides each channel, in the order of `color`.
    pub std: [f32; 3],
    /// How a picture of another shape is made to fit.
    pub resize: Fit,
    /// With `resize` = `crop`: the shorter side is scaled to this many pixels, then the middle is cut out. `None`: the
    /// middle, as large as fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_to: Option<u32>,
    /// How pixels are interpolated.
    pub filter: Filter,
}

/// Order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How a picture whose shape is not the model's is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The middle: as large as fits, or of a picture scaled to `resize_to`.
    Crop,
    /// All of it, with borders of the mean colour (fed as zeros).
    Pad,
    /// All of it, distorted.
    Stretch,
}

/// How pixels are interpolated. All but `nearest` widen their kernel when they shrink (as Pillow does), so that no
/// pixel of the source is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Triangle.
    Bilinear,
    /// Catmull-Rom, Pillow's bicubic.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
    /// The nearest pixel.
    Nearest,
}

/// What a model returns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name of the graph's output.
    pub name: String,
    /// Number of values per picture, after pooling.
    pub dim: usize,
    /// How one vector per picture is made of it.
    #[serde(default, skip_serializing_if = "Pooling::is_none")]
    pub pooling: Pooling,
    /// With `pooling` = `mean`: tokens at the beginning that are left out of the mean, such as class and register tokens.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_tokens: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Manifest {
    /// Reads and checks the manifest at `path`, without looking at the model file.
    ///
    /// # Errors
    /// It cannot be read, is not such JSON, or a value is out of range.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let read = atomic_file::read(path, LARGEST_MANIFEST)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text in UTF-8")));
        let text = read.map_err(|error| {
            let onnx = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
            let hint =
                if onnx { "; it is a model: name its manifest, the .json file that `model add` writes" } else { "" };
            ModelError::Unreadable { path: path.to_owned(), reason: format!("{error}{hint}") }
        })?;
        Self::parse(&text, path)
    }

    /// The key of the model's embeddings: what the manifest says decides it, and the SHA-256 in it stands for the file.
    pub fn model_id(&self) -> ModelId {
        ModelId::of(self)
    }

    /// As [`Manifest::read`], of a text that was read from `path` or is about to be written there.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ModelError> {
        let mut json = serde_json::Deserializer::from_str(without_mark(text));
        let read =
            serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().to_string().as_str() {
                "." => error.inner().to_string(),
                field => format!("{field}: {}", error.inner()),
            });
        let read = read.and_then(|manifest: Self| json.end().map(|()| manifest).map_err(|error| error.to_string()));
        let manifest = read.map_err(|reason| ModelError::NoManifest { path: path.to_owned(), reason })?;
        manifest.check(path)?;
        Ok(manifest)
    }

    /// Checks every value of the manifest at `path`.
    pub(super) fn check(&self, path: &Path) -> Result<(), ModelError> {
        let fault = self.first_fault();
        fault.map_or(Ok(()), |(field, fault)| Err(ModelError::Field { path: path.to_owned(), field, fault }))
    }

    /// The first field whose value cannot be meant, and what is wrong with it.
    pub(super) fn first_fault(&self) -> Option<(&'static str, String)> {
        let (input, output) = (&self.input, &self.output);
        let side = |pixels: u32| {
            (!(8..=LARGEST_SIDE).contains(&pixels))
                .then(|| format!("{pixels} is not between 8 and {LARGEST_SIDE} pixels"))
        };
        let number = |value: f32, holds: bool, rule: &str| (!holds).then(|| format!("{value} is not {rule}"));
        let positive = |value: f32| number(value, value.is_finite() && value > 0.0, "a positive number");
        let plain_file = Path::new(&self.file).file_name().is_some_and(|name| name == self.file.as_str());
        let hex = self.sha256.len() == 64 && self.sha256.chars().all(|c| c.is_ascii_hexdigit());
        [
            ("name", not_a_word(&self.name)),
            ("version", not_a_word(&self.version)),
            ("file", (!plain_file).then(|| format!("\"{}\" is not the name of a file beside the manifest", self.file))),
            ("sha256", (!hex).then(|| format!("\"{}\" is not a SHA-256 of 64 hexadecimal digits", self.sha256))),
            ("input.name", input.name.is_empty().then(|| "must not be empty".to_owned())),
            ("input.width", side(input.width)),
            ("input.height", side(input.height)),
            ("input.range", positive(input.range)),
            ("input.mean", input.mean.iter().find_map(|mean| number(*mean, mean.is_finite(), "a finite number"))),
            ("input.std", input.std.iter().find_map(|std| positive(*std))),
            ("input.resize_to", self.resize_fault()),
            ("output.name", output.name.is_empty().then(|| "must not be empty".to_owned())),
            ("output.skip_tokens", {
                let (skip, pooling) = (output.skip_tokens, output.pooling);
                (skip > 0 && pooling != Pooling::Mean)
                    .then(|| format!("{skip} needs \"pooling\": \"mean\"; \"{pooling}\" takes no mean over tokens"))
            }),
            (
                "output.dim",
                (!(1..=LARGEST_DIM).contains(&output.dim))
                    .then(|| format!("{} is not between 1 and {LARGEST_DIM} values", output.dim)),
            ),
        ]
        .into_iter()
        .find_map(|(field, fault)| fault.map(|fault| (field, fault)))
        .or_else(|| self.thresholds.first_fault())
    }

    fn resize_fault(&self) -> Option<String> {
        let Input { width, height, resize, resize_to, .. } = self.input;
        let (to, least) = (resize_to?, width.max(height));
        if resize != Fit::Crop {
            return Some(format!("{to} needs \"resize\": \"crop\"; nothing is cut out otherwise"));
        }
        (!(least..=LARGEST_SIDE).contains(&to))
            .then(|| format!("{to} is not between the input's larger side, {least}, and {LARGEST_SIDE} pixels"))
    }
}

/// A manifest's text behind the byte-order mark that editors of some systems write before it.
pub(super) fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// Names and versions become part of a [`ModelId`], where `@` and `#` separate.
fn not_a_word(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let word = (1..=64).contains(&text.len()) && text.chars().all(allowed) && text.starts_with(char::is_alphanumeric);
    (!word).then(|| {
        format!("\"{text}\" is not 1 to 64 letters, digits or . _ - +, of which the first is a letter or digit")
    })
}
