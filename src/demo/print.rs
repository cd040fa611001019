//! What the demonstration shows on the terminal: sightings, the bill, the receipt.

use serde_json::Value;

use crate::domain::{Currency, Money};
use crate::terminal::say;

/// Characters between the edges of bill and receipt.
const WIDTH: usize = 60;

/// One thing before the camera and what the kiosk made of it.
pub(super) fn sighting(shown: &str, seen: &Value, timings: &Value) {
    let best = &seen["candidates"][0];
    let name = best["product_name"].as_str().unwrap_or("nothing");
    let verdict = seen["verdict"].as_str().unwrap_or("?");
    let score = best["score"].as_f64().unwrap_or(0.0);
    let total = timings["total"].as_f64().unwrap_or(0.0);
    say!("   {shown}\n      {verdict:<9} {score:.3} {name}  ({total:.0} ms)");
}

/// The bill as the kiosk shows it.
pub(super) fn bill(session: &Value) {
    frame(session, |_| {});
}

/// The receipt as the shopper reads it.
pub(super) fn receipt(order: &Value, store: &str, claim_code: &str) {
    frame(order, |order| {
        let created = order["created_at"].as_str().unwrap_or("").split('.').next().unwrap_or("").replace('T', " ");
        say!("   │ {:<WIDTH$} │", format!("{store} · receipt number {}", order["receipt_number"]));
        say!("   │ {:<WIDTH$} │", format!("{} UTC", created.trim_end_matches('Z')));
        say!("   │ {:<WIDTH$} │", format!("claim code {claim_code}"));
        say!("   ├{}┤", "─".repeat(WIDTH + 2));
    });
}

fn frame(bill: &Value, head: impl FnOnce(&Value)) {
    say!("   ┌{}┐", "─".repeat(WIDTH + 2));
    head(bill);
    for item in bill["items"].as_array().into_iter().flatten() {
        let name: String = item["product_name"].as_str().unwrap_or("").chars().take(WIDTH - 24).collect();
        let price = amount(&item["line_total"], &bill["currency"]);
        let quantity = item["quantity"].as_i64().unwrap_or(0);
        say!("   │ {quantity:>3} × {name:<name_width$} {price:>12} │", name_width = WIDTH - 19);
    }
    say!("   ├{}┤", "─".repeat(WIDTH + 2));
    say!(
        "   │ {:<label_width$} {:>12} │",
        "Total",
        amount(&bill["total"], &bill["currency"]),
        label_width = WIDTH - 13
    );
    say!("   └{}┘", "─".repeat(WIDTH + 2));
}

fn amount(minor: &Value, currency: &Value) -> String {
    let currency = currency.as_str().and_then(|code| Currency::parse("currency", code).ok());
    match (minor.as_i64(), currency) {
        (Some(amount), Some(currency)) => Money { amount, currency }.to_string(),
        (_, _) => "no price".to_owned(),
    }
}
