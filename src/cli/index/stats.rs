//! `tillsight index stats`: what there is.

use super::{Output, describe_model, line, megabytes, open, print_json};
use crate::cli::CliError;
use crate::config::Settings;
use crate::index_feed::{IndexReport, SnapshotReport};

/// Prints what there is.
pub(super) async fn run(output: &Output) -> Result<(), CliError> {
    let report = open(&Settings::load()?).await?.report().await?;
    if output.json {
        return print_json(&report);
    }
    describe(&report);
    Ok(())
}

fn describe(report: &IndexReport) {
    describe_model(&format!("{}, {} values", report.model, report.dim), &report.model_origin);
    line(
        "database",
        &format!("{} photos of {} products on sale at change {}", report.photos, report.products, report.revision),
    );
    for seen in &report.models {
        let missing = match seen.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        line("embeddings", &format!("{} of {}{missing}", seen.embeddings, seen.model));
    }
    match &report.snapshot {
        None => line("snapshot", "none yet: a running server writes one; `tillsight index rebuild` does now"),
        Some(snapshot) => describe_snapshot(snapshot),
    }
    for file in &report.other_files {
        let what = file.model.as_ref().map_or("unfinished".to_owned(), |model| format!("of {model}"));
        line("other file", &format!("{}, {}, {what}", file.path.display(), megabytes(file.bytes)));
    }
    let memory = report.memory;
    let [all, vectors, rows, images, products] =
        [memory.total(), memory.vectors, memory.rows, memory.images, memory.products]
            .map(|bytes| megabytes(bytes as u64));
    line("memory", &format!("{all}: vectors {vectors}, rows {rows}, images {images}, products {products}"));
}

fn describe_snapshot(snapshot: &SnapshotReport) {
    line("snapshot", &format!("{}, {}", snapshot.path.display(), megabytes(snapshot.bytes)));
    if let (Some(rows), Some(revision)) = (snapshot.rows, snapshot.revision) {
        let behind = snapshot.behind.map_or(String::new(), |behind| format!(", {behind} changes behind"));
        line("", &format!("{rows} photos at change {revision}{behind}"));
    }
    match &snapshot.fault {
        Some(fault) => line("", &format!("a start passes it over: {fault}")),
        None => line("", "a start goes on from it (its head says so; `tillsight index verify` reads all of it)"),
    }
}
