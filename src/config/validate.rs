//! Checks that types cannot express: ranges, lengths of secrets, origins.

use secrecy::{ExposeSecret, SecretString};

use super::webhook_secret::parse_webhook_secret;
use super::{ConfigError, DownloadSettings, MonitoringSettings, RecognitionSettings, Settings, WORKERS_MAX};
use crate::domain::{Currency, TimeZone};

/// The key size of HMAC-SHA-256; shorter secrets can be guessed.
const SECRET_BYTES_MIN: usize = 32;

/// # Errors
/// The first invalid setting.
pub(super) fn validate(settings: &Settings) -> Result<(), ConfigError> {
    let invalid = |name, reason: String| Err(ConfigError::Invalid { name, reason });
    let url = settings.database_url.expose_secret();
    if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
        return invalid("database_url", "must begin with sqlite://, postgres:// or postgresql://".to_owned());
    }
    match (&settings.tls_cert, &settings.tls_key, settings.tls) {
        (Some(_), None, _) => return invalid("tls_key", "is missing: it belongs to tls_cert".to_owned()),
        (None, Some(_), _) => return invalid("tls_cert", "is missing: it belongs to tls_key".to_owned()),
        (Some(_), Some(_), Some(_)) => {
            return invalid(
                "tls",
                "is self-signed, but tls_cert names a certificate; leave one of them out".to_owned(),
            );
        }
        (Some(_), Some(_), None) | (None, None, _) => {}
    }
    if let Err(error) = Currency::parse("currency", &settings.currency) {
        return invalid("currency", error.message);
    }
    if let Err(error) = TimeZone::parse("time_zone", &settings.time_zone) {
        return invalid("time_zone", error.message);
    }
    if let Some(length) = settings.token_secret.as_ref().map(|secret| secret.expose_secret().len())
        && length < SECRET_BYTES_MIN
    {
        return invalid(
            "token_secret",
            format!("has {length} bytes; at least {SECRET_BYTES_MIN} random ones are needed"),
        );
    }
    if let Some(address) = &settings.public_url
        && !url::Url::parse(address).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
    {
        return invalid("public_url", format!("\"{address}\" is not an address such as https://shop.example.org"));
    }
    for origin in &settings.cors_origins {
        if !(origin.starts_with("https://") || origin.starts_with("http://"))
            || origin.ends_with('/')
            || origin.contains('*')
        {
            return invalid("cors_origins", format!("\"{origin}\" is not an origin such as https://till.example.org"));
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
    in_range("limits.connections_per_address", settings.limits.connections_per_address as i64, 1, 1_000_000)?;
    in_range("limits.sign_ups", settings.limits.sign_ups, 1, 100_000)?;
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
    validate_recognition(&settings.recognition)?;
    in_range("checkout.idle_s", settings.checkout.idle_s, 10, 604_800)?;
    in_range("checkout.items", settings.checkout.items, 1, 10_000)?;
    in_range("checkout.quantity", settings.checkout.quantity, 1, 1_000_000)?;
    in_range("checkout.idempotency_s", settings.checkout.idempotency_s, 60, 31_536_000)?;
    in_range("monitoring.quick_check_s", settings.monitoring.quick_check_s, 60, 604_800)?;
    in_range("monitoring.deep_check_s", settings.monitoring.deep_check_s, 60, 2_592_000)?;
    in_range("monitoring.reports_kept", settings.monitoring.reports_kept, 1, 1_000_000)?;
    in_range("automation.workers", settings.automation.workers as i64, 0, WORKERS_MAX as i64)?;
    in_range("automation.evidence_kept_days", settings.automation.evidence_kept_days, 1, 36_500)?;
    in_range("automation.upload_bytes", settings.automation.upload_bytes.cast_signed(), 1_024, 1 << 40)?;
    in_range("automation.import_bytes", settings.automation.import_bytes.cast_signed(), 1_024, 1 << 42)?;
    validate_downloads(&settings.automation.download)?;
    in_range("automation.history_kept_days", settings.automation.history_kept_days, 1, 36_500)?;
    validate_monitoring(&settings.monitoring)
}

fn validate_downloads(settings: &DownloadSettings) -> Result<(), ConfigError> {
    in_range("automation.download.delay_ms", settings.delay_ms as i64, 0, 60_000)?;
    in_range("automation.download.timeout_s", settings.timeout_s as i64, 1, 300)?;
    let invalid = |name, reason| Err(ConfigError::Invalid { name, reason });
    if let Some(wrong) = settings.hosts.iter().find(|host| host.contains(['/', ':']) || host.is_empty()) {
        let reason = format!("\"{wrong}\" is no name of a server; write it as images.example.com, or * for all");
        return invalid("automation.download.hosts", reason);
    }
    let has_port = |server: &String| server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if let Some(wrong) = settings.private_servers.iter().find(|server| !has_port(server) || server.contains('/')) {
        let reason =
            format!("\"{wrong}\" is no server with its port; write it as pictures.shop:8080 or 192.168.1.20:80");
        return invalid("automation.download.private_servers", reason);
    }
    let is_header = |contact: &String| contact.chars().all(|letter| letter.is_ascii_graphic());
    if let Some(wrong) = settings.contact.as_ref().filter(|contact| !is_header(contact)) {
        let reason = format!("\"{wrong}\" is no address of the web or of mail");
        return invalid("automation.download.contact", reason);
    }
    Ok(())
}

fn validate_recognition(settings: &RecognitionSettings) -> Result<(), ConfigError> {
    in_float_range("recognition.ask_below", settings.ask_below, 1.0)?;
    in_float_range("recognition.unknown_below", settings.unknown_below, 1.0)?;
    in_range("recognition.learn_s", settings.learn_s as i64, 1, 86_400)?;
    if settings.unknown_below > settings.ask_below {
        let RecognitionSettings { ask_below, unknown_below, .. } = settings;
        let reason = format!("{unknown_below} is above recognition.ask_below ({ask_below}); it must not be");
        return Err(ConfigError::Invalid { name: "recognition.unknown_below", reason });
    }
    Ok(())
}

fn validate_monitoring(settings: &MonitoringSettings) -> Result<(), ConfigError> {
    in_range("monitoring.look_s", settings.look_s, 1, 3_600)?;
    in_range("monitoring.cool_down_s", settings.cool_down_s, 0, 604_800)?;
    in_range("monitoring.escalate_s", settings.escalate_s, 60, 2_592_000)?;
    in_range("monitoring.escalations", settings.escalations, 0, 100)?;
    in_range("monitoring.alerts_kept_days", settings.alerts_kept_days, 1, 36_500)?;
    in_range("monitoring.delivery_timeout_s", settings.delivery_timeout_s as i64, 1, 60)?;
    let (failure, conflict, slow) = (&settings.rules.failure_rate, &settings.rules.conflict_rate, &settings.rules.slow);
    in_float_range("monitoring.rules.failure_rate.threshold", failure.threshold, 1.0)?;
    // One attempt may have several conflicts.
    in_float_range("monitoring.rules.conflict_rate.threshold", conflict.threshold, 10.0)?;
    in_float_range("monitoring.rules.slow.threshold", slow.threshold, 600.0)?;
    in_range("monitoring.rules.failure_rate.window_s", failure.window_s, 60, 604_800)?;
    in_range("monitoring.rules.conflict_rate.window_s", conflict.window_s, 60, 604_800)?;
    in_range("monitoring.rules.slow.window_s", slow.window_s, 60, 604_800)?;
    in_range("monitoring.rules.failure_rate.attempts", failure.attempts, 1, 1_000_000)?;
    in_range("monitoring.rules.conflict_rate.attempts", conflict.attempts, 1, 1_000_000)?;
    in_range("monitoring.rules.slow.attempts", slow.attempts, 1, 1_000_000)?;
    // Anyone who reads Slack's URL in transit can post; other posts are signed, and may stay in a private network.
    let slack = parse_url("monitoring.slack_url", settings.slack_url.as_ref())?;
    if slack.is_some_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
        return Err(ConfigError::Invalid {
            name: "monitoring.slack_url",
            reason:
                "begins with http://, which shows this secret URL to everyone on the network; Slack's URLs begin with https:// \
                     (http:// is only accepted for a receiver on this machine)"
                    .to_owned(),
        });
    }
    parse_url("monitoring.webhook_url", settings.webhook_url.as_ref())?;
    validate_webhook_secrets(settings)
}

