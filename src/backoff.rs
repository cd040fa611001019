//! Exponential backoff: the delays between failed attempts. Every policy is listed here.
//!
//! A policy only gives the delays. The caller decides what to retry, and waits.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// A transaction that conflicted, timed out or lost its connection. Short, because the client waits; with jitter, so that
/// transactions that collided do not collide again.
pub const TRANSACTION: BackoffPolicy = BackoffPolicy {
    jitter: true,
    max_retries: Some(3),
    ..policy(Duration::from_millis(20), Duration::from_millis(80))
};
/// An alert message that its receiver did not accept: 10 s, 40 s, 160 s, 640 s, 1 800 s.
pub const ALERT_DELIVERY: BackoffPolicy =
    BackoffPolicy { factor: 4.0, max_retries: Some(5), ..policy(Duration::from_secs(10), Duration::from_secs(1_800)) };
/// A committed change that has not reached the index yet. Short, because the client waits.
pub const INDEX_CATCH_UP: BackoffPolicy = BackoffPolicy {
    factor: 4.0,
    max_retries: Some(3),
    ..policy(Duration::from_millis(50), Duration::from_millis(500))
};
/// The lost connection of a change listener. Polling continues meanwhile.
pub const LISTEN: BackoffPolicy = policy(Duration::from_secs(1), Duration::from_secs(1));
/// Photos on sale that could not be embedded.
pub const UNSEARCHABLE_IMAGES: BackoffPolicy = policy(Duration::from_secs(2), Duration::from_secs(600));
/// A new model that could not be adopted, or photos that it could not embed.
pub const MODEL_SWITCH: BackoffPolicy = policy(Duration::from_secs(2), Duration::from_secs(60));

/// A job of the queue that failed: the delays before its first, second and third retry. Then it is given up.
pub const JOB_RETRIES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(30)];

/// The delays between attempts.
#[derive(Debug, Clone, Copy)]
pub struct BackoffPolicy {
    first: Duration,
    longest: Duration,
    factor: f32,
    /// `None` retries for ever.
    max_retries: Option<u32>,
    /// Lengthens each delay by a random share, at most to its double.
    jitter: bool,
}

/// The delays of one series of attempts; ends after the last retry.
pub type Delays = ExponentialBackoff;

const fn policy(first: Duration, longest: Duration) -> BackoffPolicy {
    BackoffPolicy { first, longest, factor: 2.0, max_retries: None, jitter: false }
}

impl BackoffPolicy {
    /// The delays of a new series of attempts.
    pub fn delays(&self) -> Delays {
        let exponential =
            ExponentialBuilder::new().with_min_delay(self.first).with_max_delay(self.longest).with_factor(self.factor);
        let exponential = if self.jitter { exponential.with_jitter() } else { exponential };
        match self.max_retries {
            Some(retries) => exponential.with_max_times(usize::try_from(retries).unwrap_or(usize::MAX)),
            None => exponential.without_max_times(),
        }
        .build()
    }

    /// The delay after the failed attempt number `attempt`, counted from 1; `None` after the last one. For callers that store
    /// the number of attempts.
    pub fn delay_after(&self, attempt: u32) -> Option<Duration> {
        self.delays().nth(usize::try_from(attempt.checked_sub(1)?).ok()?)
    }

    /// All attempts including the first; `None` without a limit.
    pub const fn max_attempts(&self) -> Option<u32> {
        match self.max_retries {
            Some(retries) => Some(retries + 1),
            None => None,
        }
    }

    /// The longest delay without jitter.
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_delays(policy: &BackoffPolicy, count: usize) -> Vec<u64> {
        policy.delays().take(count).map(|delay| delay.as_secs()).collect()
    }

    #[test]
    fn delays_grow_up_to_the_longest_and_end_after_the_last_retry() {
        assert_eq!(first_delays(&ALERT_DELIVERY, 9), [10, 40, 160, 640, 1_800]);
        assert_eq!(first_delays(&MODEL_SWITCH, 7), [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(first_delays(&LISTEN, 3), [1, 1, 1]);
        let catch_up: Vec<_> = INDEX_CATCH_UP.delays().map(|delay| delay.as_millis()).collect();
        assert_eq!(catch_up, [50, 200, 500]);
    }

    #[test]
    fn the_delay_after_an_attempt_is_that_of_the_series() {
        assert_eq!(ALERT_DELIVERY.max_attempts(), Some(6));
        assert_eq!(ALERT_DELIVERY.delay_after(1), Some(Duration::from_secs(10)));
        assert_eq!(ALERT_DELIVERY.delay_after(5), Some(Duration::from_secs(1_800)));
        assert_eq!(ALERT_DELIVERY.delay_after(6), None);
        assert_eq!(ALERT_DELIVERY.delay_after(0), None);
    }

    #[test]
    fn jitter_at_most_doubles_a_delay() {
        for _ in 0..100 {
            let delays = TRANSACTION.delays().zip([20, 40, 80].map(Duration::from_millis));
            for (delay, base) in delays {
                assert!(delay >= base && delay < base * 2, "{delay:?}");
            }
        }
    }
}
