//! The figures of the model card.

use std::path::Path;

use serde_json::Value;

use crate::skip::{say, skip};
use crate::workspace::Workspace;

const GROCERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/grocery");

/// The figures of the model card, on all photos: a minute or two in an unoptimised build.
#[test]
fn the_shipped_model_reaches_the_figures_of_its_card() {
    let name = "shipped_model::the_shipped_model_reaches_the_figures_of_its_card";
    if !Path::new(GROCERY).join("images.csv").is_file() {
        return skip(name, "no ../shared/data/grocery");
    }
    let workspace = Workspace::new();
    let arguments = ["model", "evaluate", GROCERY, "--ask", "val", "--few-shot", "5", "--unseen", "20"];
    let (table, _) =
        workspace.run_successfully(&[&arguments[..], &["--speed-runs", "3", "--json", "report.json"]].concat());
    say(&format!("real photos, the shipped model:\n{table}"));
    let report = &workspace.json("report.json")["models"][0];
    let photos = &report["photos"];
    assert_eq!((&photos["enrolled_products"], &photos["asked_products"]), (&81.into(), &60.into()));
    assert_eq!((&photos["enrolled_photos"], &photos["asked_photos"]), (&2_640.into(), &296.into()));
    assert_eq!(photos["catalogue_pictures"], 81);
    let share = |figure: &Value| figure.as_f64().unwrap();
    // The card: 77.4, 72.3, 72.6 %, AUROC 0.805. Processors round the network's sums differently, so a few photos may differ.
    for (figure, min) in [
        (&report["all_enrolled"]["top_1"], 0.765),
        (&report["few_shot"][0]["top_1"], 0.71),
        (&report["catalogue"]["top_1"], 0.71),
        (&report["one_product_out"]["auroc"], 0.79),
    ] {
        assert!(share(figure) >= min, "{figure}, not {min}:\n{table}");
    }
    assert!(share(&report["unseen_mean"]["auroc"]) > 0.55, "{table}");
}
