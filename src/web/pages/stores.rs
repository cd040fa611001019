//! Stores with their kiosks: the list, a new store, and a store with its fields and its kiosks' codes.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;

use super::products::may_change;
use super::setup::{CURRENCIES, ShownKiosk, read_store, show_kiosk};
use crate::auth::{KioskChange, KioskStatus, KioskView, StoreChange, StoreView};
use crate::domain::{Caller, InvalidField, KioskId, Money, PageRequest, StoreId, TimeZone};
use crate::http::Services;
use crate::http::extract::ValidPath;
use crate::http::problem::Problem;
use crate::orders::SeriesView;
use crate::web::amount::parse_amount;
use crate::web::form::Form;
use crate::web::format::{Moment, plain_amount};
use crate::web::page::{Page, PageResult};

/// More stores than one server has, and more kiosks than one store has.
const LISTED_MAX: i64 = 200;

#[derive(Template)]
#[template(path = "stores.html")]
struct StoresTemplate<'a> {
    page: &'a Page,
    stores: Vec<StoreCard>,
    may_change: bool,
    store_form: &'a Form,
    currencies: &'static [&'static str],
    zones: Vec<String>,
}

/// A store with what its kiosks do.
struct StoreCard {
    store: StoreView,
    kiosks: usize,
    waiting: usize,
}

#[derive(Template)]
#[template(path = "store.html")]
struct StoreTemplate<'a> {
    page: &'a Page,
    store: &'a StoreView,
    kiosks: Vec<KioskLine>,
    new_kiosk: Option<ShownKiosk>,
    may_change: bool,
    store_form: Form,
    kiosk_form: Form,
    series: Vec<SeriesView>,
    /// Whether one of them can still begin at another number.
    can_begin: bool,
    series_form: Form,
    zones: Vec<String>,
}

struct KioskLine {
    id: KioskId,
    name: String,
    tone: &'static str,
    state: &'static str,
    since: Moment,
    camera_moved: bool,
    has_empty_view: bool,
    can_revoke: bool,
    /// Whether an admin keeps it closed; `None` where that means nothing.
    closed: Option<bool>,
    /// Since when it calls for staff.
    staff_called: Option<String>,
}

/// The stores that the caller may see.
pub(super) async fn list_stores(services: &Services, caller: &Caller) -> Result<Vec<StoreView>, Problem> {
    let all = PageRequest { before: None, limit: LISTED_MAX };
    Ok(services.auth.list_stores(caller, all).await?.data)
}

/// The newest store that the caller may see: in a shop that is being set up, the only one.
pub(super) async fn find_newest_store(services: &Services, caller: &Caller) -> Result<Option<StoreView>, Problem> {
    let one = PageRequest { before: None, limit: 1 };
    Ok(services.auth.list_stores(caller, one).await?.data.into_iter().next())
}

pub async fn list(page: Page, caller: Caller, services: Data<Services>) -> PageResult {
    let (currency, zone) = services.auth.store_defaults();
    let form = Form::filled([("currency", currency.code().to_owned()), ("time_zone", zone.name().to_owned())]);
    render_list(&page, &caller, &services, &form).await
}

async fn render_list(page: &Page, caller: &Caller, services: &Services, form: &Form) -> PageResult {
    let mut cards = Vec::new();
    for store in list_stores(services, caller).await? {
        let kiosks = list_kiosks(services, caller, store.id).await?;
        let count = |status| kiosks.iter().filter(|kiosk| kiosk.status == status).count();
        cards.push(StoreCard { kiosks: count(KioskStatus::Enrolled), waiting: count(KioskStatus::Pending), store });
    }
    let template = StoresTemplate {
        page,
        stores: cards,
        may_change: may_change(page),
        store_form: form,
        currencies: &CURRENCIES,
        zones: TimeZone::names(),
    };
    page.render_with_status(form.status(), &template)
}

async fn list_kiosks(services: &Services, caller: &Caller, store: StoreId) -> Result<Vec<KioskView>, Problem> {
    let all = PageRequest { before: None, limit: LISTED_MAX };
    Ok(services.auth.list_kiosks(caller, store, all).await?.data)
}

