//! `tillsight model evaluate`: figures of one or several models on labelled photos.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;

/// What can be chosen about a measurement.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A folder per product, a folder with train/ and val/, or a table (CSV) of photos.
    photos: PathBuf,
}

/// Measures and prints.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    Err(CliError::File(options.photos.clone(), std::io::Error::other("being built")))
}
