//! What regions are worth: composed frames, given boxes, and real photos of several items.

use std::path::Path;

use serde_json::Value;

use crate::skip::{say, skip};
use crate::workspace::{Workspace, count_of_bins, line, percent};

const TRAYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/trays");

/// Where the server finds the regions itself, things may be anywhere in the frame.
#[test]
fn composed_frames_show_what_regions_are_worth() {
    let workspace = Workspace::with_packages();
    let arguments = ["model", "evaluate", "photos", "--enrol", "4", "--frames", "8", "--speed-runs", "0"];
    let (table, _) = workspace.run_successfully(&[&arguments[..], &["--json", "a.json"]].concat());
    let frames = workspace.json("a.json")["models"][0]["frames"].clone();
    let rows = frames["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &frames["photos"], &frames["width"]), (12, &8.into(), &640.into()));
    let small = rows.iter().find(|row| row["height_percent"] == 35 && row["background"] == "plain").unwrap();
    assert_eq!((&small["frames"], &small["things"], &small["placement"]), (&8.into(), &8.into(), &"anywhere".into()));
    let share = |row: &Value, figure: &str| row[figure].as_f64().unwrap();
    assert!(share(small, "found") > 0.8 && share(small, "top_1_true_region") > 0.6, "{table}");
    assert!(share(small, "top_1_auto") > share(small, "top_1_whole") + 0.2, "{table}");
    let cluttered = |empty_view: bool| {
        rows.iter().find(|row| row["background"] == "clutter" && row["empty_view"] == empty_view).unwrap()
    };
    assert!(share(cluttered(true), "found") > share(cluttered(false), "found") + 0.4, "{table}");
    let several = &rows[rows.len() - 2];
    assert_eq!((&several["things_per_frame"], &several["top_1_whole"]), (&serde_json::json!([2, 6]), &Value::Null));
    assert!(several["things"].as_u64().unwrap() >= 16, "{table}");
    let confidence = &frames["confidence"];
    let answers = confidence["known_answers"].as_u64().unwrap() + confidence["unknown_answers"].as_u64().unwrap();
    assert!(answers > 200 && count_of_bins(confidence) == answers, "{confidence}");
    let gap = confidence["largest_gap"].as_f64().unwrap();
    assert!(gap < 0.5 && table.contains(&format!("largest gap {gap:.2}; asked below 0.8")), "{table}");
    let row = line(&table, "2–6");
    assert!(row.contains(&percent(&several["found"])), "{row}");
    assert!(table.lines().all(|line| line.chars().count() <= 140 && line.trim_end() == line), "{table}");
    let again = workspace.run_successfully(&[&arguments[..], &["--json", "-"]].concat()).0;
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["models"][0]["frames"], frames, "the same seed");

    let none = [&arguments[..], &["--frames-of", "catalogue"]].concat();
    assert!(workspace.run_to_failure(&none).contains("there are no catalogue pictures"));
}

/// A box in the table says where the product is, so that frames can be composed of photos with any background.
#[test]
fn products_are_cut_out_by_the_boxes_of_the_table() {
    let workspace = Workspace::with_packages();
    let mut table = "path,product,role,left,top,width,height\n".to_owned();
    for product in 0..6 {
        table += &format!("photos/000{product}/00.jpg,{product},enrol,,,,\n");
        table += &format!("photos/000{product}/01.jpg,{product},ask,0.15,0.1,0.7,0.8\n");
    }
    table += "photos/0000/02.jpg,0,ask,0,0,1,1\nphotos/0001/02.jpg,1,ask,,,,\n";
    workspace.write("list.csv", table.as_bytes());
    let arguments = ["model", "evaluate", "list.csv", "--frames", "8", "--speed-runs", "0", "--json", "report.json"];
    let (text, _) = workspace.run_successfully(&arguments);
    let model = &workspace.json("report.json")["models"][0];
    assert_eq!((&model["photos"]["asked_photos"], &model["frames"]["photos"]), (&8.into(), &8.into()), "{text}");
    assert_eq!((&model["frames"]["photos_with_box"], &model["confidence"]), (&7.into(), &Value::Null), "{text}");
    assert!(text.contains("7 by a given box") && text.contains("no confidence can be learned"), "{text}");
    let true_regions = model["frames"]["rows"][0]["top_1_true_region"].as_f64().unwrap();
    assert!(true_regions > 0.5, "{text}");

    workspace.write("list.csv", table.replace("0.15,0.1,0.7,0.8", "0.5,0.1,0.7,0.8").as_bytes());
    let outside = workspace.run_to_failure(&arguments);
    assert!(outside.contains("list.csv: line 3: the box is not inside the picture (left 0.5"), "{outside}");
    workspace.write("list.csv", table.replace("0.15,0.1,", "0.15,,").as_bytes());
    let gap = workspace.run_to_failure(&arguments);
    assert!(gap.contains("line 3: top is \"\"; it must be a share"), "{gap}");
    workspace.write("list.csv", table.replace(",height", ",depth").as_bytes());
    assert!(workspace.run_to_failure(&arguments).contains("no column \"height\""));
}

#[test]
fn real_photos_of_several_items_are_measured_by_their_boxes() {
    let name = "regions::real_photos_of_several_items_are_measured_by_their_boxes";
    let tray = |file: &str| Path::new(TRAYS).join(file).to_str().unwrap().to_owned();
    if !Path::new(&tray("boxes.csv")).is_file() {
        return skip(name, "no ../shared/data/trays");
    }
    let workspace = Workspace::new();
    let (enrolled, boxes, photos) = (tray("enrol"), tray("boxes.csv"), tray("photos"));
    let arguments = ["model", "evaluate", &enrolled, "--boxes", &boxes, "--boxes-photos", &photos];
    let (table, notes) = workspace.run_successfully(&[&arguments[..], &["--json", "report.json"]].concat());
    say(&format!("real photos of several items:\n{table}"));
    assert_eq!(notes, "");
    let figures = &workspace.json("report.json")["models"][0];
    assert_eq!(figures["judged_by_confidence"], false, "three products are too few to learn from");
    assert!(table.ends_with("at the manifest's thresholds.\n"), "{table}");
    assert_eq!((&figures["enrolled_products"], &figures["photos"]), (&3.into(), &11.into()));
    let items = std::fs::read_to_string(&boxes).unwrap().lines().count() - 1;
    assert_eq!(figures["items"].as_u64().unwrap(), items as u64);
    let share = |figure: &str| figures[figure].as_f64().unwrap();
    assert!((share("billed_right") + share("billed_wrong") + share("asked") - 1.0).abs() < 1e-9, "{figures}");
    assert!(share("region_recall") >= 0.8, "{table}");
    assert!(line(&table, "items found").ends_with(&percent(&figures["region_recall"])), "{table}");

    let elsewhere = workspace.run_to_failure(&arguments[..5]);
    assert!(elsewhere.contains("line 2: there is no photo") && elsewhere.contains("--boxes-photos"), "{elsewhere}");
    let replacing = workspace.run_to_failure(&[&arguments[..], &["--json", "tillsight-small.onnx"]].concat());
    assert!(replacing.contains("would replace a model;"), "{replacing}");
}
