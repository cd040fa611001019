//! Checks that a type cannot express: ranges, lengths of secrets, origins.

use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, Monitoring, Settings};
use crate::domain::{Currency, TimeZone};

/// Secrets shorter than this can be guessed; 32 bytes is the key size of HMAC-SHA-256.
const SHORTEST_SECRET: usize = 32;
/// What the specification Standard Webhooks asks for at least.
const SHORTEST_WEBHOOK_SECRET: usize = 24;

/// The first thing that is wrong with `settings`, if anything is.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    let wrong = |name, reason: String| Err(ConfigError::Invalid { name, reason });
    let url = settings.database_url.expose_secret();
    if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
        return wrong("database_url", "must begin with sqlite://, postgres:// or postgresql://".to_owned());
    }
    if let Err(error) = Currency::parse("currency", &settings.currency) {
        return wrong("currency", error.message);
    }
    if let Err(error) = TimeZone::parse("time_zone", &settings.time_zone) {
        return wrong("time_zone", error.message);
    }
    if let Some(length) = settings.token_secret.as_ref().map(|secret| secret.expose_secret().len())
        && length < SHORTEST_SECRET
    {
        return wrong("token_secret", format!("has {length} bytes; at least {SHORTEST_SECRET} random ones are needed"));
    }
    for origin in &settings.cors_origins {
        if !(origin.starts_with("https://") || origin.starts_with("http://"))
            || origin.ends_with('/')
            || origin.contains('*')
        {
            return wrong("cors_origins", format!("\"{origin}\" is no origin such as https://till.example.org"));
        }
    }
    in_range("limits.image_bytes", settings.limits.image_bytes as i64, 1_024, 1 << 30)?;
    in_range("limits.upload_bytes", settings.limits.upload_bytes as i64, 1_024, 1 << 32)?;
    in_range("limits.bodies_bytes", settings.limits.bodies_bytes as i64, settings.limits.upload_bytes as i64, 1 << 40)?;
    in_range("limits.image_pixels", settings.limits.image_pixels as i64, 1_024, 1_000_000_000)?;
    in_range("limits.images_per_upload", settings.limits.images_per_upload as i64, 1, 10_000)?;
    in_range("limits.images_per_product", settings.limits.images_per_product as i64, 1, 100_000)?;
    in_range("limits.json_bytes", settings.limits.json_bytes as i64, 1_024, 1 << 26)?;
    in_range("limits.body_timeout_s", settings.limits.body_timeout_s as i64, 1, 3_600)?;
    in_range("limits.page", settings.limits.page, 1, 1_000)?;
    in_range("limits.database_connections", i64::from(settings.limits.database_connections), 1, 1_000)?;
    in_range("limits.connections", settings.limits.connections as i64, 1, 1_000_000)?;
    in_range("limits.login_failures", settings.limits.login_failures, 1, 1_000)?;
    in_range("limits.login_window_s", settings.limits.login_window_s, 1, 86_400)?;
    in_range("tokens.access_s", settings.tokens.access_s, 1, 86_400)?;
    in_range("tokens.refresh_s", settings.tokens.refresh_s, 60, 31_536_000)?;
    in_range("tokens.refresh_grace_s", settings.tokens.refresh_grace_s, 0, 60)?;
    in_range("tokens.enrolment_s", settings.tokens.enrolment_s, 10, 604_800)?;
    in_range("tokens.argon2_memory_kib", i64::from(settings.tokens.argon2_memory_kib), 19 * 1_024, 4 << 20)?;
    in_range("tokens.argon2_passes", i64::from(settings.tokens.argon2_passes), 2, 100)?;
    in_range("http_workers", settings.http_workers as i64, 0, 1_024)?;
    in_range("stop_timeout_s", settings.stop_timeout_s as i64, 0, 3_600)?;
    in_range("engine.decode_threads", settings.engine.decode_threads as i64, 0, 1_024)?;
    in_range("engine.model_sessions", settings.engine.model_sessions as i64, 0, 256)?;
    in_range("engine.search_threads", settings.engine.search_threads as i64, 0, 1_024)?;
    in_range("engine.hash_threads", settings.engine.hash_threads as i64, 0, 1_024)?;
    in_range("engine.threads_per_session", settings.engine.threads_per_session as i64, 1, 256)?;
    in_range("engine.batch", settings.engine.batch as i64, 1, 256)?;
    in_range("engine.queue", settings.engine.queue as i64, 1, 100_000)?;
    in_range("engine.max_wait_ms", settings.engine.max_wait_ms as i64, 0, 60_000)?;
    in_range("engine.candidates", settings.engine.candidates as i64, 2, 100)?;
    in_range("engine.follow_s", settings.engine.follow_s as i64, 1, 3_600)?;
    in_range("engine.snapshot_s", settings.engine.snapshot_s as i64, 0, 604_800)?;
    in_range("checkout.idle_s", settings.checkout.idle_s, 10, 604_800)?;
    in_range("checkout.items", settings.checkout.items, 1, 10_000)?;
    in_range("checkout.quantity", settings.checkout.quantity, 1, 1_000_000)?;
    in_range("checkout.idempotency_s", settings.checkout.idempotency_s, 60, 31_536_000)?;
    in_range("monitoring.quick_check_s", settings.monitoring.quick_check_s, 60, 604_800)?;
    in_range("monitoring.deep_check_s", settings.monitoring.deep_check_s, 60, 2_592_000)?;
    in_range("monitoring.reports_kept", settings.monitoring.reports_kept, 1, 1_000_000)?;
    monitoring(&settings.monitoring)
}

