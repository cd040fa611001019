//! Receipt numbers as a monitoring dashboard: overview, performance, integrity.

use std::borrow::Borrow;

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::alerts::AlertView;
use crate::domain::{Caller, CheckDepth, Page as List, PageRequest, Series, StoreId, TimeZone};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::{Problem, ProblemKind};
use crate::integrity::{Finding, RepairMethod, RepairRequest, RepairView, ReportView, StoreIntegrityView};
use crate::orders::SeriesView;
use crate::performance::{HourPerformance, StatsView, StorePerformance, Window};
use crate::web::chart::{Chart, ChartKind, Series as ChartSeries, Tone, Unit, WIDE};
use crate::web::finding_text::describe_finding;
use crate::web::form::Form;
use crate::web::format;
use crate::web::page::{Page, PageResult};

const DAY_S: i64 = 86_400;
const TREND_HOURS: i64 = 24;
const REPORTS_SHOWN: i64 = 20;
const TABS: [&str; 3] = ["overview", "performance", "integrity"];

#[derive(Debug, Deserialize)]
pub struct NumberingQuery {
    #[serde(default)]
    tab: String,
    /// The store whose past reports are shown.
    #[serde(default)]
    store_id: String,
    #[serde(default)]
    cursor: String,
}

#[derive(Template)]
#[template(path = "numbering.html")]
struct NumberingTemplate<'a> {
    page: &'a Page,
    tabs: [&'static str; 3],
    tab: &'static str,
    zone: TimeZone,
    form: Form,
    stores: Vec<StoreIntegrityView>,
    /// The number series of the stores; only in the overview.
    series: Vec<(StoreId, Vec<SeriesView>)>,
    /// Of lines whose record is missing.
    orphan_lines: Option<ReportView>,
    stats: StatsView,
    alerts: Vec<AlertView>,
    trend: Option<[Chart; 2]>,
    history: Option<History>,
    repair: Option<ShownRepair>,
}

/// Past reports of a store.
struct History {
    store_id: StoreId,
    store_name: String,
    reports: List<ReportView>,
}

/// What a repair would change, or has changed.
struct ShownRepair {
    store_name: String,
    repair: RepairView,
    reason: String,
}

impl NumberingTemplate<'_> {
    /// The lowest health of a store; 100 without findings.
    fn lowest_health(&self) -> Option<i64> {
        self.stores.iter().filter_map(|store| store.health).min()
    }

    fn problems(&self) -> i64 {
        let findings = self.stores.iter().flat_map(|store| &store.findings);
        i64::try_from(findings.count() + self.orphan_lines.iter().map(|report| report.findings.len()).sum::<usize>())
            .unwrap_or(i64::MAX)
    }

    fn describe(&self, finding: &Finding) -> String {
        describe_finding(self.page, finding)
    }

    /// The tone of a health between 0 and 100.
    fn health_tone(&self, health: impl Borrow<Option<i64>>) -> &'static str {
        match *health.borrow() {
            None => "idle",
            Some(100) => "good",
            Some(75..) => "warn",
            Some(_) => "bad",
        }
    }

    fn report_tone(&self, report: &ReportView) -> &'static str {
        self.health_tone(Some(report.health))
    }

    fn millis(&self, value: impl Borrow<Option<f64>>) -> String {
        value.borrow().map_or_else(|| "–".to_owned(), millis)
    }

    fn store_label(&self, store: &StorePerformance) -> String {
        store.store_name.clone().unwrap_or_else(|| self.page.text("store-unknown"))
    }

    /// The list of past reports without a cursor.
    fn history_address(&self, history: &History) -> String {
        format!("/admin/numbering?tab=integrity&store_id={}&", history.store_id)
    }

    /// `Receipts 4712 · Payments 900`; empty where nothing is known.
    fn last_numbers(&self, store: &StoreIntegrityView) -> String {
        let of_store = self.series.iter().filter(|(id, _)| *id == store.store_id).flat_map(|(_, series)| series);
        let shown = of_store.map(|one| {
            let last = one.last_number.map_or_else(|| "–".to_owned(), |last| last.to_string());
            format!("{} {last}", self.page.text_of("series-", one.series.as_str()))
        });
        shown.collect::<Vec<_>>().join(" · ")
    }

    fn percent(&self, share: impl Borrow<Option<f64>>) -> String {
        share.borrow().map_or_else(|| "–".to_owned(), format::percent)
    }

    fn address(&self, tab: &str) -> String {
        format!("/admin/numbering?tab={tab}")
    }
}

pub async fn show(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<NumberingQuery>,
) -> PageResult {
    let tab = TABS.into_iter().find(|tab| *tab == query.0.tab).unwrap_or(TABS[0]);
    let history = match query.0.store_id.parse() {
        Ok(store) if tab == "integrity" => Some(read_history(&services, store, &query.0.cursor).await?),
        Ok(_) | Err(_) => None,
    };
    let state = read_state(&page, &services, tab).await?;
    let series = if tab == "overview" { list_series(&services, &caller, &state.stores).await? } else { Vec::new() };
    let template = NumberingTemplate { history, series, ..state };
    page.render(&template)
}

async fn list_series(
    services: &Services,
    caller: &Caller,
    stores: &[StoreIntegrityView],
) -> Result<Vec<(StoreId, Vec<SeriesView>)>, Problem> {
    let mut series = Vec::with_capacity(stores.len());
    for store in stores {
        series.push((store.store_id, services.orders.list_series(caller, store.store_id).await?.data));
    }
    Ok(series)
}

