//! A manifest for a model that has none yet: what a preset says, what the graph says, what a person says over both.
//!
//! What the graph fixes (a side, the only output) is taken from it; what it leaves open comes from the preset; what could be
//! meant in two ways is a [`Refusal`] that asks. The number of values per picture is not asked for: the model is run.

use std::path::Path;

use ndarray::Axis;

use super::manifest::{ColorOrder, Filter, Fit, Input, Manifest, Output};
use super::model::{Model, sha256};
use super::pooling::{Pooling, dimension};
use super::preprocess::Preprocessor;
use super::presets::Preset;
use super::session::{ANY_SIZE, Graph, check_input, check_output, picture_input};
use super::tensor_info::{TensorInfo, product};
use super::{ModelError, Refusal, Thresholds, self_test};
use crate::atomic_file;

/// Most bytes of a model file: what a protocol-buffers message can hold.
pub(super) const LARGEST_MODEL: u64 = 2 << 30;

/// What a person says about a model; each wins over the preset.
#[derive(Debug, Clone, Default)]
pub struct ManifestOverrides {
    /// The model's name; otherwise that of its file.
    pub name: Option<String>,
    /// Its version; otherwise "1".
    pub version: Option<String>,
    /// Name of the graph's input; otherwise the only one.
    pub input: Option<String>,
    /// Name of the graph's output; otherwise the only one, or one that the preset knows.
    pub output: Option<String>,
    /// Pixels from side to side; otherwise what the graph fixes, or the preset's.
    pub side: Option<u32>,
    /// How a picture of another shape is made to fit.
    pub resize: Option<Fit>,
    /// What the shorter side is scaled to before the middle is cut out; 0: the middle as large as fits.
    pub resize_to: Option<u32>,
    /// How pixels are interpolated.
    pub filter: Option<Filter>,
    /// Order of the channels.
    pub color: Option<ColorOrder>,
    /// What a pixel of full brightness is before `mean` is taken off.
    pub range: Option<f32>,
    /// Taken off each channel.
    pub mean: Option<[f32; 3]>,
    /// Divides each channel.
    pub std: Option<[f32; 3]>,
    /// How one vector per picture is made of the output.
    pub pooling: Option<Pooling>,
    /// With `pooling` = `mean`: tokens that are left out.
    pub skip_tokens: Option<usize>,
}

/// Drafts the manifest of the model in `file`, fed and read as `preset` and `wishes` say. Nothing is written, and nothing is
/// proved yet but that the model runs once.
///
/// # Errors
/// The file cannot be read; ONNX Runtime is missing; the model cannot be used or asks for a decision ([`Refusal`]); a wish is
/// out of range.
pub fn draft(file: &Path, preset: &Preset, wishes: &ManifestOverrides) -> Result<Model, ModelError> {
    let bytes = read(file)?;
    let (mut graph, _) = Graph::load(file, &bytes, 1)?;
    let manifest = draft_for(&mut graph, file, &sha256(&bytes), preset, wishes)?;
    Ok(Model::new(manifest, file.to_owned(), bytes))
}

/// The bytes of a model file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, ModelError> {
    atomic_file::read(file, LARGEST_MODEL)
        .map_err(|error| ModelError::NoFile { path: file.to_owned(), reason: error.to_string() })
}

/// As [`draft`], for a graph that is loaded already and came from `file`, whose SHA-256 is `hash`.
pub(super) fn draft_for(
    graph: &mut Graph,
    file: &Path,
    hash: &str,
    preset: &Preset,
    wishes: &ManifestOverrides,
) -> Result<Manifest, ModelError> {
    let unusable = |reason: Refusal| ModelError::unusable(file, reason);
    let name = wishes.name.clone().unwrap_or_else(|| name_of(file));
    let inputs = graph.inputs();
    let input = picture_input(&inputs, ANY_SIZE).map_err(unusable)?;
    let outputs = graph.outputs();
    let output = chosen_output(&outputs, preset, wishes).map_err(unusable)?;
    let mut manifest = Manifest {
        file: installed_name(&name, hash),
        name,
        version: wishes.version.clone().unwrap_or_else(|| "1".to_owned()),
        sha256: hash.to_owned(),
        input: input_of(input, preset, wishes),
        // Filled in below, once the model has run.
        output: Output { name: output.name.clone(), dim: 1, pooling: Pooling::None, skip_tokens: 0 },
        thresholds: Thresholds { score: preset.score, margin: preset.margin, operating_point: None },
    };
    let check = |manifest: &Manifest| {
        manifest.first_fault().map_or(Ok(()), |(field, fault)| Err(misfit(file, wishes, field, fault)))
    };
    check(&manifest)?;
    let shape = shape_of_one(graph, &manifest).map_err(unusable)?;
    manifest.output = output_of(&output.name, &shape, preset, wishes).map_err(unusable)?;
    check(&manifest)?;
    Ok(manifest)
}