pub async fn create(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    match services.auth.create_store(&caller, read_store(&form)).await {
        Ok(store) => page.redirect_with_notice(&address(store.id), "notice-store-created"),
        Err(error) => render_list(&page, &caller, &services, &form.refuse(error)).await,
    }
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, id: ValidPath<StoreId>) -> PageResult {
    render(&page, &caller, &services, id.0, Shown::default()).await
}

/// What the page shows beside the stored facts.
#[derive(Default)]
struct Shown {
    store_form: Option<Form>,
    kiosk_form: Option<Form>,
    series_form: Option<Form>,
    new_kiosk: Option<ShownKiosk>,
}

async fn render(page: &Page, caller: &Caller, services: &Services, id: StoreId, shown: Shown) -> PageResult {
    let store = services.auth.get_store(caller, id).await?;
    let kiosks = list_kiosks(services, caller, id).await?;
    let series = services.orders.list_series(caller, id).await?.data;
    let status =
        [&shown.store_form, &shown.kiosk_form, &shown.series_form].into_iter().flatten().map(Form::status).next();
    let next_name = page.text1("kiosk-default-name", "count", kiosks.len() + 1);
    let template = StoreTemplate {
        page,
        kiosks: kiosks.iter().map(|kiosk| view_kiosk(page, kiosk, &store.time_zone)).collect(),
        new_kiosk: shown.new_kiosk,
        may_change: may_change(page),
        store_form: shown.store_form.unwrap_or_else(|| fill(&store)),
        kiosk_form: shown.kiosk_form.unwrap_or_else(|| Form::filled([("name", next_name)])),
        can_begin: series.iter().any(|series| series.can_begin),
        series,
        series_form: shown.series_form.unwrap_or_default(),
        zones: TimeZone::names(),
        store: &store,
    };
    page.render_with_status(status.unwrap_or_default(), &template)
}

fn fill(store: &StoreView) -> Form {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let includes = if store.prices_include_tax { "yes" } else { "no" };
    Form::of_stored([
        ("name", store.name.clone()),
        ("currency", store.currency.code().to_owned()),
        ("time_zone", store.time_zone.name().to_owned()),
        ("prices_include_tax", includes.to_owned()),
        ("address", text(&store.address)),
        ("tax_number", text(&store.tax_number)),
        ("day_starts_at", store.day_starts_at.clone()),
        ("cash_rounding", plain_amount(Money { amount: store.cash_rounding, currency: store.currency })),
    ])
}

fn view_kiosk(page: &Page, kiosk: &KioskView, zone: &TimeZone) -> KioskLine {
    let (tone, state, at) = match kiosk.status {
        KioskStatus::Enrolled if kiosk.closed_at.is_some() => ("warn", "till-closed", kiosk.closed_at),
        KioskStatus::Enrolled => ("good", "kiosk-enrolled", kiosk.last_seen_at.or(kiosk.enrolled_at)),
        KioskStatus::Pending => ("warn", "kiosk-pending", kiosk.enrolment_expires_at),
        KioskStatus::Expired => ("idle", "kiosk-expired", kiosk.enrolment_expires_at),
        KioskStatus::Revoked => ("idle", "kiosk-revoked", kiosk.revoked_at),
    };
    let view = kiosk.empty_view.as_ref();
    KioskLine {
        id: kiosk.id,
        name: kiosk.name.clone(),
        tone,
        state,
        since: page.moment(at.unwrap_or(kiosk.created_at), zone),
        camera_moved: view.is_some_and(|view| view.camera_moved_at.is_some()),
        has_empty_view: view.is_some(),
        staff_called: kiosk.staff_called_at.map(|at| page.clock_time(at, zone)),
        closed: (kiosk.status == KioskStatus::Enrolled).then_some(kiosk.closed_at.is_some()),
        can_revoke: matches!(kiosk.status, KioskStatus::Enrolled | KioskStatus::Pending),
    }
}

