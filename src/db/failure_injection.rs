//! Transactions that fail on purpose: of those that are marked for it, a share, each at a random statement.
//!
//! For the proof that a rolled back confirmation gives its receipt number back wherever it was interrupted
//! (`tests/api/numbering_load`). Compiled in with the feature `fail-points` alone, and idle without the variable
//! [`VARIABLE`], which holds share and seed: `FAIL_CONFIRMS=0.2:7` dooms one in five. What is drawn follows from the
//! seed and the order in which transactions begin.

use std::sync::{LazyLock, Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::DatabaseError;

/// Says which share of the transactions is doomed, and by which lots.
const VARIABLE: &str = "FAIL_CONFIRMS";
/// Statements of the confirmation of a short bill, the commit among them; each is as likely to be the one that is not
/// run.
const STATEMENTS: u32 = 7;

static LOTS: LazyLock<Option<Mutex<Lots>>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let lots = Lots::parse(&text);
    Some(Mutex::new(lots.unwrap_or_else(|| panic!("{VARIABLE} is \"{text}\", not a share and a seed such as 0.2:7"))))
});

/// What was drawn for a transaction: how many statements it still runs; nothing where it is spared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InjectedFailure(Option<u32>);

impl InjectedFailure {
    /// Draws the lot of a transaction that begins.
    pub(super) fn drawn() -> Self {
        let lots = LOTS.as_ref().map(|lots| lots.lock().unwrap_or_else(PoisonError::into_inner));
        lots.map_or(Self(None), |mut lots| lots.draw())
    }

    /// Counts a statement that is about to run, or refuses it.
    pub(super) fn statement(&mut self) -> Result<(), DatabaseError> {
        match self.0 {
            None => Ok(()),
            Some(0) => Err(on_purpose()),
            Some(left) => {
                self.0 = Some(left - 1);
                Ok(())
            }
        }
    }

    /// Refuses the commit of a doomed transaction, whatever it still might run.
    pub(super) fn commit(self) -> Result<(), DatabaseError> {
        self.0.map_or(Ok(()), |_| Err(on_purpose()))
    }
}

fn on_purpose() -> DatabaseError {
    DatabaseError::Unexpected("stopped on purpose".to_owned())
}

/// Lots for one transaction after the other.
#[derive(Debug)]
struct Lots {
    share: f64,
    random: Pcg64Mcg,
}

impl Lots {
    /// From `SHARE:SEED`.
    fn parse(text: &str) -> Option<Self> {
        let (share, seed) = text.split_once(':')?;
        let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share))?;
        Some(Self { share, random: Pcg64Mcg::seed_from_u64(seed.parse().ok()?) })
    }

    fn draw(&mut self) -> InjectedFailure {
        // Both lots are drawn for everybody, so that who is spared does not move the lots of those behind.
        let (injected, at) = (self.random.random_bool(self.share), self.random.random_range(0..STATEMENTS));
        InjectedFailure(injected.then_some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept_every_statement_is_hit_and_no_doomed_transaction_commits() {
        let mut lots = Lots::parse("0.2:7").unwrap();
        let mut hit = [0; STATEMENTS as usize];
        for _ in 0..10_000 {
            let mut doom = lots.draw();
            let ran = (0..STATEMENTS - 1).take_while(|_| doom.statement().is_ok()).count();
            if doom.0.is_some() {
                assert!(doom.commit().is_err());
                hit[ran] += 1;
            } else {
                assert!(ran == hit.len() - 1 && doom.commit().is_ok());
            }
        }
        assert!(hit.iter().all(|times| (220..350).contains(times)), "{hit:?}");
        assert!((1_800..2_200).contains(&hit.iter().sum::<i32>()), "{hit:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same_lots_and_nonsense_is_refused() {
        let drawn = || -> Vec<Option<u32>> {
            let mut lots = Lots::parse("0.5:11").unwrap();
            (0..100).map(|_| lots.draw().0).collect()
        };
        assert_eq!(drawn(), drawn());
        for wrong in ["", "0.2", "1.5:7", "a:7", "0.2:b", "-0.1:7"] {
            assert!(Lots::parse(wrong).is_none(), "{wrong}");
        }
    }
}
