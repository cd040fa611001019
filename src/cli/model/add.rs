//! `tillsight model add` and `tillsight model presets`: installs another embedding model.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use crate::app;
use crate::cli::CliError;
use crate::config::Settings;
use crate::demo::packages::{catalogue, render_photo};
use crate::domain::Photo;
use crate::embedding::{
    ColorOrder, Filter, Fit, Installation, ManifestOverrides, Model, PRESETS, Pooling, Preset, SelfTestReport,
    draft_model, install, test_model,
};
use crate::terminal::{note, say};

/// Seed, number and width in pixels of the invented products in the test pictures.
const SEED: u64 = 5;
const PRODUCTS: usize = 4;
const SIDE_PX: u32 = 320;

/// Each option takes precedence over the preset.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddOptions {
    /// The model: one .onnx file.
    file: PathBuf,
    /// How its family is normally fed and read: a name from `tillsight model presets`.
    #[arg(long, value_parser = parse_preset)]
    preset: &'static Preset,
    /// The model's name [default: the name of the file].
    #[arg(long)]
    name: Option<String>,
    /// The model's version.
    #[arg(long, default_value = "1")]
    version: String,
    /// The models folder [default: the folder of the settings' manifest, TILLSIGHT_MODEL, where a server looks for models to
    /// switch to].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Replace another model of the same name.
    #[arg(long)]
    force: bool,
    /// Name of the graph's input.
    #[arg(long)]
    input: Option<String>,
    /// Name of the graph's output.
    #[arg(long)]
    output: Option<String>,
    /// Width and height in pixels, if the graph leaves them free.
    #[arg(long)]
    side: Option<u32>,
    /// How a picture of another aspect ratio is made to fit: crop, pad or stretch.
    #[arg(long, value_parser = parse_manifest_word::<Fit>)]
    resize: Option<Fit>,
    /// With crop: pixels of the shorter side before the centre is cut out (0: the largest centre that fits).
    #[arg(long)]
    resize_to: Option<u32>,
    /// How pixels are interpolated: bilinear, bicubic, lanczos or nearest.
    #[arg(long, value_parser = parse_manifest_word::<Filter>)]
    filter: Option<Filter>,
    /// Order of the channels: rgb or bgr.
    #[arg(long, value_parser = parse_manifest_word::<ColorOrder>)]
    color: Option<ColorOrder>,
    /// Value of a pixel of full brightness before the mean is subtracted: usually 1 or 255.
    #[arg(long, allow_negative_numbers = true)]
    range: Option<f32>,
    /// Subtracted from each channel: one number, or three with commas.
    #[arg(long, value_parser = parse_channels, allow_hyphen_values = true)]
    mean: Option<[f32; 3]>,
    /// Divides each channel: one number, or three with commas.
    #[arg(long, value_parser = parse_channels, allow_hyphen_values = true)]
    std: Option<[f32; 3]>,
    /// How the output becomes one vector: none, cls, mean, average or gem.
    #[arg(long, value_parser = parse_manifest_word::<Pooling>)]
    pooling: Option<Pooling>,
    /// With mean: how many leading tokens are left out.
    #[arg(long)]
    skip_tokens: Option<usize>,
}

/// Drafts a manifest, tests the model on pictures, and installs both into the models folder.
pub(super) fn run(options: AddOptions) -> Result<(), CliError> {
    let AddOptions { file, preset, dir, force, .. } = &options;
    let (file, preset, force) = (file.clone(), *preset, *force);
    let dir = match dir {
        Some(dir) => dir.clone(),
        None => app::manifest_path(&Settings::load()?).parent().map(Path::to_owned).unwrap_or_default(),
    };
    let model = draft_model(&file, preset, &options.into())?;
    let photos = rendered_photos()?;
    let report = test_model(&model, &photos)?;
    let installation = install(&model, &dir, force)?;
    print_model(&model, preset, &report);
    if let Some(warning) = preset.size_warning(&model.manifest) {
        note!("note: {warning}: check that the model is of preset {}", preset.name);
    }
    print_installation(&model, preset, &installation);
    Ok(())
}

