//! The training, the whole way on little: `models/train.py --smoke` teaches a tutor, asks it for its views, trains a student
//! and exports it, on rendered packages alone. What comes out is worthless, but it must be a model that the server takes.
//! And stage by stage: a run that is stopped and started again ends with the same numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "api/harness/skip.rs"]
mod skip;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The environment that `deploy/setup.sh --training` makes; without PyTorch in it nothing can be trained.
const PYTHON: &str = "target/python/bin/python";
const WITH_PYTORCH: &str = "target/python/training-pins";
/// Photos and imported networks, where they are at hand.
const DATA: &str = "../shared/data";

#[track_caller]
fn good(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The set-up's Python at the root of the checkout, into which it writes nothing, not even compiled Python; reports test
/// `name` as skipped where it has no PyTorch.
fn with_pytorch(name: &str) -> Option<Command> {
    if !Path::new(ROOT).join(WITH_PYTORCH).exists() {
        skip::skip(name, "no PyTorch: deploy/setup.sh --training fetches it");
        return None;
    }
    let mut python = Command::new(Path::new(ROOT).join(PYTHON));
    python.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(ROOT);
    Some(python)
}

/// Runs a script that ends with these words, or with an error at the first thing that is not so. It is given the models'
/// folder and an empty one.
#[track_caller]
fn all_as_it_must_be(name: &str, script: &str) {
    let Some(mut python) = with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    let told = good(python.args([script, "models"]).arg(work.path()).output().unwrap());
    assert!(told.ends_with("all as it must be\n"), "{told}");
}

#[test]
fn a_smoke_run_ends_with_a_model_that_the_server_takes_and_goes_on_where_it_was_stopped() {
    let name = "a_smoke_run_ends_with_a_model_that_the_server_takes_and_goes_on_where_it_was_stopped";
    let Some(mut python) = with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    python.args(["models/train.py", "--smoke", "--work"]).arg(work.path());
    let mut smoke = || good(python.output().unwrap());
    let told = smoke();
    for stage in ["tutor: 100.0%", "views: pass 2 of 2", "student: 100.0%", "smallest cosine"] {
        assert!(told.contains(stage), "{stage} is not in:\n{told}");
    }

    let [integers, whole] = ["", "-fp32"].map(|kind| work.path().join(format!("smoke/tillsight-smoke{kind}.json")));
    for manifest in [&integers, &whole] {
        let inspected = Command::new(env!("CARGO_BIN_EXE_tillsight"))
            .args(["model", "inspect", "--json"])
            .arg(manifest)
            .current_dir(work.path())
            .output();
        let report: Value = serde_json::from_str(&good(inspected.unwrap())).unwrap();
        assert!(report["refusal"].is_null() && report["proof"].is_object(), "{report:#}");
    }

    // The views are kept: a second run asks the tutor for none, trains nothing that is already trained, and exports the
    // same network.
    let hash = |manifest: &Path| {
        let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
        manifest["sha256"].as_str().unwrap().to_owned()
    };
    let first = hash(&whole);
    let again = smoke();
    assert!(!again.contains("views: pass"), "{again}");
    assert_eq!(hash(&whole), first);
}

#[test]
fn what_is_written_down_beside_the_networks_is_right() {
    let name = "what_is_written_down_beside_the_networks_is_right";
    let Some(mut python) = with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    python.args(["tests/training/bookkeeping.py", "models"]).arg(work.path()).arg("src/evaluation/tests/figures.rs");
    let told = good(python.output().unwrap());
    assert_eq!(told.matches(": as it must be").count(), 50, "{told}");
}

#[test]
fn pictures_of_anything_are_chosen_and_shown_as_they_must_be() {
    let name = "pictures_of_anything_are_chosen_and_shown_as_they_must_be";
    all_as_it_must_be(name, "tests/training/pictures.py");
}

#[test]
fn the_exported_network_looks_at_the_frames_that_it_must() {
    let name = "the_exported_network_looks_at_the_frames_that_it_must";
    all_as_it_must_be(name, "tests/training/frames.py");
}

#[test]
fn a_step_of_the_training_consists_of_what_it_must() {
    let name = "a_step_of_the_training_consists_of_what_it_must";
    all_as_it_must_be(name, "tests/training/steps.py");
}

#[test]
fn the_imported_networks_say_in_pytorch_what_they_say_in_onnx_runtime() {
    let name = "the_imported_networks_say_in_pytorch_what_they_say_in_onnx_runtime";
    let Some(mut python) = with_pytorch(name) else { return };
    if !Path::new(ROOT).join(DATA).join("teachers").is_dir() {
        return skip::skip(name, "the imported networks are not beside the checkout");
    }
    let told = good(python.args(["tests/training/teachers.py", "models", DATA]).output().unwrap());
    assert!(told.contains("both say the same"), "{told}");
}

#[test]
fn every_stage_of_the_training_goes_on_as_if_it_had_not_been_stopped_and_refuses_another_recipe() {
    let name = "every_stage_of_the_training_goes_on_as_if_it_had_not_been_stopped_and_refuses_another_recipe";
    let Some(mut python) = with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    let told = good(python.args(["tests/training/resume.py", "models"]).arg(work.path()).output().unwrap());
    assert_eq!(told.matches(": the same").count(), 6, "{told}");
}
