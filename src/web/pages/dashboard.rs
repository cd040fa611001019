//! The dashboard: what needs attention, sales, recognition, and one search over everything.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::background::is_failing;
use crate::auth::{Identity, StaffCallView, StoreView};
use crate::domain::{BusinessDays, Caller, Currency, PageRequest, Role, StoreId, TaskTab};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::Problem;
use crate::statistics::{CurrencySales, ProductSales, VerdictFigures, VerdictsView};
use crate::web::chart::{Chart, ChartKind, Series, Tone, Unit, WIDE};
use crate::web::page::{Page, PageResult};

/// The most stores that can be chosen from.
const STORES_MAX: i64 = 100;
/// The periods that the statistics know.
const PERIODS: [i64; 4] = [1, 7, 30, 90];

#[derive(Debug, Deserialize)]
pub struct DashboardQuery {
    days: Option<i64>,
    #[serde(default)]
    store_id: String,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardTemplate<'a> {
    page: &'a Page,
    days: i64,
    periods: [i64; 4],
    stores: Vec<StoreView>,
    store: String,
    staff_calls: Vec<StaffCallView>,
    attention: Vec<Attention>,
    sales: Vec<SalesBlock>,
    matched: Option<f64>,
    matched_change: String,
    verdict_chart: Chart,
    is_admin: bool,
}

/// Something that a person should look at.
struct Attention {
    tone: &'static str,
    icon: &'static str,
    text: String,
    address: &'static str,
}

/// The sales in one currency.
struct SalesBlock {
    currency: Currency,
    turnover: i64,
    turnover_change: String,
    orders: i64,
    orders_change: String,
    basket: Option<i64>,
    basket_change: String,
    chart: Chart,
    top_products: Vec<ProductSales>,
}

impl DashboardTemplate<'_> {
    fn period_label(&self, days: &i64) -> String {
        self.page.text(&format!("period-{days}"))
    }

    fn call_text(&self, call: &StaffCallView) -> String {
        let since = self.page.clock_time(call.called_at, &call.time_zone);
        let kiosk = ("kiosk", call.kiosk_name.clone());
        self.page.text_with("attention-staff-call", &[kiosk, ("store", call.store_name.clone()), ("since", since)])
    }

    fn turnover_label(&self) -> String {
        self.page.text(&format!("dashboard-turnover-{}", self.days))
    }
}

pub async fn show(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<DashboardQuery>,
) -> PageResult {
    let days = query.0.days.filter(|days| PERIODS.contains(days)).unwrap_or(1);
    let store: Option<StoreId> = query.0.store_id.parse().ok();
    let all = PageRequest { before: None, limit: STORES_MAX };
    let stores = services.auth.list_stores(&caller, all).await?.data;
    let sales = services.statistics.sales(&caller, store, days).await?;
    let verdicts = services.statistics.verdicts(&caller, store, days).await?;
    let is_admin = page.visitor.as_ref().and_then(Identity::role) == Some(Role::Admin);
    let attention = if is_admin { find_attention(&page, &services).await? } else { Vec::new() };
    let blocks = sales.currencies.into_iter().map(|sales| sales_block(&page, days, sales)).collect();
    let (matched, before) = (matched_share(verdicts.current), matched_share(verdicts.previous));
    let template = DashboardTemplate {
        days,
        periods: PERIODS,
        stores,
        store: store.map(|id| id.to_string()).unwrap_or_default(),
        staff_calls: services.auth.list_staff_calls(&caller).await?,
        attention,
        sales: blocks,
        matched,
        matched_change: points_change(&page, days, matched, before),
        verdict_chart: verdict_chart(&page, days, &verdicts),
        is_admin,
        page: &page,
    };
    page.render(&template)
}

/// What is wrong now, most urgent first.
async fn find_attention(page: &Page, services: &Services) -> Result<Vec<Attention>, Problem> {
    let mut attention: Vec<Attention> = Vec::new();
    for fault in services.storage.faults() {
        attention.push(Attention { tone: "bad", icon: "shield-alert", text: fault.text, address: "/admin/background" });
    }
    let alerts = services.alerts.list_active().await?.len();
    if alerts > 0 {
        let text = page.text1("attention-alerts", "count", alerts);
        attention.push(Attention { tone: "bad", icon: "bell", text, address: "/admin/alerts" });
    }
    let stores = services.integrity.list_all_store_integrity().await?;
    let damaged = stores.iter().filter(|store| !store.findings.is_empty()).count();
    if damaged > 0 {
        let text = page.text1("attention-numbers", "count", damaged);
        attention.push(Attention { tone: "bad", icon: "hash", text, address: "/admin/numbering?tab=integrity" });
    }
    let tabs = services.automation.count_tabs().await?;
    let failed = tabs.iter().find(|(tab, _)| *tab == TaskTab::Failed).map_or(0, |(_, tasks)| *tasks);
    if failed > 0 {
        let text = page.text1("attention-tasks", "count", failed);
        attention.push(Attention { tone: "bad", icon: "boxes", text, address: "/admin/tasks?tab=failed" });
    }
    let pauses = services.automation.list_pauses().await?.len();
    if pauses > 0 {
        let text = page.text1("attention-pauses", "count", pauses);
        attention.push(Attention { tone: "warn", icon: "pause", text, address: "/admin/tasks" });
    }
    let failing = services.background.status().iter().filter(|task| is_failing(task)).count();
    if failing > 0 {
        let text = page.text1("attention-background", "count", failing);
        attention.push(Attention { tone: "warn", icon: "activity", text, address: "/admin/background" });
    }
    let shared = services.catalog.count_shared_articles().await?;
    if shared > 0 {
        let text = page.text1("attention-same-article", "count", shared);
        attention.push(Attention {
            tone: "warn",
            icon: "barcode",
            text,
            address: "/admin/products?shares_article=true",
        });
    }
    Ok(attention)
}