fn validate_webhook_secrets(settings: &MonitoringSettings) -> Result<(), ConfigError> {
    let parse = |name, secret: &Option<SecretString>| {
        let key = secret.as_ref().map(parse_webhook_secret).transpose();
        key.map_err(|reason| ConfigError::Invalid { name, reason })
    };
    let key = parse("monitoring.webhook_secret", &settings.webhook_secret)?;
    let previous = parse("monitoring.webhook_secret_previous", &settings.webhook_secret_previous)?;
    let invalid = |name, reason: &str| Err(ConfigError::Invalid { name, reason: reason.to_owned() });
    match (key, previous) {
        (None, Some(_)) => invalid(
            "monitoring.webhook_secret",
            "is missing: monitoring.webhook_secret_previous is only the one before it",
        ),
        (None, None) if settings.webhook_url.is_some() => {
            invalid("monitoring.webhook_secret", "is missing: it signs the posts to monitoring.webhook_url")
        }
        (Some(key), Some(previous)) if key == previous => invalid(
            "monitoring.webhook_secret_previous",
            "is the same key as monitoring.webhook_secret; leave it out, or give monitoring.webhook_secret the new one",
        ),
        (Some(_), _) | (None, None) => Ok(()),
    }
}

fn in_float_range(name: &'static str, value: f64, max: f64) -> Result<(), ConfigError> {
    if (0.0..=max).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Invalid { name, reason: format!("{value} is not between 0 and {max}") })
    }
}

