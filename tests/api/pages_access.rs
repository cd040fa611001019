//! Every page of the table of pages, opened by every kind of caller: shown only to whom its policy admits.

use serde_json::json;
use tillsight::domain::{Actor, Role};
use tillsight::http::policy::Policy;
use tillsight::web::page_table::PAGES;
use uuid::Uuid;

use crate::harness::{ADMIN_PASSWORD, Browser, TestApp, TestDatabase, assert_leads, on_both_databases};

const UNKNOWN_ID: &str = "01890000-0000-7000-8000-000000000000";
const PASSWORD: &str = "apples and oranges";

/// A caller and their browser.
struct Visitor<'a> {
    name: &'static str,
    actor: Actor,
    browser: Browser<'a>,
}

async fn every_page_is_shown_only_to_whom_its_policy_admits(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut visitors = open_browsers(&app).await;
    let mut tried = 0;
    for page in PAGES.iter().filter(|page| page.policy != Policy::Public) {
        let path = fill_pattern(&page.pattern);
        let mut stranger = Browser::new(&app);
        let answer = open(&mut stranger, page.method.as_str(), &path).await;
        let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let login = if page.method == "GET" { format!("/login?next={next}") } else { "/login".to_owned() };
        assert_leads(&answer, &login);
        for visitor in &mut visitors {
            let answer = open(&mut visitor.browser, page.method.as_str(), &path).await;
            let what = format!("{} {path} as {}: {}", page.method, visitor.name, answer.status());
            assert_eq!(answer.status() == 403, !page.policy.admits(&visitor.actor), "{what}");
            assert!(answer.status().as_u16() < 500, "{what}");
            let location = answer.headers().get("location").map(|value| value.to_str().unwrap());
            assert!(!location.is_some_and(|location| location.starts_with("/login")), "{what}");
            tried += 1;
        }
        if page.method == "POST" {
            let admin = visitors.iter_mut().find(|visitor| visitor.name == "admin").unwrap();
            let forged = admin.browser.submit_from("https://evil.example", &path, &[]).await;
            assert_eq!(forged.status(), 403, "POST {path} from another site");
        }
    }
    assert!(tried >= 5 * 4, "only {tried} tries");
    for page in PAGES.iter().filter(|page| page.policy == Policy::Public && page.method == "GET") {
        let answer = Browser::new(&app).get(&fill_pattern(&page.pattern)).await;
        assert!(answer.status().as_u16() < 500 && answer.status() != 403, "{}: {}", page.pattern, answer.status());
    }
}

fn fill_pattern(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| if part.starts_with('{') { UNKNOWN_ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn open(browser: &mut Browser<'_>, method: &str, path: &str) -> reqwest::Response {
    match method {
        "GET" => browser.get(path).await,
        // The form is empty, so that nothing is done that a later page needs.
        _ => browser.submit(path, &[]).await,
    }
}

/// A shopper, a clerk, a clerk of another store, an admin and a kiosk, each with a browser.
async fn open_browsers(app: &TestApp) -> Vec<Visitor<'_>> {
    let admin = app.login_admin().await;
    let (store, other) = (app.create_store(&admin).await, app.create_store(&admin).await);
    let person = |role| Actor::Person { id: Uuid::nil().into(), role, store: None };
    let mut visitors = Vec::new();
    let mut shopper = Browser::new(app);
    shopper.submit("/signup", &[("username", "ann"), ("password", PASSWORD)]).await;
    visitors.push(Visitor { name: "shopper", actor: person(Role::User), browser: shopper });
    for (name, store) in [("clerk", &store), ("clerk.of.another.store", &other)] {
        let body = json!({"username": name, "password": PASSWORD, "role": "clerk", "store_id": store});
        app.post("/api/users", &admin, body).await.expect(201);
        let mut clerk = Browser::new(app);
        clerk.sign_in(name, PASSWORD).await;
        assert_leads(&clerk.get("/").await, "/password");
        let fields = [("current_password", PASSWORD), ("new_password", "weighs every pear")];
        assert_eq!(clerk.submit("/password", &fields).await.status(), 303);
        visitors.push(Visitor {
            name: if name == "clerk" { "clerk" } else { "clerk of another store" },
            actor: person(Role::Clerk),
            browser: clerk,
        });
    }
    let mut browser = Browser::new(app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    visitors.push(Visitor { name: "admin", actor: person(Role::Admin), browser });
    let mut browser = Browser::new(app);
    browser.cookies.push(("kiosk".to_owned(), app.enrol_kiosk(&admin, &store).await));
    let actor = Actor::Kiosk { id: Uuid::nil().into(), store: Uuid::nil().into() };
    visitors.push(Visitor { name: "kiosk", actor, browser });
    visitors
}

on_both_databases!(every_page_is_shown_only_to_whom_its_policy_admits);
