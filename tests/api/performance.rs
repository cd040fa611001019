//! Statistics of making orders: counted where orders are made, summed over servers, by store; the metrics' text.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tillsight::db::Database;
use tillsight::performance::{Attempt, AttemptOutcome, Performance, Retries, Window};

use crate::harness::{Shop, TestApp, TestDatabase, on_both_databases, skip};

const STATS: &str = "/api/monitoring/numbering/performance/stats";
const EXPORT: &str = "/api/monitoring/numbering/metrics/export";

async fn orders_are_counted_by_store(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for _ in 0..3 {
        shop.place_paid_order().await;
    }
    let bill = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let path = format!("/api/sessions/{}/confirm", bill["id"].as_str().unwrap());
    let confirm = |key: &'static str, version: Value| shop_confirm(&shop, &path, key, version);
    confirm("stale", json!(1)).await.expect_problem(409, "stale-version");
    confirm("right", bill["version"].clone()).await.expect(201);
    confirm("right", bill["version"].clone()).await.expect(201);
    let stats = shop.app.get(STATS, &shop.admin).await.expect(200);
    assert_eq!((&stats["window_s"], &stats["at"]), (&json!(3_600), &json!("2026-01-05T12:00:00Z")));
    let store = &stats["data"][0];
    assert_eq!((&store["store_id"], &store["store_name"]), (&json!(shop.store), &json!("Corner <shop>")));
    assert_eq!(
        (&store["succeeded"], &store["refused"], &store["failed"]),
        (&json!(4), &json!(1), &json!(0)),
        "{store}"
    );
    assert_eq!((&store["success_rate"], &store["conflict_rate"]), (&json!(1.0), &json!(0.0)));
    assert_eq!(store["orders_today"], 4, "a reply that is given again is no order");
    assert!(store["p50_ms"].as_f64() <= store["p95_ms"].as_f64() && store["mean_ms"].as_f64() > Some(0.0), "{store}");
    assert_eq!(stats["total"]["attempts"], 5);
    let other = shop.app.create_store(&shop.admin).await;
    let none = shop.app.get(&format!("{STATS}?store_id={other}"), &shop.admin).await.expect(200);
    assert_eq!((&none["data"], &none["total"]["mean_ms"]), (&json!([]), &Value::Null));
    for query in ["window_s=59", "window_s=604801"] {
        let problem = shop.app.get(&format!("{STATS}?{query}"), &shop.admin).await.expect_problem(422, "invalid-field");
        assert_eq!(problem["field"], "window_s", "{problem}");
    }
    shop.app.get(&format!("{STATS}?window_s=soon"), &shop.admin).await.expect_problem(400, "bad-request");
}

async fn shop_confirm(shop: &Shop, path: &str, key: &str, version: Value) -> crate::harness::Reply {
    shop.post_with_key(path, &shop.kiosk, key, json!({"version": version})).await
}

async fn the_trend_has_an_entry_for_each_hour(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.place_paid_order().await;
    shop.app.clock.advance(3_600);
    let admin = shop.app.login_admin().await;
    shop.place_paid_order().await;
    shop.place_paid_order().await;
    let path = "/api/monitoring/numbering/performance/trend";
    let hours = shop.app.get(&format!("{path}?hours=3"), &admin).await.expect(200)["data"].as_array().unwrap().clone();
    let begins: Vec<_> = hours.iter().map(|hour| hour["begins"].as_str().unwrap()).collect();
    assert_eq!(begins, ["2026-01-05T11:00:00Z", "2026-01-05T12:00:00Z", "2026-01-05T13:00:00Z"]);
    let attempts: Vec<_> = hours.iter().map(|hour| hour["attempts"].as_i64().unwrap()).collect();
    assert_eq!(attempts, [0, 1, 2]);
    assert!(hours[0]["p95_ms"].is_null() && hours[2]["p95_ms"].as_f64() > Some(0.0), "{hours:?}");
    let day = shop.app.get(path, &admin).await.expect(200);
    assert_eq!(day["data"].as_array().unwrap().len(), 24);
    let other = shop.app.create_store(&admin).await;
    let none = shop.app.get(&format!("{path}?hours=1&store_id={other}"), &admin).await.expect(200);
    assert_eq!(none["data"][0]["attempts"], 0);
    shop.app.get(&format!("{path}?hours=0"), &admin).await.expect_problem(422, "invalid-field");
}

