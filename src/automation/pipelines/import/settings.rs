//! The settings of an import, which depend on where its photos come from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::product_table::ImportedProduct;
use crate::automation::JobFailure;
use crate::automation::pipelines::settings::{complete, read_settings};
use crate::domain::{InvalidField, MediaMode, ProductId, Timestamp};

/// The most frames of a clip that can be asked for.
const FRAMES_MAX: usize = 100;

/// What all imports have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ImportSettings {
    pub media_mode: MediaMode,
    /// When the products go on sale; without one, each as soon as its first photo is enrolled.
    pub publish_at: Option<Timestamp>,
    /// Whether the whole photo shows the product, instead of what stands out from the background.
    pub whole_photos: bool,
    /// Whether photos are enrolled that would make recognition wrong.
    pub insist: bool,
}

impl ImportSettings {
    pub(super) fn read(settings: &Value) -> Result<Self, JobFailure> {
        read_settings(settings)
    }
}

/// Photos out of a ZIP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UploadSettings {
    media_mode: MediaMode,
    publish_at: Option<Timestamp>,
    whole_photos: bool,
    insist: bool,
}

/// A clip of one product, which is in the catalogue already or described here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VideoSettings {
    media_mode: MediaMode,
    publish_at: Option<Timestamp>,
    whole_photos: bool,
    insist: bool,
    /// The most frames that are enrolled.
    pub frames: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_rate_bp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Default for VideoSettings {
    fn default() -> Self {
        Self {
            media_mode: MediaMode::Video,
            publish_at: None,
            whole_photos: false,
            insist: false,
            // A view every 15 degrees of a full turn.
            frames: 24,
            product_id: None,
            name: None,
            sku: None,
            barcode: None,
            price: None,
            currency: None,
            tax_rate_bp: None,
            description: None,
        }
    }
}

impl VideoSettings {
    pub(super) fn read(settings: &Value) -> Result<Self, JobFailure> {
        read_settings(settings)
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=FRAMES_MAX).contains(&self.frames) {
            return Err(format!("frames is {}; it must be between 1 and {FRAMES_MAX}", self.frames));
        }
        let is_described = self.described() != ImportedProduct::default();
        match (self.product_id, is_described) {
            (Some(_), true) => {
                Err("product_id names a product that is there; send it alone, without name and the like".to_owned())
            }
            (None, _) if self.name.as_deref().unwrap_or_default().trim().is_empty() => {
                Err("name is missing; a clip needs the name of its product, or its product_id".to_owned())
            }
            (Some(_), false) | (None, _) => Ok(()),
        }
    }

    /// The product as the settings describe it; empty if they name one by its id.
    pub(super) fn described(&self) -> ImportedProduct {
        ImportedProduct {
            name: self.name.clone().unwrap_or_default(),
            sku: self.sku.clone(),
            barcode: self.barcode.clone(),
            price: self.price,
            currency: self.currency.clone(),
            tax_rate_bp: self.tax_rate_bp,
            description: self.description.clone(),
        }
    }
}

/// Photos from the web, of products that are listed here or in an uploaded table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CrawlSettings {
    media_mode: MediaMode,
    publish_at: Option<Timestamp>,
    whole_photos: bool,
    insist: bool,
    /// Objects as in `products.json`, with addresses of photos.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Value>,
}

impl Default for CrawlSettings {
    fn default() -> Self {
        Self {
            media_mode: MediaMode::Crawl,
            publish_at: None,
            whole_photos: false,
            insist: false,
            products: Vec::new(),
        }
    }
}

impl CrawlSettings {
    pub(super) fn read(settings: &Value) -> Result<Self, JobFailure> {
        read_settings(settings)
    }
}

/// Whether an import needs a file: all do but one that lists its products in the settings, which may have none.
pub(in crate::automation::pipelines) fn needs_file(settings: &Value) -> bool {
    settings.get("products").is_none()
}

/// Checks the settings of an import and completes them with their defaults.
pub(in crate::automation::pipelines) fn check_import_settings(settings: &Value) -> Result<Value, InvalidField> {
    let mode = match settings.get("media_mode") {
        None => MediaMode::default(),
        Some(mode) => serde_json::from_value(mode.clone())
            .map_err(|error| InvalidField::new("settings", format!("media_mode: {error}")))?,
    };
    match mode {
        MediaMode::Upload => complete::<UploadSettings>(settings, |_| Ok(())),
        MediaMode::Video => complete(settings, VideoSettings::check),
        MediaMode::Crawl => complete::<CrawlSettings>(settings, |_| Ok(())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_mode_has_its_own_settings() {
        let upload = check_import_settings(&Value::Null).unwrap();
        let common = json!({"media_mode": "upload", "publish_at": null, "whole_photos": false, "insist": false});
        assert_eq!(upload, common);
        let video = check_import_settings(&json!({"media_mode": "video", "name": "Cola", "price": 199})).unwrap();
        assert_eq!((&video["frames"], &video["name"], video.get("sku")), (&json!(24), &json!("Cola"), None));
        let refuse = |settings: Value| check_import_settings(&settings).unwrap_err().to_string();
        assert!(refuse(json!({"name": "Cola"})).contains("name"), "an upload has many products");
        assert!(refuse(json!({"media_mode": "video"})).contains("name is missing"));
        assert!(refuse(json!({"media_mode": "video", "name": "Cola", "frames": 0})).contains("frames is 0"));
        let listed =
            json!({"media_mode": "crawl", "products": [{"name": "Cola", "urls": ["https://shop.example/1.jpg"]}]});
        assert!(!needs_file(&check_import_settings(&listed).unwrap()));
        assert!(needs_file(&check_import_settings(&json!({"media_mode": "crawl", "products": []})).unwrap()));
        assert!(refuse(json!({"media_mode": "telepathy"})).contains("telepathy"));
        let id = "01997d3c-0000-7000-8000-000000000000";
        assert!(check_import_settings(&json!({"media_mode": "video", "product_id": id})).is_ok());
        assert!(refuse(json!({"media_mode": "video", "product_id": id, "name": "Cola"})).contains("alone"));
    }
}
