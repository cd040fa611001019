//! Loops that run beside the server for as long as it does.
//!
//! One that panicked would otherwise be gone without a word, and the server would call itself ready while it follows no other
//! server or checks no number any more. So it is said, counted, and begun again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::pool::panic_message;
use crate::telemetry::BACKGROUND_PANICS_TOTAL;

/// The pause before it is begun again: what panics at once is not to fill the log.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `begin` makes of `state` until it ends or the handle is aborted; begins anew after a panic. What the loop shares with
/// others must bear to be left in the middle: its locks are let go of, and what they guard is as the panic left it.
pub fn keep<S: Clone + Send + 'static, F: Future<Output = ()> + Send + 'static>(
    task: &'static str,
    state: &S,
    begin: impl Fn(S) -> F + Send + 'static,
) -> JoinHandle<()> {
    let state = state.clone();
    tokio::spawn(async move {
        loop {
            let Err(panic) = AssertUnwindSafe(begin(state.clone())).catch_unwind().await else { return };
            metrics::counter!(BACKGROUND_PANICS_TOTAL, "task" => task).increment(1);
            let reason = panic_message(&*panic);
            tracing::error!(task, reason, "a background task failed; it is begun again");
            // Not held over the pause.
            drop(panic);
            tokio::time::sleep(PAUSE).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_begun_again_and_one_that_ends_is_not() {
        let begun = Arc::new(AtomicUsize::new(0));
        let task = keep("test", &begun, |begun| async move {
            let number = begun.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            assert!(number >= 2, "not the third time yet");
        });
        task.await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn one_that_is_aborted_is_not_begun_again() {
        let task = keep("test", &(), |()| std::future::pending());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}
