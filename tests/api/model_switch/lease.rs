//! One server at a time works on a switch, and only while it has the lease.

use serde_json::json;
use tillsight::db::Database;
use tillsight::db::model_switches::{self, SwitchRow};
use tillsight::domain::{SwitchId, SwitchState, Timestamp};
use uuid::Uuid;

use super::shop::{OTHER, Shop};
use crate::harness::{TestDatabase, on_both_databases, package_photo};

const HELD: &str = "SELECT COUNT(*) FROM model_switches WHERE open AND worker IS NOT NULL";
const UNTIL: &str = "SELECT worker_until FROM model_switches";

async fn a_server_without_the_lease_stores_nothing(database: TestDatabase) {
    let db = Database::connect(database.url(), 2).await.unwrap();
    db.migrate().await.unwrap();
    let start = Timestamp::from_micros(1_767_614_400_000_000);
    let row = SwitchRow {
        id: SwitchId::generate(start),
        from_model: "a@1#0".to_owned(),
        from_manifest: "a.json".to_owned(),
        to_model: "b@1#0".to_owned(),
        to_manifest: "b.json".to_owned(),
        state: SwitchState::Embedding,
        at_once: false,
        even_if_worse: false,
        photos: 9,
        missing: 9,
        problems: json!([]),
        problem_count: 0,
        obstacle: None,
        comparison: None,
        generation: None,
        created_at: start,
        changed_at: start,
    };
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let after = |seconds| start.plus_seconds(seconds);
    let mut tx = db.begin().await.unwrap();
    model_switches::insert(&mut tx, &row).await.unwrap();
    assert!(model_switches::claim(&mut tx, row.id, one, start, after(30), after(60)).await.unwrap());
    assert!(!model_switches::claim(&mut tx, row.id, other, after(29), after(59), after(89)).await.unwrap());
    assert!(model_switches::renew(&mut tx, row.id, one, after(59)).await.unwrap());
    assert!(
        !model_switches::claim(&mut tx, row.id, other, after(58), after(88), after(118)).await.unwrap(),
        "it was renewed"
    );
    let progress = |missing| SwitchRow { missing, ..row.clone() };
    assert!(model_switches::save_progress(&mut tx, &progress(8), one).await.unwrap());

    assert!(model_switches::claim(&mut tx, row.id, other, after(60), after(90), after(120)).await.unwrap());
    assert!(!model_switches::renew(&mut tx, row.id, one, after(91)).await.unwrap());
    assert!(!model_switches::save_progress(&mut tx, &progress(1), one).await.unwrap());
    model_switches::save_obstacle(&mut tx, one, "not to be kept", after(61)).await.unwrap();
    let kept = model_switches::find_open(&mut tx).await.unwrap().unwrap();
    assert_eq!((kept.missing, kept.obstacle), (8, None));
    assert!(model_switches::save_progress(&mut tx, &progress(7), other).await.unwrap());
    model_switches::save_obstacle(&mut tx, other, "to be kept", after(62)).await.unwrap();
    assert_eq!(model_switches::find_open(&mut tx).await.unwrap().unwrap().obstacle.as_deref(), Some("to be kept"));
    // The clock is set back by a year: a lease that ends in a year holds nothing.
    let before = |seconds: i64| after(seconds - 365 * 86_400);
    assert!(model_switches::claim(&mut tx, row.id, one, before(62), before(92), before(122)).await.unwrap());
    assert!(model_switches::claim(&mut tx, row.id, other, after(63), after(93), after(123)).await.unwrap());
    model_switches::cancel(&mut tx, row.id, after(63)).await.unwrap();
    assert!(!model_switches::save_progress(&mut tx, &progress(6), other).await.unwrap(), "it is no longer open");
    tx.commit().await.unwrap();
}

/// A server renews its lease however long a batch takes. If it loses the lease all the same, it stops, and goes on when it
/// can claim the lease again.
async fn a_server_renews_its_lease_during_a_batch_and_stops_without_it(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0)]).await;
    let hold = shop.hold();
    shop.begin(OTHER, true).await.expect(202);
    shop.until_count(HELD, |count| count == 1).await;
    let until = shop.app.database.count(UNTIL).await;
    shop.app.clock.advance(25);
    let renewed = shop.until_count(UNTIL, |later| later > until).await;
    assert_eq!(renewed - until, 25_000_000);

    // Another server has it now; the clock of the test stands.
    shop.app.database.execute("UPDATE model_switches SET worker = id, worker_until = worker_until + 20000000").await;
    fail::remove(hold);
    shop.app.clock.advance(40);
    let done = "SELECT COUNT(*) FROM model_switches WHERE open AND worker = id AND missing = 1";
    assert_eq!(shop.app.database.count(done).await, 1, "a server without the lease reports nothing");
    shop.app.database.execute("UPDATE model_switches SET worker = NULL").await;
    shop.until_active(OTHER).await;
}

async fn a_server_that_stops_releases_the_lease(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0)]).await;
    let hold = shop.hold();
    shop.begin(OTHER, true).await.expect(202);
    shop.until_count(HELD, |count| count == 1).await;
    shop.app.stop().await;
    assert_eq!(shop.app.database.count(HELD).await, 0);
    fail::remove(hold);
}

on_both_databases!(
    a_server_without_the_lease_stores_nothing,
    a_server_renews_its_lease_during_a_batch_and_stops_without_it,
    a_server_that_stops_releases_the_lease,
);
