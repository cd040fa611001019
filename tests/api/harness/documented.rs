//! Every reply that any test gets is compared with the OpenAPI document: its status, its media type, and, if it is a problem,
//! its kind and the members that it carries.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::Reply;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(tillsight::http::openapi::document()).unwrap());

const MEMBERS_OF_ALL: [&str; 4] = ["type", "title", "status", "detail"];

/// Panics if the document does not know this reply. A request that no operation answers is not looked at.
pub fn assert_documented(method: &Method, path: &str, reply: &Reply) {
    let Some((pattern, operation)) = find_operation(method, path) else { return };
    let status = reply.status.as_str();
    let responses = operation["responses"].as_object().unwrap();
    let what = || format!("{method} {pattern} {status}: {}", String::from_utf8_lossy(&reply.bytes));
    let response = responses.get(status).unwrap_or_else(|| panic!("undocumented status of {}", what()));
    let media_type = reply.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let content = response.get("content").and_then(Value::as_object);
    if reply.bytes.is_empty() {
        return;
    }
    let content = content.and_then(|content| content.get(media_type));
    let content = content.unwrap_or_else(|| panic!("undocumented media type {media_type} of {}", what()));
    if media_type == "application/problem+json" {
        let kind = reply.json["type"].as_str().unwrap().rsplit(':').next().unwrap();
        let example = &content["examples"][kind]["value"];
        assert!(example.is_object(), "undocumented problem {kind} of {}", what());
        for member in reply.json.as_object().unwrap().keys() {
            let is_known = MEMBERS_OF_ALL.contains(&member.as_str()) || example.get(member).is_some();
            assert!(is_known, "undocumented member {member} of {}", what());
        }
    }
}

/// The operation that answers a request. A path with the fewest parameters wins, as `/kiosks/me` over `/kiosks/{id}`.
fn find_operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let matching = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(pattern, _)| matches(pattern, path));
    let (pattern, item) = matching.min_by_key(|(pattern, _)| pattern.matches('{').count())?;
    Some((pattern, item.get(&method)?))
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(path)
            .all(|(expected, sent)| expected.starts_with('{') && !sent.is_empty() || *expected == sent)
}
