//! The receivers of alerts: an incoming webhook of Slack, and a webhook that is signed by the specification
//! [Standard Webhooks](https://www.standardwebhooks.com), for which receivers have libraries.
//!
//! A receiver is not trusted: it has a few seconds, its redirects are not followed, and only the beginning of a refusal is
//! read.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::background::Signal;
use crate::config::{MonitoringSettings, parse_webhook_secret};
use crate::domain::{SinkKind, Timestamp};
use crate::telemetry::ALERT_DELIVERIES_TOTAL;

/// The most bytes of a response that are read.
const RESPONSE_BYTES_MAX: usize = 200;

/// Why the sinks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("The HTTP client for alerts could not be created: {0}")]
    Client(String),
    #[error("a secret of the webhook {0}")]
    Key(String),
}

/// A receiver's response to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryResponse {
    /// The HTTP status; `None` without a response.
    pub status: Option<u16>,
    /// Why the message was not delivered; `None` if it was.
    pub refusal: Option<String>,
    /// From the header Retry-After.
    pub retry_after_s: Option<i64>,
}

impl DeliveryResponse {
    fn refused(reason: impl Into<String>) -> Self {
        Self { status: None, refusal: Some(reason.into()), retry_after_s: None }
    }
}

/// A receiver of signed messages.
struct Webhook {
    url: SecretString,
    /// The one in use and, while receivers change to it, the one before.
    keys: Vec<Vec<u8>>,
}

/// The configured receivers; cheap to clone.
#[derive(Clone)]
pub(super) struct Sinks {
    client: reqwest::Client,
    slack: Option<Arc<SecretString>>,
    webhook: Option<Arc<Webhook>>,
    slack_signal: Signal,
    webhook_signal: Signal,
}

impl Sinks {
    pub fn new(settings: &MonitoringSettings) -> Result<Self, SinkError> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(settings.delivery_timeout_s))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tillsight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SinkError::Client(error.without_url().to_string()))?;
        let secrets = settings.webhook_secret.iter().chain(&settings.webhook_secret_previous);
        let keys: Vec<_> = secrets.map(parse_webhook_secret).collect::<Result<_, _>>().map_err(SinkError::Key)?;
        let webhook = settings.webhook_url.clone().map(|url| Webhook { url, keys });
        for sink in SinkKind::ALL.map(SinkKind::as_str) {
            for outcome in ["delivered", "refused", "given_up"] {
                // Makes the counter exist at 0.
                metrics::counter!(ALERT_DELIVERIES_TOTAL, "sink" => sink, "outcome" => outcome).increment(0);
            }
        }
        Ok(Self {
            client,
            slack: settings.slack_url.clone().map(Arc::new),
            webhook: webhook.map(Arc::new),
            slack_signal: Signal::default(),
            webhook_signal: Signal::default(),
        })
    }

    pub fn kinds(&self) -> impl Iterator<Item = SinkKind> + use<> {
        let slack = self.slack.is_some().then_some(SinkKind::Slack);
        let webhook = self.webhook.is_some().then_some(SinkKind::Webhook);
        slack.into_iter().chain(webhook)
    }

    /// The parts of the address that must not be logged: many servers repeat the path in their response.
    fn secret_parts(&self, kind: SinkKind) -> Vec<String> {
        let url = match kind {
            SinkKind::Slack => self.slack.as_deref(),
            SinkKind::Webhook => self.webhook.as_ref().map(|webhook| &webhook.url),
        };
        let Some(url) = url.and_then(|url| url::Url::parse(url.expose_secret()).ok()) else { return Vec::new() };
        let path = url.path().split('/');
        let parts = path.chain(url.query()).chain(url.password()).chain([url.username()]);
        parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
    }

    /// Raised to start the deliveries to `kind`.
    pub fn signal(&self, kind: SinkKind) -> &Signal {
        match kind {
            SinkKind::Slack => &self.slack_signal,
            SinkKind::Webhook => &self.webhook_signal,
        }
    }

    /// Starts the deliveries to every receiver.
    pub fn raise_signals(&self) {
        self.slack_signal.raise();
        self.webhook_signal.raise();
    }

    /// Sends `body` to `kind`. The receiver recognises a repeated message by its `id`.
    pub async fn send(&self, kind: SinkKind, id: &str, body: &str, now: Timestamp) -> DeliveryResponse {
        let request = match (kind, &self.slack, &self.webhook) {
            (SinkKind::Slack, Some(url), _) => self.client.post(url.expose_secret()),
            (SinkKind::Webhook, _, Some(webhook)) => self
                .client
                .post(webhook.url.expose_secret())
                .header("webhook-id", id)
                .header("webhook-timestamp", now.seconds())
                .header("webhook-signature", list_signatures(&webhook.keys, id, now.seconds(), body)),
            (SinkKind::Slack | SinkKind::Webhook, _, _) => {
                return DeliveryResponse::refused("the settings no longer name this receiver");
            }
        };
        let request = request.header("content-type", "application/json").body(body.to_owned());
        match request.send().await {
            Ok(response) => read_response(kind, response, &self.secret_parts(kind)).await,
            Err(error) => DeliveryResponse::refused(describe_error(&error)),
        }
    }
}

