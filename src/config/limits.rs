//! The numbers among the settings, with their defaults and units.

use serde::{Deserialize, Serialize};

/// Bounds on what one client can ask for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of one image.
    pub image_bytes: usize,
    /// Pixels of one image (width × height), checked before decoding.
    pub image_pixels: u64,
    /// Bytes of all images of one upload together: what one request can make the server hold in memory.
    pub upload_bytes: usize,
    /// Bytes of all bodies that are being received or worked on together; more are answered 429.
    pub bodies_bytes: usize,
    /// Images in one upload.
    pub images_per_upload: usize,
    /// Images of one product.
    pub images_per_product: usize,
    /// Bytes of a JSON body.
    pub json_bytes: usize,
    /// Seconds in which a request's body must have arrived.
    pub body_timeout_s: u64,
    /// Rows of one page of a list at most.
    pub page: i64,
    /// Connections to PostgreSQL, or readers of SQLite.
    pub database_connections: u32,
    /// Open client connections in all.
    pub connections: usize,
    /// Login failures of one account, and of one address times five, within `login_window_s` before 429.
    pub login_failures: i64,
    /// Seconds over which login failures are counted.
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
            login_failures: 10,
            login_window_s: 900,
        }
    }
}

/// Lifetimes of tokens and the cost of a password hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Seconds that an access token is good for.
    pub access_s: i64,
    /// Seconds that an unused refresh token is good for.
    pub refresh_s: i64,
    /// Seconds in which a rotated refresh token may be shown once more (two tabs, a lost reply) without ending the
    /// family.
    pub refresh_grace_s: i64,
    /// Seconds that a kiosk's enrolment code is good for.
    pub enrolment_s: i64,
    /// Argon2id memory in KiB; 19 MiB is OWASP's minimum with 2 passes and 1 lane.
    pub argon2_memory_kib: u32,
    /// Argon2id passes over that memory.
    pub argon2_passes: u32,
}

impl Default for Tokens {
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

/// Threads and queues of the recognition path. A count of 0 is chosen from the number of cores.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Threads that decode and resize pictures.
    pub decode_threads: usize,
    /// ONNX Runtime sessions, each on a thread of its own.
    pub model_sessions: usize,
    /// Threads inside one ONNX Runtime session.
    pub threads_per_session: usize,
    /// Pictures embedded in one run of the model at most.
    pub batch: usize,
    /// Threads that search the index.
    pub search_threads: usize,
    /// Threads that hash passwords.
    pub hash_threads: usize,
    /// Jobs that may wait before each of these, photos from a till excepted; more are answered 429.
    pub queue: usize,
    /// Milliseconds that a photo from a till may be expected to wait before it is worked on; one that would wait for longer
    /// is answered 429. 0: one that cannot be worked on at once is.
    pub max_wait_ms: u64,
    /// Products named for one region at most.
    pub candidates: usize,
    /// Seconds between two looks at the catalog's change log for changes made through other servers.
    pub follow_s: u64,
    /// Seconds between two snapshots of an index that changes; 0 for none.
    pub snapshot_s: u64,
}

impl Default for Engine {
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

/// Rules of the bill.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checkout {
    /// Seconds without a change after which a session is over.
    pub idle_s: i64,
    /// Lines of one bill at most.
    pub items: i64,
    /// Pieces of one product on one bill at most.
    pub quantity: i64,
    /// Seconds that the reply to an idempotency key is kept.
    pub idempotency_s: i64,
}

impl Default for Checkout {
    fn default() -> Self {
        Self { idle_s: 1_800, items: 500, quantity: 9_999, idempotency_s: 7 * 24 * 3_600 }
    }
}
