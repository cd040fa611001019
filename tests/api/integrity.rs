//! Checks of numbers and hash chains: whatever is done to a database by hand is found, named with store and number, and
//! gone once it is mended; a whole store gives 100.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tillsight::config::MonitoringSettings;
use tillsight::db::{Database, integrity_reports};
use tillsight::domain::CheckDepth;
use tillsight::integrity::Integrity;
use tokio::process::Command;

use crate::harness::{
    ONLY_ON_DEMAND, Reply, Shop, TestApp, TestDatabase, drop_constraints, execute_unconstrained, on_both_databases,
    open_shop_with_six_orders, restore_rows,
};

const RUN: &str = "/api/monitoring/numbering/jobs/integrity/run-check";
const STANDING: &str = "/api/monitoring/numbering/integrity";

/// A kind of finding, its series and the first number that it names.
type Found = (&'static str, &'static str, i64);

impl Shop {
    async fn check(&self, deep: bool) -> Value {
        let path = format!("{RUN}?deep_check={deep}&store_id={}", self.store);
        self.app.post(&path, &self.admin, json!({})).await.expect(200)
    }

    async fn standing(&self) -> Value {
        self.app.get(&format!("{STANDING}/stores/{}", self.store), &self.admin).await.expect(200)
    }

    /// The value of a metric of this store.
    async fn gauge(&self, name: &str) -> f64 {
        let reply = self.app.call(reqwest::Method::GET, "/metrics", None, |request| request).await;
        let text = String::from_utf8(reply.bytes).unwrap();
        let wanted = format!("{name}{{store=\"{}\"}} ", self.store);
        let line = text.lines().find_map(|line| line.strip_prefix(wanted.as_str()));
        line.unwrap_or_else(|| panic!("{wanted} is not among the metrics")).parse().unwrap()
    }
}