pub async fn change(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    form: Form,
) -> PageResult {
    let store = services.auth.get_store(&caller, id.0).await?;
    let form = match form.check_conflict(&fill(&store)) {
        Ok(form) => form,
        Err(refused) => {
            let shown = Shown { store_form: Some(refused), ..Shown::default() };
            return render(&page, &caller, &services, id.0, shown).await;
        }
    };
    let new = read_store(&form);
    let cash_rounding = match parse_amount("cash_rounding", form.text("cash_rounding"), store.currency) {
        Ok(step) => step.filter(|step| *step != store.currency.cash_step()),
        Err(invalid) => {
            let shown = Shown { store_form: Some(form.refuse(invalid)), ..Shown::default() };
            return render(&page, &caller, &services, id.0, shown).await;
        }
    };
    let touched = |name| form.is_touched(name);
    let change = StoreChange {
        name: touched("name").then_some(new.name),
        time_zone: new.time_zone.filter(|_| touched("time_zone")),
        prices_include_tax: new.prices_include_tax.filter(|_| touched("prices_include_tax")),
        fiscal: None,
        address: touched("address").then_some(new.address),
        tax_number: touched("tax_number").then_some(new.tax_number),
        cash_rounding: touched("cash_rounding").then_some(cash_rounding),
        day_starts_at: touched("day_starts_at").then(|| form.optional("day_starts_at").unwrap_or("00:00").to_owned()),
    };
    match services.auth.change_store(&caller, id.0, change).await {
        Ok(_) => page.redirect_with_notice(&address(id.0), "notice-store-saved"),
        Err(error) => {
            let shown = Shown { store_form: Some(form.refuse(error)), ..Shown::default() };
            render(&page, &caller, &services, id.0, shown).await
        }
    }
}

/// Lets a number series begin at the number that follows those of another till.
pub async fn begin_series(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    form: Form,
) -> PageResult {
    let begun = async {
        let series = form.text("series").parse();
        let series = series.map_err(|_| InvalidField::new("series", "is missing: choose which numbers"))?;
        let text = form.text("first_number").trim();
        let first = text.parse();
        let first = first.map_err(|_| InvalidField::new("first_number", format!("\"{text}\" is no whole number")))?;
        services.orders.begin_series(&caller, id.0, series, first).await.map_err(Problem::from)
    };
    match begun.await {
        Ok(_) => page.redirect_with_notice(&address(id.0), "notice-store-saved"),
        Err(problem) => {
            let shown = Shown { series_form: Some(form.refuse(problem)), ..Shown::default() };
            render(&page, &caller, &services, id.0, shown).await
        }
    }
}

/// Shows the new kiosk's code. Without a redirect, since the code is shown only once; an unused code expires by itself.
pub async fn create_kiosk(
    page: Page,
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    form: Form,
) -> PageResult {
    let shown = match services.auth.create_kiosk_by_form(&caller, id.0, form.text("name"), form.key()).await {
        Ok(Some(kiosk)) => Shown { new_kiosk: Some(show_kiosk(&request, &services, kiosk)?), ..Shown::default() },
        Ok(None) => return page.redirect(&address(id.0)),
        Err(error) => Shown { kiosk_form: Some(form.refuse(error)), ..Shown::default() },
    };
    render(&page, &caller, &services, id.0, shown).await
}

pub async fn revoke_kiosk(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
    _form: Form,
) -> PageResult {
    let (store, kiosk) = path.0;
    services.auth.revoke_kiosk(&caller, store, kiosk).await?;
    page.redirect_with_notice(&address(store), "notice-kiosk-revoked")
}

/// Closes or opens a kiosk.
pub async fn set_kiosk_closed(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
    form: Form,
) -> PageResult {
    let (store, kiosk) = path.0;
    let closed = form.text("closed") == "yes";
    let change = KioskChange { closed: Some(closed), ..KioskChange::default() };
    services.auth.change_kiosk(&caller, store, kiosk, change).await?;
    let notice = if closed { "notice-kiosk-closed" } else { "notice-kiosk-opened" };
    page.redirect_with_notice(&address(store), notice)
}

/// Ends a kiosk's call for staff.
pub async fn end_staff_call(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(StoreId, KioskId)>,
    form: Form,
) -> PageResult {
    let (store, kiosk) = path.0;
    services.auth.end_staff_call(&caller, store, kiosk).await?;
    // Back to where the button was.
    let back = if form.text("from") == "dashboard" { "/admin".to_owned() } else { address(store) };
    page.redirect_with_notice(&back, "notice-staff-call-ended")
}

fn address(id: StoreId) -> String {
    format!("/admin/stores/{id}")
}
