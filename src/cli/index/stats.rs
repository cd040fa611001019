//! `tillsight index stats`: describes the database, the snapshot and the memory of the index.

use super::{OutputOptions, format_megabytes, open_stored_index, print_field, print_json, print_model};
use crate::cli::CliError;
use crate::config::Settings;
use crate::index_feed::{IndexReport, SnapshotReport};

pub(super) async fn run(output: &OutputOptions) -> Result<(), CliError> {
    let report = open_stored_index(&Settings::load()?).await?.0.report().await?;
    if output.json {
        return print_json(&report);
    }
    print_report(&report);
    Ok(())
}

fn print_report(report: &IndexReport) {
    print_model(&format!("{}, {} values", report.model, report.dim), &report.model_origin);
    print_field(
        "database",
        &format!("{} photos of {} products on sale at change {}", report.photos, report.products, report.revision),
    );
    for model in &report.models {
        let missing = match model.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        print_field("embeddings", &format!("{} of {}{missing}", model.embeddings, model.model));
    }
    match &report.snapshot {
        None => print_field("snapshot", "none yet; a running server writes one, or run `tillsight index rebuild`"),
        Some(snapshot) => print_snapshot(snapshot),
    }
    for file in &report.other_files {
        let kind = file.model.as_ref().map_or("unfinished".to_owned(), |model| format!("of {model}"));
        print_field("other file", &format!("{}, {}, {kind}", file.path.display(), format_megabytes(file.bytes)));
    }
    let memory = report.memory;
    let [total, vectors, rows, images, products] =
        [memory.total(), memory.vectors, memory.rows, memory.images, memory.products]
            .map(|bytes| format_megabytes(bytes as u64));
    print_field("memory", &format!("{total}: vectors {vectors}, rows {rows}, images {images}, products {products}"));
}

fn print_snapshot(snapshot: &SnapshotReport) {
    print_field("snapshot", &format!("{}, {}", snapshot.path.display(), format_megabytes(snapshot.bytes)));
    if let (Some(rows), Some(revision)) = (snapshot.rows, snapshot.revision) {
        let behind = snapshot.behind.map_or(String::new(), |behind| format!(", {behind} changes behind"));
        print_field("", &format!("{rows} photos at change {revision}{behind}"));
    }
    match &snapshot.fault {
        Some(reason) => print_field("", &format!("the server cannot use it: {reason}")),
        None => {
            print_field("", "the server can use it, by its header (`tillsight index verify` checks the whole file)")
        }
    }
}
