//! Failed attempts that could not be written, because the disk is full: counted in memory, so that a full disk is no time
//! for guessing.
//!
//! Invariant: of fixed size. When as many subjects as fit have failed, further strangers are refused until the oldest expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::AuthError;
use crate::domain::Timestamp;

/// Subjects that are counted at the same time.
const SUBJECTS_MAX: usize = 4_096;

/// Failures by subject, oldest first.
#[derive(Debug, Default)]
pub(super) struct UnwrittenFailures(Mutex<HashMap<[u8; 32], Vec<Timestamp>>>);

impl UnwrittenFailures {
    /// # Errors
    /// [`AuthError::Busy`]: too many others have failed.
    pub(super) fn record(&self, subject: [u8; 32], at: Timestamp, since: Timestamp) -> Result<(), AuthError> {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(&subject) {
            subjects.retain(|_, failures| failures.last().is_some_and(|newest| *newest >= since));
            if subjects.len() >= SUBJECTS_MAX {
                return Err(AuthError::Busy);
            }
        }
        let failures = subjects.entry(subject).or_default();
        failures.retain(|failure| *failure >= since);
        failures.push(at);
        Ok(())
    }

    /// The failures of `subject` from `since` to `until`, oldest first.
    pub(super) fn list(&self, subject: &[u8; 32], since: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = subjects.get(subject).into_iter().flatten().copied();
        failures.filter(|failure| (since..=until).contains(failure)).collect()
    }

    pub(super) fn clear(&self, subject: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_within_the_window_and_their_number_is_bounded() {
        let failures = UnwrittenFailures::default();
        let at = Timestamp::from_micros;
        let subject = |number: usize| {
            let mut subject = [0; 32];
            subject[..8].copy_from_slice(&number.to_be_bytes());
            subject
        };
        for moment in 1..=3 {
            failures.record(subject(0), at(moment), at(0)).unwrap();
        }
        assert_eq!(failures.list(&subject(0), at(2), at(9)), [at(2), at(3)]);
        for number in 1..SUBJECTS_MAX {
            failures.record(subject(number), at(5), at(0)).unwrap();
        }
        let refused = failures.record(subject(SUBJECTS_MAX), at(5), at(0));
        assert!(matches!(refused, Err(AuthError::Busy)));
        failures.record(subject(0), at(6), at(0)).unwrap();
        // The others have expired.
        failures.record(subject(SUBJECTS_MAX), at(7), at(6)).unwrap();
        failures.clear(&subject(0));
        assert!(failures.list(&subject(0), at(0), at(9)).is_empty());
    }
}
