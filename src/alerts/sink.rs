//! Where alerts are told: an incoming webhook of Slack, and a webhook that is signed as the specification
//! [Standard Webhooks](https://www.standardwebhooks.com) says, which receivers have libraries for.
//!
//! A receiver is not trusted: it has a few seconds, is not followed elsewhere, and no more of its answer is read than the
//! line that says why it refused.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::background::Signal;
use crate::config::Monitoring;
use crate::domain::{SinkKind, Timestamp};
use crate::telemetry::ALERT_DELIVERIES_TOTAL;

/// Bytes of a refusal that are read at most.
const ANSWER: usize = 200;
/// What keys of Standard Webhooks begin with; what follows is base64.
const KEY_MARK: &str = "whsec_";

/// Why the sinks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The HTTP client could not be made.
    #[error("alerts cannot be sent: {0}")]
    Client(String),
    /// The key is marked as base64 and is none.
    #[error("setting monitoring.webhook_secret: begins with whsec_ and does not go on with base64: {0}")]
    Key(base64::DecodeError),
}

/// How a receiver took a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryResponse {
    /// The HTTP status, where it answered.
    pub status: Option<u16>,
    /// Why the message is not delivered; nothing where it is.
    pub refusal: Option<String>,
    /// Seconds after which the receiver wants it again, where it said so.
    pub again_in_s: Option<i64>,
}

impl DeliveryResponse {
    fn refused(reason: impl Into<String>) -> Self {
        Self { status: None, refusal: Some(reason.into()), again_in_s: None }
    }
}

/// The receivers of the settings; cheap to clone.
#[derive(Clone)]
pub(super) struct Sinks {
    client: reqwest::Client,
    slack: Option<Arc<SecretString>>,
    webhook: Option<(Arc<SecretString>, Arc<Vec<u8>>)>,
    slack_signal: Signal,
    webhook_signal: Signal,
}

impl Sinks {
    /// The receivers that `settings` name.
    pub fn new(settings: &Monitoring) -> Result<Self, SinkError> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(settings.delivery_timeout_s))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tillsight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SinkError::Client(error.without_url().to_string()))?;
        let key = settings.webhook_secret.as_ref().map(signing_key).transpose()?;
        let webhook = settings.webhook_url.clone().zip(key);
        for sink in SinkKind::ALL.map(SinkKind::as_str) {
            for outcome in ["delivered", "refused", "given_up"] {
                // Seen at 0 before anything is told.
                metrics::counter!(ALERT_DELIVERIES_TOTAL, "sink" => sink, "outcome" => outcome).increment(0);
            }
        }
        Ok(Self {
            client,
            slack: settings.slack_url.clone().map(Arc::new),
            webhook: webhook.map(|(url, key)| (Arc::new(url), Arc::new(key))),
            slack_signal: Signal::default(),
            webhook_signal: Signal::default(),
        })
    }

    /// Those that there are.
    pub fn kinds(&self) -> impl Iterator<Item = SinkKind> + use<> {
        let slack = self.slack.is_some().then_some(SinkKind::Slack);
        let webhook = self.webhook.is_some().then_some(SinkKind::Webhook);
        slack.into_iter().chain(webhook)
    }

    /// The parts of the address that must not be repeated: many servers put the path into what they say.
    fn secret_parts(&self, kind: SinkKind) -> Vec<String> {
        let url = match kind {
            SinkKind::Slack => self.slack.as_ref(),
            SinkKind::Webhook => self.webhook.as_ref().map(|(url, _)| url),
        };
        let Some(url) = url.and_then(|url| url::Url::parse(url.expose_secret()).ok()) else { return Vec::new() };
        let path = url.path().split('/');
        let parts = path.chain(url.query()).chain(url.password()).chain([url.username()]);
        parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
    }

    /// What wakes the deliveries to `kind`.
    pub fn signal(&self, kind: SinkKind) -> &Signal {
        match kind {
            SinkKind::Slack => &self.slack_signal,
            SinkKind::Webhook => &self.webhook_signal,
        }
    }

    /// Wakes the deliveries to every receiver.
    pub fn raise_signals(&self) {
        self.slack_signal.raise();
        self.webhook_signal.raise();
    }

    /// Sends `body` to `kind`; `id` tells the receiver when it gets the same message twice.
    pub async fn send(&self, kind: SinkKind, id: &str, body: &str, now: Timestamp) -> DeliveryResponse {
        let request = match (kind, &self.slack, &self.webhook) {
            (SinkKind::Slack, Some(url), _) => self.client.post(url.expose_secret()),
            (SinkKind::Webhook, _, Some((url, key))) => self
                .client
                .post(url.expose_secret())
                .header("webhook-id", id)
                .header("webhook-timestamp", now.seconds())
                .header("webhook-signature", signature(key, id, now.seconds(), body)),
            (SinkKind::Slack | SinkKind::Webhook, _, _) => {
                return DeliveryResponse::refused("the settings name no such receiver any more");
            }
        };
        let request = request.header("content-type", "application/json").body(body.to_owned());
        match request.send().await {
            Ok(answer) => read(kind, answer, &self.secret_parts(kind)).await,
            Err(error) => DeliveryResponse::refused(told(&error)),
        }
    }
}

