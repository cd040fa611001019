//! The programs of others: Python with its packages, Node with its packages, Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::harness::skip;

/// Where `deploy/setup.sh --others` puts the packages.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/others"));

/// Python with the packages of `requirements.txt`. Without them, reports `test` as skipped.
pub fn python(test: &str) -> Option<Command> {
    let python = FOLDER.join("python/bin/python");
    let mut command = Command::new(found(test, python, "the Python packages")?);
    // The generator calls `ruff` by its name.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(FOLDER.join("python/bin")).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap()).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// Node in the folder of the packages of `package-lock.json`.
pub fn node(test: &str) -> Option<Command> {
    found(test, FOLDER.join("node_modules/.package-lock.json"), "the npm packages")?;
    let mut command = Command::new("node");
    command.current_dir(&*FOLDER);
    Some(command)
}

/// The path of Chromium.
pub fn chromium(test: &str) -> Option<PathBuf> {
    found(test, PathBuf::from("/usr/bin/chromium"), "Chromium")
}

fn found(test: &str, path: PathBuf, what: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    skip(test, &format!("{what} are missing; deploy/setup.sh --others fetches them"));
    None
}

/// Runs the command and returns what it printed; fails with all it said if it fails.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
