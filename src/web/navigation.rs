//! What the pages' menus lead to, in one list. An entry shows once its page is in the table of pages and the visitor may open
//! it.

use actix_web::http::Method;

use super::page_table::PAGES;
use crate::auth::Identity;
use crate::domain::{Actor, Role};

/// An entry of a menu.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub path: &'static str,
    /// Key of its label.
    pub label: &'static str,
    pub icon: &'static str,
}

const fn entry(path: &'static str, label: &'static str, icon: &'static str) -> Entry {
    Entry { path, label, icon }
}

/// For staff, in the order in which they are needed.
const STAFF: [Entry; 14] = [
    entry("/admin", "nav-dashboard", "dashboard"),
    entry("/admin/products", "nav-products", "package"),
    entry("/admin/orders", "nav-orders", "receipt"),
    entry("/admin/tasks", "nav-tasks", "boxes"),
    entry("/admin/schedules", "nav-schedules", "clock"),
    entry("/admin/numbering", "nav-numbering", "hash"),
    entry("/admin/alerts", "nav-alerts", "bell"),
    entry("/admin/stores", "nav-stores", "store"),
    entry("/admin/people", "nav-people", "users"),
    entry("/admin/models", "nav-models", "cpu"),
    entry("/admin/background", "nav-background", "activity"),
    entry("/admin/audit", "nav-audit", "scroll"),
    entry("/admin/settings", "nav-settings", "settings"),
    entry("/setup", "nav-setup", "list"),
];

const SHOPPER: [Entry; 1] = [entry("/mypage", "nav-mypage", "shopping-bag")];

/// The menu of this visitor.
pub fn entries(visitor: &Identity) -> Vec<Entry> {
    let all: &[Entry] = match visitor.role() {
        Some(Role::Admin | Role::Clerk) => &STAFF,
        Some(Role::User) => &SHOPPER,
        None => &[],
    };
    all.iter().copied().filter(|entry| may_open(visitor, entry.path)).collect()
}

/// The page that a visitor is led to from `/`.
pub fn start(visitor: &Identity) -> &'static str {
    match visitor.actor {
        Actor::Kiosk { .. } => "/kiosk",
        Actor::System | Actor::CommandLine | Actor::Person { .. } => {
            entries(visitor).first().map_or("/password", |entry| entry.path)
        }
    }
}

fn may_open(visitor: &Identity, path: &str) -> bool {
    let page = PAGES.iter().find(|route| route.method == Method::GET && route.pattern == path);
    page.is_some_and(|page| page.policy.admits(&visitor.actor))
}
