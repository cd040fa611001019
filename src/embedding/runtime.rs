//! Finding and starting ONNX Runtime, once per process.
//!
//! The library is loaded while the server runs, not linked: one build serves machines with different versions of it. Left
//! to itself `ort` would look for it at the first use and panic where it is missing; so it is looked for here, in named
//! places, and a failure says what was tried and what to do.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// Names the library outright; nothing else is tried then.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why ONNX Runtime cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The library that the environment names does not load.
    #[error("ORT_DYLIB_PATH names {}, which cannot be used: {reason}", path.display())]
    Named {
        /// What the variable says.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// No library was found.
    #[error("ONNX Runtime was not found; `make setup` fetches it, or ORT_DYLIB_PATH names its library. Tried: {tried}")]
    Missing {
        /// Each place and why it did not serve.
        tried: String,
    },
    /// It was found but does not start.
    #[error("ONNX Runtime does not start: {0}")]
    Start(String),
}

/// The process's environment, found and started at the first call; later calls return the same, or the same error.
///
/// # Errors
/// See [`RuntimeError`].
pub(super) fn environment() -> Result<&'static Environment, RuntimeError> {
    static ENVIRONMENT: OnceLock<Result<Environment, RuntimeError>> = OnceLock::new();
    ENVIRONMENT.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Environment, RuntimeError> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let builder = match named {
        Some(path) => ort::init_from(&path).map_err(|error| RuntimeError::Named { path, reason: error.to_string() })?,
        None => {
            let program = std::env::current_exe().ok();
            let mut tried = Vec::new();
            let found = places(program.as_deref()).into_iter().find_map(|place| {
                // A place with a folder is looked at first: loading a library that is not there says less clearly why.
                if place.components().count() > 1 && !place.exists() {
                    tried.push(format!("{} (not there)", place.display()));
                    return None;
                }
                ort::init_from(&place).map_err(|error| tried.push(error.to_string())).ok()
            });
            found.ok_or_else(|| RuntimeError::Missing { tried: tried.join("; ") })?
        }
    };
    let started = builder.with_name("tillsight").with_telemetry(false).build();
    started.map_err(|error| RuntimeError::Start(error.to_string()))
}

/// Where to look, in this order: beside the program, in the build folder (`make setup` puts it there), among the
/// system's libraries.
fn places(program: Option<&Path>) -> Vec<PathBuf> {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let folder = program.and_then(Path::parent);
    let beside = folder.map(|folder| folder.join(&name));
    // A program lies in target/<profile>, a test in target/<profile>/deps.
    let above = folder.into_iter().flat_map(|folder| folder.ancestors().skip(1).take(2));
    let build = above.map(|folder| folder.join("onnxruntime").join(&name));
    let here = std::env::current_dir().ok().map(|folder| folder.join("target/onnxruntime").join(&name));
    beside.into_iter().chain(build).chain(here).chain([PathBuf::from(&name)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looked_for_beside_the_program_then_in_the_build_folder_then_in_the_system() {
        let places = places(Some(Path::new("/house/target/debug/deps/test")));
        let name = places.last().unwrap().clone();
        assert_eq!(name.components().count(), 1);
        let expected = ["/house/target/debug/deps", "/house/target/debug/onnxruntime", "/house/target/onnxruntime"];
        for (place, folder) in places.iter().zip(expected) {
            assert_eq!(place, &Path::new(folder).join(&name));
        }
    }

    #[test]
    fn the_error_says_what_to_do() {
        let error = RuntimeError::Missing { tried: "/a/libonnxruntime.so (not there)".to_owned() }.to_string();
        assert!(error.contains("make setup") && error.contains("ORT_DYLIB_PATH") && error.contains("/a/"));
    }
}
