//! The groups of settings that are numbers, with their defaults and units.

use serde::{Deserialize, Serialize};

use crate::domain::VerdictLimits;

/// Bounds on what one client can ask for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one image.
    pub image_bytes: usize,
    /// Pixels of one image (width × height), checked before decoding.
    pub image_pixels: u64,
    /// Bytes of all images of one upload together: the memory that one request can take.
    pub upload_bytes: usize,
    /// Bytes of all bodies that are received or processed at the same time; more are answered 429.
    pub bodies_bytes: usize,
    /// Images in one upload.
    pub images_per_upload: usize,
    /// Images of one product.
    pub images_per_product: usize,
    /// Bytes of a JSON body.
    pub json_bytes: usize,
    /// Seconds within which a request's body must arrive.
    pub body_timeout_s: u64,
    /// The most rows in one page of a list.
    pub page: i64,
    /// Connections to PostgreSQL, or read connections of SQLite.
    pub database_connections: u32,
    /// Open connections of all clients.
    pub connections: usize,
    /// Open connections of one address on which neither a kiosk nor staff has sent a request; half of `connections` at most.
    pub connections_per_address: usize,
    /// Login failures of one account, and of one address times five, within `login_window_s` before 429.
    pub login_failures: i64,
    /// Accounts that one address may create within `login_window_s` before 429.
    pub sign_ups: i64,
    /// Seconds over which login failures and sign-ups are counted.
    pub login_window_s: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            image_bytes: 10 * 1024 * 1024,
            image_pixels: 50_000_000,
            upload_bytes: 100 * 1024 * 1024,
            bodies_bytes: 512 * 1024 * 1024,
            images_per_upload: 50,
            images_per_product: 500,
            json_bytes: 64 * 1024,
            body_timeout_s: 30,
            page: 100,
            database_connections: 16,
            connections: 4_096,
            connections_per_address: 512,
            login_failures: 10,
            sign_ups: 60,
            login_window_s: 900,
        }
    }
}

/// Lifetimes of tokens and the cost of a password hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSettings {
    /// Lifetime of an access token.
    pub access_s: i64,
    /// Lifetime of an unused refresh token.
    pub refresh_s: i64,
    /// Seconds within which a rotated refresh token may be used once more (two tabs, a lost reply) without revoking the family.
    pub refresh_grace_s: i64,
    /// Lifetime of a kiosk's enrolment code.
    pub enrolment_s: i64,
    /// Argon2id memory in KiB; 19 MiB is OWASP's minimum with 2 passes and 1 lane.
    pub argon2_memory_kib: u32,
    /// Argon2id passes over that memory.
    pub argon2_passes: u32,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            access_s: 600,
            refresh_s: 30 * 24 * 3_600,
            refresh_grace_s: 30,
            enrolment_s: 3_600,
            argon2_memory_kib: 19 * 1_024,
            argon2_passes: 2,
        }
    }
}

/// Threads and queues of recognition. 0 threads: chosen by the number of cores.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Threads that decode and resize pictures.
    pub decode_threads: usize,
    /// ONNX Runtime sessions, each with a thread of its own.
    pub model_sessions: usize,
    /// Threads of one ONNX Runtime session.
    pub threads_per_session: usize,
    /// The most pictures in one run of the model.
    pub batch: usize,
    /// Threads that search the index.
    pub search_threads: usize,
    /// Threads that hash passwords.
    pub hash_threads: usize,
    /// The most jobs that wait for each of these, except photos from a till; more are answered 429.
    pub queue: usize,
    /// The longest expected wait of a photo from a till; a photo with a longer one is answered 429. 0: a photo that cannot be
    /// processed at once is answered 429.
    pub max_wait_ms: u64,
    /// The most products in the result of one region.
    pub candidates: usize,
    /// Seconds between two reads of the catalog's change log, for changes by other servers.
    pub follow_s: u64,
    /// Seconds between two snapshots of a changing index; 0: none.
    pub snapshot_s: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            decode_threads: 0,
            model_sessions: 0,
            threads_per_session: 1,
            batch: 8,
            search_threads: 0,
            hash_threads: 0,
            queue: 256,
            max_wait_ms: 1_000,
            candidates: 5,
            follow_s: 1,
            snapshot_s: 600,
        }
    }
}

/// When a till bills, asks or says unknown, once the confidence is learned from the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecognitionSettings {
    /// Confidence below which the till asks instead of billing.
    pub ask_below: f64,
    /// Confidence below which a thing is said to be unknown.
    pub unknown_below: f64,
    /// Seconds without a change of the catalogue after which the confidence is learned anew.
    pub learn_s: u64,
}

impl Default for RecognitionSettings {
    /// Of the thresholds that ask about a quarter of things at most, on groceries and on rendered packages, the ones with
    /// the fewest wrong bills.
    fn default() -> Self {
        Self { ask_below: 0.8, unknown_below: 0.3, learn_s: 30 }
    }
}

impl RecognitionSettings {
    pub fn verdict_limits(&self) -> VerdictLimits {
        VerdictLimits { ask_below: self.ask_below, unknown_below: self.unknown_below }
    }
}

/// Rules of the bill.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckoutSettings {
    /// Seconds without a change after which a session ends.
    pub idle_s: i64,
    /// The most lines of one bill.
    pub items: i64,
    /// The most pieces of one product on one bill.
    pub quantity: i64,
    /// Seconds for which the reply to an idempotency key is stored.
    pub idempotency_s: i64,
}

impl Default for CheckoutSettings {
    fn default() -> Self {
        Self { idle_s: 1_800, items: 500, quantity: 9_999, idempotency_s: 7 * 24 * 3_600 }
    }
}
