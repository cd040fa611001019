//! A shop whose model is switched.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase};

/// The shipped model.
pub const SMALL: &str = "tillsight-small.json";
/// The same network in FP32, beside it in the folder of models.
pub const OTHER: &str = "tillsight-small-fp32.json";

pub struct Shop {
    pub app: TestApp,
    pub admin: String,
}

impl Shop {
    pub async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, "").await
    }

    /// With settings changed by `overlay` (TOML).
    pub async fn open_with(database: TestDatabase, overlay: &str) -> Self {
        let app = TestApp::spawn_with(database, overlay).await;
        let admin = app.login_admin().await;
        Self { app, admin }
    }

    /// Whole photos, as [`Self::seen`] takes them: what is compared here are models, not regions. Some are of one colour, and one
    /// insists on them.
    pub async fn enrol(&self, name: &str, photos: Vec<Vec<u8>>) -> String {
        let texts = [("name", name), ("region", "whole"), ("insist", "true")];
        let added = self.app.post_form("/api/products", &self.admin, &texts, photos).await.expect(201);
        added["id"].as_str().unwrap().to_owned()
    }

    pub async fn begin(&self, manifest: &str, at_once: bool) -> Reply {
        self.app.post("/api/models/switch", &self.admin, json!({"manifest": manifest, "at_once": at_once})).await
    }

    /// Begins a switch to [`OTHER`] that activates itself, whatever the comparison says.
    pub async fn begin_even_if_worse(&self) -> Reply {
        let wish = json!({"manifest": OTHER, "at_once": true, "even_if_worse": true});
        self.app.post("/api/models/switch", &self.admin, wish).await
    }

    pub async fn activate(&self) -> Reply {
        self.app.post("/api/models/switch/activate", &self.admin, json!({})).await
    }

    pub async fn models(&self) -> Value {
        self.app.get("/api/models", &self.admin).await.expect(200)
    }

    /// Waits until `GET /api/models` is as wanted; a busy machine may need a while for a few photos.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let models = self.models().await;
            if wanted(&models) {
                return models;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{what} does not come: {models}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn until_active(&self, manifest: &str) -> Value {
        self.until(manifest, |models| active(models) == manifest && models["switch"].is_null()).await
    }

    /// The best candidate's name and score, and the model that was used.
    pub async fn seen(&self, photo: &[u8]) -> (String, f64, String) {
        let seen = self.app.post_picture("/api/recognize?regions=whole", &self.admin, photo.to_vec()).await.expect(200);
        let best = &seen["items"][0]["candidates"][0];
        let name = best["product_name"].as_str().unwrap_or("nothing").to_owned();
        (name, best["score"].as_f64().unwrap_or(0.0), seen["model"].as_str().unwrap().to_owned())
    }

    /// The one photo of a product.
    pub async fn image_of(&self, product: &str) -> String {
        let images = self.app.get(&format!("/api/products/{product}/images"), &self.admin).await.expect(200);
        images["data"][0]["id"].as_str().or(images[0]["id"].as_str()).unwrap().to_owned()
    }

    /// Where the original of a photo lies: the file that has its bytes.
    pub async fn original_of(&self, product: &str, image: &str) -> PathBuf {
        let original = self.app.get(&format!("/api/products/{product}/images/{image}"), &self.admin).await;
        assert_eq!(original.status, 200);
        let mut folders = vec![self.app.database.folder().join("images")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read(&path).unwrap() == original.bytes {
                    return path;
                }
            }
        }
        panic!("the original of {image} is nowhere");
    }

    /// Holds the switch worker between two batches until [`fail::remove`].
    pub fn hold(&self) -> String {
        let point = format!("switch.hold {}", self.app.database.folder().display());
        fail::cfg(&point, "return").unwrap();
        point
    }

    /// Waits until a query gives this number.
    pub async fn until_count(&self, sql: &'static str, wanted: impl Fn(i64) -> bool) -> i64 {
        let begun = Instant::now();
        loop {
            let count = self.app.database.count(sql).await;
            if wanted(count) {
                return count;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{sql}: {count}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub fn active(models: &Value) -> String {
    let models = models["models"].as_array().unwrap();
    let active: Vec<&Value> = models.iter().filter(|model| model["active"] == true).collect();
    assert_eq!(active.len(), 1, "{models:?}");
    active[0]["manifest"].as_str().unwrap().to_owned()
}
