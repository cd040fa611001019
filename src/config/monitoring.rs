//! Monitoring: what is checked and watched, when alerts are raised, and where they are sent.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitoringSettings {
    /// Whether the server checks, watches and alerts by itself; a check on request is always possible.
    pub enabled: bool,
    /// Seconds between two quick checks.
    pub quick_check_s: i64,
    /// Seconds between two deep checks.
    pub deep_check_s: i64,
    /// How many reports of each store and depth are kept.
    pub reports_kept: i64,
    /// Whether the server fills gaps that its checks find with void placeholders, and moves counters forward that are behind;
    /// it never renumbers.
    pub auto_repair: bool,
    /// Whether violated rules raise alerts.
    pub alerts: bool,
    /// Seconds between two evaluations of the rules.
    pub look_s: i64,
    pub rules: AlertRuleSettings,
    /// Seconds after an alert was sent in which it is not sent again if it recurs.
    pub cool_down_s: i64,
    /// Seconds after which an unacknowledged alert becomes critical and is sent again, each time.
    pub escalate_s: i64,
    /// How often an alert is sent again at most.
    pub escalations: i64,
    /// Days for which resolved alerts are kept.
    pub alerts_kept_days: i64,
    /// URL of an incoming webhook of Slack; secret, because anyone who knows it can post.
    #[serde(skip_serializing)]
    pub slack_url: Option<SecretString>,
    /// URL that alerts are posted to; secret, because it may contain a password.
    #[serde(skip_serializing)]
    pub webhook_url: Option<SecretString>,
    /// Key that signs the posts to `webhook_url`: `whsec_` and base64.
    #[serde(skip_serializing)]
    pub webhook_secret: Option<SecretString>,
    /// The key before a change: it signs as well, until all receivers know the new one.
    #[serde(skip_serializing)]
    pub webhook_secret_previous: Option<SecretString>,
    /// Seconds that a receiver may take to reply.
    pub delivery_timeout_s: u64,
}

impl Default for MonitoringSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            quick_check_s: 1_800,
            deep_check_s: 21_600,
            reports_kept: 1_000,
            auto_repair: false,
            alerts: true,
            look_s: 30,
            rules: AlertRuleSettings::default(),
            cool_down_s: 1_800,
            escalate_s: 3_600,
            escalations: 3,
            alerts_kept_days: 365,
            slack_url: None,
            webhook_url: None,
            webhook_secret: None,
            webhook_secret_previous: None,
            delivery_timeout_s: 10,
        }
    }
}

/// When an alert is raised: see `deploy/RUNBOOK.md`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertRuleSettings {
    /// Orders that failed because of the server, as a share of all attempts.
    pub failure_rate: FailureRateRule,
    /// Conflicts over a receipt number per attempt.
    pub conflict_rate: ConflictRateRule,
    /// The 95th percentile of the seconds of an attempt that made an order or failed because of the server.
    pub slow: SlowRule,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: above $threshold:literal within $window:literal s;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// A larger value raises the alert.
            pub threshold: f64,
            /// Length of the observed period.
            pub window_s: i64,
            /// With fewer attempts in the window, the rule is not evaluated.
            pub attempts: i64,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { threshold: $threshold, window_s: $window, attempts: 10 }
            }
        }
    )+};
}

rules! {
    /// Default: more than 1 % in a quarter of an hour.
    FailureRateRule: above 0.01 within 900 s;
    /// Default: more than 5 % in ten minutes.
    ConflictRateRule: above 0.05 within 600 s;
    /// Default: more than 5 s in a quarter of an hour.
    SlowRule: above 5.0 within 900 s;
}
