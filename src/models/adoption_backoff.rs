//! How long a model that could not be taken up is left alone: an attempt reads and starts the model and fills an index.

use std::time::{Duration, Instant};

/// The first and the longest pause after an attempt that failed; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// The pause after the last attempt that failed. It is about one switch; another one is taken up at once.
#[derive(Debug, Default)]
pub(super) struct AdoptionPause(Option<Pause>);

#[derive(Debug)]
struct Pause {
    /// The switch, counted over all.
    generation: Option<i64>,
    length: Duration,
    until: Instant,
}

impl AdoptionPause {
    /// Whether the model of switch `generation` is to be left alone at `now`.
    pub(super) fn hold(&self, generation: Option<i64>, now: Instant) -> bool {
        self.0.as_ref().is_some_and(|pause| pause.generation == generation && now < pause.until)
    }

    /// An attempt to take up the model of switch `generation` has failed at `now`.
    pub(super) fn failed(&mut self, generation: Option<i64>, now: Instant) {
        let before = self.0.as_ref().filter(|pause| pause.generation == generation);
        let length = before.map_or(PAUSES.0, |pause| (pause.length * 2).min(PAUSES.1));
        self.0 = Some(Pause { generation, length, until: now + length });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_minute_and_another_switch_does_not_wait() {
        let mut pauses = AdoptionPause::default();
        let mut now = Instant::now();
        assert!(!pauses.hold(Some(1), now));
        for wanted in [2, 4, 8, 16, 32, 60, 60] {
            pauses.failed(Some(1), now);
            let end = now + Duration::from_secs(wanted);
            assert!(pauses.hold(Some(1), end - Duration::from_millis(1)) && !pauses.hold(Some(1), end), "{wanted}");
            assert!(!pauses.hold(Some(2), now));
            now = end;
        }
        pauses.failed(Some(2), now);
        assert!(!pauses.hold(Some(2), now + Duration::from_secs(2)), "its pauses begin anew");
    }
}
