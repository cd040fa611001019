//! The confidence learned from the catalogue's photos: from when on, what follows from it, and what it survives.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo};

/// Learns within two seconds.
const PROMPT: &str = "[recognition]\nlearn_s = 1";
const PRODUCTS: usize = 6;
const PHOTOS: u64 = 4;
/// Another view of the products than the enrolled ones.
const ASKED_VIEW: u64 = 20;

struct Shop {
    app: TestApp,
    admin: String,
}

impl Shop {
    async fn open(database: TestDatabase, overlay: &str) -> Self {
        let app = TestApp::spawn_with(database, overlay).await;
        let admin = app.login_admin().await;
        Self { app, admin }
    }

    /// With a catalogue that the confidence can be learned from, and was.
    async fn open_taught(database: TestDatabase) -> Self {
        let shop = Self::open(database, PROMPT).await;
        for product in 0..PRODUCTS {
            shop.teach(product).await;
        }
        shop.until_learned(24).await;
        shop
    }

    /// The same shop under other settings.
    async fn reopen(mut self, overlay: &str) -> Self {
        self.app.stop().await;
        Self::open(self.app.database.clone(), overlay).await
    }

    async fn teach(&self, product: usize) -> String {
        let photos = (0..PHOTOS).map(|view| package_photo(product, view)).collect();
        let name = format!("Product {product}");
        let added = self.app.post_form("/api/products", &self.admin, &[("name", &name)], photos).await.expect(201);
        added["id"].as_str().unwrap().to_owned()
    }

