//! Photos that cannot be used, and measurements that cannot be made.

use std::process::Command;

use crate::workspace::{Workspace, text};

#[test]
fn broken_photos_and_copies_are_named_and_the_rest_is_measured() {
    let workspace = Workspace::with_packages();
    workspace.write("photos/0000/04.jpg", b"not a photo");
    let copied = std::fs::read(workspace.path("photos/0001/00.jpg")).unwrap();
    workspace.write("photos/0001/05.jpg", &copied);
    workspace.write("photos/0002/notes.txt", b"bought on Monday");
    let arguments = ["model", "evaluate", "photos", "--enrol", "4", "--speed-runs", "0", "--json", "report.json"];
    let (table, notes) = workspace.run_successfully(&arguments);
    assert!(notes.contains("photos that cannot be used: 1\n      photos/0000/04.jpg: this is not a"), "{notes}");
    assert!(notes.contains("photos/0001/05.jpg: it is a copy of photos/0001/00.jpg, which is enrolled"), "{notes}");
    assert!(notes.contains("ignored: photos/0002/notes.txt"), "{notes}");
    assert!(table.contains("10 query photos") && table.contains("skipped photos (see the notes): 2"), "{table}");
    assert_eq!(workspace.json("report.json")["models"][0]["photos"]["left_out"].as_array().unwrap().len(), 2);
    for view in ["00", "01"] {
        workspace.write(
            &format!("one/tea/{view}.jpg"),
            &std::fs::read(workspace.path(&format!("photos/0002/{view}.jpg"))).unwrap(),
        );
    }
    let (_, notes) = workspace.run_successfully(&["model", "evaluate", "one", "--enrol", "1", "--speed-runs", "0"]);
    assert!(notes.contains("only one product is enrolled"), "{notes}");
    // A query product that was never enrolled counts as unknown.
    let unknown = std::fs::read(workspace.path("photos/0003/00.jpg")).unwrap();
    workspace.write("till/9999/1.jpg", &unknown[..]);
    let known = std::fs::read(workspace.path("photos/0004/05.jpg")).unwrap();
    workspace.write("till/0004/1.jpg", &known);
    std::fs::remove_file(workspace.path("photos/0004/05.jpg")).unwrap();
    std::fs::remove_file(workspace.path("photos/0003/00.jpg")).unwrap();
    let (table, _) =
        workspace.run_successfully(&["model", "evaluate", "photos", "--asked-folder", "till", "--speed-runs", "0"]);
    assert!(table.contains("not enrolled and count as unknown") && table.contains("1 (9999)"), "{table}");
}

