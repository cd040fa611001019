//! What `tillsight import` is told beside its source, as the settings of the task.
//!
//! The kind of the source says where the photos come from: a clip, a table of addresses, or else a ZIP or folder with photos.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value, json};

use super::CliError;
use crate::domain::{MediaMode, ProductId, TimeZone, Timestamp};

/// The names of clips end in one of these.
const CLIP_ENDINGS: [&str; 8] = ["mp4", "mov", "m4v", "mkv", "webm", "avi", "ts", "m2ts"];
const TABLE_ENDINGS: [&str; 2] = ["csv", "json"];

#[derive(Debug, Args)]
pub(super) struct ImportSettingsOptions {
    /// When the products go on sale, such as 2026-01-05T06:00 in the server's time zone. Default: each as soon as its first photo is
    /// enrolled.
    #[arg(long, value_name = "TIME")]
    publish_at: Option<String>,
    /// The whole photo shows the product, instead of what stands out from the background.
    #[arg(long)]
    whole_photos: bool,
    /// Enrol photos that would make recognition wrong all the same.
    #[arg(long)]
    insist: bool,
    #[command(flatten)]
    clip: ClipOptions,
}

/// The product that a clip shows.
#[derive(Debug, Args)]
#[command(next_help_heading = "The product of a clip")]
struct ClipOptions {
    /// Its name.
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    sku: Option<String>,
    #[arg(long)]
    barcode: Option<String>,
    /// In minor units: 219 is 2.19.
    #[arg(long)]
    price: Option<i64>,
    /// Of the price, such as EUR. Default: that of the server.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// In hundredths of a percent: 1900 is 19 %.
    #[arg(long, value_name = "RATE")]
    tax_rate_bp: Option<i64>,
    #[arg(long)]
    description: Option<String>,
    /// A product that is in the catalogue already, instead of its description.
    #[arg(long, value_name = "ID")]
    product_id: Option<ProductId>,
    /// The most frames that are enrolled: 1 to 100. Default: 24.
    #[arg(long)]
    frames: Option<u32>,
}

impl ImportSettingsOptions {
    /// The settings of the task that imports `source`.
    pub(super) fn for_source(&self, source: &Path, time_zone: &TimeZone) -> Result<Value, CliError> {
        let media_mode = media_mode(source);
        let clip = self.clip.settings();
        if media_mode != MediaMode::Video && !clip.is_empty() {
            let options: Vec<String> = clip.keys().map(|name| format!("--{}", name.replace('_', "-"))).collect();
            return Err(CliError::Task(format!(
                "{} is not a clip, so {} cannot be used; a ZIP, folder or table describes its products itself",
                source.display(),
                options.join(", ")
            )));
        }
        let publish_at = self.publish_at.as_deref().map(|text| parse_time(text, time_zone)).transpose()?;
        let mut settings = clip;
        settings.insert("media_mode".to_owned(), json!(media_mode));
        settings.insert("publish_at".to_owned(), json!(publish_at));
        settings.insert("whole_photos".to_owned(), json!(self.whole_photos));
        settings.insert("insist".to_owned(), json!(self.insist));
        Ok(Value::Object(settings))
    }
}

impl ClipOptions {
    /// Those that were given.
    fn settings(&self) -> Map<String, Value> {
        let given = [
            ("name", json!(self.name)),
            ("sku", json!(self.sku)),
            ("barcode", json!(self.barcode)),
            ("price", json!(self.price)),
            ("currency", json!(self.currency)),
            ("tax_rate_bp", json!(self.tax_rate_bp)),
            ("description", json!(self.description)),
            ("product_id", json!(self.product_id)),
            ("frames", json!(self.frames)),
        ];
        given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Where the photos come from.
fn media_mode(source: &Path) -> MediaMode {
    let ending = source.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match ending.as_str() {
        _ if source.is_dir() => MediaMode::Upload,
        ending if CLIP_ENDINGS.contains(&ending) => MediaMode::Video,
        ending if TABLE_ENDINGS.contains(&ending) => MediaMode::Crawl,
        _ => MediaMode::Upload,
    }
}

/// With an offset, or a time of the clock in `time_zone`.
fn parse_time(text: &str, time_zone: &TimeZone) -> Result<Timestamp, CliError> {
    match serde_json::from_value(json!(text)) {
        Ok(at) => Ok(at),
        Err(_) => time_zone.parse_local("--publish-at", text).map_err(|error| CliError::Task(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        settings: ImportSettingsOptions,
    }

    fn settings(source: &str, arguments: &[&str]) -> Result<Value, String> {
        let berlin = TimeZone::parse("time_zone", "Europe/Berlin").unwrap();
        let options = Options::parse_from([&["import"], arguments].concat());
        options.settings.for_source(Path::new(source), &berlin).map_err(|error| error.to_string())
    }

    #[test]
    fn the_source_says_where_the_photos_come_from() {
        let mode = |source: &str| settings(source, &[]).unwrap()["media_mode"].clone();
        assert_eq!(["a.zip", "milk.MP4", "products.csv", "."].map(mode), ["upload", "video", "crawl", "upload"]);
    }

    #[test]
    fn only_a_clip_is_described_by_options() {
        let clip = settings("milk.mp4", &["--name", "Oat milk", "--price", "219", "--frames", "12"]).unwrap();
        assert_eq!((&clip["name"], &clip["price"], &clip["frames"]), (&json!("Oat milk"), &json!(219), &json!(12)));
        assert_eq!(clip.get("sku"), None);
        let refused = settings("shop.zip", &["--name", "Oat milk", "--tax-rate-bp", "700"]).unwrap_err();
        assert!(refused.contains("shop.zip is not a clip, so --name, --tax-rate-bp cannot be used"), "{refused}");
    }

    #[test]
    fn times_have_an_offset_or_are_those_of_the_server() {
        let at =
            |text: &str| settings("shop.zip", &["--publish-at", text]).map(|settings| settings["publish_at"].clone());
        assert_eq!(at("2026-01-05T06:00"), Ok(json!("2026-01-05T05:00:00Z")));
        assert_eq!(at("2026-01-05T06:00:00Z"), Ok(json!("2026-01-05T06:00:00Z")));
        assert!(at("tomorrow").unwrap_err().contains("tomorrow"));
    }
}
