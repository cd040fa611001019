//! What a browser loads for every page of the table of pages, in a shop that is open: little, from this server alone, under a
//! policy that allows nothing inline, and without an error in the console.

use std::collections::BTreeMap;

use crate::browser::{Loading, TestBrowser, TestPage};
use crate::camera::FakeCamera;
use crate::filled_shop::{Extent, FilledShop};
use crate::harness::say;
use crate::kiosk_shop::table;

/// With scripts, styles, icons and the pictures of a full grid of products.
const BYTES_MAX: u64 = 150_000;
/// Products on a page of the grid.
const GRID: usize = 24;
const EXTENT: Extent = Extent { days: 2, products: GRID + 2, photos_per_product: 1, sales_percent: 20 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_light_and_loads_nothing_from_elsewhere() {
    let camera = FakeCamera::new(&table(&[]));
    let test = "page_weight::every_page_is_light_and_loads_nothing_from_elsewhere";
    let Some(browser) = TestBrowser::launch(test, &camera.file()).await else { return };
    let shop = Box::pin(FilledShop::open(&EXTENT)).await;
    let origin = shop.app.url.clone();
    // Each page once: the last visit of a name is of the one who may do most there.
    let visits = shop.visits().into_iter().filter(|visit| visit["status"] == 200);
    let visits: BTreeMap<String, _> = visits.map(|visit| (text(&visit["name"]), visit)).collect();
    let mut pages: BTreeMap<String, TestPage> = BTreeMap::new();
    for (role, cookies) in shop.sign_in_everybody().await.as_object().unwrap() {
        let page = browser.open(&format!("{origin}/login")).await;
        for cookie in cookies.as_array().unwrap() {
            page.set_cookie(&origin, &text(&cookie[0]), &text(&cookie[1])).await;
        }
        pages.insert(role.clone(), page);
    }
    let (mut heaviest, mut pictures) = ((0, String::new()), 0);
    for visit in visits.values() {
        let (role, address) = (text(&visit["role"]), text(&visit["address"]));
        let page = &pages[&role];
        let loading = page.load(&format!("{origin}{address}")).await;
        check(&loading, &origin, &format!("{address} as {role}"));
        page.assert_no_faults();
        let thumbnails = loading.addresses.iter().filter(|address| address.ends_with("size=thumbnail")).count();
        pictures = pictures.max(thumbnails);
        heaviest = heaviest.max((loading.bytes, address));
    }
    assert!(visits.len() > 30, "{} pages", visits.len());
    assert_eq!(pictures, GRID - 1, "a full grid, whose newest product has no photo");
    say(&format!("the heaviest of {} pages, {}, loads {} kB", visits.len(), heaviest.1, heaviest.0 / 1_000));
    browser.close().await;
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn check(loading: &Loading, origin: &str, what: &str) {
    let foreign: Vec<_> = loading
        .addresses
        .iter()
        .filter(|address| !["data:", "blob:", origin].iter().any(|begin| address.starts_with(begin)))
        .collect();
    assert!(foreign.is_empty(), "{what} asks for {foreign:?}");
    assert!(loading.refused.is_empty(), "{what}: {:?}", loading.refused);
    assert!(loading.bytes < BYTES_MAX, "{what} loads {} bytes: {:#?}", loading.bytes, loading.addresses);
    let policy = &loading.policy;
    assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{what}: {policy:?}");
}