fn monitoring(settings: &Monitoring) -> Result<(), ConfigError> {
    in_range("monitoring.look_s", settings.look_s, 1, 3_600)?;
    in_range("monitoring.cool_down_s", settings.cool_down_s, 0, 604_800)?;
    in_range("monitoring.escalate_s", settings.escalate_s, 60, 2_592_000)?;
    in_range("monitoring.escalations", settings.escalations, 0, 100)?;
    in_range("monitoring.alerts_kept_days", settings.alerts_kept_days, 1, 36_500)?;
    in_range("monitoring.delivery_timeout_s", settings.delivery_timeout_s as i64, 1, 60)?;
    let (failure, conflict, slow) = (&settings.rules.failure_rate, &settings.rules.conflict_rate, &settings.rules.slow);
    share("monitoring.rules.failure_rate.threshold", failure.threshold, 1.0)?;
    // One attempt may meet several others.
    share("monitoring.rules.conflict_rate.threshold", conflict.threshold, 10.0)?;
    share("monitoring.rules.slow.threshold", slow.threshold, 600.0)?;
    in_range("monitoring.rules.failure_rate.window_s", failure.window_s, 60, 604_800)?;
    in_range("monitoring.rules.conflict_rate.window_s", conflict.window_s, 60, 604_800)?;
    in_range("monitoring.rules.slow.window_s", slow.window_s, 60, 604_800)?;
    in_range("monitoring.rules.failure_rate.attempts", failure.attempts, 1, 1_000_000)?;
    in_range("monitoring.rules.conflict_rate.attempts", conflict.attempts, 1, 1_000_000)?;
    in_range("monitoring.rules.slow.attempts", slow.attempts, 1, 1_000_000)?;
    // Whoever reads the address on the way may post; what is posted elsewhere is signed, and may stay in a private network.
    let slack = web_address("monitoring.slack_url", settings.slack_url.as_ref())?;
    if slack.is_some_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
        return Err(ConfigError::Invalid {
            name: "monitoring.slack_url",
            reason:
                "begins with http://, which shows the address, a secret, to everybody on the way; Slack's begin with \
                     https:// (http:// is taken for a receiver on this machine alone)"
                    .to_owned(),
        });
    }
    web_address("monitoring.webhook_url", settings.webhook_url.as_ref())?;
    let key = settings.webhook_secret.as_ref().map(|secret| key_bytes(secret.expose_secret()));
    match key {
        None if settings.webhook_url.is_some() => Err(ConfigError::Invalid {
            name: "monitoring.webhook_secret",
            reason: "is missing: what is posted to monitoring.webhook_url is signed with it".to_owned(),
        }),
        Some(length) if length < SHORTEST_WEBHOOK_SECRET => Err(ConfigError::Invalid {
            name: "monitoring.webhook_secret",
            reason: format!("has {length} bytes; at least {SHORTEST_WEBHOOK_SECRET} random ones are needed"),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Bytes of a webhook's key: what `whsec_` marks is base64, three bytes in four letters.
fn key_bytes(secret: &str) -> usize {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => encoded.trim_end_matches('=').len() * 3 / 4,
        None => secret.len(),
    }
}

/// A number that is above 0, or 0, and no more than `most`.
fn share(name: &'static str, value: f64, most: f64) -> Result<(), ConfigError> {
    if (0.0..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Invalid { name, reason: format!("{value} is not between 0 and {most}") })
    }
}

/// The address itself is not told: it is a secret.
fn web_address(name: &'static str, address: Option<&SecretString>) -> Result<Option<url::Url>, ConfigError> {
    let Some(address) = address else { return Ok(None) };
    let reason = match url::Url::parse(address.expose_secret()) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => return Ok(Some(url)),
        Ok(_) => "must begin with https:// or http:// and name a host".to_owned(),
        Err(error) => format!("is no address that begins with https:// ({error}); leave it out for no receiver"),
    };
    Err(ConfigError::Invalid { name, reason })
}

