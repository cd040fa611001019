//! Pictures of every page, for people to look at: each on its own device, in light and dark, into `target/screenshots`, and those
//! that the README shows into `docs/images`. `make screenshots` runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pages/camera.rs"]
#[expect(dead_code, reason = "another test shows other pictures")]
mod camera;
mod filled_shop;
#[path = "api/harness/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests of the API use the rest")]
mod harness;
#[path = "others/programs.rs"]
#[expect(dead_code, reason = "Node alone draws them")]
mod programs;

use std::path::Path;

use filled_shop::{Extent, FilledShop};
use harness::say;
use programs::{chromium, node, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screenshots_of_every_page() {
    const NAME: &str = "screenshots_of_every_page";
    let (Some(mut node), Some(chromium)) = (node(NAME), chromium(NAME)) else { return };
    let extent = Extent { days: 30, products: 24, photos_per_product: 5, sales_percent: 100 };
    let shop = Box::pin(FilledShop::open(&extent)).await;
    let plan = shop.write_plan(&chromium).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for script in ["screenshots.mjs", "browser.mjs", "kiosk.mjs"] {
        std::fs::copy(root.join("tests/others").join(script), programs::FOLDER.join(script)).unwrap();
    }
    let folder = root.join("target/screenshots");
    // What an earlier run has drawn may be of pages that are no more.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    node.arg("screenshots.mjs").arg(plan).arg(&folder).arg(root.join("docs/images"));
    let output = tokio::task::spawn_blocking(move || run(&mut node)).await.unwrap();
    say(output.trim_end());
    assert!(std::fs::read_dir(&folder).unwrap().count() > 100, "{output}");
}
