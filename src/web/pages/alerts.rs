//! Alerts: what is wrong now with what to do about it, what was, and whether the receivers hear of it.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::alerts::{AlertView, DeliveryView, RunbookSection, TestDelivery};
use crate::domain::{AlertId, AlertSeverity, AlertState, Caller, DeliveryState, PageRequest, TimeZone};
use crate::http::Services;
use crate::http::extract::{ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};

const PAGE_LENGTH: i64 = 20;

#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    cursor: String,
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsTemplate<'a> {
    page: &'a Page,
    zone: TimeZone,
    active: Vec<ShownAlert>,
    history: Vec<ShownAlert>,
    next_cursor: Option<String>,
    /// What the receivers made of a test message that was just sent.
    tested: Option<Vec<TestDelivery>>,
    form: Form,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertTemplate<'a> {
    page: &'a Page,
    zone: TimeZone,
    alert: ShownAlert,
    deliveries: Vec<DeliveryView>,
    form: Form,
}

impl AlertTemplate<'_> {
    fn delivery_tone(&self, state: &DeliveryState) -> &'static str {
        match state {
            DeliveryState::Delivered => "good",
            DeliveryState::Waiting => "warn",
            DeliveryState::Failed => "bad",
        }
    }
}

/// An alert with its runbook.
struct ShownAlert {
    alert: AlertView,
    runbook: String,
}

impl ShownAlert {
    fn new(alert: AlertView, page: &Page) -> Self {
        let runbook = render_runbook(&RunbookSection::in_language(alert.rule, page.language.tag()).text);
        Self { alert, runbook }
    }

    fn tone(&self) -> &'static str {
        match (self.alert.state, self.alert.severity) {
            (AlertState::Resolved, _) => "good",
            (AlertState::Acknowledged, _) | (AlertState::Firing, AlertSeverity::Warning) => "warn",
            (AlertState::Firing, AlertSeverity::Critical) => "bad",
        }
    }

    /// The word of the badge: how urgent it is while it fires, else its state.
    fn word(&self, page: &Page) -> String {
        match self.alert.state {
            AlertState::Firing => page.text_of("severity-", self.alert.severity.as_str()),
            state @ (AlertState::Acknowledged | AlertState::Resolved) => page.text_of("alert-state-", state.as_str()),
        }
    }

    fn is_open(&self) -> bool {
        self.alert.state != AlertState::Resolved
    }
}

pub async fn show(page: Page, services: Data<Services>, query: ValidQuery<ListQuery>) -> PageResult {
    render_list(&page, &services, &query.0.cursor, None).await
}

async fn render_list(page: &Page, services: &Services, cursor: &str, tested: Option<Vec<TestDelivery>>) -> PageResult {
    let request = PageRequest { before: cursor.parse().ok(), limit: PAGE_LENGTH };
    let active = services.alerts.list_active().await?;
    let history = services.alerts.list_history(request).await?;
    let shown = |alerts: Vec<AlertView>| alerts.into_iter().map(|alert| ShownAlert::new(alert, page)).collect();
    let template = AlertsTemplate {
        page,
        zone: services.auth.store_defaults().1,
        active: shown(active),
        history: shown(history.data),
        next_cursor: history.next_cursor,
        tested,
        form: Form::empty(),
    };
    page.render(&template)
}

pub async fn show_one(page: Page, services: Data<Services>, id: ValidPath<AlertId>) -> PageResult {
    let id = id.0;
    let alert = services.alerts.get_alert(id).await?;
    let deliveries = services.alerts.list_deliveries(id).await?;
    let zone = services.auth.store_defaults().1;
    let alert = ShownAlert::new(alert, &page);
    page.render(&AlertTemplate { page: &page, zone, alert, deliveries, form: Form::empty() })
}

/// Acknowledges or resolves the alert that the form names.
pub async fn act(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let key = form.text("key");
    match form.text("action") {
        "acknowledge" => {
            services.alerts.acknowledge_alert(&caller, key).await?;
            page.redirect_with_notice("/admin/alerts", "notice-alert-acknowledged")
        }
        "resolve" => {
            services.alerts.resolve_alert(&caller, key).await?;
            page.redirect_with_notice("/admin/alerts", "notice-alert-resolved")
        }
        other => {
            Err(Problem::new(ProblemKind::InvalidField, format!("action: \"{other}\" is unknown"))
                .with("field", "action"))
        }
    }
}

/// Sends a test message and shows, without a redirect, what each receiver made of it.
pub async fn test(page: Page, caller: Caller, services: Data<Services>, _form: Form) -> PageResult {
    let tested = services.alerts.send_test(&caller).await?.data;
    render_list(&page, &services, "", Some(tested)).await
}

/// The runbook's Markdown as HTML. It is part of the program, so nothing in it is a stranger's.
fn render_runbook(text: &str) -> String {
    let mut html = String::new();
    pulldown_cmark::html::push_html(
        &mut html,
        pulldown_cmark::Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES),
    );
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbook_becomes_paragraphs_lists_and_tables() {
        let html = render_runbook("**Do.** Stop `it`.\n\n1. one\n\n| a | b |\n|---|---|\n| 1 | 2 |");
        assert!(html.contains("<p><strong>Do.</strong> Stop <code>it</code>.</p>"), "{html}");
        assert!(html.contains("<ol>") && html.contains("<td>1</td>"), "{html}");
    }
}
