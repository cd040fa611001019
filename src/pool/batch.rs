//! Micro-batching: workers that process several queued inputs at once.
//!
//! Work-conserving: a free worker takes the waiting entries, up to its share and the largest batch, and never waits for more.
//! An entry whose caller left is dropped and counted. Knows nothing about models or vectors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::panic_message;

/// The names of a [`Batcher`]'s threads and metrics.
#[derive(Debug, Clone, Copy)]
pub struct BatcherNames {
    pub thread: &'static str,
    /// Counts entries by outcome: `done`, `failed`, `abandoned` (the caller left), `refused` (the queue was full).
    pub entries: &'static str,
    /// Histogram of an entry's wait for a worker.
    pub queue_seconds: &'static str,
    /// Histogram of a batch's run time.
    pub run_seconds: &'static str,
    /// Histogram of the entries per batch.
    pub batch_entries: &'static str,
}

/// Processes batches. Each worker has its own.
pub trait Runner<I, O>: Send + 'static {
    /// Returns one output per input, in their order, or why the whole batch failed.
    fn run(&mut self, inputs: Vec<I>) -> Result<Vec<O>, String>;
}

/// The output of one entry, with its times.
#[derive(Debug, Clone, Copy)]
pub struct BatchAnswer<O> {
    pub output: O,
    /// The wait for a worker.
    pub queue: Duration,
    /// The run time of its batch.
    pub run: Duration,
}

/// Why an entry has no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchError {
    /// The queue was full.
    Full,
    /// The runner failed or panicked.
    Failed(String),
    /// The workers have stopped.
    Stopped,
}

struct Entry<I, O> {
    input: I,
    queued: Instant,
    reply: oneshot::Sender<Result<BatchAnswer<O>, String>>,
}

/// The bounds of a [`Batcher`].
#[derive(Debug, Clone, Copy)]
pub struct BatcherLimits {
    /// The most waiting entries; at least one.
    pub queue: usize,
    /// The most entries per batch; at least one.
    pub batch: usize,
    /// Into how many batches the waiting entries are divided; at least one. The number of workers if each uses one core, so
    /// that one worker does not take a whole burst while the others idle; 1 if a run uses every core.
    pub shares: usize,
}

/// The queue and its workers. Dropping it waits for running batches and joins the threads.
pub struct Batcher<I, O> {
    names: BatcherNames,
    // `None` only during `drop`, which closes the channel to end the workers.
    queue: Option<Sender<Entry<I, O>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// Starts one worker thread for each of `runners`.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(names: BatcherNames, runners: Vec<impl Runner<I, O>>, limits: BatcherLimits) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(limits.queue.max(1));
        let mut batcher = Self { names, queue: Some(sender), threads: Vec::new() };
        for mut runner in runners {
            let entries = receiver.clone();
            let work = move || process_entries(&names, &mut runner, &entries, limits);
            batcher.threads.push(std::thread::Builder::new().name(names.thread.to_owned()).spawn(work)?);
        }
        for outcome in ["done", "failed", "abandoned", "refused"] {
            count_entries(&names, outcome, 0);
        }
        Ok(batcher)
    }

    /// Queues `input` and waits for its output.
    ///
    /// # Cancel safety
    /// If the future is dropped while the entry is queued, the entry is dropped; later, its output is discarded.
    ///
    /// # Errors
    /// [`BatchError::Full`] at once if the queue is full; [`BatchError::Failed`]; [`BatchError::Stopped`].
    pub async fn submit(&self, input: I) -> Result<BatchAnswer<O>, BatchError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(BatchError::Stopped)?;
        match queue.try_send(Entry { input, queued: Instant::now(), reply }) {
            Ok(()) => answer.await.map_err(|_| BatchError::Stopped)?.map_err(BatchError::Failed),
            Err(TrySendError::Full(_)) => {
                count_entries(&self.names, "refused", 1);
                Err(BatchError::Full)
            }
            Err(TrySendError::Disconnected(_)) => Err(BatchError::Stopped),
        }
    }
}

