//! Asking a server: a closed loop of clients, bursts, and an open loop at a fixed rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::task::JoinSet;

use super::http_client::Answer;
use super::server::Server;
use super::support::SEED;

/// What became of the photos of one measurement.
#[derive(Debug, Default)]
pub struct Load {
    /// From the first photo sent to the last answer, in seconds.
    pub seconds: f64,
    /// How long the answered ones took, in milliseconds, shortest first.
    pub answered_ms: Vec<f64>,
    /// Answered 429.
    pub refused: usize,
    /// Of those, without saying when to come back.
    pub refused_without_retry_after: usize,
    /// Answered otherwise, or not at all.
    pub failed: usize,
    /// What became of the first of those.
    pub first_failure: Option<String>,
    /// How much later than planned photos were sent, in milliseconds, least first; of an open loop.
    pub late_ms: Vec<f64>,
}

enum Outcome {
    /// After so many milliseconds.
    Answered(f64),
    /// And after how long it may come back, if that was said.
    Refused(Option<Duration>),
    Failed(String),
}

/// `clients` clients for about `time`, each sending its next photo when the last one was answered. One who is refused
/// comes back when it was told to: clients that knock without a pause would only measure how fast they are turned away.
pub async fn closed_loop(server: &Server, clients: usize, time: Duration) -> Load {
    let begun = Instant::now();
    let client = |first: usize| async move {
        let mut outcomes = Vec::new();
        while begun.elapsed() < time {
            // Each client begins with another photo.
            let outcome = send(server, first + outcomes.len()).await;
            if let Outcome::Refused(Some(pause)) = outcome {
                tokio::time::sleep(pause.min(time.saturating_sub(begun.elapsed()))).await;
            }
            outcomes.push(outcome);
        }
        outcomes
    };
    let outcomes = join_all((0..clients).map(client)).await;
    Load::of(outcomes.into_iter().flatten(), Vec::new(), begun)
}

/// `kiosks` photos at the same moment, and again when all are answered.
pub async fn bursts(server: &Server, kiosks: usize, bursts: usize) -> Load {
    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for burst in 0..bursts {
        outcomes.extend(join_all((0..kiosks).map(|kiosk| send(server, burst * kiosks + kiosk))).await);
    }
    Load::of(outcomes.into_iter(), Vec::new(), begun)
}

/// `rate` photos per second for `time`, at random instants that follow from the seed; then waits for all answers.
pub async fn open_loop(server: &Arc<Server>, rate: f64, time: Duration) -> Load {
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let begun = Instant::now();
    let (mut planned, mut late, mut sent) = (Duration::ZERO, Vec::new(), JoinSet::new());
    loop {
        // Gaps of an exponential distribution, by the inverse of its distribution function.
        planned += Duration::from_secs_f64(-(1.0 - random.random::<f64>()).ln() / rate);
        if planned > time {
            break;
        }
        tokio::time::sleep_until((begun + planned).into()).await;
        late.push(millis(begun.elapsed().saturating_sub(planned)));
        let (server, turn) = (Arc::clone(server), late.len());
        sent.spawn(async move { send(&server, turn).await });
    }
    let outcomes = sent.join_all().await;
    Load::of(outcomes.into_iter(), late, begun)
}

/// Shows the server the photo whose turn it is.
async fn send(server: &Server, turn: usize) -> Outcome {
    let begun = Instant::now();
    match server.ask(turn).await {
        Ok(Answer { status: 200, .. }) => Outcome::Answered(millis(begun.elapsed())),
        Ok(Answer { status: 429, retry_after }) => Outcome::Refused(retry_after.map(Duration::from_secs)),
        Ok(Answer { status, .. }) => Outcome::Failed(format!("answered {status}")),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Load {
    fn of(outcomes: impl Iterator<Item = Outcome>, mut late_ms: Vec<f64>, begun: Instant) -> Self {
        late_ms.sort_unstable_by(f64::total_cmp);
        let mut load = Self { seconds: begun.elapsed().as_secs_f64(), late_ms, ..Self::default() };
        for outcome in outcomes {
            match outcome {
                Outcome::Answered(millis) => load.answered_ms.push(millis),
                Outcome::Refused(pause) => {
                    load.refused += 1;
                    load.refused_without_retry_after += usize::from(pause.is_none());
                }
                Outcome::Failed(reason) => {
                    load.failed += 1;
                    load.first_failure.get_or_insert(reason);
                }
            }
        }
        load.answered_ms.sort_unstable_by(f64::total_cmp);
        load
    }

    /// Photos answered per second.
    pub fn rate(&self) -> f64 {
        self.answered_ms.len() as f64 / self.seconds
    }

    /// The share of photos that were refused, in percent.
    pub fn refused_percent(&self) -> f64 {
        100.0 * self.refused as f64 / (self.answered_ms.len() + self.refused + self.failed).max(1) as f64
    }

    /// How long the slowest answer took, in milliseconds.
    pub fn slowest_ms(&self) -> f64 {
        self.answered_ms.last().copied().unwrap_or(f64::NAN)
    }

    /// The time below which this share of the answers stayed, in milliseconds; nearest rank.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.answered_ms, share)
    }

    /// How much later than planned 99 % were sent at most, in milliseconds.
    pub fn late_p99(&self) -> f64 {
        quantile(&self.late_ms, 0.99)
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
