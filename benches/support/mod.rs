//! What the benches share.

use std::time::Duration;

/// Values per vector, as the shipped model has.
pub const DIM: usize = 256;
/// Every bench starts from it.
pub const SEED: u64 = 20_261_121;

/// For a table.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
