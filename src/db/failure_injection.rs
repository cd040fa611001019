//! Failure injection: a share of the marked transactions fails, each at a random statement.
//!
//! Tests use it to show that a rolled-back confirmation gives its receipt number back, wherever it was interrupted
//! (`tests/api/numbering_load`). It needs the feature `fail-points` and the variable [`VARIABLE`] with share and seed:
//! `FAIL_CONFIRMS=0.2:7` lets one transaction in five fail. The seed and the order in which transactions begin decide which
//! ones.

use std::sync::{LazyLock, Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::DatabaseError;

const VARIABLE: &str = "FAIL_CONFIRMS";
/// Statements of the confirmation of a short bill including the commit; each is equally likely to fail.
const STATEMENTS: u32 = 7;

static INJECTOR: LazyLock<Option<Mutex<Injector>>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let injector = Injector::parse(&text);
    Some(Mutex::new(
        injector.unwrap_or_else(|| panic!("{VARIABLE} is \"{text}\", not a share and a seed such as 0.2:7")),
    ))
});

/// How many statements of a transaction still succeed before one fails; `None` if none fails.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InjectedFailure(Option<u32>);

impl InjectedFailure {
    /// Draws whether and where a new transaction fails.
    pub(super) fn draw() -> Self {
        let injector = INJECTOR.as_ref().map(|injector| injector.lock().unwrap_or_else(PoisonError::into_inner));
        injector.map_or(Self(None), |mut injector| injector.draw())
    }

    /// Call it before each statement: counts it, or fails in its place.
    pub(super) fn before_statement(&mut self) -> Result<(), DatabaseError> {
        match self.0 {
            None => Ok(()),
            Some(0) => Err(injected_error()),
            Some(left) => {
                self.0 = Some(left - 1);
                Ok(())
            }
        }
    }

    /// Fails in place of the commit if the transaction is to fail and has not yet.
    pub(super) fn before_commit(self) -> Result<(), DatabaseError> {
        self.0.map_or(Ok(()), |_| Err(injected_error()))
    }
}

fn injected_error() -> DatabaseError {
    DatabaseError::Unexpected("injected failure".to_owned())
}

#[derive(Debug)]
struct Injector {
    share: f64,
    random: Pcg64Mcg,
}

impl Injector {
    /// From `SHARE:SEED`.
    fn parse(text: &str) -> Option<Self> {
        let (share, seed) = text.split_once(':')?;
        let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share))?;
        Some(Self { share, random: Pcg64Mcg::seed_from_u64(seed.parse().ok()?) })
    }

    fn draw(&mut self) -> InjectedFailure {
        // Both are drawn for every transaction, so that the outcome of one does not change the draws of the next.
        let (fails, at) = (self.random.random_bool(self.share), self.random.random_range(0..STATEMENTS));
        InjectedFailure(fails.then_some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_the_given_share_and_are_spread_evenly_over_statements() {
        let mut injector = Injector::parse("0.2:7").unwrap();
        let mut failed_at = [0; STATEMENTS as usize];
        for _ in 0..10_000 {
            let mut failure = injector.draw();
            let ran = (0..STATEMENTS - 1).take_while(|_| failure.before_statement().is_ok()).count();
            if failure.0.is_some() {
                assert!(failure.before_commit().is_err());
                failed_at[ran] += 1;
            } else {
                assert!(ran == failed_at.len() - 1 && failure.before_commit().is_ok());
            }
        }
        assert!(failed_at.iter().all(|times| (220..350).contains(times)), "{failed_at:?}");
        assert!((1_800..2_200).contains(&failed_at.iter().sum::<i32>()), "{failed_at:?}");
    }

    #[test]
    fn a_seed_gives_the_same_failures_again_and_malformed_text_is_refused() {
        let draw = || -> Vec<Option<u32>> {
            let mut injector = Injector::parse("0.5:11").unwrap();
            (0..100).map(|_| injector.draw().0).collect()
        };
        assert_eq!(draw(), draw());
        for wrong in ["", "0.2", "1.5:7", "a:7", "0.2:b", "-0.1:7"] {
            assert!(Injector::parse(wrong).is_none(), "{wrong}");
        }
    }
}