impl<I, O> std::fmt::Debug for Batcher<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher")
            .field("names", &self.names)
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl<I, O> Drop for Batcher<I, O> {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn process_entries<I, O>(
    names: &BatcherNames,
    runner: &mut impl Runner<I, O>,
    entries: &Receiver<Entry<I, O>>,
    limits: BatcherLimits,
) {
    while let Ok(first) = entries.recv() {
        let share = (entries.len() + 1).div_ceil(limits.shares.max(1)).min(limits.batch.max(1));
        let taken = std::iter::once(first).chain(entries.try_iter().take(share - 1));
        let (live, abandoned): (Vec<_>, Vec<_>) = taken.partition(|entry| !entry.reply.is_closed());
        count_entries(names, "abandoned", abandoned.len());
        if !live.is_empty() {
            run_batch(names, runner, live);
        }
    }
}

fn run_batch<I, O>(names: &BatcherNames, runner: &mut impl Runner<I, O>, entries: Vec<Entry<I, O>>) {
    let started = Instant::now();
    let (inputs, waiting): (Vec<_>, Vec<_>) =
        entries.into_iter().map(|entry| (entry.input, (entry.reply, started - entry.queued))).unzip();
    let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(inputs)))
        .unwrap_or_else(|panic| Err(format!("it panicked: {}", panic_message(&*panic))));
    let run = started.elapsed();
    metrics::histogram!(names.run_seconds).record(run.as_secs_f64());
    metrics::histogram!(names.batch_entries).record(waiting.len() as f64);
    let outcome = outcome.and_then(|outputs| {
        let found = outputs.len();
        if found == waiting.len() { Ok(outputs) } else { Err(format!("{found} outputs for {} inputs", waiting.len())) }
    });
    count_entries(names, if outcome.is_ok() { "done" } else { "failed" }, waiting.len());
    let replies = waiting.into_iter().inspect(|(_, queue)| {
        metrics::histogram!(names.queue_seconds).record(queue.as_secs_f64());
    });
    // Sending fails if the caller left during the run.
    match outcome {
        Ok(outputs) => replies.zip(outputs).for_each(|((reply, queue), output)| {
            drop(reply.send(Ok(BatchAnswer { output, queue, run })));
        }),
        Err(reason) => replies.for_each(|(reply, _)| drop(reply.send(Err(reason.clone())))),
    }
}