async fn servers_are_summed_and_days_begin_by_the_stores_clocks(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    // 12:00 in UTC, 21:00 in Korea: three hours to midnight.
    let body = json!({"name": "Seoul", "currency": "KRW", "time_zone": "Asia/Seoul"});
    let store = app.post("/api/stores", &admin, body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let opened = Database::connect(app.database.url(), 4).await.unwrap();
    let servers = [0, 1].map(|_| Performance::new(opened.clone(), app.clock.clone()));
    let attempt = |outcome, millis| Attempt {
        store: Some(store.parse().unwrap()),
        outcome,
        retries: Retries { conflicts: 2, after_timeout: 1, ..Retries::default() },
        duration: Duration::from_millis(millis),
    };
    for server in &servers {
        for millis in 1..=50 {
            server.record(&attempt(AttemptOutcome::Succeeded, millis));
        }
        server.flush().await.unwrap();
        server.flush().await.unwrap();
        server.record(&attempt(AttemptOutcome::Failed, 1_000));
        server.flush().await.unwrap();
    }
    // A server that was killed before it wrote has counted nothing; one that goes on in the next minute adds to it.
    app.clock.advance(60);
    servers[0].record(&attempt(AttemptOutcome::Succeeded, 50));
    let of = async |window: i64| {
        let stats = servers[0].stats(Window::new(window).unwrap(), None).await.unwrap();
        serde_json::to_value(&stats).unwrap()["data"][0].clone()
    };
    let both = of(600).await;
    assert_eq!((&both["attempts"], &both["failed"], &both["orders_today"]), (&json!(103), &json!(2), &json!(101)));
    assert_eq!(
        (&both["conflicts"], &both["retries"], &both["retries_timeout"]),
        (&json!(206), &json!(103), &json!(103))
    );
    let p50 = both["p50_ms"].as_f64().unwrap();
    assert!((25.0..27.0).contains(&p50), "{p50}");
    assert_eq!(of(60).await["attempts"], 1, "the last minute");
    app.clock.advance(3 * 3_600);
    assert_eq!(of(4 * 3_600).await["orders_today"], 0, "it is past midnight there");
    app.clock.advance(40 * 86_400);
    servers[0].flush().await.unwrap();
    assert_eq!(servers[0].remove_old_rows().await.unwrap(), 3, "two rows of the first minute, one of the second");
}

/// Nobody can be let in while the database is away: the orders that fail by it count all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_an_outage_prevents_are_counted() {
    let database = TestDatabase::postgres().await;
    let shop = Shop::open(database.clone()).await;
    let bill = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let path = format!("/api/sessions/{}/confirm", bill["id"].as_str().unwrap());
    database.refuse_connections().await;
    let mut failed = 0;
    let mut confirm = async || {
        let status = shop_confirm(&shop, &path, "bill", bill["version"].clone()).await.status.as_u16();
        failed += i64::from(status == 503);
        status
    };
    for _ in 0..2 {
        assert_eq!(confirm().await, 503);
    }
    database.accept_connections().await;
    // A till tries again until it is answered; connections that were cut are found out one by one.
    while confirm().await != 201 {}
    let stats = shop.app.get(STATS, &shop.admin).await.expect(200);
    assert_eq!((&stats["total"]["failed"], &stats["total"]["succeeded"]), (&json!(failed), &json!(1)), "{stats}");
}

async fn the_export_is_metrics_or_json(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.place_paid_order().await;
    let json = shop.app.get(&format!("{EXPORT}?format=json"), &shop.admin).await.expect(200);
    assert_eq!((&json["performance"]["total"]["succeeded"], &json["alerts"]), (&json!(1), &json!([])));
    assert_eq!(json["integrity"][0]["store_id"], json!(shop.store));
    let reply = shop.app.get(EXPORT, &shop.admin).await;
    let text = String::from_utf8(reply.bytes).unwrap();
    assert!(text.contains("\ntillsight_order_creation_duration_seconds_bucket{"), "{text}");
    assert!(!text.contains("tillsight_http_"), "{text}");
    shop.app.get(&format!("{EXPORT}?format=xml"), &shop.admin).await.expect_problem(400, "bad-request");
}

/// Prometheus' own tool has nothing to say against any metric's name, type or help.
async fn promtool_accepts_the_metrics(database: TestDatabase) {
    let name = format!("performance::{}::promtool_accepts_the_metrics", database.kind());
    let shop = Shop::open(database).await;
    shop.place_paid_order().await;
    let path = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
    shop.app.post(path, &shop.admin, json!({})).await.expect(200);
    let text = shop.app.call(reqwest::Method::GET, "/metrics", None, |request| request).await.bytes;
    let own = String::from_utf8(text.to_vec()).unwrap();
    assert!(own.contains("\nprocess_open_fds ") && own.contains("\ntillsight_build_info{version="), "{own}");
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/target/promtool/promtool");
    let tool = if std::path::Path::new(here).exists() { here } else { "promtool" };
    let mut command = Command::new(tool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        return skip(&name, "promtool is not installed (Debian's package prometheus has it)");
    };
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &text));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

