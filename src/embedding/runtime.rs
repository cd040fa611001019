//! Finding and starting ONNX Runtime, once per process.
//!
//! The library is loaded at run time, not linked: one build serves machines with different versions of it. `ort` by itself
//! would look for it at the first use and panic if it is missing. So it is searched here, in listed places, and the error
//! says what was tried and what to do.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// If this variable is set, no other place is tried.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why ONNX Runtime cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    #[error("ORT_DYLIB_PATH is {}, which cannot be used: {reason}", path.display())]
    InvalidPath { path: PathBuf, reason: String },
    #[error(
        "ONNX Runtime was not found. Run `make setup` to fetch it, or set ORT_DYLIB_PATH to the path of its library. \
         Tried: {attempts}"
    )]
    NotFound {
        /// Each place and why it failed, separated by semicolons.
        attempts: String,
    },
    #[error("ONNX Runtime does not start: {0}")]
    Start(String),
}

/// The process's environment, started at the first call. Later calls return the same environment or the same error.
///
/// # Errors
/// See [`RuntimeError`].
pub(super) fn environment() -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Result<Environment, RuntimeError>> = OnceLock::new();
    ENVIRONMENT.get_or_init(start).as_ref().map_err(Clone::clone)
}

/// Finds and starts ONNX Runtime. Returns the library's description of itself, with its version.
///
/// # Errors
/// See [`RuntimeError`].
pub fn start_runtime() -> Result<&'static str, RuntimeError> {
    environment().map(|_environment| ort::info())
}

fn start() -> Result<Environment, RuntimeError> {
    let path = std::env::var_os(PATH_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let builder = match path {
        Some(path) => {
            ort::init_from(&path).map_err(|error| RuntimeError::InvalidPath { path, reason: error.to_string() })?
        }
        None => {
            let program = std::env::current_exe().ok();
            let mut attempts = Vec::new();
            let builder = candidate_paths(program.as_deref()).into_iter().find_map(|path| {
                // For a missing file, the loader's own message is less clear.
                if path.components().count() > 1 && !path.exists() {
                    attempts.push(format!("{} (no such file)", path.display()));
                    return None;
                }
                ort::init_from(&path).map_err(|error| attempts.push(error.to_string())).ok()
            });
            builder.ok_or_else(|| RuntimeError::NotFound { attempts: attempts.join("; ") })?
        }
    };
    let environment = builder.with_name("tillsight").with_telemetry(false).build();
    environment.map_err(|error| RuntimeError::Start(error.to_string()))
}

/// In this order: the program's folder, the build folder (where `make setup` puts the library), the system's libraries.
fn candidate_paths(program: Option<&Path>) -> Vec<PathBuf> {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let folder = program.and_then(Path::parent);
    let program_folder = folder.map(|folder| folder.join(&name));
    // A program is in target/<profile>, a test in target/<profile>/deps.
    let ancestors = folder.into_iter().flat_map(|folder| folder.ancestors().skip(1).take(2));
    let build_folder = ancestors.map(|folder| folder.join("onnxruntime").join(&name));
    let working_folder = std::env::current_dir().ok().map(|folder| folder.join("target/onnxruntime").join(&name));
    program_folder.into_iter().chain(build_folder).chain(working_folder).chain([PathBuf::from(&name)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_folder_comes_first_then_the_build_folder_then_the_system() {
        let paths = candidate_paths(Some(Path::new("/house/target/debug/deps/test")));
        let name = paths.last().unwrap().clone();
        assert_eq!(name.components().count(), 1);
        let expected = ["/house/target/debug/deps", "/house/target/debug/onnxruntime", "/house/target/onnxruntime"];
        for (path, folder) in paths.iter().zip(expected) {
            assert_eq!(path, &Path::new(folder).join(&name));
        }
    }

    #[test]
    fn the_error_says_what_to_do() {
        let error = RuntimeError::NotFound { attempts: "/a/libonnxruntime.so (no such file)".to_owned() }.to_string();
        assert!(error.contains("make setup") && error.contains("ORT_DYLIB_PATH") && error.contains("/a/"));
    }
}
