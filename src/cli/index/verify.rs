//! `tillsight index verify`: whether the index would be right.

use super::{Output, describe_model, line, open, print_json};
use crate::cli::CliError;
use crate::config::Settings;
use crate::index_feed::Verification;

/// Prints what was compared; ends in an error where anything is wrong.
pub(super) async fn run(output: &Output) -> Result<(), CliError> {
    let found = open(&Settings::load()?).await?.verify().await?;
    if output.json {
        print_json(&found)?;
    } else {
        describe(&found);
    }
    if found.is_sound() { Ok(()) } else { Err(CliError::Unsound(summary(&found))) }
}

fn describe(found: &Verification) {
    describe_model(&found.model, &found.model_origin);
    line("snapshot", &format!("{} at change {}", found.snapshot.display(), found.snapshot_revision));
    line("changes", &format!("{} since, up to {}", found.revision - found.snapshot_revision, found.revision));
    line("compared", &format!("{} photos on sale: {} the same, bit for bit", found.photos, found.same));
    for difference in &found.differences {
        line(
            "different",
            &format!("image {} of product {}: {}", difference.image, difference.product, difference.what),
        );
    }
    let unnamed = found.different - found.differences.len() as u64;
    if unnamed > 0 {
        line("", &format!("and {unnamed} more"));
    }
}

fn summary(found: &Verification) -> String {
    let counts = [
        (
            found.different,
            "differ between the snapshot with the changes since and the database; `tillsight index rebuild` \
                           makes the snapshot anew",
        ),
        (
            found.missing_embeddings,
            "on sale have no embedding of this model; the server makes them from their originals at a start without a \
                                    snapshot",
        ),
        (
            found.damaged_embeddings,
            "on sale have a damaged embedding; the server makes them anew at a start without a \
                                    snapshot",
        ),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} photos {what}"));
    told.collect::<Vec<_>>().join("; ")
}
