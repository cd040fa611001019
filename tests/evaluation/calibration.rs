//! `tillsight model calibrate`: thresholds in the manifest.

use std::process::Command;

use serde_json::Value;

use crate::workspace::{Workspace, line, percent, text};

#[test]
fn only_the_thresholds_in_the_manifest_are_changed() {
    let workspace = Workspace::with_packages();
    let (before, graph) =
        (workspace.json("tillsight-small.json"), std::fs::read(workspace.path("tillsight-small.onnx")).unwrap());
    let text_before = workspace.read("tillsight-small.json");
    let calibrate = ["model", "calibrate", "photos", "--enrol", "3", "--accept-known", "0.9", "--correct", "0.8"];
    let (dry, _) = workspace.run_successfully(&[&calibrate[..], &["--dry-run"]].concat());
    assert!(dry.contains("not written (--dry-run)"), "{dry}");
    assert_eq!(workspace.read("tillsight-small.json"), text_before);

    let error = workspace.run_to_failure(&calibrate);
    assert!(error.contains("too few") && error.contains("--force"), "18 photos are too few: {error}");
    assert_eq!(workspace.read("tillsight-small.json"), text_before);
    let (output, notes) = workspace.run_successfully(&[&calibrate[..], &["--force"]].concat());
    assert!(notes.contains("too few"), "{notes}");
    let mut after = workspace.json("tillsight-small.json");
    let thresholds = after["thresholds"].clone();
    let point = &thresholds["operating_point"];
    assert_eq!(
        (&point["photos"], &point["products"], &point["photos_per_product"]),
        (&18.into(), &6.into(), &3.into())
    );
    assert_eq!((&point["accept_known"], &point["correct"]), (&0.9.into(), &0.8.into()));
    assert!(point["matched_correct"].as_f64().unwrap() >= 0.8, "{point}");
    let (score, margin) = (thresholds["score"].as_f64().unwrap(), thresholds["margin"].as_f64().unwrap());
    assert!(
        output.contains(&format!("score {score:.3}, margin {margin:.3}: written to tillsight-small.json")),
        "{output}"
    );
    assert!(output.contains("keeps its thresholds until it is restarted"), "{output}");
    let chosen = line(&output, "chosen →");
    let expected =
        format!("chosen → {margin:.3} {} {}", percent(&point["matched"]), percent(&point["matched_correct"]));
    assert!(chosen.starts_with(&expected), "{chosen}, not {expected}");
    after["thresholds"] = before["thresholds"].clone();
    assert_eq!(after, before);
    let head = |text: &str| text.split("\"thresholds\"").next().unwrap().to_owned();
    assert_eq!(head(&workspace.read("tillsight-small.json")), head(&text_before), "the rest is unchanged");
    assert_eq!(std::fs::read(workspace.path("tillsight-small.onnx")).unwrap(), graph);

    // A measurement with the new thresholds gives the figures of the operating point.
    let again = ["model", "evaluate", "photos", "--enrol", "3", "--speed-runs", "0", "--json", "-"];
    let (report, notes) = workspace.run_successfully(&again);
    assert!(notes.contains("were chosen on these photos"), "{notes}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let figures = &report["models"][0]["thresholds"];
    assert_eq!(percent(&figures["matched"]), percent(&point["matched"]));
    assert_eq!(percent(&figures["unknown_matched"]), percent(&point["unknown_matched"]));
    assert_eq!(&figures["operating_point"], point);

    // If the output cannot be written, the thresholds are written all the same.
    let written = workspace.read("tillsight-small.json");
    workspace.write("tillsight-small.json", text_before.as_bytes());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.args([&calibrate[..], &["--force"]].concat()).current_dir(workspace.0.path()).stdout(full);
    let unprinted = command.env("TILLSIGHT_MODEL", "tillsight-small.json").output().unwrap();
    assert_eq!(unprinted.status.code(), Some(1));
    assert!(text(&unprinted.stderr).contains("cannot write to standard output"), "{}", text(&unprinted.stderr));
    assert_eq!(workspace.read("tillsight-small.json"), written);

    // An unreachable target leaves the manifest unchanged.
    for product in ["0000", "0001"] {
        let copied = std::fs::read(workspace.path(&format!("photos/{product}/05.jpg"))).unwrap();
        let other = if product == "0000" { "0001" } else { "0000" };
        workspace.write(&format!("mixed-up/enrol/{product}/1.jpg"), &copied);
        let near = std::fs::read(workspace.path(&format!("photos/{product}/04.jpg"))).unwrap();
        workspace.write(&format!("mixed-up/ask/{other}/1.jpg"), &near);
    }
    let wrong = workspace.run_to_failure(&["model", "calibrate", "mixed-up"]);
    assert!(wrong.contains("none of 2 first answers is correct"), "{wrong}");
    for photo in 0..2 {
        let copied = std::fs::read(workspace.path(&format!("photos/0000/0{photo}.jpg"))).unwrap();
        workspace.write(&format!("lonely/tea/{photo}.jpg"), &copied);
    }
    let lonely = workspace.run_to_failure(&["model", "calibrate", "lonely", "--enrol", "1"]);
    assert!(lonely.contains("one product") && lonely.contains("at least two"), "{lonely}");
    assert_eq!(workspace.read("tillsight-small.json"), written);
}
