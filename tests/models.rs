//! `tillsight model add`, `inspect` and `presets`, on the shipped network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tillsight::embedding::Manifest;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");

fn tillsight(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn successful_stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", stdout(output), String::from_utf8_lossy(&output.stderr));
    stdout(output)
}

/// The one line on standard error of a command that must fail.
#[track_caller]
fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    text
}

/// A folder with a copy of the shipped network as `net.onnx`, and the shipped manifest.
fn network_without_manifest() -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(SHIPPED).unwrap()).unwrap();
    let onnx = Path::new(SHIPPED).with_file_name(manifest["file"].as_str().unwrap());
    std::fs::copy(onnx, folder.path().join("net.onnx")).unwrap();
    (folder, manifest)
}

fn read_manifest(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_model_is_added_once_and_replaced_only_on_request() {
    let (folder, shipped) = network_without_manifest();
    let add = |further: &[&str]| {
        let arguments = ["model", "add", "net.onnx", "--preset", "tillsight", "--dir", "models"];
        tillsight(folder.path(), &[&arguments, further].concat())
    };
    let text = successful_stdout(&add(&[]));
    assert!(text.contains("Written: models/net.json") && text.contains("are a guess"), "{text}");
    let path = folder.path().join("models/net.json");
    let manifest = read_manifest(&path);
    let [written, original] = [path.as_path(), Path::new(SHIPPED)].map(|path| Manifest::read(path).unwrap());
    assert_eq!((&written.input, &written.output), (&original.input, &original.output));
    assert_eq!((&manifest["name"], &manifest["sha256"]), (&Value::from("net"), &shipped["sha256"]));
    assert_eq!(manifest["thresholds"]["operating_point"], Value::Null);

    assert!(successful_stdout(&add(&[])).contains("already installed"));
    let refusal = error_line(&add(&["--resize", "stretch"]));
    assert!(refusal.contains("net.json") && refusal.contains("--force"), "{refusal}");
    assert_eq!(read_manifest(&path), manifest);
    let forced = add(&["--resize", "stretch", "--mean", "0.1,0.2,-0.3", "--force", "--version", "2"]);
    successful_stdout(&forced);
    let note = String::from_utf8_lossy(&forced.stderr).into_owned();
    assert!(note.contains(&format!("{} is replaced; a server", written.model_id())), "{note}");
    let replaced = read_manifest(&path);
    assert_eq!((&replaced["input"]["resize"], &replaced["version"]), (&Value::from("stretch"), &Value::from("2")));
    assert_eq!(replaced["input"]["mean"], serde_json::json!([0.1, 0.2, -0.3]));
}

#[test]
fn an_unusable_model_is_refused_in_one_line_and_leaves_no_files() {
    let (folder, _) = network_without_manifest();
    let whole = std::fs::read(folder.path().join("net.onnx")).unwrap();
    std::fs::write(folder.path().join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    let add = |file: &str, further: &[&str]| {
        let into: &[&str] = if further.contains(&"--dir") { &[] } else { &["--dir", "models"] };
        tillsight(folder.path(), &[&["model", "add", file, "--preset", "tillsight"], into, further].concat())
    };
    for (file, further, expected) in [
        ("cut.onnx", &[][..], "not an ONNX file"),
        ("absent.onnx", &[], "absent.onnx"),
        ("net.onnx", &["--side", "100"], "100 × 100"),
        ("net.onnx", &["--output", "logits"], "\"embedding\""),
        ("net.onnx", &["--pooling", "cls"], "pooling"),
        ("net.onnx", &["--std", "0"], "--std: 0 is not a positive number"),
        ("net.onnx", &["--name", ".."], "beginning with a letter or digit"),
        ("net.onnx", &["--dir", "net.onnx"], "net.onnx: it is a file; --dir names a folder"),
    ] {
        let refusal = error_line(&add(file, further));
        assert!(refusal.contains(expected), "\"{refusal}\" does not say \"{expected}\"");
    }
    for further in [&["--filter", "best"][..], &["--mean", "1,2"], &["--preset", "resnet"]] {
        assert_eq!(add("net.onnx", further).status.code(), Some(2), "{further:?}");
    }
    assert!(!folder.path().join("models").exists());
}

#[test]
fn an_inspection_is_the_same_as_text_and_as_json() {
    let (folder, shipped) = network_without_manifest();
    let text = successful_stdout(&tillsight(folder.path(), &["model", "inspect", "net.onnx"]));
    let hash = shipped["sha256"].as_str().unwrap();
    assert!(text.contains(hash) && text.contains("\"image\" float32") && text.contains("ms on one thread"), "{text}");
    let json = successful_stdout(&tillsight(folder.path(), &["model", "inspect", "--json", "net.onnx"]));
    let inspection: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&inspection["sha256"], &inspection["refusal"]), (&shipped["sha256"], &Value::Null));
    assert_eq!(inspection["manifest"]["output"]["dim"], shipped["output"]["dim"]);
    assert!(
        inspection["one_picture_ms"].as_f64().unwrap() > 0.0
            && inspection["proof"]["lowest_cosine"].as_f64().unwrap() < 0.9
    );
    successful_stdout(&tillsight(folder.path(), &["model", "inspect", SHIPPED]));

    std::fs::write(folder.path().join("page.onnx"), "<!DOCTYPE html>").unwrap();
    let output = tillsight(folder.path(), &["model", "inspect", "page.onnx", "--json"]);
    let inspection: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(
        error_line(&output).contains("page.onnx")
            && inspection["refusal"].as_str().unwrap().contains("not an ONNX file")
    );
}

