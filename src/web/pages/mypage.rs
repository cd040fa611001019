//! A shopper's orders, what they spent by month, and one order with its receipt.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;
use url::form_urlencoded;

use crate::domain::{Caller, Currency, OrderId, OrderState, TimeZone, UserId};
use crate::http::Services;
use crate::http::extract::{ValidPage, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::orders::{MonthSpending, OrderSearch, OrderSummary, OrderView};
use crate::web::chart::{Chart, ChartKind, NARROW, Series, Tone, Unit};
use crate::web::page::{Page, PageResult};

/// Months of the chart.
const MONTHS: i64 = 12;
/// A number that no receipt has.
const NO_RECEIPT: i64 = i64::MAX;

/// The filters of the list.
#[derive(Debug, Default, Deserialize)]
pub struct Filter {
    #[serde(default)]
    state: String,
    #[serde(default)]
    receipt: String,
}

#[derive(Template)]
#[template(path = "mypage.html")]
struct MypageTemplate<'a> {
    page: &'a Page,
    filter: &'a Filter,
    is_filtered: bool,
    states: [OrderState; 5],
    orders: Vec<OrderSummary>,
    next_cursor: Option<String>,
    /// The address of this list, to which a cursor is added.
    base: String,
    this_month: Option<String>,
    spending: Option<Chart>,
    utc: TimeZone,
}

#[derive(Template)]
#[template(path = "mypage_order.html")]
struct OrderTemplate<'a> {
    page: &'a Page,
    order: OrderView,
    zone: TimeZone,
}

pub async fn show(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    filter: ValidQuery<Filter>,
    list: ValidPage,
) -> PageResult {
    let shopper = require_user_id(&caller)?;
    let filter = filter.0;
    let search = OrderSearch {
        state: filter.state.parse().ok(),
        receipt_number: Some(filter.receipt.trim()).filter(|text| !text.is_empty()).map(read_receipt_number),
        ..OrderSearch::default()
    };
    let is_filtered = search.state.is_some() || search.receipt_number.is_some();
    let orders = services.orders.list_shopper_orders(shopper, search, list.0).await?;
    let spending = services.orders.monthly_spending(shopper, MONTHS).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("state", &filter.state).append_pair("receipt", &filter.receipt);
    let currency = main_currency(&spending);
    let this_month = currency.and_then(|currency| {
        let newest = spending.iter().find(|month| month.currency == currency)?;
        Some(page.money(newest.net, currency))
    });
    page.render(&MypageTemplate {
        page: &page,
        is_filtered,
        states: [
            OrderState::Paid,
            OrderState::Confirmed,
            OrderState::PartlyRefunded,
            OrderState::Refunded,
            OrderState::Voided,
        ],
        base: format!("/mypage?{}&", query.finish()),
        filter: &filter,
        next_cursor: orders.next_cursor,
        orders: orders.data,
        this_month,
        spending: currency.map(|currency| draw_spending(&page, &spending, currency)),
        utc: TimeZone::utc(),
    })
}

/// What is no number finds no order, rather than all of them.
fn read_receipt_number(text: &str) -> i64 {
    text.parse().ok().filter(|number| *number > 0).unwrap_or(NO_RECEIPT)
}

pub async fn show_order(page: Page, caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> PageResult {
    let order = services.orders.get_shopper_order(require_user_id(&caller)?, id.0).await?;
    let zone = order.time_zone.clone().unwrap_or_else(TimeZone::utc);
    page.render(&OrderTemplate { page: &page, order, zone })
}

/// The currency with the most orders; a shopper rarely has two.
fn main_currency(spending: &[MonthSpending]) -> Option<Currency> {
    let orders_in = |currency: Currency| -> i64 {
        spending.iter().filter(|month| month.currency == currency).map(|month| month.orders).sum()
    };
    spending.iter().map(|month| month.currency).max_by_key(|currency| orders_in(*currency))
}

fn draw_spending(page: &Page, spending: &[MonthSpending], currency: Currency) -> Chart {
    // Newest first; a chart reads from left to right.
    let months: Vec<_> = spending.iter().filter(|month| month.currency == currency).rev().collect();
    let shown = months_to_show(&months.iter().map(|month| month.month.as_str()).collect::<Vec<_>>());
    let net = |name: &String| months.iter().find(|month| month.month == *name).map_or(0, |month| month.net);
    let unit = 10_f64.powi(i32::try_from(currency.minor_digits()).unwrap_or_default());
    Chart {
        title: page.text("mypage-spending"),
        kind: ChartKind::Bars,
        label_title: page.text("mypage-month"),
        unit: Unit::Money(currency),
        language: page.language,
        series: vec![Series {
            name: page.text("mypage-spent"),
            tone: Tone::Accent,
            values: shown.iter().map(|name| Some(net(name) as f64 / unit)).collect(),
            texts: shown.iter().map(|name| page.money(net(name), currency)).collect(),
        }],
        labels: shown.iter().map(|name| month_label(page, name)).collect(),
        width: NARROW,
    }
}

/// `Jan 2026` of `2026-01`.
fn month_label(page: &Page, name: &str) -> String {
    let utc = TimeZone::utc();
    utc.parse_local("month", &format!("{name}-01T00:00"))
        .map_or_else(|_| name.to_owned(), |start| utc.format(start, &page.text("pattern-month")))
}

/// These months (`2026-01`, oldest first), with those between and before them in which nothing was bought: half a year at least.
fn months_to_show(bought: &[&str]) -> Vec<String> {
    let count = |month: &str| {
        let (year, month) = month.split_once('-')?;
        Some(year.parse::<i32>().ok()? * 12 + month.parse::<i32>().ok()? - 1)
    };
    let (first, last) = (bought.first().and_then(|month| count(month)), bought.last().and_then(|month| count(month)));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let name = |at: i32| format!("{:04}-{:02}", at.div_euclid(12), at.rem_euclid(12) + 1);
    (first.min(last - 5)..=last).map(name).collect()
}

pub(super) fn require_user_id(caller: &Caller) -> Result<UserId, Problem> {
    let detail = "Only a signed-in person has a page of their own.";
    caller.actor.user_id().ok_or_else(|| Problem::new(ProblemKind::Forbidden, detail))
}

#[cfg(test)]
mod tests {
    use super::months_to_show;

    #[test]
    fn months_without_a_purchase_are_shown_too() {
        let half_a_year = ["2025-09", "2025-10", "2025-11", "2025-12", "2026-01", "2026-02"];
        assert_eq!(months_to_show(&["2026-02"]), half_a_year);
        assert_eq!(months_to_show(&["2025-12", "2026-02"]), half_a_year);
        assert_eq!(months_to_show(&["2025-01", "2026-02"]).len(), 14);
        assert!(months_to_show(&[]).is_empty());
    }
}
