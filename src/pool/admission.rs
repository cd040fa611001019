//! Who may enter a chain of pools: bounded by the time that the next one would wait, not by a number of entries alone.
//!
//! A queue of fixed length keeps memory in bounds and says nothing about time: 256 photos in front of a shopper are
//! seconds. Whoever is hurried is therefore let in only while the expected wait is short, and told to come back
//! otherwise, so that those who were let in are served nearly as fast as on an idle machine however many knock.
//!
//! The expected wait of somebody who finds `n` others inside, of whom `m` are worked on at once, is `(n − m + ½) ÷ m`
//! works on one entry (none where `n < m`): those ahead finish evenly, one in every `work ÷ m`, and the next of them
//! after half of that on average. The mean stay then follows by Little's law.
//!
//! Whoever is patient (an upload of many photos, a catalogue that is embedded anew) waits for a turn instead, in the
//! order of coming: while the machine is idle as many are worked on as can be, beside hurried ones exactly one, so that
//! neither starves the other. Invariants: hurried entries are never refused because of patient ones; patient ones are
//! refused only where more wait than the limit; a place is given back when its [`Permit`] is dropped, and by nothing
//! else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turnstile, Notify, Semaphore};

use super::PoolError;
use crate::telemetry::POOL_ADMISSIONS_TOTAL;

/// A new measurement counts for an eighth of the estimate: some ten photos make it, one giant does not.
const WEIGHT: u32 = 8;

/// The door in front of a chain of pools. Share it by `Arc`.
#[derive(Debug)]
pub struct Admission {
    name: &'static str,
    at_once: usize,
    max_wait: Option<Duration>,
    inside: Arc<Inside>,
    /// The patient one whose turn is next waits behind it, the others before it.
    turn: Turnstile<()>,
    waiting_room: Semaphore,
}

#[derive(Debug, Default)]
struct Inside {
    counts: Mutex<Counts>,
    someone_left: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    hurried: usize,
    patient: usize,
    /// The work on one entry; nothing before the first was measured.
    work: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum Manner {
    Hurried,
    Patient,
}

/// The right to be inside, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    inside: Arc<Inside>,
    manner: Manner,
}

impl Admission {
    /// A door before pools called `name` that work on `at_once` entries at the same time (at least one). A hurried
    /// entry may be expected to wait for `max_wait`; without it, for half as long as the work on one entry takes, which
    /// keeps the mean stay below twice that of an idle machine whatever the work is. `waiting_limit` patient ones may
    /// wait.
    pub fn new(name: &'static str, at_once: usize, max_wait: Option<Duration>, waiting_limit: usize) -> Self {
        for outcome in ["hurried", "patient", "refused"] {
            metrics::counter!(POOL_ADMISSIONS_TOTAL, "pool" => name, "outcome" => outcome).increment(0);
        }
        let (inside, turn) = (Arc::default(), Turnstile::default());
        let waiting_room = Semaphore::new(waiting_limit.clamp(1, Semaphore::MAX_PERMITS));
        Self { name, at_once: at_once.max(1), max_wait, inside, turn, waiting_room }
    }

    /// Lets a hurried entry in.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once where it would wait for too long.
    pub fn enter_hurried(&self) -> Result<Permit, PoolError> {
        let mut counts = self.inside.counts();
        if self.is_full(&counts) {
            drop(counts);
            return Err(self.refuse());
        }
        counts.hurried += 1;
        drop(counts);
        Ok(self.place(Manner::Hurried))
    }

    /// Whether a hurried entry would be let in at this moment, without letting it in: for whoever has work to save by
    /// knowing early. One who is told no is counted as refused.
    ///
    /// # Errors
    /// [`PoolError::Full`] where it would wait for too long.
    pub fn would_let_in(&self) -> Result<(), PoolError> {
        let full = self.is_full(&self.inside.counts());
        if full { Err(self.refuse()) } else { Ok(()) }
    }

    /// Waits for a patient entry's turn.
    ///
    /// # Cancel safety
    /// Dropping the future gives the turn to the next one.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once where as many wait as may wait.
    pub async fn enter_patient(&self) -> Result<Permit, PoolError> {
        let Ok(_seat) = self.waiting_room.try_acquire() else { return Err(self.refuse()) };
        let _turn = self.turn.lock().await;
        loop {
            // Only the one whose turn it is waits here. One who left before this line has left a permit behind.
            let left = self.inside.someone_left.notified();
            if self.inside.takes_patient(self.at_once) {
                return Ok(self.place(Manner::Patient));
            }
            left.await;
        }
    }

    /// Tells how long the work on one entry took: its own part of each step, without waiting.
    pub fn learn(&self, work: Duration) {
        let mut counts = self.inside.counts();
        counts.work = Some(counts.work.map_or(work, |known| known * (WEIGHT - 1) / WEIGHT + work / WEIGHT));
    }

    fn is_full(&self, counts: &Counts) -> bool {
        self.expected_wait(counts.hurried) > self.longest_wait(counts.work)
    }

    /// How long somebody who finds `inside` hurried others waits, in works on one entry.
    fn expected_wait(&self, inside: usize) -> f64 {
        inside.checked_sub(self.at_once).map_or(0.0, |ahead| (ahead as f64 + 0.5) / self.at_once as f64)
    }

    /// How long a hurried entry may wait, in works on one entry.
    fn longest_wait(&self, work: Option<Duration>) -> f64 {
        match (self.max_wait, work) {
            (Some(max_wait), Some(work)) if !work.is_zero() => max_wait.as_secs_f64() / work.as_secs_f64(),
            (_, _) => 0.5,
        }
    }

    fn place(&self, manner: Manner) -> Permit {
        let outcome = match manner {
            Manner::Hurried => "hurried",
            Manner::Patient => "patient",
        };
        metrics::counter!(POOL_ADMISSIONS_TOTAL, "pool" => self.name, "outcome" => outcome).increment(1);
        Permit { inside: Arc::clone(&self.inside), manner }
    }

    fn refuse(&self) -> PoolError {
        metrics::counter!(POOL_ADMISSIONS_TOTAL, "pool" => self.name, "outcome" => "refused").increment(1);
        PoolError::Full
    }
}

impl Inside {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Nothing panics while it is held; were it so, the counts would still be right.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a patient entry in, where there is room for one.
    fn takes_patient(&self, at_once: usize) -> bool {
        let mut counts = self.counts();
        let room = counts.patient == 0 || counts.hurried + counts.patient < at_once;
        if room {
            counts.patient += 1;
        }
        room
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.inside.counts();
        match self.manner {
            Manner::Hurried => counts.hurried -= 1,
            Manner::Patient => counts.patient -= 1,
        }
        drop(counts);
        self.inside.someone_left.notify_one();
    }
}

#[cfg(test)]
mod tests;
