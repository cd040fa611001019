//! The only source of time.
//!
//! All code that needs the time gets a [`Clock`] as a parameter, so that tests can set it. `clippy.toml` bans direct reads of the
//! system's clock. Durations are measured with `std::time::Instant`, which is independent of changes to the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::Timestamp;

/// Cheap to clone.
#[derive(Clone)]
pub struct Clock(TimeSource);

#[derive(Clone)]
enum TimeSource {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Self(TimeSource::System)
    }

    /// A clock that shows `time` until [`Clock::advance`] moves it.
    pub fn fixed(time: Timestamp) -> Self {
        Self(TimeSource::Fixed(Arc::new(AtomicI64::new(time.micros()))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            TimeSource::System => Timestamp::from_micros(system_micros()),
            TimeSource::Fixed(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a fixed clock by `seconds` (negative: backwards). Does nothing to the system's clock.
    pub fn advance(&self, seconds: i64) {
        if let TimeSource::Fixed(micros) = &self.0 {
            micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the only place that may read the system's clock")]
fn system_micros() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_on_advance_and_with_all_its_clones() {
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
