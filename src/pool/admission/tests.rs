//! Who is let in, who waits, who is sent away. No test looks at a clock: works are told, not measured.

use futures_util::poll;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many hurried ones find room at once.
fn room(admission: &Admission) -> usize {
    let mut places = Vec::new();
    while let Ok(place) = admission.enter_hurried() {
        places.push(place);
    }
    places.len()
}

#[test]
fn without_a_limit_a_hurried_one_waits_for_half_a_work_at_most() {
    for (at_once, expected) in [(0, 2), (1, 2), (2, 3), (3, 5), (4, 6), (8, 12), (16, 24)] {
        let admission = Admission::new("test", at_once, None, 9);
        assert_eq!(room(&admission), expected, "{at_once} at once");
        // However long the work takes.
        admission.learn(millis(700));
        assert_eq!(room(&admission), expected, "{at_once} at once");
    }
}

#[test]
fn with_a_limit_the_room_follows_from_the_work_that_was_measured() {
    let admission = Admission::new("test", 2, Some(millis(50)), 9);
    assert_eq!(room(&admission), 3, "nothing is known yet");
    admission.learn(millis(20));
    // 2 in work, and as many waiting as (n + ½) × 20 ms ÷ 2 ≤ 50 ms lets in: n = 0 … 4.
    assert_eq!(room(&admission), 7);
    // An eighth of 340 ms and seven of 20 ms are 60 ms: n = 0 waits for 15 ms, n = 1 for 45 ms, n = 2 would for 75 ms.
    admission.learn(millis(340));
    assert_eq!(room(&admission), 4);
}

#[test]
fn a_place_that_is_given_back_is_there_for_the_next_one() {
    let admission = Admission::new("test", 1, None, 9);
    let first = admission.enter_hurried().unwrap();
    let second = admission.enter_hurried().unwrap();
    assert_eq!(admission.enter_hurried().unwrap_err(), PoolError::Full);
    drop(first);
    let third = admission.enter_hurried().unwrap();
    assert_eq!(admission.enter_hurried().unwrap_err(), PoolError::Full);
    drop((second, third));
    assert_eq!(room(&admission), 2);
}

#[test]
fn whoever_only_asks_is_told_what_one_who_enters_would_be_and_takes_no_place() {
    let admission = Admission::new("test", 1, None, 9);
    let first = admission.enter_hurried().unwrap();
    (0..9).for_each(|_| admission.would_let_in().unwrap());
    let _second = admission.enter_hurried().unwrap();
    assert_eq!(admission.would_let_in().unwrap_err(), PoolError::Full);
    drop(first);
    admission.would_let_in().unwrap();
}

#[tokio::test]
async fn patient_ones_fill_an_idle_machine_and_take_turns_in_the_order_of_coming() {
    let admission = Admission::new("test", 2, None, 9);
    let first = admission.enter_patient().await.unwrap();
    let _second = admission.enter_patient().await.unwrap();
    let (mut third, mut fourth) = (Box::pin(admission.enter_patient()), Box::pin(admission.enter_patient()));
    assert!(poll!(&mut third).is_pending() && poll!(&mut fourth).is_pending());
    drop(first);
    assert!(poll!(&mut fourth).is_pending(), "the fourth may not overtake the third");
    let third = third.await.unwrap();
    assert!(poll!(&mut fourth).is_pending());
    drop(third);
    fourth.await.unwrap();
}

#[tokio::test]
async fn beside_hurried_ones_there_is_one_patient_one_and_neither_keeps_the_other_out() {
    let admission = Admission::new("test", 2, None, 9);
    let hurried: Vec<_> = (0..3).map(|_| admission.enter_hurried().unwrap()).collect();
    let patient = admission.enter_patient().await.unwrap();
    let mut next = Box::pin(admission.enter_patient());
    assert!(poll!(&mut next).is_pending());
    drop(hurried);
    let _next = next.await.unwrap();
    assert_eq!(room(&admission), 3, "two patient ones are inside and count for nothing here");
    drop(patient);
}

#[tokio::test]
async fn one_who_gives_up_waiting_leaves_the_turn_to_the_next() {
    let admission = Admission::new("test", 1, None, 2);
    let inside = admission.enter_patient().await.unwrap();
    let mut gives_up = Box::pin(admission.enter_patient());
    let mut waits = Box::pin(admission.enter_patient());
    assert!(poll!(&mut gives_up).is_pending() && poll!(&mut waits).is_pending());
    assert_eq!(admission.enter_patient().await.unwrap_err(), PoolError::Full, "two wait already");
    // The news that somebody left goes to one who does not want it any more.
    drop(inside);
    drop(gives_up);
    waits.await.unwrap();
}
