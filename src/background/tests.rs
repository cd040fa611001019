//! Tests of the registry: starting, stopping, restarting after a panic, reporting.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::domain::Timestamp;

const NEVER: Duration = Duration::from_secs(3_600);

fn registry() -> BackgroundTasks {
    BackgroundTasks::new(Clock::fixed(Timestamp::from_micros(7_000_000)))
}

/// The only task of `monitor`, once `is_reached` says so.
async fn until(monitor: &TaskMonitor, is_reached: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
    for _ in 0..2_000 {
        let status = monitor.status().remove(0);
        if is_reached(&status) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not reached: {:?}", monitor.status());
}

#[tokio::test]
async fn a_run_that_panics_is_counted_and_the_task_is_restarted() {
    let mut tasks = registry();
    let mut begun = 0;
    tasks.register("test panics", "Panics in its first run.").every(NEVER, &(), move |()| {
        begun += 1;
        async move {
            tokio::task::yield_now().await;
            assert!(begun > 1, "the first run");
            Ok::<(), String>(())
        }
    });
    let monitor = tasks.monitor();
    let running = tasks.start();
    let status = until(&monitor, |status| status.last_success_at.is_some()).await;
    assert_eq!((status.runs, status.panics, status.running), (2, 1, false));
    assert!(status.last_error.unwrap().contains("fault"));
    running.stop().await;
}

#[tokio::test]
async fn an_error_is_kept_and_the_next_run_happens() {
    let mut tasks = registry();
    let mut begun = 0;
    tasks.register("test fails", "Fails in its first run.").every(Duration::from_millis(5), &(), move |()| {
        begun += 1;
        async move { if begun == 1 { Err("the disk is full") } else { Ok(()) } }
    });
    let monitor = tasks.monitor();
    assert_eq!(monitor.status()[0].runs, 0);
    let running = tasks.start();
    let status = until(&monitor, |status| status.last_success_at.is_some()).await;
    assert!(status.runs >= 2 && status.panics == 0);
    assert_eq!(status.last_error.as_deref(), Some("the disk is full"));
    assert_eq!(status.last_error_at, Some(Timestamp::from_micros(7_000_000)));
    running.stop().await;
}

#[tokio::test]
async fn a_signal_starts_a_run_at_once() {
    let mut tasks = registry();
    let signal = Signal::default();
    tasks
        .register("test signal", "Runs when it is told.")
        .on_signal((signal.clone(), NEVER), &(), async |()| Ok::<(), String>(()));
    let monitor = tasks.monitor();
    let running = tasks.start();
    for runs in 1..4 {
        until(&monitor, |status| status.runs == runs && !status.running).await;
        signal.raise();
    }
    let status = until(&monitor, |status| status.runs == 4).await;
    assert_eq!((status.trigger, status.period_s), (Trigger::OnSignal, Some(3_600)));
    running.stop().await;
}

#[tokio::test]
async fn a_continuous_task_reports_its_runs_is_restarted_after_a_panic_and_may_end() {
    let mut tasks = registry();
    let begun = Arc::new(AtomicU64::new(0));
    tasks.register("test loop", "Waits for its work itself.").continuous(&begun, move |begun, runs| {
        let number = begun.fetch_add(1, Ordering::SeqCst);
        async move {
            let outcome = runs.run(async { if number == 0 { Err("not ready") } else { Ok(number) } }).await;
            assert!(number > 0, "the first time");
            assert_eq!(outcome, Ok(1));
        }
    });
    let monitor = tasks.monitor();
    let running = tasks.start();
    let status = until(&monitor, |status| status.last_success_at.is_some()).await;
    assert_eq!((status.runs, status.panics, status.trigger), (2, 1, Trigger::Continuous));
    tokio::time::sleep(RESTART_DELAY * 2).await;
    assert_eq!(begun.load(Ordering::SeqCst), 2, "a task that ended is not restarted");
    running.stop().await;
}

#[tokio::test]
async fn stop_aborts_a_run_and_waits_until_it_has_ended() {
    struct SetOnDrop(Arc<AtomicU64>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(1, Ordering::SeqCst);
        }
    }
    let mut tasks = registry();
    let ended = Arc::new(AtomicU64::new(0));
    tasks.register("test stop", "Never ends by itself.").every(NEVER, &ended, |ended| {
        let flag = SetOnDrop(ended);
        async move {
            let _flag = flag;
            std::future::pending::<Result<(), String>>().await
        }
    });
    let monitor = tasks.monitor();
    let running = tasks.start();
    until(&monitor, |status| status.running).await;
    running.stop().await;
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