/// Every panel asks for metrics that the server has, by labels that they have.
async fn the_dashboard_asks_for_what_there_is(database: TestDatabase) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let shop = Shop::open(database).await;
    shop.void(&shop.place_order(&[(&shop.milk, 1)]).await).await.expect(201);
    let check = "/api/monitoring/numbering/jobs/integrity/run-check";
    shop.app.post(check, &shop.admin, json!({})).await.expect(200);
    let text = shop.app.call(reqwest::Method::GET, "/metrics", None, |request| request).await.bytes;
    let text = String::from_utf8(text).unwrap();
    let (mut asked, mut grouped) = (0, 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let named = metrics_named_in(expression);
            assert!(!named.is_empty(), "{expression} asks for no metric");
            let mut known = BTreeSet::new();
            for (name, matched) in named {
                let labels = labels_of(&name, &text);
                let labels = labels.unwrap_or_else(|| panic!("{}: there is no {name}", panel["title"]));
                for label in matched {
                    assert!(labels.contains(&label), "{expression}: {name} has no label {label}, but {labels:?}");
                }
                known.extend(labels);
            }
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            for label in labels_grouped_by(expression).chain(labels_in_legend(legend)) {
                assert!(known.contains(label), "{expression} ({legend}): no metric of it has a label {label}");
                grouped += 1;
            }
            asked += 1;
        }
    }
    assert!(asked >= 13 && grouped >= 15, "{asked} {grouped}");
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let asked = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (name, label) = asked.split_once(", ").unwrap();
            assert!(labels_of(name, &text).is_some_and(|labels| labels.contains(label)), "{query}");
        }
    }
}

/// The metrics that an expression names, each with the labels that it matches by.
fn metrics_named_in(expression: &str) -> Vec<(String, Vec<String>)> {
    let named = expression.match_indices("tillsight_").map(|(start, _)| {
        let rest = &expression[start..];
        let (name, rest) = rest.split_at(rest.find(|letter: char| !in_name(letter)).unwrap_or(rest.len()));
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let labels = matchers.split(',').filter_map(|matcher| matcher.split_once(['=', '!']));
        (name.to_owned(), labels.map(|(label, _)| label.trim().to_owned()).collect())
    });
    named.collect()
}

/// The labels in `by (…)`.
fn labels_grouped_by(expression: &str) -> impl Iterator<Item = &str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    lists.flat_map(|(labels, _)| labels.split(',').map(str::trim))
}

/// The labels in `{{…}}`.
fn labels_in_legend(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(label, _)| label.trim())
}

/// The labels of a metric in the exported text; nothing where there is no such metric.
fn labels_of(name: &str, text: &str) -> Option<BTreeSet<String>> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)).peekable();
    lines.peek()?;
    let mut labels = BTreeSet::new();
    let mut there = false;
    for rest in lines {
        there |= rest.starts_with(['{', ' ']);
        // A value may hold braces, as the patterns of routes do; after the last one comes the figure alone.
        let inside = rest.strip_prefix('{').and_then(|rest| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
        labels.extend(inside.split("\",").filter_map(|pair| pair.split_once("=\"")).map(|(label, _)| label.to_owned()));
    }
    there.then_some(labels)
}

fn in_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn what_a_query_names_is_read_out_of_it() {
    let query = "sum by (le, route) (rate(tillsight_a_bucket{status=~\"5..\", route!=\"x\"}[5m])) / max(tillsight_b)";
    let named = [("tillsight_a_bucket".to_owned(), vec!["status".to_owned(), "route".to_owned()])];
    let named: Vec<_> = named.into_iter().chain([("tillsight_b".to_owned(), Vec::new())]).collect();
    assert_eq!(metrics_named_in(query), named);
    assert_eq!(labels_grouped_by(query).collect::<Vec<_>>(), ["le", "route"]);
    assert_eq!(labels_in_legend("{{sink}}: {{outcome}}").collect::<Vec<_>>(), ["sink", "outcome"]);
    let text = "# HELP tillsight_a what\ntillsight_a{x=\"{1}\",y=\"a,b\"} 2\ntillsight_a_count 3";
    assert_eq!(labels_of("tillsight_a", text), Some(["x", "y"].map(str::to_owned).into()));
    assert_eq!((labels_of("tillsight_a_co", text), labels_of("tillsight_c", text)), (None, None));
}

on_both_databases!(
    the_trend_has_an_entry_for_each_hour,
    orders_are_counted_by_store,
    servers_are_summed_and_days_begin_by_the_stores_clocks,
    the_export_is_metrics_or_json,
    promtool_accepts_the_metrics,
    the_dashboard_asks_for_what_there_is,
);