/// Whether nobody but this machine sees what is sent there.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn in_range(name: &'static str, value: i64, least: i64, most: i64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Invalid { name, reason: format!("{value} is not between {least} and {most}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(overlay: &str) -> String {
        Settings::from_toml(overlay).unwrap_err().to_string()
    }

    #[test]
    fn slacks_address_is_sent_over_nobodys_wire_in_the_clear() {
        let slack = |url: &str| Settings::from_toml(&format!("[monitoring]\nslack_url = \"{url}\""));
        for url in ["http://hooks.slack.com/services/T0/secret-part", "http://10.0.0.7/secret-part"] {
            let told = slack(url).unwrap_err().to_string();
            assert!(told.contains("monitoring.slack_url: begins with http://"), "{told}");
            assert!(!told.contains("secret-part"), "{told}");
        }
        for url in ["https://hooks.slack.com/x", "http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost:9/x"] {
            assert!(slack(url).is_ok(), "{url}");
        }
        let webhook = "[monitoring]\nwebhook_url = \"http://relay.internal/x\"\nwebhook_secret = ";
        assert!(Settings::from_toml(&format!("{webhook}\"{}\"", "k".repeat(24))).is_ok(), "it is signed");
    }

    #[test]
    fn each_nonsense_is_refused_by_name_and_value() {
        assert!(refused("database_url = \"mysql://x\"").contains("database_url"));
        assert!(refused("currency = \"EURO\"").contains("EURO"));
        assert!(refused("token_secret = \"short\"").contains("5 bytes"));
        assert!(refused("cors_origins = [\"*\"]").contains("cors_origins"));
        assert!(refused("[limits]\npage = 0").contains("limits.page"));
        assert!(refused("[monitoring]\nquick_check_s = 5").contains("monitoring.quick_check_s"));
        assert!(refused("[monitoring.rules.slow]\nthreshold = -1.0").contains("-1 is not between"));
        assert!(refused("[monitoring.rules.failure_rate]\nthreshold = nan").contains("failure_rate"));
        let receiver = "webhook_url = \"https://user:pass@example.org/x\"";
        assert!(refused(&format!("[monitoring]\n{receiver}")).contains("monitoring.webhook_secret: is missing"));
        assert!(refused(&format!("[monitoring]\n{receiver}\nwebhook_secret = \"short\"")).contains("5 bytes"));
        let short = "webhook_secret = \"whsec_vsez0ZkEZnDLohzxWTdAlA==\"";
        assert!(refused(&format!("[monitoring]\n{receiver}\n{short}")).contains("16 bytes"));
        let address = refused("[monitoring]\nslack_url = \"ftp://host/secret-part\"");
        assert!(address.contains("monitoring.slack_url") && !address.contains("secret-part"), "{address}");
        assert!(refused("[tokens]\nargon2_memory_kib = 1024").contains("argon2_memory_kib"));
    }
}