#[test]
fn an_impossible_measurement_ends_with_one_line_that_says_why() {
    let workspace = Workspace::with_packages();
    std::fs::create_dir(workspace.path("empty")).unwrap();
    workspace.write("list.csv", b"path,split\na.jpg,train\n");
    workspace.write("held.txt", b"0000\ntea\n");
    let evaluate = |arguments: &[&str]| workspace.run_to_failure(&[&["model", "evaluate"], arguments].concat());
    assert!(evaluate(&["empty"]).contains("empty: there are no photos in it"));
    assert!(evaluate(&["nowhere"]).contains("nowhere"));
    assert!(evaluate(&["list.csv"]).contains("list.csv: no column \"product\""));
    assert!(evaluate(&["photos", "--enrol", "6"]).contains("no product has more than 6 photos"));
    let listed = evaluate(&["photos", "--held-out", "held.txt"]);
    assert!(listed.contains("held.txt: line 2: \"tea\"") && listed.contains("whose first is \"0000\""), "{listed}");
    workspace.write("named/products.csv", b"id,name\n1,Tea\n2,Jam\n");
    workspace
        .write("named/list.csv", b"path,product,role\n../photos/0000/00.jpg,1,enrol\n../photos/0000/01.jpg,2,ask\n");
    workspace.write("named/held.txt", b"Tea\n");
    let named = evaluate(&["named/list.csv", "--held-out", "named/held.txt"]);
    assert!(named.contains("\"Tea\" is a product's name; its id is \"1\""), "{named}");
    workspace.write("named/held.txt", b"1\n");
    let without_queries = evaluate(&["named/list.csv", "--held-out", "named/held.txt"]);
    assert!(without_queries.contains("no query photo shows a held-out product"), "{without_queries}");
    let rows = b"path,product,role\n../photos/0000/00.jpg,1,enrol\n../photos/0001/00.jpg,2,enrol\n../photos/0000/01.jpg,1,ask\n";
    workspace.write("named/list.csv", rows);
    let known = evaluate(&["named/list.csv", "--held-out", "named/held.txt"]);
    assert!(known.contains("no query photo shows a product that remains"), "{known}");
    workspace.write("empty.csv", b"");
    assert!(evaluate(&["empty.csv"]).contains("empty.csv: it is empty"));
    workspace.write("quote.csv", b"path,product,role\n\"a.jpg,tea,ask\nb.jpg,tea,enrol\n");
    assert!(evaluate(&["quote.csv"]).contains("a quote is not closed"), "{}", evaluate(&["quote.csv"]));
    assert!(evaluate(&["photos", "--unseen", "5"]).contains("--unseen 5: enrolled products: 6;"));
    assert!(evaluate(&["photos", "--unseen", "18446744073709551615"]).contains("enrolled products: 6;"));
    assert!(evaluate(&["photos", "--json", "nowhere/report.json"]).contains("nowhere/report.json"));
    std::os::unix::fs::symlink("nowhere", workspace.path("dangling")).unwrap();
    assert!(evaluate(&["photos", "--json", "dangling"]).contains("dangling: it is a link that leads nowhere"));
    assert!(evaluate(&["photos", "--json", "photos"]).contains("name another file"));
    assert!(evaluate(&["photos", "--json", "./tillsight-small.json"]).contains("name another file"));
    workspace.write(
        "whole.csv",
        b"path,product,role\nphotos/0000/00.jpg,tea,enrol\nphotos/0001/01.jpg,jam,enrol\nphotos/0000/01.jpg,tea,ask\n",
    );
    workspace.write("one.txt", b"0000\n");
    std::os::unix::fs::symlink("photos/0000/01.jpg", workspace.path("link.json")).unwrap();
    for (report, photos, what) in [
        ("tillsight-small.onnx", "photos", "a model;"),
        ("photos/0000/01.jpg", "whole.csv", "one of the photos"),
        ("link.json", "photos", "one of the photos"),
        ("whole.csv", "whole.csv", "a table"),
        ("one.txt", "photos", "the list of held-out products"),
    ] {
        let before = std::fs::read(workspace.path(report)).unwrap();
        let held = if photos == "photos" { &["--held-out", "one.txt"][..] } else { &[] };
        let error = evaluate(&[&[photos, "--json", report], held].concat());
        assert!(error.contains(&format!("would replace {what}")), "{error}");
        assert_eq!(std::fs::read(workspace.path(report)).unwrap(), before);
    }
    assert!(evaluate(&["whole.csv", "--enrol", "2"]).contains("--enrol 2 goes with a folder per product"));
    assert!(evaluate(&["photos", "--asked-folder", "empty"]).starts_with("tillsight: empty: it contains no photos"));
    assert!(evaluate(&["photos", "--model", "tillsight-small.onnx"]).contains("name its manifest"));
    assert!(evaluate(&["photos/0000"]).contains("(ignored: 6 files or folders"), "{}", evaluate(&["photos/0000"]));
    workspace.write("list.csv", b"path,product,role\nphotos/0000/00.jpg,tea,enrol\nphotos/0000/01.jpg,tea,ask\n");
    assert!(evaluate(&["list.csv", "--asked-folder", "till"]).contains("it is a table"));
    assert!(evaluate(&["photos", "--model", "other.json"]).contains("other.json"));
    assert!(evaluate(&["photos", "--ask", "night"]).contains("\"night\""));
    workspace.write("broken/enrol/tea/1.jpg", b"x");
    workspace.write("broken/ask/tea/2.jpg", b"y");
    assert!(
        evaluate(&["broken"]).contains("none of the enrolled photos can be used; the first: broken/enrol/tea/1.jpg")
    );
    for (arguments, expected) in [(["--draws", "1001"], "1 to 1000 draws"), (["--draws", "-1"], "not a whole number")] {
        let output = workspace.run(&[&["model", "evaluate", "photos", "--unseen", "2"], &arguments[..]].concat());
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    std::fs::rename(workspace.path("tillsight-small.json"), workspace.path("aside.json")).unwrap();
    let moved = evaluate(&["photos"]);
    assert!(moved.contains("TILLSIGHT_MODEL") && moved.contains("--model names another"), "{moved}");
    std::fs::rename(workspace.path("aside.json"), workspace.path("tillsight-small.json")).unwrap();
    for arguments in [
        &["--correct", "90"][..],
        &["--correct", "-1"],
        &["--accept-known", "0"],
        &["--enrol", "0"],
        &["--enrol", "-1"],
    ] {
        let output = workspace.run(&[&["model", "calibrate", "photos"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(&format!("invalid value '{}'", arguments[1])), "{error}");
    }
}

#[test]
fn photos_must_be_within_the_limits_of_the_settings() {
    let workspace = Workspace::with_packages();
    let evaluate_with = |name: &str, value: &str| {
        let arguments = ["model", "evaluate", "photos", "--speed-runs", "0"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        command.args(arguments).current_dir(workspace.0.path()).env("TILLSIGHT_MODEL", "tillsight-small.json");
        command.env(name, value).output().unwrap()
    };
    // 160 × 160 pixels.
    for (name, value, expected) in [
        ("TILLSIGHT_LIMITS__IMAGE_PIXELS", "25599", "25599"),
        ("TILLSIGHT_LIMITS__IMAGE_BYTES", "1024", "at most 1024"),
    ] {
        let output = evaluate_with(name, value);
        let error = text(&output.stderr);
        assert!(
            output.status.code() == Some(1) && error.contains("can be used") && error.contains(expected),
            "{error}"
        );
    }
    assert!(evaluate_with("TILLSIGHT_LIMITS__IMAGE_PIXELS", "25600").status.success());
}
