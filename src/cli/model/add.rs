//! `tillsight model add` and `tillsight model presets`: another network in the place of the shipped one.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::app;
use crate::cli::CliError;
use crate::config::Settings;
use crate::demo::packages::{catalogue, photograph};
use crate::domain::Photo;
use crate::embedding::{
    ColorOrder, Filter, Fit, ManifestOverrides, Model, PRESETS, Pooling, Preset, SelfTestReport, draft_model, install,
    test_model,
};
use crate::terminal::{note, say};

/// Seed of the invented products whose pictures prove a model, how many there are, and their width in pixels.
const SEED: u64 = 5;
const PRODUCTS: usize = 4;
const SIDE: u32 = 320;

/// What can be said about a model that is to be added. Each option wins over the preset.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The model: one .onnx file.
    file: PathBuf,
    /// How its kind is normally fed and read: a name from `tillsight model presets`.
    #[arg(long, value_parser = preset)]
    preset: &'static Preset,
    /// Its name; by default that of the file.
    #[arg(long)]
    name: Option<String>,
    /// Its version.
    #[arg(long, default_value = "1")]
    version: String,
    /// The folder for models; without it, that of the settings' manifest (TILLSIGHT_MODEL), where a server finds it for a
    /// switch.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Replace another model of that name.
    #[arg(long)]
    force: bool,
    /// Name of the graph's input.
    #[arg(long)]
    input: Option<String>,
    /// Name of the graph's output.
    #[arg(long)]
    output: Option<String>,
    /// Pixels from side to side, where the graph leaves them free.
    #[arg(long)]
    side: Option<u32>,
    /// How a picture of another shape is made to fit: crop, pad or stretch.
    #[arg(long, value_parser = word::<Fit>)]
    resize: Option<Fit>,
    /// With crop: pixels that the shorter side is scaled to before the middle is cut out (0: as large as fits).
    #[arg(long)]
    resize_to: Option<u32>,
    /// How pixels are interpolated: bilinear, bicubic, lanczos or nearest.
    #[arg(long, value_parser = word::<Filter>)]
    filter: Option<Filter>,
    /// Order of the channels: rgb or bgr.
    #[arg(long, value_parser = word::<ColorOrder>)]
    color: Option<ColorOrder>,
    /// What a pixel of full brightness is before the mean is taken off: 1 or 255, usually.
    #[arg(long, allow_negative_numbers = true)]
    range: Option<f32>,
    /// Taken off each channel: one number, or three with commas.
    #[arg(long, value_parser = three, allow_hyphen_values = true)]
    mean: Option<[f32; 3]>,
    /// Divides each channel: one number, or three with commas.
    #[arg(long, value_parser = three, allow_hyphen_values = true)]
    std: Option<[f32; 3]>,
    /// How the output becomes one vector: none, cls, mean, average or gem.
    #[arg(long, value_parser = word::<Pooling>)]
    pooling: Option<Pooling>,
    /// With mean: tokens at the beginning that are left out.
    #[arg(long)]
    skip_tokens: Option<usize>,
}

/// Drafts a manifest, proves the model on pictures, and puts both into the folder for models.
pub(super) fn run(options: Options) -> Result<(), CliError> {
    let Options { file, preset, dir, force, .. } = &options;
    let (file, preset, force) = (file.clone(), *preset, *force);
    let dir = match dir {
        Some(dir) => dir.clone(),
        None => app::manifest_path(&Settings::load()?).parent().map(Path::to_owned).unwrap_or_default(),
    };
    let model = draft_model(&file, preset, &overrides(options))?;
    let photos = rendered_photos()?;
    let proof = test_model(&model, &photos)?;
    let installed = install(&model, &dir, force)?;
    tell(&model, preset, &proof);
    if let Some(doubt) = preset.size_warning(&model.manifest) {
        note!("note: {doubt}: is it really of preset {}?", preset.name);
    }
    let place = installed.manifest.display();
    if let Some(before) = installed.replaced.as_ref().filter(|before| before.model_id() != model.id) {
        let calibrated = before.thresholds.are_calibrated() && !installed.thresholds_kept;
        let lost = if calibrated { ", with thresholds that were chosen on photos" } else { "" };
        let id = before.model_id();
        note!(
            "note: {id} is replaced{lost}; a server that uses it goes on until it is started again, and cannot take it up then"
        );
    }
    if installed.already_installed {
        say!("\nIt was there already, and its thresholds stay as they are: {place}");
    } else if installed.thresholds_kept {
        say!("\nWritten: {place} and {}", installed.model.display());
        say!("Its thresholds stay as they were: chosen for the same embeddings.");
    } else {
        say!("\nWritten: {place} and {}", installed.model.display());
        say!(
            "Its thresholds are a guess (score {}, margin {}). Choose them on photos of your own:",
            preset.score,
            preset.margin
        );
        say!("   tillsight model calibrate PHOTOS --model {place}");
    }
    say!(
        "Use it from the next start on, where no model was ever switched to:\n   TILLSIGHT_MODEL={place} tillsight serve"
    );
    let name = installed.manifest.file_name().unwrap_or_default().to_string_lossy();
    say!("Or while a server of that folder serves: POST /api/models/switch {{\"manifest\": \"{name}\"}}");
    Ok(())
}

