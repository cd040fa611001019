//! Who is locked out by whose failures.

use secrecy::SecretString;

use super::super::test_support::{PASSWORD, TestAuth};
use super::super::{AuthError, TokenPair};

fn is_throttled(outcome: &Result<TokenPair, AuthError>) -> bool {
    matches!(outcome, Err(AuthError::Throttled { .. }))
}

#[tokio::test]
async fn unknown_and_existing_names_fail_and_are_throttled_alike() {
    let test = TestAuth::new().await;
    test.sign_up_shopper("ann.lee").await;
    for name in ["ann.lee", "nobody", "no name at all"] {
        for _ in 0..test.settings.limits.login_failures {
            let wrong = test.auth.login(name, &"something else".into(), None).await;
            assert!(matches!(wrong, Err(AuthError::WrongCredentials)), "{name}");
        }
        let throttled = test.auth.login(name, &PASSWORD.into(), None).await;
        assert!(matches!(throttled, Err(AuthError::Throttled { retry_after_s: 900 })), "{name}: {throttled:?}");
    }
    test.clock.advance(test.settings.limits.login_window_s + 1);
    test.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
}

#[tokio::test]
async fn a_burst_of_guesses_is_throttled_by_its_first_failures() {
    let test = TestAuth::with_settings("limits.login_failures = 3").await;
    test.sign_up_shopper("ann.lee").await;
    let wrong = SecretString::from("something else");
    let guesses = (0..12).map(|_| test.auth.login("ann.lee", &wrong, None));
    let outcomes = futures_util::future::join_all(guesses).await;
    let verified = outcomes.iter().filter(|outcome| matches!(outcome, Err(AuthError::WrongCredentials))).count();
    assert_eq!(verified, 3);
}

#[tokio::test]
async fn an_address_may_fail_five_times_as_often_and_people_known_there_do_not_pay() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    let (shop, elsewhere) = (Some("192.0.2.1"), Some("192.0.2.2"));
    test.auth.sign_up("ann.lee", &PASSWORD.into(), shop).await.unwrap();
    test.auth.sign_up("bob", &PASSWORD.into(), elsewhere).await.unwrap();
    for attempt in 0..10 {
        let wrong = test.auth.login(&format!("name{attempt}"), &PASSWORD.into(), shop).await;
        assert!(matches!(wrong, Err(AuthError::WrongCredentials)), "{attempt}: {wrong:?}");
        if attempt == 5 {
            test.auth.login("ann.lee", &PASSWORD.into(), shop).await.unwrap();
        }
    }
    assert!(is_throttled(&test.auth.login("bob", &PASSWORD.into(), shop).await));
    test.auth.login("ann.lee", &PASSWORD.into(), shop).await.unwrap();
    test.auth.login("bob", &PASSWORD.into(), elsewhere).await.unwrap();
    test.auth.sign_up("another", &PASSWORD.into(), shop).await.unwrap();
}

#[tokio::test]
async fn strangers_lock_an_account_only_where_it_is_not_known() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    let wrong = SecretString::from("something else");
    test.auth.sign_up("ann.lee", &PASSWORD.into(), Some("2001:db8:1:2::3")).await.unwrap();
    for stranger in ["192.0.2.1", "192.0.2.2"] {
        test.auth.login("ann.lee", &wrong, Some(stranger)).await.unwrap_err();
    }
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.3")).await));
    // Another address of the known /64, many times: a success uses up nothing, and clears nothing elsewhere.
    for _ in 0..5 {
        test.auth.login("ann.lee", &PASSWORD.into(), Some("2001:db8:1:2:ffff::1")).await.unwrap();
    }
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.3")).await));
    // The known address has a budget too.
    for _ in 0..2 {
        test.auth.login("ann.lee", &wrong, Some("2001:db8:1:2::3")).await.unwrap_err();
    }
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), Some("2001:db8:1:2::3")).await));
}

#[tokio::test]
async fn an_address_is_known_for_30_days_and_an_account_at_32() {
    let test = TestAuth::with_settings("limits.login_failures = 1").await;
    let first = Some("192.0.2.1");
    test.auth.sign_up("ann.lee", &PASSWORD.into(), first).await.unwrap();
    let lock_elsewhere = async || test.auth.login("ann.lee", &"wrong".into(), Some("203.0.113.1")).await.is_err();
    test.clock.advance(30 * 86_400 - 1);
    assert!(lock_elsewhere().await);
    test.auth.login("ann.lee", &PASSWORD.into(), first).await.unwrap();
    test.clock.advance(30 * 86_400);
    test.auth.delete_expired().await.unwrap();
    assert!(lock_elsewhere().await);
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), first).await));
    test.clock.advance(901);
    for address in 1..=33 {
        test.clock.advance(1);
        test.auth.login("ann.lee", &PASSWORD.into(), Some(&format!("192.0.2.{address}"))).await.unwrap();
    }
    assert!(lock_elsewhere().await);
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), first).await));
    test.auth.login("ann.lee", &PASSWORD.into(), Some("192.0.2.2")).await.unwrap();
}