fn print_installation(model: &Model, preset: &Preset, installation: &Installation) {
    let manifest = installation.manifest.display();
    if let Some(previous) = installation.replaced.as_ref().filter(|previous| previous.model_id() != model.id) {
        let calibrated = previous.thresholds.are_calibrated() && !installation.thresholds_kept;
        let thresholds = if calibrated { ", with its calibrated thresholds" } else { "" };
        let id = previous.model_id();
        note!(
            "note: {id} is replaced{thresholds}; a server that uses it keeps running, but cannot load it again after a restart"
        );
    }
    if installation.already_installed {
        say!("\nThe model was already installed, and its thresholds stay: {manifest}");
    } else if installation.thresholds_kept {
        say!("\nWritten: {manifest} and {}", installation.model.display());
        say!("Its thresholds stay, because they were chosen for the same embeddings.");
    } else {
        say!("\nWritten: {manifest} and {}", installation.model.display());
        say!(
            "Its thresholds are a guess (score {}, margin {}). Choose them on photos of your own:",
            preset.score,
            preset.margin
        );
        say!("   tillsight model calibrate PHOTOS --model {manifest}");
    }
    say!(
        "If models were never switched, use it from the next start on:\n   TILLSIGHT_MODEL={manifest} tillsight serve"
    );
    let name = installation.manifest.file_name().unwrap_or_default().to_string_lossy();
    say!("Or switch a running server of that folder: POST /api/models/switch {{\"manifest\": \"{name}\"}}");
}

pub(super) fn list_presets() {
    for preset in &PRESETS {
        say!("{:<14} {}", preset.name, preset.description);
        let resize_to = preset
            .resize_to(preset.side)
            .map_or_else(String::new, |pixels| format!(" from a shorter side of {pixels}"));
        say!(
            "{:<14} {} × {} px, {}{resize_to}, {}, ({} × x − {}) / {}",
            "",
            preset.side,
            preset.side,
            manifest_word(preset.resize),
            manifest_word(preset.filter),
            preset.range,
            format_channels(preset.mean),
            format_channels(preset.std),
        );
    }
    say!("\nOptions of `tillsight model add` override each number. See models/ADDING.md for how to export a model.");
}

impl From<AddOptions> for ManifestOverrides {
    fn from(options: AddOptions) -> Self {
        Self {
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
}

/// Pictures of invented products, as a kiosk's camera would take them.
fn rendered_photos() -> Result<Vec<Photo>, CliError> {
    let photos = catalogue(SEED, PRODUCTS).into_iter().map(|package| {
        let picture = render_photo(&package, 1, SIDE_PX);
        let (width, height) = picture.dimensions();
        Photo::new(width, height, picture.into_raw())
    });
    photos.collect::<Option<_>>().ok_or_else(|| CliError::Demo("the renderer gave a picture without pixels".to_owned()))
}

fn print_model(model: &Model, preset: &Preset, report: &SelfTestReport) {
    let (input, output) = (&model.manifest.input, &model.manifest.output);
    let resize_to = input.resize_to.map_or_else(String::new, |pixels| format!(" from a shorter side of {pixels}"));
    say!("{} (preset {})", model.id, preset.name);
    say!(
        "   input      {:?}: {} × {} px, {}{resize_to}, {}, ({} × x − {}) / {}",
        input.name,
        input.width,
        input.height,
        manifest_word(input.resize),
        manifest_word(input.filter),
        input.range,
        format_channels(input.mean),
        format_channels(input.std),
    );
    let skipped =
        if output.skip_tokens > 0 { format!(" without the first {}", output.skip_tokens) } else { String::new() };
    say!(
        "   output     {:?}: {} values, pooling {}{skipped}, scaled to length 1",
        output.name,
        output.dim,
        output.pooling
    );
    say!("   self-test  {} pictures; the lowest cosine of two is {:.3}", report.pictures, report.lowest_cosine);
    match (&report.batch_limitation, report.batch_cosine) {
        (Some(reason), _) => say!("              fed one picture at a time: {reason}"),
        (None, Some(cosine)) => {
            say!("              the same in a batch of {} as alone (cosine {cosine:.6})", report.max_batch)
        }
        (None, None) => {}
    }
}

/// The value's name in a manifest.
fn manifest_word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn format_channels(values: [f32; 3]) -> String {
    if values[0] == values[1] && values[1] == values[2] { values[0].to_string() } else { format!("{values:?}") }
}

fn parse_preset(name: &str) -> Result<&'static Preset, String> {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    Preset::by_name(name).ok_or_else(|| format!("the presets are {}; see `tillsight model presets`", names.join(", ")))
}

/// Parses a value as a manifest names it; the error lists the valid names.
fn parse_manifest_word<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}

/// One number for all channels, or one for each.
fn parse_channels(text: &str) -> Result<[f32; 3], String> {
    let values: Result<Vec<f32>, _> = text.split(',').map(|value| value.trim().parse()).collect();
    match values.as_deref() {
        Ok([all]) => Ok([*all; 3]),
        Ok([first, second, third]) => Ok([*first, *second, *third]),
        Ok(_) | Err(_) => Err("give one number, or three with commas between them".to_owned()),
    }
}