/// Whether the receiver took it. Slack says `ok`; whatever else answers 200 there is not Slack.
async fn read(kind: SinkKind, mut answer: reqwest::Response, secrets: &[String]) -> DeliveryResponse {
    let status = answer.status();
    let again_in_s = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut refusal = match status {
        _ if status.is_success() => None,
        _ if status.is_redirection() => {
            Some(format!("answered {status}; redirects are not followed, set the new address"))
        }
        _ => Some(format!("answered {status}")),
    };
    if refusal.is_some() || kind == SinkKind::Slack {
        let mut text = Vec::new();
        while text.len() < ANSWER {
            match answer.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        text.truncate(ANSWER);
        let text: String = String::from_utf8_lossy(&text).chars().filter(|letter| !letter.is_control()).collect();
        let text = if repeats(&text, secrets) { "(its words hold parts of the address)".to_owned() } else { text };
        match &mut refusal {
            Some(refusal) if !text.is_empty() => *refusal = format!("{refusal}: {text}"),
            Some(_) => {}
            None if text.trim() == "ok" => {}
            None => refusal = Some(format!("answered {status} with \"{text}\" and not with \"ok\" as Slack does")),
        }
    }
    DeliveryResponse { status: Some(status.as_u16()), refusal, again_in_s }
}

/// Whether one of `secrets` stands in `text`, as it is or percent-encoded.
fn repeats(text: &str, secrets: &[String]) -> bool {
    let lower = text.to_lowercase();
    let plain = percent_encoding::percent_decode_str(&lower).decode_utf8_lossy().into_owned();
    secrets.iter().any(|secret| {
        let decoded = percent_encoding::percent_decode_str(secret).decode_utf8_lossy();
        lower.contains(secret.as_str()) || plain.contains(&*decoded)
    })
}

/// The failure without the address, which is a secret.
fn told(error: &reqwest::Error) -> String {
    match error {
        _ if error.is_timeout() => "did not answer in time".to_owned(),
        _ if error.is_connect() => "no connection could be made".to_owned(),
        _ => "the connection broke or what came over it was no HTTP".to_owned(),
    }
}

/// The bytes of a key: those after `whsec_` as base64, any other text as it is.
fn signing_key(secret: &SecretString) -> Result<Vec<u8>, SinkError> {
    match secret.expose_secret().strip_prefix(KEY_MARK) {
        Some(encoded) => STANDARD.decode(encoded).map_err(SinkError::Key),
        None => Ok(secret.expose_secret().as_bytes().to_vec()),
    }
}

/// `v1,` and the base64 of HMAC-SHA-256 over `id.seconds.body`.
fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let sum = keyed(key, id, seconds, body).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(sum))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(key: &[u8], id: &str, seconds: i64, body: &str) -> Hmac<Sha256> {
    let mut sum = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    sum.update(format!("{id}.{seconds}.{body}").as_bytes());
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_the_address_is_noticed() {
        let secrets = ["services".to_owned(), "t0/x%20y".to_owned()];
        assert!(repeats("Cannot POST /SERVICES/a", &secrets));
        assert!(repeats("no t0%2Fx%20y here", &secrets) && repeats("no t0/x y here", &secrets));
        assert!(!repeats("invalid_payload", &secrets));
    }

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // Key, message and signature of the reference libraries' own test, quoted in the specification's repository.
        let key = signing_key(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_that_is_marked_and_no_base64_is_refused_without_being_shown() {
        let error = signing_key(&SecretString::from("whsec_not base64 at all")).unwrap_err().to_string();
        assert!(error.contains("webhook_secret") && !error.contains("not base64 at all"), "{error}");
    }
}
