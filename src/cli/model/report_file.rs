//! Where `model evaluate` writes its JSON report: a file or stream, or standard output in place of the table.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::atomic_file::{self, IfExists};
use crate::cli::CliError;
use crate::config::Settings;
use crate::embedding::Model;
use crate::evaluation::PhotoSet;
use crate::terminal::{self, say};

/// Checks that a report can be written to the path of `--json`, if there is one and it is not `-`, before a measurement that
/// can take an hour. `inputs` are files that this command reads, with their names: the report must not replace one.
pub(super) fn check_report_file(json: Option<&Path>, inputs: &[(PathBuf, &'static str)]) -> Result<(), CliError> {
    let Some(path) = json.filter(|path| !is_standard_output(path)) else { return Ok(()) };
    let report = file_identity(path);
    let replaced = inputs.iter().filter(|_| report.is_some()).find(|(input, _)| file_identity(input) == report);
    let replaced = replaced.map(|(_, name)| *name).or(path.is_dir().then_some("a folder"));
    if let Some(name) = replaced {
        let message = format!("the report would replace {name}; name another file");
        return Err(CliError::File(path.to_owned(), std::io::Error::other(message)));
    }
    check_writable(path).map_err(|error| CliError::File(path.to_owned(), error))
}

/// The files that every measurement reads.
pub(super) fn inputs(manifests: &[PathBuf], models: &[Model], set: &PhotoSet) -> Vec<(PathBuf, &'static str)> {
    let manifests = manifests.iter().map(|manifest| (manifest.clone(), "a model's manifest"));
    let models = models.iter().map(|model| (model.path.clone(), "a model"));
    let tables = set.tables.iter().map(|table| (table.clone(), "a table of photos or products"));
    let photos = set.photos.iter().map(|photo| (photo.path.clone(), "one of the photos"));
    let settings = [(Settings::file_path(), "the settings' file")];
    manifests.chain(models).chain(tables).chain(settings).chain(photos).collect()
}

/// Writes `report` as JSON to the path of `--json`, and prints `table`; with `--json -`, prints the JSON instead.
pub(super) fn print_report(report: &impl Serialize, json: Option<&Path>, table: &str) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(report).map_err(std::io::Error::other);
    let text = text.map_err(|error| CliError::File(PathBuf::from("the report"), error))?;
    match json {
        Some(path) if is_standard_output(path) => terminal::print_json(&text),
        Some(path) => {
            write(path, &format!("{text}\n")).map_err(|error| CliError::File(path.to_owned(), error))?;
            say!("{table}");
        }
        None => say!("{table}"),
    }
    Ok(())
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

enum Destination {
    /// A pipe or a device, such as `/dev/stdout`: written directly.
    Stream(PathBuf),
    /// A file, at the target of a link: written atomically.
    File(PathBuf),
}

fn destination(path: &Path) -> Destination {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_stream = std::fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if is_stream { Destination::Stream(target) } else { Destination::File(target) }
}

/// Whether a report could be written to `path`. A stream is not tried, because its reader would notice.
fn check_writable(path: &Path) -> std::io::Result<()> {
    if path.is_symlink() && !path.exists() {
        return Err(std::io::Error::other("it is a link that leads nowhere; name another file"));
    }
    match destination(path) {
        Destination::Stream(_) => Ok(()),
        Destination::File(file) => atomic_file::check_writable(&file),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    match destination(path) {
        Destination::Stream(stream) => std::fs::write(stream, text),
        Destination::File(file) => {
            atomic_file::write(&file, text.as_bytes(), Permissions::from_mode(0o644), IfExists::Replace)
        }
    }
}

/// Device and inode: equal for two paths to the same file.
fn file_identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