/// There is no manifest yet: a fault is that of the option which asks for the value, or else of the file.
fn misfit(file: &Path, wishes: &ManifestOverrides, field: &'static str, fault: String) -> ModelError {
    let asked = [
        ("name", "--name", wishes.name.is_some()),
        ("version", "--version", wishes.version.is_some()),
        ("input.name", "--input", wishes.input.is_some()),
        ("input.width", "--side", wishes.side.is_some()),
        ("input.height", "--side", wishes.side.is_some()),
        ("input.range", "--range", wishes.range.is_some()),
        ("input.mean", "--mean", wishes.mean.is_some()),
        ("input.std", "--std", wishes.std.is_some()),
        ("input.resize_to", "--resize-to", wishes.resize_to.is_some()),
        ("output.name", "--output", wishes.output.is_some()),
        ("output.skip_tokens", "--skip-tokens", wishes.skip_tokens.is_some()),
    ];
    match asked.into_iter().find(|(of, _, asked)| *of == field && *asked) {
        Some((_, flag, _)) => ModelError::Wish { flag, fault },
        None => ModelError::Draft { path: file.to_owned(), field, fault },
    }
}

/// The name under which a model's file lies in the models folder: by its content, so that the manifest's rename alone
/// decides which file is used.
pub(super) fn installed_name(name: &str, sha256: &str) -> String {
    format!("{name}-{}.onnx", &sha256[..12])
}

/// A name for a model out of its file's, with the characters that a manifest allows.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '-' };
    stem.chars().map(allowed).skip_while(|c| !c.is_ascii_alphanumeric()).take(64).collect()
}

fn chosen_output<'a>(
    outputs: &'a [TensorInfo],
    preset: &Preset,
    wishes: &ManifestOverrides,
) -> Result<&'a TensorInfo, Refusal> {
    let known = || preset.outputs.iter().find_map(|name| outputs.iter().find(|output| output.name == *name));
    let chosen = match (&wishes.output, outputs) {
        (Some(name), _) => return check_output(outputs, name),
        (None, [only]) => only,
        (None, _) => known().ok_or_else(|| Refusal::WhichOutput { found: outputs.to_vec() })?,
    };
    check_output(outputs, &chosen.name)
}

fn input_of(port: &TensorInfo, preset: &Preset, wishes: &ManifestOverrides) -> Input {
    let side = |at: usize| {
        let fixed = port.shape[at].fixed().and_then(|side| u32::try_from(side).ok());
        wishes.side.or(fixed).unwrap_or(preset.side)
    };
    let (height, width) = (side(2), side(3));
    let resize = wishes.resize.unwrap_or(preset.resize);
    let resize_to = match wishes.resize_to {
        Some(0) => None,
        Some(to) => Some(to),
        None => preset.resize_to(width.max(height)).filter(|_| resize == Fit::Crop),
    };
    Input {
        name: wishes.input.clone().unwrap_or_else(|| port.name.clone()),
        width,
        height,
        color: wishes.color.unwrap_or(preset.color),
        range: wishes.range.unwrap_or(preset.range),
        mean: wishes.mean.unwrap_or(preset.mean),
        std: wishes.std.unwrap_or(preset.std),
        resize,
        resize_to,
        filter: wishes.filter.unwrap_or(preset.filter),
    }
}

/// The shape of the output for one ordinary picture.
fn shape_of_one(graph: &mut Graph, manifest: &Manifest) -> Result<Vec<i64>, Refusal> {
    check_input(&graph.inputs(), &manifest.input)?;
    let Input { width, height, ref name, .. } = manifest.input;
    let failed = |reason| Refusal::Run { width: width as usize, height: height as usize, reason };
    let batch = graph.inputs().first().and_then(|input| input.shape[0].fixed()).filter(|batch| *batch > 1);
    if let Some(pictures) = batch.and_then(|batch| usize::try_from(batch).ok()) {
        return Err(Refusal::FixedBatch { pictures });
    }
    let picture = Preprocessor::new(&manifest.input).tensor(&self_test::warm_colours()).map_err(failed)?;
    let picture = picture.insert_axis(Axis(0));
    graph.run(name, &picture, &manifest.output.name, |_, shape| shape.to_vec()).map_err(failed)
}

fn output_of(name: &str, shape: &[i64], preset: &Preset, wishes: &ManifestOverrides) -> Result<Output, Refusal> {
    let which = |choice| Refusal::WhichPooling { output: name.to_owned(), found: product(shape), choice };
    let pooling = match (wishes.pooling, shape) {
        (Some(pooling), _) => pooling,
        (None, [_, _, _]) => {
            let choice =
                "cls (the first token) or mean (of all, --skip-tokens leaves out the first); or name another --output";
            preset.tokens.ok_or_else(|| which(choice))?
        }
        (None, [_, _, height, width]) if height * width > 1 => Pooling::Average,
        (None, _) => Pooling::None,
    };
    let skip_tokens = wishes.skip_tokens.unwrap_or(0);
    if let (Pooling::Mean, [_, tokens, _]) = (pooling, shape)
        && usize::try_from(*tokens).is_ok_and(|tokens| tokens <= skip_tokens)
    {
        return Err(Refusal::NoTokenLeft { output: name.to_owned(), tokens: *tokens, skipped: skip_tokens });
    }
    match dimension(shape, pooling) {
        Some(dim) => Ok(Output { name: name.to_owned(), dim, pooling, skip_tokens }),
        None => Err(which("none for N × D, cls or mean for N × T × D, average or gem for N × D × H × W")),
    }
}