#[tokio::test]
async fn a_burst_from_one_address_is_throttled_by_its_first_failures() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    let (names, wrong) = ((0..40).map(|name| format!("name{name}")).collect::<Vec<_>>(), PASSWORD.into());
    let guesses = names.iter().map(|name| test.auth.login(name, &wrong, Some("192.0.2.1")));
    let outcomes = futures_util::future::join_all(guesses).await;
    let verified = outcomes.iter().filter(|outcome| matches!(outcome, Err(AuthError::WrongCredentials))).count();
    assert!((10..14).contains(&verified), "{verified}");
}

#[tokio::test]
async fn strangers_from_everywhere_leave_room_in_the_queue_of_passwords_to_hash() {
    let test = TestAuth::with_settings("engine.queue = 2").await;
    let home = Some("192.0.2.1");
    let store = test.create_store("Main Street").await;
    test.create_clerk("bob", store).await;
    test.auth.login("bob", &PASSWORD.into(), home).await.unwrap();
    let (names, wrong) = ((0..40).map(|name| format!("name{name}")).collect::<Vec<_>>(), PASSWORD.into());
    let addresses = (0..40).map(|address| format!("203.0.113.{address}")).collect::<Vec<_>>();
    let guesses = names.iter().zip(&addresses).map(|(name, address)| test.auth.login(name, &wrong, Some(address)));
    let password = PASSWORD.into();
    let (outcomes, bob) =
        tokio::join!(futures_util::future::join_all(guesses), test.auth.login("bob", &password, home));
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(AuthError::Busy))), "{outcomes:?}");
    bob.unwrap();
}

#[tokio::test]
async fn failures_that_a_wrong_clock_dated_a_year_ahead_lock_nobody_out() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    test.sign_up_shopper("ann.lee").await;
    test.clock.advance(365 * 86_400);
    for _ in 0..2 {
        test.auth.login("ann.lee", &"something else".into(), None).await.unwrap_err();
    }
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), None).await));
    test.clock.advance(-365 * 86_400);
    test.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
}

#[tokio::test]
async fn strangers_who_lock_an_account_do_not_keep_its_owner_from_changing_the_password() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    let (ann, _) = test.sign_up_shopper("ann.lee").await;
    for _ in 0..2 {
        test.auth.login("ann.lee", &"something else".into(), Some("203.0.113.1")).await.unwrap_err();
    }
    assert!(is_throttled(&test.auth.login("ann.lee", &PASSWORD.into(), Some("203.0.113.2")).await));
    test.auth.change_password(&ann, &PASSWORD.into(), &"harvest trombone".into()).await.unwrap();
    // Guesses of the current password have a budget of their own.
    let (bob, _) = test.sign_up_shopper("bob").await;
    for _ in 0..2 {
        let wrong = test.auth.change_password(&bob, &"something else".into(), &"harvest trombone".into()).await;
        assert!(matches!(wrong, Err(AuthError::WrongCurrentPassword)));
    }
    assert!(is_throttled(&test.auth.change_password(&bob, &PASSWORD.into(), &"harvest trombone".into()).await));
    test.auth.login("bob", &PASSWORD.into(), None).await.unwrap();
}

#[tokio::test]
async fn failures_survive_a_restart() {
    let test = TestAuth::with_settings("limits.login_failures = 2").await;
    test.sign_up_shopper("ann.lee").await;
    for _ in 0..2 {
        test.auth.login("ann.lee", &"something else".into(), None).await.unwrap_err();
    }
    let restarted = test.restart();
    assert!(matches!(restarted.login("ann.lee", &PASSWORD.into(), None).await, Err(AuthError::Throttled { .. })));
}

#[tokio::test]
async fn a_session_that_goes_on_keeps_its_address_known() {
    let test = TestAuth::with_settings("limits.login_failures = 1").await;
    let home = Some("192.0.2.1");
    let mut pair = test.auth.sign_up("ann.lee", &PASSWORD.into(), home).await.unwrap();
    for _ in 0..3 {
        test.clock.advance(20 * 86_400);
        pair = test.auth.refresh(&pair.refresh_token.unwrap().expose().into(), home).await.unwrap();
    }
    test.auth.login("ann.lee", &"something else".into(), Some("203.0.113.1")).await.unwrap_err();
    test.auth.login("ann.lee", &PASSWORD.into(), home).await.unwrap();
}

#[tokio::test]
async fn shoppers_do_not_take_the_queue_of_passwords_to_hash_from_staff() {
    let test = TestAuth::with_settings("engine.queue = 2").await;
    let home = Some("192.0.2.1");
    let store = test.create_store("Main Street").await;
    test.create_clerk("bob", store).await;
    test.auth.login("bob", &PASSWORD.into(), home).await.unwrap();
    let names: Vec<_> = (0..20).map(|name| format!("shopper{name}")).collect();
    for name in &names {
        test.auth.sign_up(name, &PASSWORD.into(), Some("203.0.113.1")).await.unwrap();
    }
    let password = PASSWORD.into();
    let shoppers = names.iter().map(|name| test.auth.login(name, &password, Some("203.0.113.1")));
    let (outcomes, bob) =
        tokio::join!(futures_util::future::join_all(shoppers), test.auth.login("bob", &password, home));
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(AuthError::Busy))), "{outcomes:?}");
    bob.unwrap();
}