#[test]
fn a_full_standard_output_is_an_error_in_one_line_and_no_panic() {
    let (folder, _) = network_without_manifest();
    let into_full = |arguments: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        command.args(arguments).current_dir(folder.path()).stdout(full).output().unwrap()
    };
    for arguments in [
        &["model", "presets"][..],
        &["model", "inspect", "net.onnx"],
        &["model", "inspect", "net.onnx", "--json"],
        &["model", "add", "net.onnx", "--preset", "tillsight", "--dir", "models"],
        &["migrate"],
    ] {
        let error = error_line(&into_full(arguments));
        assert!(
            error.starts_with("tillsight: cannot write to standard output: No space left"),
            "{arguments:?}: {error}"
        );
    }
    // The model was installed before the output failed.
    assert!(folder.path().join("models/net.json").exists());
    // An earlier error is reported instead.
    assert!(error_line(&into_full(&["model", "inspect", "absent.onnx"])).contains("absent.onnx"));
    // A script must not take this for a finding of the check.
    let check = into_full(&["numbering", "check"]);
    let error = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!((check.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.starts_with("tillsight: cannot write to standard output: No space left"), "{error}");
}

#[test]
fn file_names_do_not_control_the_terminal_and_need_not_be_utf_8() {
    let (folder, _) = network_without_manifest();
    let name = "red\u{1b}[31m\nnet.onnx";
    std::fs::rename(folder.path().join("net.onnx"), folder.path().join(name)).unwrap();
    let text = successful_stdout(&tillsight(folder.path(), &["model", "inspect", name]));
    assert!(text.contains("red\\u{1b}[31m\\nnet.onnx (") && !text.contains('\u{1b}'), "{text}");
    let json = successful_stdout(&tillsight(folder.path(), &["model", "inspect", name, "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["path"], name);
    let refusal = error_line(&tillsight(folder.path(), &["model", "inspect", "absent\u{1b}[2J\n.onnx"]));
    assert!(refusal.contains("absent\\u{1b}[2J\\n.onnx") && !refusal.contains('\u{1b}'), "{refusal}");

    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.onnx");
    std::fs::rename(folder.path().join(name), folder.path().join(odd)).unwrap();
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    let inspect = inspect.args(["model", "inspect", "--json"]).arg(odd).current_dir(folder.path());
    let inspection: Value = serde_json::from_str(&successful_stdout(&inspect.output().unwrap())).unwrap();
    assert_eq!(inspection["path"], "caf\u{fffd}.onnx");
}

#[test]
fn a_model_is_added_to_the_settings_folder_and_unknown_sizes_are_noted() {
    let (folder, _) = network_without_manifest();
    let mut add = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    let add = add.args(["model", "add", "net.onnx", "--preset", "clip"]).current_dir(folder.path());
    let added = add.env("TILLSIGHT_MODEL", "shop/first.json").output().unwrap();
    let output = successful_stdout(&added);
    assert!(output.contains("Written: shop/net.json") && folder.path().join("shop/net.json").exists(), "{output}");
    assert!(output.contains("POST /api/models/switch {\"manifest\": \"net.json\"}"), "{output}");
    let notes = String::from_utf8_lossy(&added.stderr);
    assert!(notes.contains("networks of this family do not return 256 values per picture"), "{notes}");
}

#[test]
fn the_shipped_manifests_have_calibrated_thresholds() {
    for name in ["tillsight-small.json", "tillsight-small-fp32.json"] {
        let thresholds = Manifest::read(&Path::new(SHIPPED).with_file_name(name)).unwrap().thresholds;
        let point = thresholds.operating_point.unwrap_or_else(|| panic!("{name} has guessed thresholds"));
        assert_eq!(point.data, "grocery/images.csv, val", "{name}");
    }
}

#[test]
fn the_presets_are_listed_with_their_numbers() {
    let text = successful_stdout(&tillsight(Path::new("/"), &["model", "presets"]));
    for expected in ["dinov2", "clip", "siglip", "mobileclip", "timm", "mobilenet-v1", "shorter side of 256", "0.485"] {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
}
