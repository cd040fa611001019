//! Which jobs are admitted, which wait and which are refused. The tests set the work per job instead of measuring it.

use futures_util::{FutureExt, poll};

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn admission(cores: usize, max_wait: Duration, background_queue: usize) -> Admission {
    Admission::new("test", AdmissionLimits { cores, max_wait, background_queue }, millis(20))
}

/// How many interactive jobs are admitted, including waiting ones, and the refusal of the next one.
fn fill_up(admission: &Admission) -> (usize, Overloaded) {
    let mut jobs = Vec::new();
    loop {
        let mut job = Box::pin(admission.admit(Priority::Interactive));
        match job.as_mut().now_or_never() {
            Some(Err(refused)) => return (jobs.len(), refused),
            Some(Ok(permit)) => jobs.push((Some(permit), job)),
            None => jobs.push((None, job)),
        }
    }
}

#[test]
fn without_waiting_two_jobs_per_core_are_admitted_whatever_their_work() {
    for (cores, expected) in [(0, 2), (1, 2), (2, 4), (8, 16)] {
        let admission = admission(cores, Duration::ZERO, 9);
        assert_eq!(fill_up(&admission).0, expected, "{cores} cores");
        admission.shared.update_estimate(millis(700));
        assert_eq!(fill_up(&admission).0, expected, "{cores} cores");
    }
}

#[test]
fn a_burst_is_admitted_up_to_the_longest_wait_and_the_refusal_names_the_expected_wait() {
    // 4 in progress, and n waiting with (n + ½) × 20 ms ÷ 2 ≤ 50 ms: n = 0 … 4.
    assert_eq!(fill_up(&admission(2, millis(50), 9)), (9, Overloaded { expected_wait: millis(55) }));
    let slower = admission(2, millis(50), 9);
    // ⅛ × 340 ms + ⅞ × 20 ms = 60 ms: n = 0 waits for 15 ms, n = 1 for 45 ms, and n = 2 would wait for 75 ms.
    slower.shared.update_estimate(millis(340));
    assert_eq!(fill_up(&slower), (6, Overloaded { expected_wait: millis(75) }));
}

#[tokio::test]
async fn jobs_that_share_the_cores_do_not_count_as_more_work() {
    let admission = admission(2, Duration::ZERO, 9);
    let _permits = [(); 4].map(|()| admission.admit(Priority::Interactive).now_or_never().unwrap().unwrap());
    // Four jobs on two cores take twice as long as one alone.
    (0..99).for_each(|_| admission.shared.update_estimate(millis(20)));
    let work = admission.shared.state().work;
    assert!(work < millis(11) && work > millis(9), "{work:?}");
}

#[tokio::test]
async fn waiting_jobs_begin_in_the_order_of_arrival_and_one_that_leaves_makes_room() {
    let admission = admission(1, millis(10), 9);
    let first = admission.admit(Priority::Interactive).await.unwrap();
    let _second = admission.admit(Priority::Interactive).await.unwrap();
    let mut third = Box::pin(admission.admit(Priority::Interactive));
    assert!(poll!(&mut third).is_pending());
    admission.admit(Priority::Interactive).await.unwrap_err();
    drop(third);
    let mut third = Box::pin(admission.admit(Priority::Interactive));
    assert!(poll!(&mut third).is_pending(), "there is room again");
    let step = first.clone();
    drop(first);
    assert!(poll!(&mut third).is_pending(), "a step of the first job has not ended");
    drop(step);
    third.await.unwrap();
}

#[tokio::test]
async fn background_jobs_fill_an_idle_machine_and_begin_in_the_order_of_arrival() {
    let admission = admission(2, Duration::ZERO, 9);
    let first = admission.admit(Priority::Background).await.unwrap();
    let _second = admission.admit(Priority::Background).await.unwrap();
    let [mut third, mut fourth] = [(); 2].map(|()| Box::pin(admission.admit(Priority::Background)));
    assert!(poll!(&mut third).is_pending() && poll!(&mut fourth).is_pending());
    drop(first);
    assert!(poll!(&mut fourth).is_pending(), "the fourth may not overtake the third");
    let third = third.await.unwrap();
    assert!(poll!(&mut fourth).is_pending());
    drop(third);
    fourth.await.unwrap();
}

#[tokio::test]
async fn interactive_jobs_leave_room_for_one_background_job_and_the_reverse() {
    let admission = admission(2, Duration::ZERO, 9);
    let interactive = [(); 3].map(|()| admission.admit(Priority::Interactive).now_or_never().unwrap().unwrap());
    let background = admission.admit(Priority::Background).await.unwrap();
    let mut next = Box::pin(admission.admit(Priority::Background));
    assert!(poll!(&mut next).is_pending());
    drop(interactive);
    let _next = next.await.unwrap();
    assert_eq!(fill_up(&admission).0, 4, "background jobs take no slot of interactive ones");
    drop(background);
}

#[tokio::test]
async fn a_background_job_that_gives_up_waiting_lets_the_next_one_begin() {
    let admission = admission(1, Duration::ZERO, 2);
    let in_progress = admission.admit(Priority::Background).await.unwrap();
    let [mut gives_up, mut waits] = [(); 2].map(|()| Box::pin(admission.admit(Priority::Background)));
    assert!(poll!(&mut gives_up).is_pending() && poll!(&mut waits).is_pending());
    let refused = admission.admit(Priority::Background).await.unwrap_err();
    assert_eq!(refused.expected_wait, millis(40), "two wait already");
    // The notification goes to the job that then gives up.
    drop(in_progress);
    drop(gives_up);
    waits.await.unwrap();
}