/// What a run found in the one store that it looked at.
fn found(run: &Value) -> Vec<(String, String, i64)> {
    let findings = run["reports"].as_array().unwrap().iter().flat_map(|report| report["findings"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings
        .map(|finding| {
            (text(&finding["kind"]), text(&finding["series"]), finding["numbers"][0]["first"].as_i64().unwrap())
        })
        .collect()
}

async fn an_intact_store_has_full_health(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    let before = shop.standing().await;
    assert_eq!((&before["latest_deep"], &before["findings"]), (&Value::Null, &json!([])));
    shop.app.clock.advance(60);
    let admin = shop.app.login_admin().await;
    for (deep, depth) in [(false, "quick"), (true, "deep")] {
        let path = format!("{RUN}?deep_check={deep}");
        let run = shop.app.post(&path, &admin, json!({})).await.expect(200);
        assert_eq!((&run["depth"], &run["stores"], &run["with_findings"]), (&json!(depth), &json!(1), &json!(0)));
        assert_eq!((&run["lowest_health"], &run["reports"]), (&json!(100), &json!([])));
    }
    let standing = shop.standing().await;
    assert_eq!((&standing["health"], &standing["store_name"]), (&json!(100), &json!("Corner <shop>")));
    let latest = &standing["latest_deep"];
    // 6 orders, 5 payments, 3 refunds and voids, 1 closing.
    assert_eq!((&latest["records"], &latest["health"]), (&json!(15), &json!(100)));
    assert!(latest["requested_by"].as_str().unwrap().starts_with("user:"), "{latest}");
    assert_eq!(latest["started_at"], "2026-01-05T12:01:00Z");
    assert_eq!(standing["latest"], *latest);
    let path = format!("{STANDING}/stores/{}/reports?limit=1", shop.store);
    let history = shop.app.get(&path, &admin).await.expect(200);
    assert_eq!((&history["data"][0], history["next_cursor"].is_string()), (latest, true));
    let summary = shop.app.get(&format!("{STANDING}/summary"), &admin).await.expect(200);
    assert_eq!((&summary["data"][0], &summary["strays"]["store_id"]), (&standing, &Value::Null));
    assert_eq!(summary["strays"]["health"], 100);
    for (name, value) in [("order_number_gaps", 0.0), ("order_number_duplicates", 0.0), ("integrity_health", 100.0)] {
        assert_eq!(shop.gauge(&format!("tillsight_{name}")).await, value, "{name}");
    }
}

async fn each_manual_change_is_found_until_it_is_undone(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    drop_constraints(&database).await;
    assert_eq!(found(&shop.check(true).await), []);
    macro_rules! finds {
        ($sql:literal, $($expected:expr),+ $(,)?) => {
            execute_unconstrained!(&database, $sql);
            expect_found(&shop, $sql, &[$($expected),+]).await;
            restore_rows(&database).await;
            assert_eq!(found(&shop.check(true).await), [], "mended after: {}", $sql);
        };
    }
    finds!(
        "DELETE FROM orders WHERE number = 2",
        ("gap", "order", 2),
        ("no_order", "payment", 2),
        ("no_order", "refund", 2)
    );
    finds!(
        "DELETE FROM orders WHERE number = 6",
        ("gap", "order", 6),
        ("counter_ahead", "order", 6),
        ("no_order", "refund", 3)
    );
    finds!("DELETE FROM payments WHERE number = 1", ("overrefund", "order", 1), ("gap", "payment", 1));
    finds!("INSERT INTO orders SELECT * FROM orders WHERE number = 3", ("duplicate", "order", 3));
    finds!(
        "UPDATE orders SET number = 40 WHERE number = 4",
        ("gap", "order", 4),
        ("counter_behind", "order", 7),
        ("broken_seal", "order", 40)
    );
    finds!(
        "UPDATE orders SET number = 4 WHERE number = 5",
        ("gap", "order", 5),
        ("duplicate", "order", 4),
        ("broken_seal", "order", 4),
        ("broken_link", "order", 4)
    );
    finds!(
        "UPDATE orders SET total = total + 1 WHERE number = 3",
        ("broken_seal", "order", 3),
        ("wrong_sum", "order", 3),
        ("wrong_payment", "order", 3)
    );
    finds!(
        "UPDATE orders SET hash = previous_hash WHERE number = 3",
        ("broken_seal", "order", 3),
        ("broken_link", "order", 4)
    );
    finds!(
        "UPDATE order_items SET unit_price = unit_price + 1 WHERE order_id = (SELECT id FROM orders WHERE number = 3)",
        ("broken_seal", "order", 3),
        ("wrong_sum", "order", 3)
    );
    finds!(
        "UPDATE orders SET currency = 'marks' WHERE number = 3",
        ("unreadable", "order", 3),
        ("no_order", "payment", 3)
    );
    finds!(
        "UPDATE payments SET amount = amount - 1 WHERE number = 1",
        ("wrong_payment", "order", 1),
        ("broken_seal", "payment", 1)
    );
    finds!(
        "UPDATE refunds SET amount = 9999 WHERE number = 1",
        ("overrefund", "order", 1),
        ("broken_seal", "refund", 1),
        ("wrong_sum", "refund", 1)
    );
    finds!(
        "UPDATE number_series SET last_number = 4 WHERE series = 'order'",
        ("counter_behind", "order", 5),
        ("counter_seal", "order", 4)
    );
    finds!(
        "UPDATE number_series SET last_number = 8 WHERE series = 'order'",
        ("gap", "order", 7),
        ("counter_ahead", "order", 7)
    );
    finds!(
        "UPDATE number_series SET last_hash = (SELECT previous_hash FROM orders WHERE number = 6) WHERE series = 'order'",
        ("counter_seal", "order", 6)
    );
    finds!("DELETE FROM number_series WHERE series = 'refund'", ("counter_behind", "refund", 1));
}

/// The deep check finds `expected`, the quick check those of them that are about numbers and counters; both name the store
/// and take health from it.
async fn expect_found(shop: &Shop, done: &str, expected: &[Found]) {
    let owned = |expected: Vec<&Found>| -> Vec<(String, String, i64)> {
        expected.iter().map(|(kind, series, first)| ((*kind).to_owned(), (*series).to_owned(), *first)).collect()
    };
    let numbers = ["gap", "duplicate", "counter_behind", "counter_ahead"];
    let quick = owned(expected.iter().filter(|(kind, ..)| numbers.contains(kind)).collect());
    assert_eq!(found(&shop.check(false).await), quick, "quickly: {done}");
    let run = shop.check(true).await;
    assert_eq!(found(&run), owned(expected.iter().collect()), "deeply: {done}");
    assert_eq!(run["reports"][0]["store_id"], json!(shop.store));
    let standing = shop.standing().await;
    assert_eq!(standing["findings"].as_array().unwrap().len(), expected.len(), "{standing}");
    assert!(standing["health"].as_i64().unwrap() < 100, "{standing}");
    let count = |wanted: &str| {
        let findings = run["reports"][0]["findings"].as_array().unwrap();
        let of = |finding: &&Value| finding["kind"] == wanted && finding["series"] == "order";
        findings.iter().find(of).map_or(0, |finding| finding["count"].as_i64().unwrap()) as f64
    };
    assert_eq!(shop.gauge("tillsight_order_number_gaps").await, count("gap"), "{done}");
    assert_eq!(shop.gauge("tillsight_order_number_duplicates").await, count("duplicate"), "{done}");
    assert_eq!(shop.gauge("tillsight_integrity_health").await, standing["health"].as_f64().unwrap(), "{done}");
}

/// A quick check knows nothing of seals: what the last deep check found of them stands until the next one.
async fn a_quick_check_does_not_hide_findings_of_a_deep_one(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    database.execute("UPDATE orders SET total = total + 1 WHERE number = 3").await;
    shop.check(true).await;
    assert_eq!(shop.check(false).await["lowest_health"], 100);
    let standing = shop.standing().await;
    assert_eq!((&standing["latest"]["depth"], &standing["latest"]["health"]), (&json!("quick"), &json!(100)));
    assert_eq!((&standing["health"], standing["findings"].as_array().unwrap().len()), (&json!(45), 3));
}

async fn lines_whose_record_is_missing_are_found(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    drop_constraints(&database).await;
    execute_unconstrained!(&database, "DELETE FROM orders WHERE number IN (2, 3)");
    let run = shop.app.post(&format!("{RUN}?deep_check=true"), &shop.admin, json!({})).await.expect(200);
    let strays = run["reports"].as_array().unwrap().iter().find(|report| report["store_id"].is_null()).unwrap();
    let expected = json!([{"kind": "stray_lines", "series": "order", "count": 2, "numbers": []}]);
    assert_eq!((&strays["findings"], &strays["health"]), (&expected, &json!(95)));
    restore_rows(&database).await;
    let run = shop.app.post(&format!("{RUN}?deep_check=true"), &shop.admin, json!({})).await.expect(200);
    assert_eq!(run["with_findings"], 0);
}

/// A store's row is deleted, or the end of a chain with its counter: neither hides what was there.
async fn a_missing_store_and_a_cut_off_chain_are_found(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    drop_constraints(&database).await;
    execute_unconstrained!(
        &database,
        "DELETE FROM orders WHERE number > 3; \
         UPDATE number_series SET last_number = 3, last_hash = (SELECT hash FROM orders WHERE number = 3) \
           WHERE series = 'order'"
    );
    let cut: Vec<_> = found(&shop.check(false).await);
    let found_first = |kind: &str| (kind.to_owned(), "order".to_owned(), 4);
    assert_eq!(cut, [found_first("gap"), found_first("counter_behind")], "the closing names six");
    restore_rows(&database).await;
    assert_eq!(found(&shop.check(true).await), []);

    let postgres = "SET session_replication_role = replica; DELETE FROM stores;";
    database.run_script("PRAGMA foreign_keys = OFF; DELETE FROM stores;", postgres).await;
    let (code, out, _) = numbering(&database, &["check"]).await;
    assert!(code == 1 && out.contains(&shop.store) && out.contains("own row is missing"), "{out}");
}

async fn due_checks_run_once_across_servers(database: TestDatabase) {
    let app = TestApp::spawn_with(database.clone(), ONLY_ON_DEMAND).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let settings = MonitoringSettings { reports_kept: 2, ..MonitoringSettings::default() };
    let opened = Database::connect(database.url(), 4).await.unwrap();
    let server = || Integrity::new(opened.clone(), app.clock.clone(), settings.clone());
    let (one, other) = (server(), server());
    let due = async || {
        let (first, second) = tokio::join!(Box::pin(one.run_due_check()), Box::pin(other.run_due_check()));
        let mut made: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
        assert!(made.len() <= 1, "{made:?}");
        made.pop()
    };
    assert_eq!(due().await, Some(CheckDepth::Deep), "never checked before");
    assert_eq!(due().await, None);
    app.clock.advance(1_799);
    assert_eq!(due().await, None);
    app.clock.advance(1);
    assert_eq!(due().await, Some(CheckDepth::Quick));
    app.clock.advance(21_600 - 1_800);
    assert_eq!(due().await, Some(CheckDepth::Deep));
    assert_eq!(due().await, None, "the deep check contains the quick one");
    app.clock.advance(1_800);
    assert_eq!(due().await, Some(CheckDepth::Quick));
    app.clock.advance(1_800);
    assert_eq!(due().await, Some(CheckDepth::Quick));

    // A server takes a check and dies: its lease runs out.
    app.clock.advance(1_800);
    let now = app.clock.now();
    let (until, furthest) = (now.plus_seconds(1_800), now.plus_seconds(1_800));
    let mut tx = opened.begin().await.unwrap();
    assert!(integrity_reports::claim_check(&mut tx, CheckDepth::Quick, now, until, furthest).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(due().await, None);
    app.clock.advance(1_800);
    assert_eq!(due().await, Some(CheckDepth::Quick));

    // A clock that went wrong leaves no time that nobody lives to see.
    app.clock.advance(-1_000_000);
    assert_eq!(due().await, Some(CheckDepth::Deep));

    app.clock.advance(1_000_000);
    let admin = app.login_admin().await;
    let history = app.get(&format!("{STANDING}/stores/{store}/reports"), &admin).await.expect(200);
    let depths: Vec<_> = history["data"].as_array().unwrap().iter().map(|report| report["depth"].clone()).collect();
    let count = |depth: &str| depths.iter().filter(|kept| **kept == depth).count();
    assert_eq!((count("quick"), count("deep")), (2, 2), "of each depth no more than is to be kept: {depths:?}");
}

/// A server with the default settings finds by itself what is wrong, and says so in its metrics.
async fn a_server_checks_by_itself(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    database.execute("UPDATE number_series SET last_number = 7 WHERE series = 'order'").await;
    let beside = TestApp::spawn(database).await;
    let path = format!("{STANDING}/stores/{}", shop.store);
    let standing = until(|| beside.get(&path, &shop.admin), |standing| !standing["latest_deep"].is_null()).await;
    let report = &standing["latest_deep"];
    assert_eq!((&report["requested_by"], &report["health"]), (&json!("schedule"), &json!(75)), "{report}");
    let summary = format!("{STANDING}/summary");
    until(|| beside.get(&summary, &shop.admin), |summary| !summary["strays"].is_null()).await;
}

/// Asks until the answer is as wanted; fails after many tries.
async fn until<F: Future<Output = Reply>>(ask: impl Fn() -> F, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_000 {
        let answer = ask().await.expect(200);
        if wanted(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the answer never came");
}

/// What is being written while a check goes on is no fault.
async fn checks_during_sales_find_nothing(database: TestDatabase) {
    const TILLS: usize = 3;
    const ORDERS: usize = 6;
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let shop = Arc::new(Shop::open_on_server(app, json!({"name": "Busy", "currency": "EUR"})).await);
    let sell = |shop: Arc<Shop>| async move {
        for _ in 0..ORDERS {
            let paid = shop.place_paid_order().await;
            shop.refund(&paid, Value::Null).await.expect(201);
        }
    };
    let tills: Vec<_> = (0..TILLS).map(|_| tokio::spawn(sell(Arc::clone(&shop)))).collect();
    let mut last = false;
    while !last {
        last = tills.iter().all(|till| till.is_finished());
        assert_eq!(found(&shop.check(true).await), []);
    }
    for till in tills {
        till.await.unwrap();
    }
    // An order, a payment and a refund each.
    assert_eq!(shop.standing().await["latest"]["records"], json!(TILLS * ORDERS * 3));
}

async fn the_command_line_checks_while_a_server_runs(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    let before = database.count("SELECT COUNT(*) FROM integrity_reports").await;
    let (code, out, _) = numbering(&database, &["check", "--deep"]).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(&format!("({}): health 100, 15 records", shop.store)), "{out}");
    assert_eq!(database.count("SELECT COUNT(*) FROM integrity_reports").await, before, "it only reads");

    database.execute("UPDATE orders SET claim_code = 'mine' WHERE number = 5").await;
    let (code, out, _) = numbering(&database, &["check", "--json"]).await;
    assert_eq!(code, 0, "numbers alone are whole: {out}");
    let (code, out, error) = numbering(&database, &["check", "--deep"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("Receipt 5 of store Corner <shop> was changed after it was written (1 in total).")
            && error.contains("1 of 2 reports"),
        "{out}{error}"
    );
    let (code, out, _) = numbering(&database, &["check", "--deep", "--json", "--keep", "--store", &shop.store]).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["findings"][0]["kind"], &report["health"]), (1, &json!("broken_seal"), &json!(75)));
    assert_eq!(database.count("SELECT COUNT(*) FROM integrity_reports").await, before + 1);

    let nobody = "01890000-0000-7000-8000-000000000000";
    let (code, _, error) = numbering(&database, &["check", "--store", nobody]).await;
    assert!(code == 2 && error.contains(nobody), "1 would say that something was found: {code} {error}");
    let (code, _, _) = numbering(&database, &["check", "--store", "seven"]).await;
    assert_eq!(code, 2);
    let (code, _, error) = numbering(&database, &["repair", "void", "--store", nobody, "--reason", "none"]).await;
    assert!(code == 1 && error.contains(nobody), "{code} {error}");
    let (_, help, _) = numbering(&database, &["check", "--help"]).await;
    assert!(help.contains("1 findings") && help.contains("2 the check could"), "{help}");
    let missing = database.folder().join("mistyped.db");
    let url = format!("sqlite://{}", missing.display());
    let (code, _, error) = run(&url, &database, &["check"]).await;
    assert!(code == 2 && error.contains("mistyped.db") && !missing.exists(), "{code} {error}");
}

/// `tillsight numbering …` on a test's database: exit code, standard output, standard error.
pub async fn numbering(database: &TestDatabase, arguments: &[&str]) -> (i32, String, String) {
    run(database.url().expose_secret(), database, arguments).await
}

/// `tillsight numbering …` on the database at `url`: exit code, standard output, standard error.
async fn run(url: &str, database: &TestDatabase, arguments: &[&str]) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.arg("numbering").args(arguments).stdin(Stdio::null()).current_dir(database.folder());
    let output = program.env("TILLSIGHT_DATABASE_URL", url).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A copy may be evidence: looking at it leaves it as it is, byte for byte, with nothing beside it. SQLite's `VACUUM INTO`
/// makes one that is not in WAL mode.
async fn checks_and_dry_runs_leave_a_copy_unchanged(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    let before = database.dump_rows().await;
    let copies = database.folder().join("copies");
    let url = if database.kind() == "sqlite" {
        std::fs::create_dir(&copies).unwrap();
        let copy = copies.join("copy.db");
        database.execute_with("VACUUM INTO $1", copy.to_str().unwrap()).await;
        format!("sqlite://{}", copy.display())
    } else {
        database.url().expose_secret().to_owned()
    };
    let bytes = || std::fs::read(copies.join("copy.db")).ok();
    let whole = bytes();
    for arguments in [
        &["check"][..],
        &["check", "--deep"],
        &["repair", "void", "--store", &shop.store, "--reason", "what would be done"],
    ] {
        let (code, _, error) = run(&url, &database, arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {error}");
        assert!(bytes() == whole, "{arguments:?} changed the copy");
        assert!(std::fs::read_dir(&copies).map_or(1, Iterator::count) == 1, "{arguments:?} left a file beside it");
    }
    assert_eq!(database.dump_rows().await, before);
    // What is to be kept is written, in a copy too.
    assert_eq!(run(&url, &database, &["check", "--keep"]).await.0, 0);
    assert!(whole.is_none() || bytes() != whole);
}

async fn invalid_requests_are_refused(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let nobody = "01890000-0000-7000-8000-000000000000";
    for rest in ["", "/reports"] {
        let path = format!("{STANDING}/stores/{nobody}{rest}");
        app.get(&path, &admin).await.expect_problem(404, "not-found");
    }
    app.post(&format!("{RUN}?store_id={nobody}"), &admin, json!({})).await.expect_problem(404, "not-found");
    for query in ["deep_check=perhaps", "store_id=seven"] {
        app.post(&format!("{RUN}?{query}"), &admin, json!({})).await.expect_problem(400, "bad-request");
    }
}

on_both_databases!(
    an_intact_store_has_full_health,
    each_manual_change_is_found_until_it_is_undone,
    a_quick_check_does_not_hide_findings_of_a_deep_one,
    lines_whose_record_is_missing_are_found,
    a_missing_store_and_a_cut_off_chain_are_found,
    due_checks_run_once_across_servers,
    a_server_checks_by_itself,
    checks_during_sales_find_nothing,
    the_command_line_checks_while_a_server_runs,
    checks_and_dry_runs_leave_a_copy_unchanged,
    invalid_requests_are_refused,
);
