//! A closed loop: each client confirms its next session when the one before is answered.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use tokio::runtime::Runtime;

use super::fixture::Batch;

/// Runs `confirm` for every session of a batch, `clients` at a time, on as many threads as the server has for requests:
/// one for each core. Gives confirmations per second.
pub fn closed_loop<F: Future<Output = ()>>(
    runtime: &Runtime,
    batch: Batch,
    clients: usize,
    confirm: impl Fn(u64) -> F + Sync,
) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (threads, next, confirm) = (cores.min(clients), AtomicUsize::new(0), &confirm);
    let client = async |next: &AtomicUsize| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= batch.count {
                return;
            }
            confirm(batch.first + index as u64).await;
        }
    };
    let (client, next) = (&client, &next);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let clients_here = (clients - thread).div_ceil(threads);
            scope.spawn(move || runtime.block_on(join_all((0..clients_here).map(|_| client(next)))));
        }
    });
    batch.count as f64 / begun.elapsed().as_secs_f64()
}
