//! Bounded pools of operating-system threads for work that would block an HTTP worker: decoding photos, scanning vectors,
//! hashing passwords.
//!
//! Each kind of work has its own pool, so that a burst of one cannot starve another. Invariants:
//! * the queue has a fixed length; if it is full, [`Pool::run`] fails at once with [`PoolError::Full`];
//! * if the caller leaves while its job is queued, the job is dropped and counted;
//! * a panic fails only its own job; the thread continues with the next one.
//!
//! A pool knows nothing about its jobs. [`Batcher`] is a pool that processes several inputs at once; [`Admission`] bounds how
//! many jobs are in a chain of pools and how long they wait.

mod admission;
mod batch;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::telemetry::{POOL_JOBS_TOTAL, POOL_QUEUE_SECONDS};

pub use admission::{Admission, AdmissionLimits, Overloaded, Permit, Priority};
pub use batch::{BatchAnswer, BatchError, Batcher, BatcherLimits, BatcherNames, Runner};

type Job = Box<dyn FnOnce() + Send>;

/// Why a job has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Try again later.
    #[error("all threads are busy and the queue is full")]
    Full,
    /// With the panic's message.
    #[error("the job panicked: {0}")]
    Panicked(String),
    #[error("the pool has stopped")]
    Stopped,
}

/// A fixed number of threads behind a queue of fixed length.
///
/// Dropping the pool waits for running jobs and joins the threads. No caller waits then, because [`Pool::run`] borrows the
/// pool.
#[derive(Debug)]
pub struct Pool {
    name: &'static str,
    // `None` only during `drop`, which closes the channel to end the threads.
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads named `name` with a queue of `queue_limit` jobs; both are at least one.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn new(name: &'static str, threads: usize, queue_limit: usize) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(queue_limit.max(1));
        let mut pool = Self { name, queue: Some(sender), threads: Vec::new() };
        for _ in 0..threads.max(1) {
            let jobs = receiver.clone();
            pool.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(move || run_jobs(&jobs))?);
        }
        for outcome in ["done", "panicked", "abandoned", "refused"] {
            metrics::counter!(POOL_JOBS_TOTAL, "pool" => name, "outcome" => outcome).increment(0);
        }
        Ok(pool)
    }

    /// Runs `job` on one of the pool's threads and returns its result.
    ///
    /// # Cancel safety
    /// If the future is dropped while the job is queued, the job is not run. If it is dropped later, the job runs to its end
    /// and its result is discarded, so a job must not rely on its caller.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once if the queue is full; [`PoolError::Panicked`] if the job panicked.
    pub async fn run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let name = self.name;
        let (reply, answer) = oneshot::channel();
        let queued = Instant::now();
        let entry: Job = Box::new(move || {
            if reply.is_closed() {
                metrics::counter!(POOL_JOBS_TOTAL, "pool" => name, "outcome" => "abandoned").increment(1);
                return;
            }
            metrics::histogram!(POOL_QUEUE_SECONDS, "pool" => name).record(queued.elapsed().as_secs_f64());
            let outcome =
                catch_unwind(AssertUnwindSafe(job)).map_err(|panic| PoolError::Panicked(panic_message(&*panic)));
            let label = if outcome.is_ok() { "done" } else { "panicked" };
            metrics::counter!(POOL_JOBS_TOTAL, "pool" => name, "outcome" => label).increment(1);
            // Fails if the caller left while the job ran.
            drop(reply.send(outcome));
        });
        let queue = self.queue.as_ref().ok_or(PoolError::Stopped)?;
        match queue.try_send(entry) {
            Ok(()) => answer.await.unwrap_or(Err(PoolError::Stopped)),
            Err(TrySendError::Full(_)) => {
                metrics::counter!(POOL_JOBS_TOTAL, "pool" => name, "outcome" => "refused").increment(1);
                Err(PoolError::Full)
            }
            Err(TrySendError::Disconnected(_)) => Err(PoolError::Stopped),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue = None;
        let current = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A job may own the last handle of its own pool, and a thread cannot join itself.
            if thread.thread().id() != current {
                drop(thread.join());
            }
        }
    }
}

fn run_jobs(jobs: &Receiver<Job>) {
    for job in jobs {
        // The job catches its own panic; this one catches a panic from dropping an unused result.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}

/// The message of a panic, for a log or an error text.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// A pool whose only thread is blocked in its first job until the returned sender is used or dropped.
    async fn blocked_pool(queue_limit: usize) -> (Arc<Pool>, mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let pool = Arc::new(Pool::new("test", 1, queue_limit).unwrap());
        let (release, gate) = mpsc::channel();
        let (started, has_started) = oneshot::channel();
        let blocked = Arc::clone(&pool);
        let first = tokio::spawn(async move {
            blocked
                .run(move || {
                    started.send(()).unwrap();
                    gate.recv().ok();
                })
                .await
                .unwrap();
        });
        has_started.await.unwrap();
        (pool, release, first)
    }

    #[tokio::test]
    async fn a_job_runs_on_a_thread_of_the_pool_and_returns_its_result() {
        let pool = Pool::new("test", 2, 4).unwrap();
        let name = pool.run(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
        assert_eq!(name.as_deref(), Some("test"));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (pool, release, first) = blocked_pool(1).await;
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| 7).await }
        });
        while pool.queue.as_ref().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| 8).await, Err(PoolError::Full));
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn a_job_whose_caller_left_is_not_run() {
        let (pool, release, first) = blocked_pool(4).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let abandoned = tokio::time::timeout(
            std::time::Duration::from_millis(5),
            pool.run(move || counted.fetch_add(1, Ordering::SeqCst)),
        );
        assert!(abandoned.await.is_err());
        release.send(()).unwrap();
        first.await.unwrap();
        pool.run(|| ()).await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_fails_its_own_job_only() {
        let pool = Pool::new("test", 1, 4).unwrap();
        let number = 3;
        let failed: Result<(), _> = pool.run(move || panic!("bad picture {number}")).await;
        assert_eq!(failed, Err(PoolError::Panicked("bad picture 3".to_owned())));
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn the_last_handle_may_be_dropped_inside_a_job() {
        let pool = Arc::new(Pool::new("test", 1, 1).unwrap());
        let inner = Arc::clone(&pool);
        let (done, finished) = oneshot::channel();
        let job = tokio::spawn(async move {
            let moved = Arc::clone(&inner);
            inner
                .run(move || {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    drop(moved);
                    done.send(()).unwrap();
                })
                .await
        });
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        job.abort();
        drop(pool);
        finished.await.unwrap();
    }
}
