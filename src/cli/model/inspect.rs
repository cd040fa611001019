//! `tillsight model inspect`: describes a model file or a manifest, and says whether tillsight can use it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;
use crate::embedding::{Inspection, PresetFit, TensorInfo, inspect};
use crate::terminal::{self, escape_to_one_line, say};

#[derive(Debug, Args)]
pub(in crate::cli) struct InspectOptions {
    /// A model (.onnx) or a manifest (.json).
    file: PathBuf,
    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// Prints the inspection; a model that cannot be used ends in an error.
pub(super) fn run(options: &InspectOptions) -> Result<(), CliError> {
    let inspection = inspect(&options.file)?;
    if options.json {
        let text = serde_json::to_string_pretty(&inspection).map_err(std::io::Error::from);
        terminal::print_json(&text.map_err(|error| CliError::File(options.file.clone(), error))?);
    } else {
        describe(&inspection);
    }
    match inspection.refusal {
        None => Ok(()),
        Some(reason) => Err(CliError::UnusableModel { path: inspection.path, reason }),
    }
}

fn describe(inspection: &Inspection) {
    let other_files = inspection.external_data.join(", ");
    print_field("file", &format!("{} ({:.1} MB)", inspection.path.display(), inspection.bytes as f64 / 1e6));
    print_field("SHA-256", &inspection.sha256);
    if !inspection.producer.is_empty() {
        print_field("written by", &inspection.producer);
    }
    if let (Some(opset), Some(ir_version)) = (inspection.opset, inspection.ir_version) {
        print_field("operators", &format!("opset {opset}, IR version {ir_version}"));
    }
    if let Some(parameters) = inspection.parameters {
        print_field("weights", &format!("{:.2} million", parameters as f64 / 1e6));
        let none = "none: all weights are in this file".to_owned();
        print_field("other files", if inspection.external_data.is_empty() { &none } else { &other_files });
    }
    print_tensors("input", &inspection.inputs);
    print_tensors("output", &inspection.outputs);
    print_presets(&inspection.presets);
    print_test_results(inspection);
}

fn print_tensors(kind: &str, tensors: &[TensorInfo]) {
    for tensor in tensors {
        print_field(kind, &tensor.to_string());
    }
}

fn print_presets(fits: &[PresetFit]) {
    if fits.is_empty() {
        return;
    }
    say!("\nPresets that its sizes allow (only you know where the file comes from; options are those of `model add`):");
    for fit in fits.iter().filter(|fit| fit.objection.is_none()) {
        print_field(&format!("  {}", fit.preset), &fit.asks.join("; "));
    }
    for fit in fits {
        if let Some(objection) = &fit.objection {
            print_field(&format!("  not {}", fit.preset), objection);
        }
    }
}

fn print_test_results(inspection: &Inspection) {
    say!("");
    if let Some(manifest) = &inspection.manifest {
        let (input, output) = (&manifest.input, &manifest.output);
        let source = inspection
            .tried_as
            .map_or_else(|| "its manifest".to_owned(), |preset| format!("preset {preset}, as a trial"));
        let reading = format!("\"{}\", pooling {}, {} values", output.name, output.pooling, output.dim);
        print_field("fed and read", &format!("by {source}: {} × {} pixels; {reading}", input.width, input.height));
    }
    if let Some(report) = &inspection.self_test {
        print_field("self-test", &format!("{} pictures get different embeddings", report.pictures));
        match (&report.batch_limitation, report.batch_cosine) {
            (Some(reason), _) => print_field("batches", &format!("one at a time: {reason}")),
            (None, Some(cosine)) => {
                print_field("batches", &format!("a picture's embedding is the same in a batch (cosine {cosine:.6})"))
            }
            (None, None) => {}
        }
    }
    if let Some(time) = inspection.one_picture_ms {
        print_field("one picture", &format!("{time:.1} ms on one thread, without decoding and resizing"));
    }
    match (&inspection.refusal, inspection.tried_as) {
        (Some(_), _) => {}
        (None, Some(_)) => {
            say!("\ntillsight can use it. Run `tillsight model add FILE --preset …` to write its manifest.")
        }
        (None, None) => say!("\ntillsight can use it. Set TILLSIGHT_MODEL to this manifest."),
    }
}

fn print_field(name: &str, value: &str) {
    // Names in the file may contain anything, even line ends.
    say!("{}", escape_to_one_line(format!("{name:<14} {value}").trim_end()));
}
