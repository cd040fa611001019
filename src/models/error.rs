//! Why the model cannot be switched.

use std::path::PathBuf;

use crate::db::DatabaseError;
use crate::embedding::ModelError;
use crate::index_feed::FollowError;

/// A refusal or failure of a model switch. None of them stops recognition by the active model.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("No manifest \"{manifest}\" is in {}. There are: {known}.", folder.display())]
    UnknownModel { manifest: String, folder: PathBuf, known: String },
    #[error(transparent)]
    Unusable(#[from] ModelError),
    #[error("{model} is the active model already.")]
    AlreadyActive { model: String },
    #[error(
        "A switch to {model} is open. Activate it (POST /api/models/switch/activate) or cancel it (DELETE \
         /api/models/switch) first."
    )]
    AnotherOpen { model: String },
    #[error("No switch is open. Begin one first.")]
    NoneOpen,
    /// Photos on sale have not been embedded by the new model.
    #[error(
        "{missing} of {photos} photos on sale have not been embedded by {model} yet.{}",
        if *failed > 0 { format!(" {failed} of them cannot be: repair or remove them, or cancel the switch.") } else { String::new() }
    )]
    NotReady {
        model: String,
        missing: i64,
        photos: i64,
        /// How many of the missing photos could not be embedded in the last pass.
        failed: i64,
    },
    /// The new model no longer does what it did in its self-test.
    #[error(
        "{model} fails on its test picture too: {reason}. No photo is at fault. The switch waits until the model runs."
    )]
    ModelFails { model: String, reason: String },
    /// The switch is active, but this server still uses the old model.
    #[error("The switch to {model} is done, but this server does not use the model yet ({cause}).")]
    NotAdopted { model: String, cause: Box<SwitchError> },
    #[error("The model was never switched, so there is none to go back to.")]
    NoPrevious,
    /// The manifest of that name belongs to another model now.
    #[error("Manifest \"{manifest}\" is of {found} now, but the switch is to {expected}.")]
    Replaced { manifest: String, expected: String, found: String },
    #[error("folder {}: {error}", folder.display())]
    Folder { folder: PathBuf, error: std::io::Error },
    #[error("the index of the new model cannot be filled: {0}")]
    Index(#[from] FollowError),
    #[error("a thread failed: {0}")]
    Thread(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