/// The error does not show the URL, because it is a secret.
fn parse_url(name: &'static str, address: Option<&SecretString>) -> Result<Option<url::Url>, ConfigError> {
    let Some(address) = address else { return Ok(None) };
    let reason = match url::Url::parse(address.expose_secret()) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => return Ok(Some(url)),
        Ok(_) => "must begin with https:// or http:// and name a host".to_owned(),
        Err(error) => format!("is not a URL that begins with https:// ({error}); leave it out if there is no receiver"),
    };
    Err(ConfigError::Invalid { name, reason })
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn in_range(name: &'static str, value: i64, min: i64, max: i64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Invalid { name, reason: format!("{value} is not between {min} and {max}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn error_of(overlay: &str) -> String {
        Settings::from_toml(overlay).unwrap_err().to_string()
    }

    #[test]
    fn slacks_url_is_never_used_unencrypted_outside_this_machine() {
        let slack = |url: &str| Settings::from_toml(&format!("[monitoring]\nslack_url = \"{url}\""));
        for url in ["http://hooks.slack.com/services/T0/secret-part", "http://10.0.0.7/secret-part"] {
            let error = slack(url).unwrap_err().to_string();
            assert!(error.contains("monitoring.slack_url: begins with http://"), "{error}");
            assert!(!error.contains("secret-part"), "{error}");
        }
        for url in ["https://hooks.slack.com/x", "http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost:9/x"] {
            assert!(slack(url).is_ok(), "{url}");
        }
        let webhook = "[monitoring]\nwebhook_url = \"http://relay.internal/x\"\nwebhook_secret = ";
        assert!(Settings::from_toml(&format!("{webhook}\"{KEY}\"")).is_ok(), "it is signed");
    }

    #[test]
    fn the_previous_webhook_secret_belongs_to_another_new_one() {
        let previous = format!("[monitoring]\nwebhook_secret_previous = \"{KEY}\"");
        assert!(error_of(&previous).contains("monitoring.webhook_secret: is missing"));
        assert!(error_of(&format!("{previous}\nwebhook_secret = \"{KEY}\"")).contains("is the same key"));
        let other = KEY.replace("Mf", "Nf");
        assert!(Settings::from_toml(&format!("{previous}\nwebhook_secret = \"{other}\"")).is_ok());
        let plain = error_of("[monitoring]\nwebhook_secret_previous = \"twenty-four bytes or more\"");
        assert!(plain.contains("monitoring.webhook_secret_previous: must begin with whsec_"), "{plain}");
    }

    #[test]
    fn each_invalid_setting_is_named_with_its_value() {
        assert!(error_of("database_url = \"mysql://x\"").contains("database_url"));
        assert!(error_of("tls_cert = \"cert.pem\"").contains("tls_key: is missing"));
        assert!(error_of("tls = \"self-signed\"\ntls_cert = \"a\"\ntls_key = \"b\"").contains("leave one of them out"));
        assert!(error_of("tls = \"on\"").contains("tls"));
        assert!(error_of("currency = \"EURO\"").contains("EURO"));
        assert!(error_of("token_secret = \"short\"").contains("5 bytes"));
        assert!(error_of("cors_origins = [\"*\"]").contains("cors_origins"));
        assert!(error_of("[limits]\npage = 0").contains("limits.page"));
        assert!(error_of("[recognition]\nask_below = 1.5").contains("recognition.ask_below: 1.5"));
        let crossed = error_of("[recognition]\nask_below = 0.2");
        assert!(crossed.contains("recognition.unknown_below: 0.3 is above recognition.ask_below (0.2)"), "{crossed}");
        assert!(error_of("[monitoring]\nquick_check_s = 5").contains("monitoring.quick_check_s"));
        assert!(error_of("[monitoring.rules.slow]\nthreshold = -1.0").contains("-1 is not between"));
        assert!(error_of("[monitoring.rules.failure_rate]\nthreshold = nan").contains("failure_rate"));
        let receiver = "webhook_url = \"https://user:pass@example.org/x\"";
        assert!(error_of(&format!("[monitoring]\n{receiver}")).contains("monitoring.webhook_secret: is missing"));
        let short = "webhook_secret = \"whsec_vsez0ZkEZnDLohzxWTdAlA==\"";
        assert!(error_of(&format!("[monitoring]\n{receiver}\n{short}")).contains("a key of 16 bytes"));
        let address = error_of("[monitoring]\nslack_url = \"ftp://host/secret-part\"");
        assert!(address.contains("monitoring.slack_url") && !address.contains("secret-part"), "{address}");
        assert!(error_of("[tokens]\nargon2_memory_kib = 1024").contains("argon2_memory_kib"));
    }
}