fn count_entries(names: &BatcherNames, outcome: &'static str, entries: usize) {
    metrics::counter!(names.entries, "outcome" => outcome).increment(entries as u64);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    const NAMES: BatcherNames = BatcherNames {
        thread: "test",
        entries: "test_requests_total",
        queue_seconds: "test_queue_seconds",
        run_seconds: "test_run_seconds",
        batch_entries: "test_batch_entries",
    };

    /// Doubles its inputs, records the size of each batch, and waits for its gate before each run.
    struct Gated {
        gate: mpsc::Receiver<()>,
        sizes: Arc<Mutex<Vec<usize>>>,
    }

    impl Runner<u32, u32> for Gated {
        fn run(&mut self, inputs: Vec<u32>) -> Result<Vec<u32>, String> {
            self.sizes.lock().unwrap().push(inputs.len());
            self.gate.recv().ok();
            match inputs.as_slice() {
                [13, ..] => Err("unlucky".to_owned()),
                [14, ..] => panic!("unluckier"),
                [15, ..] => Ok(Vec::new()),
                _ => Ok(inputs.into_iter().map(|input| input * 2).collect()),
            }
        }
    }

    struct Bench {
        batcher: Arc<Batcher<u32, u32>>,
        gates: Vec<mpsc::Sender<()>>,
        sizes: Arc<Mutex<Vec<usize>>>,
    }

    fn bench(workers: usize, queue_limit: usize, max_batch: usize) -> Bench {
        bench_with(workers, BatcherLimits { queue: queue_limit, batch: max_batch, shares: workers })
    }

    fn bench_with(workers: usize, limits: BatcherLimits) -> Bench {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let (gates, runners) = (0..workers)
            .map(|_| {
                let (open, gate) = mpsc::channel();
                (open, Gated { gate, sizes: Arc::clone(&sizes) })
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let batcher = Batcher::start(NAMES, runners, limits).unwrap();
        Bench { batcher: Arc::new(batcher), gates, sizes }
    }

    impl Bench {
        fn submit(&self, input: u32) -> tokio::task::JoinHandle<Result<u32, BatchError>> {
            let batcher = Arc::clone(&self.batcher);
            tokio::spawn(async move { batcher.submit(input).await.map(|answer| answer.output) })
        }

        /// Waits until `runs` runs have begun and `waiting` entries wait.
        async fn settle(&self, runs: usize, waiting: usize) {
            while self.sizes.lock().unwrap().len() != runs || self.batcher.queue.as_ref().unwrap().len() != waiting {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[tokio::test]
    async fn waiting_entries_are_batched_and_each_gets_its_own_output() {
        let bench = bench(1, 10, 4);
        let first = bench.submit(1);
        bench.settle(1, 0).await;
        let mut others = Vec::new();
        for input in 2..8 {
            others.push(bench.submit(input));
            bench.settle(1, input as usize - 1).await;
        }
        (0..3).for_each(|_| bench.gates[0].send(()).unwrap());
        assert_eq!(first.await.unwrap(), Ok(2));
        for (other, input) in others.into_iter().zip(2..) {
            assert_eq!(other.await.unwrap(), Ok(input * 2));
        }
        assert_eq!(*bench.sizes.lock().unwrap(), [1, 4, 2]);
    }

    #[tokio::test]
    async fn a_burst_is_shared_among_the_workers() {
        let bench = bench(2, 10, 8);
        let running = [bench.submit(0), bench.submit(1)];
        bench.settle(2, 0).await;
        let burst = [2, 3, 4, 5].map(|input| bench.submit(input));
        bench.settle(2, 4).await;
        for gate in &bench.gates {
            (0..9).for_each(|_| gate.send(()).unwrap());
        }
        for task in running.into_iter().chain(burst) {
            task.await.unwrap().unwrap();
        }
        assert!(bench.sizes.lock().unwrap()[2..].iter().all(|size| *size <= 2));
    }

    #[tokio::test]
    async fn with_one_share_a_worker_takes_all_waiting_entries() {
        let bench = bench_with(2, BatcherLimits { queue: 10, batch: 8, shares: 1 });
        let mut running = vec![bench.submit(0)];
        bench.settle(1, 0).await;
        running.push(bench.submit(1));
        bench.settle(2, 0).await;
        let burst = [2, 3, 4, 5].map(|input| bench.submit(input));
        bench.settle(2, 4).await;
        // The other worker is still running, so the free one takes all.
        bench.gates[0].send(()).unwrap();
        bench.settle(3, 0).await;
        for gate in &bench.gates {
            (0..9).for_each(|_| gate.send(()).unwrap());
        }
        for task in running.into_iter().chain(burst) {
            task.await.unwrap().unwrap();
        }
        assert_eq!(bench.sizes.lock().unwrap()[2..], [4]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_entries_whose_caller_left_are_dropped() {
        let bench = bench(1, 2, 4);
        let running = bench.submit(1);
        bench.settle(1, 0).await;
        let abandoned = bench.submit(2);
        bench.settle(1, 1).await;
        let waiting = bench.submit(3);
        bench.settle(1, 2).await;
        assert_eq!(bench.submit(4).await.unwrap(), Err(BatchError::Full));
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        (0..2).for_each(|_| bench.gates[0].send(()).unwrap());
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (Ok(2), Ok(6)));
        assert_eq!(*bench.sizes.lock().unwrap(), [1, 1]);
    }

    #[tokio::test]
    async fn a_failure_or_panic_fails_its_batch_only() {
        let bench = bench(1, 10, 1);
        (0..4).for_each(|_| bench.gates[0].send(()).unwrap());
        assert_eq!(bench.submit(13).await.unwrap(), Err(BatchError::Failed("unlucky".to_owned())));
        let panicked = bench.submit(14).await.unwrap().unwrap_err();
        assert_eq!(panicked, BatchError::Failed("it panicked: unluckier".to_owned()));
        let short = bench.submit(15).await.unwrap().unwrap_err();
        assert_eq!(short, BatchError::Failed("0 outputs for 1 inputs".to_owned()));
        assert_eq!(bench.submit(5).await.unwrap(), Ok(10));
    }
}
