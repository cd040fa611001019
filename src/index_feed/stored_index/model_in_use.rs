//! Finds the model that a server would use at its start.

use std::path::Path;

use super::StoredIndexError;
use crate::db::{Database, model_switches};
use crate::embedding::Manifest;

/// The manifest of the model in use, and where it is named. The settings name the manifest `configured`; manifests that a
/// switch names are in the same folder.
pub(super) async fn find_model_in_use(
    db: &Database,
    configured: &Path,
) -> Result<(Manifest, String), StoredIndexError> {
    let switched = model_switches::find_active(&mut db.read().await?).await;
    let switched = switched.map_err(StoredIndexError::from_missing_table)?;
    let configured_name = configured.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(row) = switched else {
        return Ok((Manifest::read(configured)?, format!("{configured_name}, as the settings say")));
    };
    let name = row.to_manifest;
    let fault = match Manifest::read(&configured.with_file_name(&name)) {
        Ok(manifest) if !configured.with_file_name(&manifest.file).is_file() => {
            format!("its file {} is missing", manifest.file)
        }
        Ok(manifest) if manifest.model_id().as_str() == row.to_model => {
            let settings =
                if name == configured_name { String::new() } else { format!("; the settings say {configured_name}") };
            return Ok((manifest, format!("{name}, which was switched to{settings}")));
        }
        Ok(manifest) => format!("it is the manifest of {} now", manifest.model_id()),
        Err(error) => error.to_string(),
    };
    let origin = format!(
        "{configured_name}, as the settings say; {} was switched to, but its manifest {name} cannot be used: {fault}",
        row.to_model
    );
    Ok((Manifest::read(configured)?, origin))
}
