//! Which pages are looked at, with which address and by whom. Every page of the table of pages is, by every role that its policy
//! admits: a new page needs nothing here unless its address has an id in it.

use serde_json::{Value, json};
use tillsight::domain::{Actor, Role};
use tillsight::http::policy::Policy;
use tillsight::web::page_table::PAGES;
use uuid::Uuid;

use super::FilledShop;

/// Seen elsewhere: the first start on a server that nobody has used, and the parts that the kiosk's scripts show within its screen.
/// Not pages of ours: files, a picture, and the API's documentation by Swagger UI.
const NO_VISITS: [&str; 8] = [
    "/setup/password",
    "/kiosk/receipts/{id}",
    "/kiosk/sessions/{id}/join",
    "/admin/tasks/{id}/items/{item_id}/photo",
    "/admin/tasks/{id}/reports/{name}",
    "/assets/{version}/{file:.+}",
    "/docs",
    "/docs/{_:.*}",
];
/// Pages as a person sees them who did something before: searched, chose a tab or a period, found nothing.
const MORE: [(&str, &str); 10] = [
    ("dashboard-30-days", "/admin?days=30"),
    ("numbering-performance", "/admin/numbering?tab=performance"),
    ("numbering-integrity", "/admin/numbering?tab=integrity"),
    ("products-none-found", "/admin/products?q=xyzzy"),
    ("orders-none-found", "/admin/orders?shopper=hannah&state=voided"),
    ("search", "/admin/search?q=ba"),
    ("search-nothing", "/admin/search?q=xyzzy"),
    ("audit-filtered", "/admin/audit?action=order"),
    ("not-found", "/admin/nothing"),
    ("forbidden", "/claim"),
];

impl FilledShop {
    /// One entry for each page and role: name, address, role, expected status.
    pub fn visits(&self) -> Vec<Value> {
        let mut visits = Vec::new();
        for page in PAGES.iter().filter(|page| page.method == "GET" && !NO_VISITS.contains(&page.pattern.as_str())) {
            let name = name(&page.pattern);
            for role in roles(page.policy, &page.pattern) {
                visits.push(visit(&name, &self.address(&page.pattern), role, 200));
            }
        }
        for (name, address) in MORE {
            let status = match name {
                "not-found" => 404,
                "forbidden" => 403,
                _ => 200,
            };
            visits.push(visit(name, address, "admin", status));
        }
        visits.push(visit("kiosk-enrol", "/kiosk", "stranger", 200));
        visits.push(visit("order-open", &format!("/admin/orders/{}", self.open_order), "clerk", 200));
        visits
    }

    /// The address of a page with ids of what is in the shop.
    fn address(&self, pattern: &str) -> String {
        let id = match pattern {
            "/mypage/orders/{id}" => &self.shopper_order,
            "/join/{id}" => &self.session,
            "/admin/products/{id}" => &self.products[0],
            "/admin/orders/{id}" => &self.refunded_order,
            "/admin/closings/{id}/{number}" => return format!("/admin/closings/{}/1", self.store),
            "/admin/stores/{id}" => &self.store,
            "/admin/people/{id}" => &self.clerk_id,
            "/admin/alerts/{id}" => &self.alert,
            "/admin/tasks/{id}" => &self.task,
            "/admin/schedules/{id}" => &self.schedule,
            "/admin/tasks/import/{id}" => &self.draft,
            "/admin/search" => return "/admin/search?q=a".to_owned(),
            _ => {
                assert!(!pattern.contains('{'), "say in tests/filled_shop/visits.rs which {pattern} is looked at");
                return pattern.to_owned();
            }
        };
        pattern.replace("{id}", id)
    }
}

fn visit(name: &str, address: &str, role: &str, status: u16) -> Value {
    json!({"name": name, "address": address, "role": role, "status": status})
}

/// "/admin/orders/{id}" is "admin-orders-id".
fn name(pattern: &str) -> String {
    let words: Vec<_> = pattern.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "start".to_owned() } else { words.join("-") }
}

/// Who looks at a page: everybody whom its policy admits. A page for everybody is seen as a stranger does, the kiosk's screen as a
/// kiosk; an order on mypage belongs to one shopper.
fn roles(policy: Policy, pattern: &str) -> Vec<&'static str> {
    let person = |role| Actor::Person { id: Uuid::nil().into(), role, store: None };
    match (policy, pattern) {
        (_, "/kiosk") => vec!["kiosk"],
        (_, "/mypage/orders/{id}") => vec!["shopper"],
        (Policy::Public, _) => vec!["stranger"],
        _ => [("shopper", Role::User), ("clerk", Role::Clerk), ("admin", Role::Admin)]
            .into_iter()
            .filter(|(_, role)| policy.admits(&person(*role)))
            .map(|(name, _)| name)
            .collect(),
    }
}