async fn read_history(services: &Services, store: StoreId, cursor: &str) -> Result<History, Problem> {
    let request = PageRequest { before: cursor.parse().ok(), limit: REPORTS_SHOWN };
    let store_name = services.integrity.get_store_integrity(store).await?.store_name;
    let reports = services.integrity.list_reports(store, request).await?;
    Ok(History { store_id: store, store_name, reports })
}

async fn read_state<'a>(
    page: &'a Page,
    services: &Services,
    tab: &'static str,
) -> Result<NumberingTemplate<'a>, Problem> {
    let trend = match tab {
        "performance" => {
            let hours = services.performance.trend(TREND_HOURS, None).await?.data;
            Some(trend_charts(page, &hours, &services.auth.store_defaults().1))
        }
        _ => None,
    };
    Ok(NumberingTemplate {
        page,
        tabs: TABS,
        tab,
        zone: services.auth.store_defaults().1,
        form: Form::empty(),
        stores: services.integrity.list_all_store_integrity().await?,
        series: Vec::new(),
        orphan_lines: services.integrity.get_orphan_report().await?.filter(|report| !report.findings.is_empty()),
        stats: services.performance.stats(Window::new(DAY_S)?, None).await?,
        alerts: services.alerts.list_active().await?,
        trend,
        history: None,
        repair: None,
    })
}

/// How long orders took, and how many there were.
fn trend_charts(page: &Page, hours: &[HourPerformance], zone: &TimeZone) -> [Chart; 2] {
    let labels: Vec<String> = hours.iter().map(|hour| zone.format(hour.begins, "%H:%M")).collect();
    let chart = |key: &str, kind: ChartKind, unit: Unit, series: Vec<ChartSeries>| Chart {
        title: page.text(key),
        kind,
        width: WIDE,
        label_title: page.text("chart-hour"),
        labels: labels.clone(),
        unit,
        language: page.language,
        series,
    };
    let times = |key: &str, tone: Tone, value: fn(&HourPerformance) -> Option<f64>| ChartSeries {
        name: page.text(key),
        tone,
        values: hours.iter().map(value).collect(),
        texts: hours.iter().map(|hour| value(hour).map_or_else(|| "–".to_owned(), millis)).collect(),
    };
    let counts = |key: &str, tone: Tone, value: fn(&HourPerformance) -> i64| ChartSeries {
        name: page.text(key),
        tone,
        values: hours.iter().map(|hour| Some(value(hour) as f64)).collect(),
        texts: hours.iter().map(|hour| page.number(value(hour))).collect(),
    };
    [
        chart(
            "numbering-trend-times",
            ChartKind::Lines,
            Unit::Milliseconds,
            vec![
                times("numbering-mean", Tone::Accent, |hour| hour.mean_ms),
                times("numbering-p95", Tone::Warn, |hour| hour.p95_ms),
            ],
        ),
        chart(
            "numbering-trend-counts",
            ChartKind::Bars,
            Unit::Count,
            vec![
                counts("numbering-attempts", Tone::Good, |hour| hour.attempts - hour.failed),
                counts("numbering-failed", Tone::Bad, |hour| hour.failed),
            ],
        ),
    ]
}

/// Runs a check now and shows the state after it.
pub async fn check(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let depth = if form.text("depth") == "deep" { CheckDepth::Deep } else { CheckDepth::Quick };
    let store = form.optional("store_id").map(parse_store).transpose()?;
    let check = services.integrity.run_check(depth, store, &caller.actor.label()).await?;
    let notice = if check.with_findings == 0 { "notice-check-clean" } else { "notice-check-findings" };
    page.redirect_with_notice("/admin/numbering?tab=integrity", notice)
}

/// Shows what a repair would change, and after that step carries it out.
pub async fn repair(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let store = parse_store(form.text("store_id"))?;
    let reason = form.text("reason").trim().to_owned();
    let request = RepairRequest { store, series: None::<Series>, method: RepairMethod::Void, reason: reason.clone() };
    let store_name = services.integrity.get_store_integrity(store).await?.store_name;
    if form.text("apply") == "yes" {
        services.integrity.repair(&caller, &request).await?;
        services.integrity.run_check(CheckDepth::Quick, Some(store), &caller.actor.label()).await?;
        return page.redirect_with_notice("/admin/numbering?tab=integrity", "notice-repaired");
    }
    match services.integrity.plan_repair(&request).await {
        Ok(repair) => {
            let repair = Some(ShownRepair { store_name, repair, reason });
            page.render(&NumberingTemplate { repair, ..read_state(&page, &services, "integrity").await? })
        }
        Err(error) => {
            let form = form.refuse(error);
            let status = form.status();
            page.render_with_status(
                status,
                &NumberingTemplate { form, ..read_state(&page, &services, "integrity").await? },
            )
        }
    }
}

fn parse_store(text: &str) -> Result<StoreId, Problem> {
    let wrong = |_| Problem::new(ProblemKind::NotFound, format!("No store with id {text} exists."));
    text.parse().map_err(wrong)
}

fn millis(value: f64) -> String {
    if value < 1_000.0 { format!("{value:.0}\u{a0}ms") } else { format!("{:.1}\u{a0}s", value / 1_000.0) }
}
