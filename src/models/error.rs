//! Why the model cannot be changed.

use std::path::PathBuf;

use crate::db::DatabaseError;
use crate::embedding::ModelError;
use crate::index_feed::FollowError;

/// A refusal or failure of a model switch. None of them stops recognition by the model that is active.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// No such manifest.
    #[error("there is no manifest \"{manifest}\" in {}; there are: {known}", folder.display())]
    UnknownModel {
        /// What was asked for.
        manifest: String,
        /// Where was looked.
        folder: PathBuf,
        /// What there is.
        known: String,
    },
    /// The model cannot be used.
    #[error(transparent)]
    Unusable(#[from] ModelError),
    /// It is the active one.
    #[error("{model} is the active model already")]
    Same {
        /// Its key.
        model: String,
    },
    /// Another switch is under way.
    #[error(
        "a switch to {model} is under way; carry it out (POST /api/models/switch/activate) or cancel it (DELETE \
         /api/models/switch) first"
    )]
    Open {
        /// The model that it leads to.
        model: String,
    },
    /// No switch is under way.
    #[error("no switch is under way; begin one first")]
    NoneOpen,
    /// Photos on sale have not been seen by the new model.
    #[error(
        "{missing} of {photos} photos on sale have not been embedded by {model} yet{}",
        if *stuck > 0 { format!("; {stuck} of them cannot be: mend or remove them, or cancel the switch") } else { String::new() }
    )]
    NotReady {
        /// The new model's key.
        model: String,
        /// How many are missing.
        missing: i64,
        /// Of how many.
        photos: i64,
        /// How many of the missing could not be embedded in the last pass.
        stuck: i64,
    },
    /// The new model no longer does what it did when it was proved.
    #[error(
        "{model} fails on a picture of our own as well: {reason}; no photo is at fault, and the switch waits until it runs"
    )]
    Failing {
        /// Its key.
        model: String,
        /// What it says.
        reason: String,
    },
    /// The switch is carried out, but this server has not taken the new model up yet.
    #[error("the switch to {model} is carried out, but this server has not taken the model up yet ({cause})")]
    NotTakenUp {
        /// The new model's key.
        model: String,
        /// What keeps it from that.
        cause: Box<SwitchError>,
    },
    /// There is nothing to go back to.
    #[error("the model was never switched, so there is none to go back to")]
    NoPrevious,
    /// A manifest of that name is there, of another model.
    #[error("manifest \"{manifest}\" is of {found} now; the switch is to {wanted}")]
    Replaced {
        /// Its file name.
        manifest: String,
        /// The model that was meant.
        wanted: String,
        /// The model that is there.
        found: String,
    },
    /// The folder of models cannot be read.
    #[error("folder {}: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// The index of the new model cannot be filled.
    #[error("the index of the new model cannot be filled: {0}")]
    Index(#[from] FollowError),
    /// A thread failed.
    #[error("a thread failed: {0}")]
    Thread(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
