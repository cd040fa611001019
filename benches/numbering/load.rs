//! A closed loop: each client confirms its next session when the one before is answered.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::runtime::Runtime;

use super::fixture::Batch;

/// What a closed loop measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Confirmations per second.
    pub rate: f64,
    /// Time of one confirmation.
    pub p50_ms: f64,
    pub p95_ms: f64,
}

/// Runs `confirm` for every session of a batch, `clients` at a time, on as many threads as the server has for requests:
/// one for each core.
pub fn closed_loop<F: Future<Output = ()>>(
    runtime: &Runtime,
    batch: Batch,
    clients: usize,
    confirm: impl Fn(u64) -> F + Sync,
) -> Load {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (threads, next, confirm) = (cores.min(clients), AtomicUsize::new(0), &confirm);
    let times = Mutex::new(Vec::with_capacity(batch.count));
    let client = async |next: &AtomicUsize, times: &Mutex<Vec<Duration>>| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= batch.count {
                return;
            }
            let begun = Instant::now();
            confirm(batch.first + index as u64).await;
            times.lock().expect("the times").push(begun.elapsed());
        }
    };
    let (client, next, all) = (&client, &next, &times);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let clients_here = (clients - thread).div_ceil(threads);
            scope.spawn(move || runtime.block_on(join_all((0..clients_here).map(|_| client(next, all)))));
        }
    });
    let rate = batch.count as f64 / begun.elapsed().as_secs_f64();
    let mut times = times.into_inner().expect("the times");
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    Load { rate, p50_ms: at(50), p95_ms: at(95) }
}
