//! Kiosks whose keys were looked up a moment ago.
//!
//! A till sends photo after photo with the same key, and each look-up is a way to the database and back before anything is
//! seen. So one that was found is believed for [`GOOD_FOR`] seconds. Invariants: what is kept of a key is its hash; a kiosk
//! that is revoked through this server is forgotten when the attempt ends, however it does, and one that was being looked
//! up at that moment is not remembered; one that is revoked through another server is refused here no later than
//! [`GOOD_FOR`] seconds after. Only keys that are good are remembered, so strangers cannot fill the memory, and there is a bound all the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{KioskId, StoreId};

/// How long a kiosk is believed without asking.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// Kiosks that are remembered at most.
const MOST: usize = 4_096;

/// Hashes of keys, and whose they are.
#[derive(Debug, Default)]
pub(super) struct KnownKiosks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// With the moment at which their look-up began.
    kiosks: HashMap<Vec<u8>, (Kiosk, Instant)>,
    /// When those that are no longer believed were thrown out last.
    swept: Option<Instant>,
    /// Counts what was forgotten on purpose: whoever began to look before that must not remember what it saw.
    revocations: u64,
}

/// A kiosk and its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kiosk {
    pub(super) id: KioskId,
    pub(super) store: StoreId,
}

/// When a look-up began: what it finds is as old as that, however long it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    at: Instant,
    revocations: u64,
}

impl KnownKiosks {
    /// The kiosk with this key, where it was looked up a moment ago; else what to hand to [`Self::remember`] afterwards.
    pub(super) fn find(&self, key_hash: &[u8], now: Instant) -> Result<Kiosk, Before> {
        let known = self.lock();
        let fresh = known.kiosks.get(key_hash).filter(|(_, since)| now.saturating_duration_since(*since) < GOOD_FOR);
        fresh.map(|(kiosk, _)| *kiosk).ok_or(Before { at: now, revocations: known.revocations })
    }

    /// Believes what a look-up that began at `before` has found.
    pub(super) fn remember(&self, key_hash: Vec<u8>, kiosk: Kiosk, before: Before) {
        let mut known = self.lock();
        let now = before.at;
        if known.revocations != before.revocations {
            return;
        }
        // Not at every miss: where there are more tills than are remembered, each would look through all of them.
        let sweeps = known.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= GOOD_FOR);
        if known.kiosks.len() >= MOST && sweeps {
            known.swept = Some(now);
            known.kiosks.retain(|_, (_, since)| now.saturating_duration_since(*since) < GOOD_FOR);
        }
        if known.kiosks.len() < MOST {
            known.kiosks.insert(key_hash, (kiosk, now));
        }
    }

    /// Forgets the kiosk when what is returned is dropped: however a revocation ends, and where its caller leaves meanwhile, the
    /// database is asked anew afterwards.
    pub(super) fn forgets(&self, id: KioskId) -> Forgets<'_> {
        Forgets { known: self, id }
    }

    fn forget(&self, id: KioskId) {
        let mut known = self.lock();
        known.revocations += 1;
        known.kiosks.retain(|_, (kiosk, _)| kiosk.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`KnownKiosks::forgets`].
#[derive(Debug)]
#[must_use]
pub(super) struct Forgets<'a> {
    known: &'a KnownKiosks,
    id: KioskId,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.known.forget(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn kiosk(number: i64) -> Kiosk {
        let at = Timestamp::from_micros(number * 1_000_000);
        Kiosk { id: KioskId::at(at), store: StoreId::at(at) }
    }

    #[test]
    fn a_kiosk_is_believed_for_some_seconds() {
        let (known, now) = (KnownKiosks::default(), Instant::now());
        let before = known.find(b"key", now).unwrap_err();
        let till = kiosk(1);
        known.remember(b"key".to_vec(), till, before);
        assert_eq!(known.find(b"key", now + GOOD_FOR / 2).unwrap(), till);
        let later = known.find(b"key", now + GOOD_FOR).unwrap_err();
        // What was read at that moment is not believed for longer because the answer was late.
        known.remember(b"key".to_vec(), till, later);
        assert!(known.find(b"key", now + 2 * GOOD_FOR).is_err());
        assert!(known.find(b"another", now).is_err());
    }

    #[test]
    fn one_that_is_revoked_is_forgotten_even_while_it_is_looked_up() {
        let (known, now) = (KnownKiosks::default(), Instant::now());
        let (one, two) = (kiosk(1), kiosk(2));
        let before = known.find(b"one", now).unwrap_err();
        known.remember(b"one".to_vec(), one, before);
        let looking = known.find(b"two", now).unwrap_err();
        drop(known.forgets(one.id));
        assert!(known.find(b"one", now).is_err());
        known.remember(b"two".to_vec(), two, looking);
        assert!(known.find(b"two", now).is_err(), "it may have been the one that was revoked");
        known.remember(b"two".to_vec(), two, known.find(b"two", now).unwrap_err());
        assert!(known.find(b"two", now).is_ok());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let (known, now) = (KnownKiosks::default(), Instant::now());
        let remember = |number: usize, at: Instant| {
            let hash = number.to_le_bytes().to_vec();
            if let Err(before) = known.find(&hash, at) {
                known.remember(hash, kiosk(1), before);
            }
        };
        (0..=MOST).for_each(|number| remember(number, now));
        assert!(known.find(&MOST.to_le_bytes(), now).is_err());
        remember(MOST, now + GOOD_FOR);
        assert!(known.find(&MOST.to_le_bytes(), now + GOOD_FOR).is_ok(), "those from before have made room");
    }
}
