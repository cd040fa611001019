//! A small client of the API: sends and receives JSON, and turns problem documents into error messages.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Why the demonstration stopped.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("no reply from {0}: {1}")]
    Unreachable(String, String),
    #[error("{method} {path} failed with status {status}: {detail}")]
    Refused {
        method: Method,
        path: String,
        status: u16,
        /// The problem's `type`.
        kind: String,
        /// The problem's `detail`.
        detail: String,
    },
    /// A reply lacks a field that it must have.
    #[error("the reply lacks \"{0}\"")]
    Incomplete(&'static str),
    #[error("a picture could not be encoded: {0}")]
    Picture(String),
}

impl DemoError {
    /// Whether the server refused because the product exists already.
    pub fn already_exists(&self) -> bool {
        matches!(self, Self::Refused { status: 409, kind, .. } if kind.ends_with(":taken"))
    }

    /// Whether the server found several things in a photo of one product.
    pub fn found_several(&self) -> bool {
        matches!(self, Self::Refused { status: 422, kind, .. } if kind.ends_with(":several-products"))
    }
}

/// A client of one server: without credentials, or with a person's token or a kiosk's key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    bearer: Option<String>,
}

impl Client {
    /// A client without credentials of the server at `base`, such as `http://127.0.0.1:8000`.
    pub fn new(base: &str) -> Self {
        Self { http: reqwest::Client::new(), base: base.trim_end_matches('/').to_owned(), bearer: None }
    }

    /// A client of the same server with this token or key.
    #[must_use]
    pub fn with_bearer(&self, bearer: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), ..self.clone() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Result<Value, DemoError> {
        self.send(Method::GET, path, |request| request).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value, DemoError> {
        self.send(Method::DELETE, path, |request| request).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<Value, DemoError> {
        self.send(Method::POST, path, |request| request.json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Result<Value, DemoError> {
        self.send(Method::PATCH, path, |request| request.json(&body)).await
    }

    /// Posts a JSON body with an `Idempotency-Key`.
    pub async fn post_idempotent(&self, path: &str, key: &str, body: Value) -> Result<Value, DemoError> {
        self.send(Method::POST, path, |request| request.header("Idempotency-Key", key).json(&body)).await
    }

    /// Posts a form of texts and JPEG pictures (field `images`).
    pub async fn post_form(
        &self,
        path: &str,
        texts: Vec<(&'static str, String)>,
        pictures: Vec<Vec<u8>>,
    ) -> Result<Value, DemoError> {
        let form = texts.into_iter().fold(Form::new(), |form, (name, text)| form.text(name, text));
        let form = pictures.into_iter().enumerate().fold(form, |form, (position, bytes)| {
            form.part("images", Part::bytes(bytes).file_name(format!("view-{position}.jpg")))
        });
        self.send(Method::POST, path, |request| request.multipart(form)).await
    }

    /// Posts a JPEG picture as the body.
    pub async fn post_picture(&self, path: &str, picture: Vec<u8>) -> Result<Value, DemoError> {
        self.send_picture(Method::POST, path, picture).await
    }

    /// Puts a JPEG picture as the body.
    pub async fn put_picture(&self, path: &str, picture: Vec<u8>) -> Result<Value, DemoError> {
        self.send_picture(Method::PUT, path, picture).await
    }

    async fn send_picture(&self, method: Method, path: &str, picture: Vec<u8>) -> Result<Value, DemoError> {
        self.send(method, path, |request| request.header("Content-Type", "image/jpeg").body(picture)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Value, DemoError> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.base));
        let request = match &self.bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        };
        let unreachable = |error: reqwest::Error| DemoError::Unreachable(self.base.clone(), error.to_string());
        let response = build(request).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(json);
        }
        let field = |name: &str| json[name].as_str().unwrap_or("no reason given").to_owned();
        Err(DemoError::Refused {
            method,
            path: path.to_owned(),
            status: status.as_u16(),
            kind: field("type"),
            detail: field("detail"),
        })
    }
}

/// The text in a field of a reply.
pub(super) fn text(json: &Value, name: &'static str) -> Result<String, DemoError> {
    json[name].as_str().map(str::to_owned).ok_or(DemoError::Incomplete(name))
}

/// The number in a field of a reply.
pub(super) fn number(json: &Value, name: &'static str) -> Result<i64, DemoError> {
    json[name].as_i64().ok_or(DemoError::Incomplete(name))
}
