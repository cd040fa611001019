//! Scripts, styles and pictures of the pages, from the binary.
//!
//! Their addresses begin with a hash over all of them, so a browser keeps them for ever and a new version is fetched at once;
//! scripts import one another by relative names within it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::icons;
use crate::http::extract::ValidPath;
use crate::http::problem::{Problem, ProblemKind};

#[derive(RustEmbed)]
#[folder = "src/web/assets"]
struct AssetFiles;

/// The icons as symbols, referred to as `icons.svg#NAME`.
const ICONS: &str = "icons.svg";

static ICON_SHEET: LazyLock<String> = LazyLock::new(icons::draw_sheet);

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in AssetFiles::iter() {
        let data = AssetFiles::get(&name).map(|file| file.data).unwrap_or_default();
        hash.update(name.as_bytes());
        hash.update(&data);
    }
    hash.update(ICON_SHEET.as_bytes());
    let mut text = String::new();
    for byte in hash.finalize().iter().take(6) {
        let _in_memory = write!(text, "{byte:02x}");
    }
    text
});

/// The address of an asset.
pub fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// Serves an asset, also under an old version's address: a page may be older than the server.
pub(super) async fn serve(path: ValidPath<(String, String)>) -> Result<HttpResponse, Problem> {
    let (version, name) = path.0;
    let not_found = || Problem::new(ProblemKind::NotFound, "The pages have no such file.");
    let data: Cow<'static, [u8]> = match name.as_str() {
        ICONS => Cow::Borrowed(ICON_SHEET.as_bytes()),
        name => AssetFiles::get(name).ok_or_else(not_found)?.data,
    };
    let cache = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, media_type(&name))).insert_header((CACHE_CONTROL, cache));
    Ok(match data {
        Cow::Borrowed(data) => response.body(data),
        Cow::Owned(data) => response.body(data),
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("jpg") => "image/jpeg",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_media_type() {
        let files: Vec<_> = AssetFiles::iter().collect();
        assert!(files.iter().any(|name| name == "app.css") && files.iter().any(|name| name == "app.js"));
        for name in files {
            assert_ne!(media_type(&name), "application/octet-stream", "{name}");
        }
    }
}
