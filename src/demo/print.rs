//! Prints recognitions, the bill and the receipt of the demonstration.

use serde_json::Value;

use crate::domain::{Currency, Money};
use crate::terminal::say;

/// Characters between the borders of bill and receipt.
const WIDTH: usize = 60;

/// What was recognised where `product` lies; `None`: nothing was found there.
pub(super) fn print_recognition(product: &str, item: Option<&Value>) {
    let Some(item) = item else {
        say!("   {product}\n      not found");
        return;
    };
    let best = &item["candidates"][0];
    let name = best["product_name"].as_str().unwrap_or("nothing");
    let verdict = item["verdict"].as_str().unwrap_or("?");
    let score = best["score"].as_f64().unwrap_or(0.0);
    say!("   {product}\n      {verdict:<9} {score:.3} {name}");
}

pub(super) fn print_bill(session: &Value) {
    print_box(session, |_| {});
}

pub(super) fn print_receipt(order: &Value, store: &str, claim_code: &str) {
    print_box(order, |order| {
        let created = order["created_at"].as_str().unwrap_or("").split('.').next().unwrap_or("").replace('T', " ");
        say!("   │ {:<WIDTH$} │", format!("{store} · receipt number {}", order["receipt_number"]));
        say!("   │ {:<WIDTH$} │", format!("{} UTC", created.trim_end_matches('Z')));
        say!("   │ {:<WIDTH$} │", format!("claim code {claim_code}"));
        say!("   ├{}┤", "─".repeat(WIDTH + 2));
    });
}

fn print_box(bill: &Value, print_header: impl FnOnce(&Value)) {
    say!("   ┌{}┐", "─".repeat(WIDTH + 2));
    print_header(bill);
    for item in bill["items"].as_array().into_iter().flatten() {
        let name: String = item["product_name"].as_str().unwrap_or("").chars().take(WIDTH - 24).collect();
        let price = format_amount(&item["line_total"], &bill["currency"]);
        let quantity = item["quantity"].as_i64().unwrap_or(0);
        say!("   │ {quantity:>3} × {name:<name_width$} {price:>12} │", name_width = WIDTH - 19);
    }
    say!("   ├{}┤", "─".repeat(WIDTH + 2));
    say!(
        "   │ {:<label_width$} {:>12} │",
        "Total",
        format_amount(&bill["total"], &bill["currency"]),
        label_width = WIDTH - 13
    );
    say!("   └{}┘", "─".repeat(WIDTH + 2));
}

fn format_amount(minor: &Value, currency: &Value) -> String {
    let currency = currency.as_str().and_then(|code| Currency::parse("currency", code).ok());
    match (minor.as_i64(), currency) {
        (Some(amount), Some(currency)) => Money { amount, currency }.to_string(),
        (_, _) => "no price".to_owned(),
    }
}