fn sales_block(page: &Page, days: i64, sales: CurrencySales) -> SalesBlock {
    let CurrencySales { currency, current, previous, points, top_products } = sales;
    let change = |now: i64, before: i64| relative_change(page, days, now, before);
    let scale = 10_f64.powi(i32::try_from(currency.minor_digits()).unwrap_or(0));
    let key = if days == 1 { "dashboard-sales-by-hour" } else { "dashboard-sales-by-day" };
    let chart = Chart {
        title: page.text(key),
        kind: ChartKind::Bars,
        width: WIDE,
        label_title: page.text(if days == 1 { "chart-hour" } else { "chart-day" }),
        labels: points.iter().map(|point| point_label(page, &point.begins)).collect(),
        unit: Unit::Money(currency),
        language: page.language,
        series: vec![Series {
            name: page.text("dashboard-turnover"),
            tone: Tone::Accent,
            values: points.iter().map(|point| Some(point.turnover as f64 / scale)).collect(),
            texts: points.iter().map(|point| page.money(point.turnover, currency)).collect(),
        }],
    };
    SalesBlock {
        currency,
        turnover: current.turnover,
        turnover_change: change(current.turnover, previous.turnover),
        orders: current.orders,
        orders_change: change(current.orders, previous.orders),
        basket: current.average_basket,
        basket_change: change(current.average_basket.unwrap_or(0), previous.average_basket.unwrap_or(0)),
        chart,
        top_products,
    }
}

fn verdict_chart(page: &Page, days: i64, verdicts: &VerdictsView) -> Chart {
    let series = |key: &str, tone: Tone, value: fn(&VerdictFigures) -> i64| {
        let values: Vec<i64> = verdicts.points.iter().map(|point| value(&point.figures)).collect();
        Series {
            name: page.text(key),
            tone,
            texts: values.iter().map(|value| page.number(value)).collect(),
            values: values.iter().map(|value| Some(*value as f64)).collect(),
        }
    };
    let key = if days == 1 { "dashboard-verdicts-by-hour" } else { "dashboard-verdicts-by-day" };
    Chart {
        title: page.text(key),
        kind: ChartKind::Bars,
        width: WIDE,
        label_title: page.text(if days == 1 { "chart-hour" } else { "chart-day" }),
        labels: verdicts.points.iter().map(|point| point_label(page, &point.begins)).collect(),
        unit: Unit::Count,
        language: page.language,
        series: vec![
            series("verdict-matched", Tone::Good, |figures| figures.matched),
            series("verdict-ambiguous", Tone::Warn, |figures| figures.ambiguous),
            series("verdict-unknown", Tone::Bad, |figures| figures.unknown),
        ],
    }
}

/// `13:00` of an hour, `5 Jan` of a day.
pub(super) fn point_label(page: &Page, begins: &str) -> String {
    if let Some((_, hour)) = begins.split_once('T') {
        return hour.to_owned();
    }
    let utc = BusinessDays::utc();
    utc.parse_day("day", begins)
        .map_or_else(|_| begins.to_owned(), |(start, _)| utc.zone().format(start, &page.text("pattern-day")))
}

fn matched_share(figures: VerdictFigures) -> Option<f64> {
    let all = figures.matched + figures.ambiguous + figures.unknown;
    (all > 0).then(|| figures.matched as f64 / all as f64)
}

/// `▲ 8 % to the day before`; nothing if there was nothing before.
fn relative_change(page: &Page, days: i64, now: i64, before: i64) -> String {
    if before <= 0 {
        return String::new();
    }
    let percent = ((now - before) as f64 / before as f64 * 100.0).round();
    compare(page, days, &arrow(percent, "%"))
}

/// The same of shares, in points of a percentage.
fn points_change(page: &Page, days: i64, now: Option<f64>, before: Option<f64>) -> String {
    let Some((now, before)) = now.zip(before) else { return String::new() };
    compare(page, days, &arrow(((now - before) * 100.0).round(), "\u{a0}pp"))
}

fn arrow(change: f64, unit: &str) -> String {
    let sign = if change > 0.0 {
        "▲"
    } else if change < 0.0 {
        "▼"
    } else {
        "="
    };
    format!("{sign} {}{unit}", change.abs())
}

fn compare(page: &Page, days: i64, change: &str) -> String {
    let key = match days {
        1 => "compared-to-yesterday",
        7 => "compared-to-week",
        _ => "compared-to-days",
    };
    page.text2(key, "change", change, "days", days)
}
