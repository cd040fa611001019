//! `tillsight index verify`: compares the index with the database.

use super::{OutputOptions, open_stored_index, print_field, print_json, print_model};
use crate::cli::CliError;
use crate::config::Settings;
use crate::index_feed::Verification;

/// Prints the comparison; differences end in an error.
pub(super) async fn run(output: &OutputOptions) -> Result<(), CliError> {
    let verification = open_stored_index(&Settings::load()?).await?.0.verify().await?;
    if output.json {
        print_json(&verification)?;
    } else {
        print_verification(&verification);
    }
    if verification.is_sound() { Ok(()) } else { Err(CliError::IndexFindings(summary(&verification))) }
}

fn print_verification(verification: &Verification) {
    print_model(&verification.model, &verification.model_origin);
    print_field(
        "snapshot",
        &format!("{} at change {}", verification.snapshot.display(), verification.snapshot_revision),
    );
    print_field(
        "changes",
        &format!("{} since, up to {}", verification.revision - verification.snapshot_revision, verification.revision),
    );
    print_field("compared", &format!("{} photos on sale, {} identical", verification.photos, verification.same));
    for difference in &verification.differences {
        print_field(
            "different",
            &format!("image {} of product {}: {}", difference.image, difference.product, difference.what),
        );
    }
    let unlisted = verification.different - verification.differences.len() as u64;
    if unlisted > 0 {
        print_field("", &format!("and {unlisted} more"));
    }
}

fn summary(verification: &Verification) -> String {
    let counts = [
        (
            verification.different,
            "differ between the database and the snapshot with the changes since; `tillsight index rebuild` writes a new \
                 snapshot",
        ),
        (
            verification.missing_embeddings,
            "on sale have no embedding of this model; the server computes them from the originals when it starts without a \
                 snapshot",
        ),
        (
            verification.damaged_embeddings,
            "on sale have a damaged embedding; the server computes them again when it starts without a snapshot",
        ),
    ];
    let faults =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, fault)| format!("{count} photos {fault}"));
    faults.collect::<Vec<_>>().join("; ")
}
