//! The training, in small: `models/train.py --smoke` trains a tutor, computes its views, trains a student and exports it, on
//! rendered packages alone. The result is useless, but must be a model that the server accepts. A run that is stopped and
//! restarted at any stage must end with the same numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "api/harness/skip.rs"]
mod skip;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The environment that `deploy/setup.sh --training` creates; training needs PyTorch in it.
const PYTHON: &str = "target/python/bin/python";
const WITH_PYTORCH: &str = "target/python/training-pins";
/// Photos and imported networks, if they are available.
const DATA: &str = "../shared/data";

#[track_caller]
fn successful_stdout(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Python at the root of the checkout, into which it writes nothing, not even compiled Python. Without PyTorch, reports test
/// `name` as skipped.
fn python_with_pytorch(name: &str) -> Option<Command> {
    if !Path::new(ROOT).join(WITH_PYTORCH).exists() {
        skip::skip(name, "no PyTorch: deploy/setup.sh --training fetches it");
        return None;
    }
    let mut python = Command::new(Path::new(ROOT).join(PYTHON));
    python.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(ROOT);
    Some(python)
}

/// Runs a script with the models' folder and an empty one. It ends with these words, or with an error at the first failed check.
#[track_caller]
fn assert_script_passes(name: &str, script: &str) {
    let Some(mut python) = python_with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    let output = successful_stdout(python.args([script, "models"]).arg(work.path()).output().unwrap());
    assert!(output.ends_with("all as it must be\n"), "{output}");
}

#[test]
fn a_smoke_run_makes_a_model_that_the_server_accepts_and_can_be_resumed() {
    let name = "a_smoke_run_makes_a_model_that_the_server_accepts_and_can_be_resumed";
    let Some(mut python) = python_with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    python.args(["models/train.py", "--smoke", "--work"]).arg(work.path());
    let mut smoke = || successful_stdout(python.output().unwrap());
    let output = smoke();
    for stage in ["tutor: 100.0%", "views: pass 2 of 2", "student: 100.0%", "smallest cosine"] {
        assert!(output.contains(stage), "{stage} is not in:\n{output}");
    }

    let [integers, whole] = ["", "-fp32"].map(|kind| work.path().join(format!("smoke/tillsight-smoke{kind}.json")));
    for manifest in [&integers, &whole] {
        let inspected = Command::new(env!("CARGO_BIN_EXE_tillsight"))
            .args(["model", "inspect", "--json"])
            .arg(manifest)
            .current_dir(work.path())
            .output();
        let report: Value = serde_json::from_str(&successful_stdout(inspected.unwrap())).unwrap();
        assert!(report["refusal"].is_null() && report["proof"].is_object(), "{report:#}");
    }

    // A second run reuses the views and the trained networks, and exports the same network.
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
fn the_records_of_a_training_are_correct() {
    let name = "the_records_of_a_training_are_correct";
    let Some(mut python) = python_with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    python.args(["tests/training/bookkeeping.py", "models"]).arg(work.path()).arg("src/evaluation/tests/measure.rs");
    let output = successful_stdout(python.output().unwrap());
    assert_eq!(output.matches(": as it must be").count(), 50, "{output}");
}

#[test]
fn tutor_pictures_are_chosen_and_augmented_correctly() {
    let name = "tutor_pictures_are_chosen_and_augmented_correctly";
    assert_script_passes(name, "tests/training/pictures.py");
}

#[test]
fn the_exported_network_uses_the_right_frames() {
    let name = "the_exported_network_uses_the_right_frames";
    assert_script_passes(name, "tests/training/frames.py");
}

#[test]
fn a_training_step_is_correct() {
    let name = "a_training_step_is_correct";
    assert_script_passes(name, "tests/training/steps.py");
}

#[test]
fn imported_networks_give_the_same_output_in_pytorch_and_onnx_runtime() {
    let name = "imported_networks_give_the_same_output_in_pytorch_and_onnx_runtime";
    let Some(mut python) = python_with_pytorch(name) else { return };
    if !Path::new(ROOT).join(DATA).join("teachers").is_dir() {
        return skip::skip(name, "the imported networks are not beside the checkout");
    }
    let output = successful_stdout(python.args(["tests/training/teachers.py", "models", DATA]).output().unwrap());
    assert!(output.contains("both say the same"), "{output}");
}

#[test]
fn every_stage_resumes_with_the_same_result_and_refuses_another_recipe() {
    let name = "every_stage_resumes_with_the_same_result_and_refuses_another_recipe";
    let Some(mut python) = python_with_pytorch(name) else { return };
    let work = tempfile::tempdir().unwrap();
    let output =
        successful_stdout(python.args(["tests/training/resume.py", "models"]).arg(work.path()).output().unwrap());
    assert_eq!(output.matches(": the same").count(), 6, "{output}");
}
