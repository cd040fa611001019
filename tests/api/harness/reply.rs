//! A reply of the server, with assertions that show the body when they fail.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Self { status, headers, json, bytes })
    }

    /// Checks the status and returns the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json
    }

    /// Checks that the reply is a well-formed problem of this kind and status, and returns its body.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Value {
        let media_type =
            self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let json = self.expect(status);
        assert_eq!(media_type, "application/problem+json");
        assert_eq!(json["type"], format!("urn:tillsight:problem:{slug}"), "{json}");
        assert_eq!(json["status"], status);
        assert!(!json["title"].as_str().unwrap().is_empty() && !json["detail"].as_str().unwrap().is_empty(), "{json}");
        json
    }
}
