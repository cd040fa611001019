//! Constants and functions of all index benches.

use std::time::Duration;

/// Values per vector, as in the shipped model.
pub const DIM: usize = 256;
pub const SEED: u64 = 20_261_121;

pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