/// Lists the presets.
pub(super) fn list() {
    for preset in &PRESETS {
        say!("{:<14} {}", preset.name, preset.description);
        let to = preset.resize_to(preset.side).map_or_else(String::new, |to| format!(" from a shorter side of {to}"));
        say!(
            "{:<14} {} × {} px, {}{to}, {}, ({} × x − {}) / {}",
            "",
            preset.side,
            preset.side,
            lower(preset.resize),
            lower(preset.filter),
            preset.range,
            numbers(preset.mean),
            numbers(preset.std),
        );
    }
    say!(
        "\nEach number can be overridden; `tillsight model add --help` lists how. models/ADDING.md tells how to export."
    );
}

fn overrides(options: Options) -> ManifestOverrides {
    ManifestOverrides {
        name: options.name,
        version: Some(options.version),
        input: options.input,
        output: options.output,
        side: options.side,
        resize: options.resize,
        resize_to: options.resize_to,
        filter: options.filter,
        color: options.color,
        range: options.range,
        mean: options.mean,
        std: options.std,
        pooling: options.pooling,
        skip_tokens: options.skip_tokens,
    }
}

/// Pictures of invented products, as a kiosk's camera would take them.
fn rendered_photos() -> Result<Vec<Photo>, CliError> {
    let photos = catalogue(SEED, PRODUCTS).into_iter().map(|package| {
        let picture = photograph(&package, 1, SIDE);
        let (width, height) = picture.dimensions();
        Photo::new(width, height, picture.into_raw())
    });
    photos.collect::<Option<_>>().ok_or_else(|| CliError::Demo("the renderer gave a picture without pixels".to_owned()))
}

fn tell(model: &Model, preset: &Preset, proof: &SelfTestReport) {
    let (input, output) = (&model.manifest.input, &model.manifest.output);
    let to = input.resize_to.map_or_else(String::new, |to| format!(" from a shorter side of {to}"));
    say!("{} (preset {})", model.id, preset.name);
    say!(
        "   fed   {:?}: {} × {} px, {}{to}, {}, ({} × x − {}) / {}",
        input.name,
        input.width,
        input.height,
        lower(input.resize),
        lower(input.filter),
        input.range,
        numbers(input.mean),
        numbers(input.std),
    );
    let skipped =
        if output.skip_tokens > 0 { format!(" without the first {}", output.skip_tokens) } else { String::new() };
    say!("   read  {:?}: {} values, pooling {}{skipped}, scaled to length 1", output.name, output.dim, output.pooling);
    say!("   proof {} pictures; the two most unlike have cosine {:.3}", proof.pictures, proof.lowest_cosine);
    match (&proof.batch_limitation, proof.batch_cosine) {
        (Some(reason), _) => say!("         fed one picture at a time: {reason}"),
        (None, Some(cosine)) => {
            say!("         alone and in a batch of {} the same (cosine {cosine:.6})", proof.max_batch)
        }
        (None, None) => {}
    }
}

/// A value's word in a manifest.
fn lower(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn numbers(three: [f32; 3]) -> String {
    if three[0] == three[1] && three[1] == three[2] { three[0].to_string() } else { format!("{three:?}") }
}

fn preset(name: &str) -> Result<&'static Preset, String> {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    Preset::by_name(name).ok_or_else(|| format!("there are {}; `tillsight model presets` tells more", names.join(", ")))
}

/// A word as a manifest has it; the error lists the words that there are.
fn word<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

/// One number for all channels, or one for each.
fn three(text: &str) -> Result<[f32; 3], String> {
    let values: Result<Vec<f32>, _> = text.split(',').map(|value| value.trim().parse()).collect();
    match values.as_deref() {
        Ok([all]) => Ok([*all; 3]),
        Ok([first, second, third]) => Ok([*first, *second, *third]),
        Ok(_) | Err(_) => Err("give one number, or three with commas between them".to_owned()),
    }
}
