//! Which model's index it is: the same one as a server takes at its start.

use std::path::Path;

use super::StoredIndexError;
use crate::db::{Database, model_switches};
use crate::embedding::Manifest;

/// The manifest of the model in use, and in words why it is this one. `settings` is the one that the settings name; those of
/// models that were switched to lie beside it.
pub(super) async fn in_use(db: &Database, settings: &Path) -> Result<(Manifest, String), StoredIndexError> {
    let switched = model_switches::active(&mut db.read().await?).await.map_err(StoredIndexError::of_tables)?;
    let own = settings.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(row) = switched else {
        return Ok((Manifest::read(settings)?, format!("{own}, as the settings say")));
    };
    let wanted = row.to_manifest;
    let passed_over = match Manifest::read(&settings.with_file_name(&wanted)) {
        Ok(manifest) if !settings.with_file_name(&manifest.file).is_file() => {
            format!("its file {} is missing", manifest.file)
        }
        Ok(manifest) if manifest.model_id().as_str() == row.to_model => {
            let beside = if wanted == own { String::new() } else { format!("; the settings say {own}") };
            return Ok((manifest, format!("{wanted}, which was switched to{beside}")));
        }
        Ok(manifest) => format!("is of {} now", manifest.model_id()),
        Err(error) => error.to_string(),
    };
    let origin = format!(
        "{own}, as the settings say; {} was switched to, and its manifest {wanted} cannot be used: {passed_over}",
        row.to_model
    );
    Ok((Manifest::read(settings)?, origin))
}
