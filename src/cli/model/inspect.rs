//! `tillsight model inspect`: what a model file or a manifest is, and whether tillsight can use it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;
use crate::embedding::{Inspection, PresetFit, TensorInfo, inspect};
use crate::terminal::{self, one_line, say};

/// What can be chosen about a look.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A model (.onnx) or a manifest (.json).
    file: PathBuf,
    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// Prints what there is to say; a model that cannot be used ends in an error that says why.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let seen = inspect(&options.file)?;
    if options.json {
        let text = serde_json::to_string_pretty(&seen).map_err(std::io::Error::from);
        terminal::json(&text.map_err(|error| CliError::File(options.file.clone(), error))?);
    } else {
        describe(&seen);
    }
    match seen.refusal {
        None => Ok(()),
        Some(reason) => Err(CliError::UnusableModel { path: seen.path, reason }),
    }
}

fn describe(seen: &Inspection) {
    let other_files = seen.external_data.join(", ");
    line("file", &format!("{} ({:.1} MB)", seen.path.display(), seen.bytes as f64 / 1e6));
    line("SHA-256", &seen.sha256);
    if !seen.producer.is_empty() {
        line("written by", &seen.producer);
    }
    if let (Some(opset), Some(ir_version)) = (seen.opset, seen.ir_version) {
        line("operators", &format!("opset {opset}, IR version {ir_version}"));
    }
    if let Some(parameters) = seen.parameters {
        line("weights", &format!("{:.2} million", parameters as f64 / 1e6));
        let none = "none: all weights are in this file".to_owned();
        line("other files", if seen.external_data.is_empty() { &none } else { &other_files });
    }
    ports("input", &seen.inputs);
    ports("output", &seen.outputs);
    presets(&seen.presets);
    proved(seen);
}

fn ports(what: &str, ports: &[TensorInfo]) {
    for port in ports {
        line(what, &port.to_string());
    }
}

fn presets(fits: &[PresetFit]) {
    if fits.is_empty() {
        return;
    }
    say!(
        "\nPresets that its sizes allow (where the file comes from, only you know; options are those of `model add`):"
    );
    for fit in fits.iter().filter(|fit| fit.objection.is_none()) {
        line(&format!("  {}", fit.preset), &fit.asks.join("; "));
    }
    for fit in fits {
        if let Some(objection) = &fit.objection {
            line(&format!("  not {}", fit.preset), objection);
        }
    }
}

fn proved(seen: &Inspection) {
    say!("");
    if let Some(manifest) = &seen.manifest {
        let (input, output) = (&manifest.input, &manifest.output);
        let how =
            seen.tried_as.map_or_else(|| "its manifest".to_owned(), |preset| format!("preset {preset}, to try it"));
        let read = format!("\"{}\", pooling {}, {} values", output.name, output.pooling, output.dim);
        line("fed and read", &format!("by {how}: {} × {} pixels; {read}", input.width, input.height));
    }
    if let Some(proof) = &seen.self_test {
        line("proof", &format!("{} pictures get different embeddings", proof.pictures));
        match (&proof.batch_limitation, proof.batch_cosine) {
            (Some(reason), _) => line("batches", &format!("one at a time: {reason}")),
            (None, Some(cosine)) => {
                line("batches", &format!("a picture's embedding is the same in them ({cosine:.6})"))
            }
            (None, None) => {}
        }
    }
    if let Some(time) = seen.one_picture_ms {
        line("one picture", &format!("{time:.1} ms on one thread, without decoding and resizing"));
    }
    match (&seen.refusal, seen.tried_as) {
        (Some(_), _) => {}
        (None, Some(_)) => {
            say!("\ntillsight can use it: `tillsight model add FILE --preset …` writes its manifest.")
        }
        (None, None) => say!("\ntillsight can use it: name this manifest in TILLSIGHT_MODEL."),
    }
}

fn line(what: &str, value: &str) {
    // Names in the file may hold anything, ends of lines too.
    say!("{}", one_line(format!("{what:<14} {value}").trim_end()));
}
