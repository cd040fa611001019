//! Drafts the manifest of a model that has none yet: from a preset, from the graph, and from a person's overrides of both.
//!
//! What the graph fixes (a side, the only output) is taken from the graph; what it leaves open comes from the preset. Where two
//! readings are possible, a [`Refusal`] asks the person. The number of values per picture comes from a trial run of the model.

use std::path::Path;

use ndarray::Axis;

use super::manifest::{ColorOrder, Filter, Fit, Input, Manifest, Output};
use super::model::{Model, sha256};
use super::pooling::{Pooling, pooled_dim};
use super::preprocess::Preprocessor;
use super::presets::Preset;
use super::session::{Graph, UNKNOWN_SIZE_SHAPE, check_input, check_output, picture_input};
use super::tensor_info::{TensorInfo, format_shape};
use super::{ModelError, Refusal, Thresholds, self_test};
use crate::atomic_file;
use crate::domain::describe_io_error;

/// The most bytes that a protocol-buffers message can hold.
pub(super) const MODEL_BYTES_MAX: u64 = 2 << 30;

/// A person's choices; each takes precedence over the preset.
#[derive(Debug, Clone, Default)]
pub struct ManifestOverrides {
    /// Default: the name of the model file.
    pub name: Option<String>,
    /// Default: "1".
    pub version: Option<String>,
    /// Default: the graph's only input.
    pub input: Option<String>,
    /// Default: the graph's only output, or one that the preset names.
    pub output: Option<String>,
    /// Width and height in pixels. Default: what the graph fixes, or the preset's.
    pub side: Option<u32>,
    pub resize: Option<Fit>,
    /// Pixels of the shorter side before the centre is cut out; 0: the largest centre that fits.
    pub resize_to: Option<u32>,
    pub filter: Option<Filter>,
    pub color: Option<ColorOrder>,
    /// Value of a pixel of full brightness before `mean` is subtracted.
    pub range: Option<f32>,
    pub mean: Option<[f32; 3]>,
    pub std: Option<[f32; 3]>,
    pub pooling: Option<Pooling>,
    /// With `pooling` = `mean`: how many leading tokens the mean leaves out.
    pub skip_tokens: Option<usize>,
}

/// Drafts the manifest of the model in `file`. Writes nothing, and checks no more than that the model runs once.
///
/// # Errors
/// The file cannot be read; ONNX Runtime is missing; the model cannot be used or needs a decision ([`Refusal`]); an override
/// is out of range.
pub fn draft_model(file: &Path, preset: &Preset, overrides: &ManifestOverrides) -> Result<Model, ModelError> {
    let bytes = read_model_file(file)?;
    let (mut graph, _) = Graph::load(file, &bytes, 1)?;
    let manifest = draft_manifest(&mut graph, file, &sha256(&bytes), preset, overrides)?;
    Ok(Model::new(manifest, file.to_owned(), bytes))
}

pub(super) fn read_model_file(file: &Path) -> Result<Vec<u8>, ModelError> {
    atomic_file::read_limited(file, MODEL_BYTES_MAX)
        .map_err(|error| ModelError::UnreadableFile { path: file.to_owned(), reason: describe_io_error(&error) })
}

/// Drafts the manifest of a loaded `graph`, which came from `file` with the SHA-256 `hash`.
pub(super) fn draft_manifest(
    graph: &mut Graph,
    file: &Path,
    hash: &str,
    preset: &Preset,
    overrides: &ManifestOverrides,
) -> Result<Manifest, ModelError> {
    let unusable = |reason: Refusal| ModelError::unusable(file, reason);
    let name = overrides.name.clone().unwrap_or_else(|| name_from_file(file));
    let inputs = graph.inputs();
    let input = picture_input(&inputs, UNKNOWN_SIZE_SHAPE).map_err(unusable)?;
    let outputs = graph.outputs();
    let output = choose_output(&outputs, preset, overrides).map_err(unusable)?;
    let mut manifest = Manifest {
        file: installed_file_name(&name, hash),
        name,
        version: overrides.version.clone().unwrap_or_else(|| "1".to_owned()),
        sha256: hash.to_owned(),
        input: draft_input(input, preset, overrides),
        // Replaced below, once the model has run.
        output: Output { name: output.name.clone(), dim: 1, pooling: Pooling::None, skip_tokens: 0 },
        thresholds: Thresholds { score: preset.score, margin: preset.margin, own_photos: false, operating_point: None },
    };
    let check = |manifest: &Manifest| match manifest.first_invalid_field() {
        None => Ok(()),
        Some((field, reason)) => Err(invalid_value(file, overrides, field, reason)),
    };
    check(&manifest)?;
    let shape = output_shape_for_one_picture(graph, &manifest).map_err(unusable)?;
    manifest.output = draft_output(&output.name, &shape, preset, overrides).map_err(unusable)?;
    check(&manifest)?;
    Ok(manifest)
}

