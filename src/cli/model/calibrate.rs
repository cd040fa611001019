//! `tillsight model calibrate`: thresholds chosen on labelled photos.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;

/// What can be chosen about a calibration.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A folder per product, a folder with train/ and val/, or a table (CSV) of photos.
    photos: PathBuf,
}

/// Chooses and writes.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    Err(CliError::File(options.photos.clone(), std::io::Error::other("being built")))
}