    async fn learned(&self) -> Value {
        self.app.get("/api/models", &self.admin).await.expect(200)["confidence"].clone()
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let learned = self.learned().await;
            if wanted(&learned) {
                return learned;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "not {what}: {learned}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_learned(&self, photos: u64) -> Value {
        self.until(&format!("learned from {photos} photos"), |learned| learned["photos"] == photos).await
    }

    async fn ask(&self, product: usize) -> Value {
        self.ask_with(package_photo(product, ASKED_VIEW)).await
    }

    async fn ask_with(&self, photo: Vec<u8>) -> Value {
        self.app.post_picture("/api/recognize", &self.admin, photo).await.expect(200)["items"][0].clone()
    }

    /// Marks what is stored, so that it is recognised when it comes back.
    async fn mark_stored(&self) {
        let database = &self.app.database;
        database
            .run_script(
                "UPDATE catalog_confidences SET content = REPLACE(content, '\"photos\":24', '\"photos\":77')",
                "UPDATE catalog_confidences SET content = \
                 CAST(REPLACE(CAST(content AS TEXT), '\"photos\": 24', '\"photos\": 77') AS JSONB)",
            )
            .await;
    }
}

fn confidences(item: &Value) -> Vec<f64> {
    let candidates = item["candidates"].as_array().unwrap();
    candidates.iter().map(|candidate| candidate["confidence"].as_f64().unwrap_or_else(|| panic!("{item}"))).collect()
}

async fn a_taught_catalogue_gives_confidences_and_a_small_one_does_not(database: TestDatabase) {
    let shop = Shop::open(database, PROMPT).await;
    let mut products = Vec::new();
    for product in 0..4 {
        products.push(shop.teach(product).await);
    }
    // Longer than it takes to learn.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let item = shop.ask_with(package_photo(0, 0)).await;
    assert!(shop.learned().await.is_null() && item["candidates"][0]["confidence"].is_null(), "{item}");
    assert_eq!((&item["verdict"], &item["candidates"][0]["product_name"]), (&json!("matched"), &json!("Product 0")));

    for product in 4..PRODUCTS {
        products.push(shop.teach(product).await);
    }
    assert_eq!(shop.until_learned(24).await["products"], 6);
    for product in 0..PRODUCTS {
        let item = shop.ask(product).await;
        let confidences = confidences(&item);
        assert!(confidences.iter().all(|p| (0.0..=1.0).contains(p)), "{item}");
        assert!(confidences.iter().sum::<f64>() <= 1.000_01, "{item}");
        let verdict = match confidences[0] {
            unknown if unknown < 0.3 => "unknown",
            ask if ask < 0.8 => "ambiguous",
            _ => "matched",
        };
        assert_eq!(item["verdict"], verdict, "{item}");
    }
    let evidence =
        shop.app.database.count("SELECT COUNT(*) FROM recognitions WHERE CAST(items AS TEXT) LIKE '%confidence%'");
    assert!(evidence.await > PRODUCTS as i64);

    // With four products left, the catalogue is too small again.
    for product in &products[..2] {
        shop.app.delete(&format!("/api/products/{product}"), &shop.admin).await.expect(204);
    }
    shop.until("forgotten", Value::is_null).await;
    assert!(shop.ask(3).await["candidates"][0]["confidence"].is_null());
    let is_gone = async || shop.app.database.count("SELECT COUNT(*) FROM catalog_confidences").await == 0;
    for _ in 0..100 {
        if is_gone().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what was learned from more photos is still stored");
}

async fn what_was_learned_survives_a_restart(database: TestDatabase) {
    let shop = Shop::open_taught(database).await;
    let before = shop.ask(1).await;
    shop.mark_stored().await;
    // Slow to learn, so that all there is comes from the database.
    let shop = shop.reopen("[recognition]\nlearn_s = 86400").await;
    assert_eq!(shop.learned().await["photos"], 77);
    let after = shop.ask(1).await;
    for (one, other) in confidences(&before).iter().zip(confidences(&after)) {
        assert!((one - other).abs() < 0.000_2, "{before} {after}");
    }
    shop.app.database.execute("UPDATE catalog_confidences SET content = '{\"version\": 0}'").await;
    let shop = shop.reopen("[recognition]\nlearn_s = 86400").await;
    shop.until_learned(24).await;
}

async fn verdicts_follow_the_settings(database: TestDatabase) {
    let mut shop = Shop::open_taught(database).await;
    let verdicts = async |shop: &Shop| {
        let mut verdicts = Vec::new();
        for product in 0..PRODUCTS {
            verdicts.push(shop.ask(product).await["verdict"].as_str().unwrap().to_owned());
        }
        verdicts.dedup();
        verdicts
    };
    for (ask_below, unknown_below, verdict) in [(0.0, 0.0, "matched"), (1.0, 0.0, "ambiguous"), (1.0, 1.0, "unknown")] {
        let overlay = format!("[recognition]\nask_below = {ask_below:.1}\nunknown_below = {unknown_below:.1}");
        shop = shop.reopen(&overlay).await;
        assert_eq!(verdicts(&shop).await, [verdict], "{overlay}");
    }
}

async fn a_model_uses_what_it_learned_itself(database: TestDatabase) {
    let shop = Shop::open_taught(database).await;
    shop.mark_stored().await;
    let stored = async || shop.app.database.count("SELECT COUNT(*) FROM catalog_confidences").await;
    assert_eq!(stored().await, 1);
    let wish = json!({"manifest": "tillsight-small-fp32.json", "at_once": true, "even_if_worse": true});
    shop.app.post("/api/models/switch", &shop.admin, wish).await.expect(202);
    let active = async |manifest: &str| {
        for _ in 0..1_200 {
            let models = shop.app.get("/api/models", &shop.admin).await.expect(200);
            let models = models["models"].as_array().unwrap();
            if models.iter().any(|model| model["manifest"] == manifest && model["active"] == true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{manifest} is not active");
    };
    active("tillsight-small-fp32.json").await;
    shop.until("learned by the new model", |learned| !learned.is_null()).await;
    assert_eq!(shop.learned().await["photos"], 24, "not what the other model learned");
    assert_eq!(stored().await, 2);
    shop.app.post("/api/models/rollback", &shop.admin, json!({})).await.expect(202);
    active("tillsight-small.json").await;
    shop.until_learned(77).await;
}

on_both_databases!(
    a_taught_catalogue_gives_confidences_and_a_small_one_does_not,
    what_was_learned_survives_a_restart,
    verdicts_follow_the_settings,
    a_model_uses_what_it_learned_itself,
);