/// Names the option that set the invalid value, or else the model file: the person has no manifest to look at yet.
fn invalid_value(file: &Path, overrides: &ManifestOverrides, field: &'static str, reason: String) -> ModelError {
    let options = [
        ("name", "--name", overrides.name.is_some()),
        ("version", "--version", overrides.version.is_some()),
        ("input.name", "--input", overrides.input.is_some()),
        ("input.width", "--side", overrides.side.is_some()),
        ("input.height", "--side", overrides.side.is_some()),
        ("input.range", "--range", overrides.range.is_some()),
        ("input.mean", "--mean", overrides.mean.is_some()),
        ("input.std", "--std", overrides.std.is_some()),
        ("input.resize_to", "--resize-to", overrides.resize_to.is_some()),
        ("output.name", "--output", overrides.output.is_some()),
        ("output.skip_tokens", "--skip-tokens", overrides.skip_tokens.is_some()),
    ];
    match options.into_iter().find(|(name, _, is_set)| *name == field && *is_set) {
        Some((_, option, _)) => ModelError::InvalidOption { option, reason },
        None => ModelError::InvalidDraft { path: file.to_owned(), field, reason },
    }
}

/// The model's file name in the models folder has its hash in it, so that renaming the manifest into place decides alone
/// which file is used.
pub(super) fn installed_file_name(name: &str, sha256: &str) -> String {
    format!("{name}-{}.onnx", &sha256[..12])
}

/// The file's name, with only the characters that a manifest allows.
fn name_from_file(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '-' };
    stem.chars().map(allowed).skip_while(|c| !c.is_ascii_alphanumeric()).take(64).collect()
}

fn choose_output<'a>(
    outputs: &'a [TensorInfo],
    preset: &Preset,
    overrides: &ManifestOverrides,
) -> Result<&'a TensorInfo, Refusal> {
    let preset_output = || preset.outputs.iter().find_map(|name| outputs.iter().find(|output| output.name == *name));
    let output = match (&overrides.output, outputs) {
        (Some(name), _) => return check_output(outputs, name),
        (None, [only]) => only,
        (None, _) => preset_output().ok_or_else(|| Refusal::AmbiguousOutput { found: outputs.to_vec() })?,
    };
    check_output(outputs, &output.name)
}

fn draft_input(graph_input: &TensorInfo, preset: &Preset, overrides: &ManifestOverrides) -> Input {
    let side = |axis: usize| {
        let fixed = graph_input.shape[axis].fixed().and_then(|side| u32::try_from(side).ok());
        overrides.side.or(fixed).unwrap_or(preset.side)
    };
    let (height, width) = (side(2), side(3));
    let resize = overrides.resize.unwrap_or(preset.resize);
    let resize_to = match overrides.resize_to {
        Some(0) => None,
        Some(pixels) => Some(pixels),
        None => preset.resize_to(width.max(height)).filter(|_| resize == Fit::Crop),
    };
    Input {
        name: overrides.input.clone().unwrap_or_else(|| graph_input.name.clone()),
        width,
        height,
        color: overrides.color.unwrap_or(preset.color),
        range: overrides.range.unwrap_or(preset.range),
        mean: overrides.mean.unwrap_or(preset.mean),
        std: overrides.std.unwrap_or(preset.std),
        resize,
        resize_to,
        filter: overrides.filter.unwrap_or(preset.filter),
    }
}

fn output_shape_for_one_picture(graph: &mut Graph, manifest: &Manifest) -> Result<Vec<i64>, Refusal> {
    check_input(&graph.inputs(), &manifest.input)?;
    let Input { width, height, ref name, .. } = manifest.input;
    let failed = |reason| Refusal::RunFailed { width: width as usize, height: height as usize, reason };
    let batch = graph.inputs().first().and_then(|input| input.shape[0].fixed()).filter(|batch| *batch > 1);
    if let Some(pictures) = batch.and_then(|batch| usize::try_from(batch).ok()) {
        return Err(Refusal::FixedBatch { pictures });
    }
    let picture = Preprocessor::new(&manifest.input).preprocess(&self_test::warm_picture()).map_err(failed)?;
    let picture = picture.insert_axis(Axis(0));
    graph.run(name, picture.view(), &manifest.output.name, |_, shape| shape.to_vec()).map_err(failed)
}

fn draft_output(name: &str, shape: &[i64], preset: &Preset, overrides: &ManifestOverrides) -> Result<Output, Refusal> {
    let ask = |choice| Refusal::PoolingRequired { output: name.to_owned(), found: format_shape(shape), choice };
    let pooling = match (overrides.pooling, shape) {
        (Some(pooling), _) => pooling,
        (None, [_, _, _]) => {
            let choice = "cls (the first token) or mean (of all tokens; --skip-tokens leaves out the first ones); or name another --output";
            preset.token_pooling.ok_or_else(|| ask(choice))?
        }
        (None, [_, _, height, width]) if height * width > 1 => Pooling::Average,
        (None, _) => Pooling::None,
    };
    let skip_tokens = overrides.skip_tokens.unwrap_or(0);
    if let (Pooling::Mean, [_, tokens, _]) = (pooling, shape)
        && usize::try_from(*tokens).is_ok_and(|tokens| tokens <= skip_tokens)
    {
        return Err(Refusal::NoTokensLeft { output: name.to_owned(), tokens: *tokens, skipped: skip_tokens });
    }
    match pooled_dim(shape, pooling) {
        Some(dim) => Ok(Output { name: name.to_owned(), dim, pooling, skip_tokens }),
        None => Err(ask("none for N × D, cls or mean for N × T × D, average or gem for N × D × H × W")),
    }
}
