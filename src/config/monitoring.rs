//! What is watched, when somebody is told of it, and where.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// When numbers and hash chains are checked, what else is watched, and who is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// Whether the server checks, watches and tells by itself; on demand it always checks.
    pub enabled: bool,
    /// Seconds from one quick check to the next.
    pub quick_check_s: i64,
    /// Seconds from one deep check to the next.
    pub deep_check_s: i64,
    /// Reports that are kept of each store and depth.
    pub reports_kept: i64,
    /// Whether the server fills gaps that its own checks find with void placeholders, and takes counters that stand behind
    /// forward; it never renumbers.
    pub auto_repair: bool,
    /// Whether what is wrong raises alerts.
    pub alerts: bool,
    /// Seconds from one look at the rules to the next.
    pub look_s: i64,
    /// When an alert is raised.
    pub rules: Rules,
    /// Seconds after the sinks were told of an alert in which they are not told that it began again.
    pub cool_down_s: i64,
    /// Seconds after which an alert that nobody has acknowledged is critical and told again, each time.
    pub escalate_s: i64,
    /// How often an alert is told again at most.
    pub escalations: i64,
    /// Days that alerts are kept once they are over.
    pub alerts_kept_days: i64,
    /// Address of an incoming webhook of Slack; a secret, since whoever has it may post.
    #[serde(skip_serializing)]
    pub slack_url: Option<SecretString>,
    /// Address that alerts are posted to; a secret, since it may hold a password.
    #[serde(skip_serializing)]
    pub webhook_url: Option<SecretString>,
    /// Key that what is posted to `webhook_url` is signed with, at least 24 bytes.
    #[serde(skip_serializing)]
    pub webhook_secret: Option<SecretString>,
    /// Seconds that a receiver may take to answer.
    pub delivery_timeout_s: u64,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            enabled: true,
            quick_check_s: 1_800,
            deep_check_s: 21_600,
            reports_kept: 1_000,
            auto_repair: false,
            alerts: true,
            look_s: 30,
            rules: Rules::default(),
            cool_down_s: 1_800,
            escalate_s: 3_600,
            escalations: 3,
            alerts_kept_days: 365,
            slack_url: None,
            webhook_url: None,
            webhook_secret: None,
            delivery_timeout_s: 10,
        }
    }
}

/// When an alert is raised: see `deploy/RUNBOOK.md`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Orders that could not be made for the server's reasons, as a share of those that were made or could not.
    pub failure_rate: FailureRate,
    /// Transactions that met another one over a number, for each attempt.
    pub conflict_rate: ConflictRate,
    /// 95 of 100 attempts that made an order or failed for the server's reasons take at most so many seconds.
    pub slow: Slow,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: above $threshold:literal within $window:literal s;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            /// Above it the alert is raised.
            pub threshold: f64,
            /// Seconds that are looked back.
            pub window_s: i64,
            /// With fewer attempts in the window nothing is concluded.
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
    FailureRate: above 0.01 within 900 s;
    /// Default: more than 5 % in ten minutes.
    ConflictRate: above 0.05 within 600 s;
    /// Default: more than 5 s in a quarter of an hour.
    Slow: above 5.0 within 900 s;
}
