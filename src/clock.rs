//! The only source of time.
//!
//! Everything that needs the time of day is handed a [`Clock`], so that a test can hold it still or move it. The types
//! that read the system's clock directly are banned in `clippy.toml`. Durations of work are measured with
//! `std::time::Instant`, which no jump of the clock can disturb.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::Timestamp;

/// Tells the time; cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `at` until [`Clock::advance`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Source::Fixed(Arc::new(AtomicI64::new(at.micros()))))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::from_micros(system_micros()),
            Source::Fixed(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock by `seconds` (negative: backwards). The system's clock is not ours to move: nothing happens.
    pub fn advance(&self, seconds: i64) {
        if let Source::Fixed(micros) = &self.0 {
            micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may ask the system for the time")]
fn system_micros() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_for_all_its_clones() {
        let clock = Clock::fixed(Timestamp::from_micros(5));
        let other = clock.clone();
        other.advance(2);
        assert_eq!(clock.now(), Timestamp::from_micros(2_000_005));
        assert_eq!(clock.now(), other.now());
    }

    #[test]
    fn the_system_clock_is_past_the_year_this_was_written() {
        assert!(Clock::system().now() > Timestamp::from_micros(1_767_225_600_000_000));
    }
}