/// Slack answers `ok`; another response with status 200 is not from Slack.
async fn read_response(kind: SinkKind, mut response: reqwest::Response, secrets: &[String]) -> DeliveryResponse {
    let status = response.status();
    let retry_after_s = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut refusal = match status {
        _ if status.is_success() => None,
        _ if status.is_redirection() => {
            Some(format!("answered {status}; redirects are not followed, set the new address"))
        }
        _ => Some(format!("answered {status}")),
    };
    if refusal.is_some() || kind == SinkKind::Slack {
        let mut text = Vec::new();
        while text.len() < RESPONSE_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        text.truncate(RESPONSE_BYTES_MAX);
        let text: String = String::from_utf8_lossy(&text).chars().filter(|letter| !letter.is_control()).collect();
        let text = if contains_secret(&text, secrets) {
            "(the response repeats parts of the address)".to_owned()
        } else {
            text
        };
        match &mut refusal {
            Some(refusal) if !text.is_empty() => *refusal = format!("{refusal}: {text}"),
            Some(_) => {}
            None if text.trim() == "ok" => {}
            None => refusal = Some(format!("answered {status} with \"{text}\", but Slack answers \"ok\"")),
        }
    }
    DeliveryResponse { status: Some(status.as_u16()), refusal, retry_after_s }
}

/// Whether `text` contains one of `secrets`, as it is or percent-encoded.
fn contains_secret(text: &str, secrets: &[String]) -> bool {
    let lower = text.to_lowercase();
    let plain = percent_encoding::percent_decode_str(&lower).decode_utf8_lossy().into_owned();
    secrets.iter().any(|secret| {
        let decoded = percent_encoding::percent_decode_str(secret).decode_utf8_lossy();
        lower.contains(secret.as_str()) || plain.contains(&*decoded)
    })
}

/// The failure without the address, which is a secret.
fn describe_error(error: &reqwest::Error) -> String {
    match error {
        _ if error.is_timeout() => "did not answer in time".to_owned(),
        _ if error.is_connect() => "could not be reached".to_owned(),
        _ => "the connection broke, or the response was no HTTP".to_owned(),
    }
}

/// A signature with each key, separated by spaces. A receiver accepts a message if it knows one of the keys.
fn list_signatures(keys: &[Vec<u8>], id: &str, seconds: i64, body: &str) -> String {
    keys.iter().map(|key| signature(key, id, seconds, body)).collect::<Vec<_>>().join(" ")
}

/// `v1,` and the base64 of HMAC-SHA-256 over `id.seconds.body`.
fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let code = compute_mac(key, id, seconds, body).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(code))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn compute_mac(key: &[u8], id: &str, seconds: i64, body: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_address_are_recognised_in_any_encoding() {
        let secrets = ["services".to_owned(), "t0/x%20y".to_owned()];
        assert!(contains_secret("Cannot POST /SERVICES/a", &secrets));
        assert!(contains_secret("no t0%2Fx%20y here", &secrets) && contains_secret("no t0/x y here", &secrets));
        assert!(!contains_secret("invalid_payload", &secrets));
    }

    #[test]
    fn the_signature_matches_the_example_of_the_specification() {
        // From the tests of the reference libraries, in the specification's repository.
        let key = parse_webhook_secret(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let sign = |keys: &[Vec<u8>]| {
            list_signatures(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#)
        };
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(std::slice::from_ref(&key)), expected);
        let both = sign(&[vec![7; 24], key]);
        assert!(both.starts_with("v1,") && both.ends_with(&format!("= {expected}")), "{both}");
    }
}
