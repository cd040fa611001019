//! What is measured on rendered packages: the table and the report say the same.

use serde_json::Value;

use crate::workspace::{Workspace, count_of_bins, line, percent, without_times};

#[test]
fn the_table_and_the_report_of_rendered_packages_agree() {
    let workspace = Workspace::with_packages();
    let same = ["--unseen", "3", "--draws", "2", "--few-shot", "1,3", "--speed-runs", "3"];
    let arguments = |json| [&["model", "evaluate", "photos", "--enrol", "4", "--json", json][..], &same].concat();
    let (table, notes) =
        workspace.run_successfully(&[&arguments("a.json")[..], &["--compare", "tillsight-small.json"]].concat());
    assert_eq!(notes, "", "no progress bar without a terminal, and no notes");
    let report = workspace.json("a.json");
    let counted = "photos: 24 enrolled photos of 6 products, 12 query photos of 6 products, 0 catalogue pictures";
    assert!(table.lines().next().unwrap().ends_with(counted), "{table}");
    let [one, same_again] = &report["models"].as_array().unwrap()[..] else { panic!("two models") };
    assert_eq!((&one["photos"]["enrolled_photos"], &one["photos"]["asked_photos"]), (&24.into(), &12.into()));
    assert_eq!(one["all_enrolled"], same_again["all_enrolled"], "the same model beside itself");
    let top_1 = percent(&one["all_enrolled"]["top_1"]);
    assert!(
        line(&table, "all 24 enrolled photos").starts_with(&format!("all 24 enrolled photos top-1 12 {top_1} (")),
        "{table}"
    );
    assert!(one["all_enrolled"]["top_1"].as_f64().unwrap() > 0.8, "six packages are easily told apart: {one}");
    assert_eq!(one["few_shot"].as_array().unwrap().len(), 2);
    assert_eq!(one["few_shot"][1]["photos_per_product"], 3);
    assert_eq!(one["catalogue"], Value::Null);
    let draws = one["unseen"].as_array().unwrap();
    assert_eq!((draws.len(), &draws[0]["seed"], &draws[1]["seed"]), (2, &1.into(), &2.into()));
    assert_eq!((draws[0]["products"].as_array().unwrap().len(), &draws[0]["among_unseen"]["photos"]), (3, &6.into()));
    let mean =
        (draws[0]["open_set"]["auroc"].as_f64().unwrap() + draws[1]["open_set"]["auroc"].as_f64().unwrap()) / 2.0;
    assert!((one["unseen_mean"]["auroc"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert!(
        line(&table, "mean of the 2 draws").contains(&percent(&one["unseen_mean"]["top_1_among_unseen"])),
        "{table}"
    );
    let confidence = &one["confidence"];
    assert_eq!(
        (&confidence["learned_from_photos"], &confidence["unknown_answers"]),
        (&24.into(), &12.into()),
        "{table}"
    );
    assert_eq!(count_of_bins(confidence), 24, "each query photo with its product and without");
    assert!(confidence["billed_wrong"].as_f64().unwrap() < 0.2, "{table}");
    assert!(line(&table, "billed wrong").contains(&percent(&confidence["billed_wrong"])), "{table}");
    assert!(table.contains("no bin has 30 answers") && confidence["largest_gap"].is_null(), "{table}");
    assert!(draws[0]["confidence"].is_null(), "three products are too few to learn from");
    assert!(line(&table, "median").ends_with(" ms") && one["speed"]["runs"] == 3, "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 140 && line.trim_end() == line), "{table}");

    // To standard output: the same figures, and only JSON.
    let (alone, _) = workspace.run_successfully(&arguments("-"));
    let again = without_times(serde_json::from_str(&alone).unwrap());
    assert_eq!(again["models"][0], without_times(report.clone())["models"][0]);
    // Into a stream, which has no folder for a temporary file; the table follows.
    let (both, _) = workspace.run_successfully(&arguments("/proc/self/fd/1"));
    let (streamed, _) = both.split_at(both.find("\n}\n").unwrap() + 2);
    assert_eq!(without_times(serde_json::from_str(streamed).unwrap())["models"][0], again["models"][0]);
    // The held-out products of a draw give the same figures as a list.
    let ids = draws[1]["products"].as_array().unwrap().iter().map(|id| format!("{}\n", id.as_str().unwrap()));
    workspace.write("held.txt", ids.collect::<String>().as_bytes());
    let list =
        ["model", "evaluate", "photos", "--enrol", "4", "--held-out", "held.txt", "--speed-runs", "0", "--json", "-"];
    let listed: Value = serde_json::from_str(&workspace.run_successfully(&list).0).unwrap();
    assert_eq!(listed["models"][0]["unseen"][0]["open_set"], draws[1]["open_set"]);
    assert_eq!(listed["models"][0]["speed"], Value::Null);
}
