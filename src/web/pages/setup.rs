//! The first start: the admin's password from the one-time password, then a store, a kiosk and a product. After the password
//! nothing forces the other steps; each can be skipped and found again in the menu.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Data;
use askama::Template;

use super::sign_in::{open_session, require_safe_transport};
use super::stores::find_newest_store;
use crate::auth::{AuthError, KioskStatus, NewKiosk, NewStore, StoreView, TokenPair};
use crate::catalog::ProductSearch;
use crate::domain::{Caller, PageRequest, StoreId, TimeZone};
use crate::http::Services;
use crate::http::extract::ClientAddress;
use crate::http::problem::{Problem, ProblemKind};
use crate::http::transport::public_address;
use crate::qr_code::QrPath;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};
use crate::web::page_table::PAGES;

/// The name of the first admin.
const FIRST_ADMIN: &str = "admin";
/// Where a product is taught.
const TEACH_PAGE: &str = "/admin/products/new";
/// Suggested first; any other can be typed.
pub(super) const CURRENCIES: [&str; 12] =
    ["EUR", "USD", "KRW", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK", "PLN", "CNY", "INR"];

#[derive(Template)]
#[template(path = "setup_password.html")]
struct PasswordTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupTemplate<'a> {
    page: &'a Page,
    store: Option<StoreView>,
    has_kiosk: bool,
    has_product: bool,
    store_form: Form,
    kiosk_form: Form,
    new_kiosk: Option<ShownKiosk>,
    teach_page: Option<&'static str>,
    currencies: &'static [&'static str],
    zones: Vec<String>,
}

/// A new kiosk with its code, which is shown only once.
pub(super) struct ShownKiosk {
    pub name: String,
    pub code: String,
    /// `None` where no other device can open a page of this server.
    pub qr_code: Option<QrPath>,
}

/// What already exists.
struct Progress {
    store: Option<StoreView>,
    has_kiosk: bool,
    has_product: bool,
}

pub async fn show_password(page: Page, services: Data<Services>) -> PageResult {
    if !services.auth.awaits_first_password().await? {
        return page.redirect("/login?next=/setup");
    }
    page.render(&PasswordTemplate { page: &page, form: &Form::empty() })
}

/// Signs the first admin in with the one-time password and replaces it, in one step.
pub async fn set_password(page: Page, services: Data<Services>, address: ClientAddress, form: Form) -> PageResult {
    match replace_password(&page, &services, address.0, &form).await {
        Ok(pair) => open_session(&page, &services, pair, "/setup"),
        Err(problem) => {
            let form = form.refuse(problem);
            page.render_with_status(form.status(), &PasswordTemplate { page: &page, form: &form })
        }
    }
}

async fn replace_password(
    page: &Page,
    services: &Services,
    address: Option<String>,
    form: &Form,
) -> Result<TokenPair, Problem> {
    require_safe_transport(page)?;
    let one_time = form.secret("one_time_password");
    let first = match services.auth.login(FIRST_ADMIN, &one_time, address.as_deref()).await {
        Err(AuthError::WrongCredentials) => {
            let detail = "one_time_password: is not the password that the server printed at its first start; `tillsight user \
                          reset-password admin` prints a new one";
            return Err(Problem::new(ProblemKind::InvalidField, detail).with("field", "one_time_password"));
        }
        outcome => outcome?,
    };
    let identity = services.auth.authenticate(first.access_token.expose()).await?;
    let caller = Caller { actor: identity.actor, address };
    let outcome = services.auth.change_password(&caller, &one_time, &form.secret("new_password")).await;
    if outcome.is_err()
        && let Some(token) = &first.refresh_token
    {
        services.auth.logout(&token.expose().into()).await?;
    }
    Ok(outcome?)
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>) -> PageResult {
    let progress = find_progress(&caller, &services).await?;
    render(&page, &services, progress, StepForms::default(), None)
}

pub async fn create_store(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let progress = find_progress(&caller, &services).await?;
    // Sent twice, or with the back button: the store is there.
    if progress.store.is_some() {
        return page.redirect("/setup");
    }
    match services.auth.create_store(&caller, read_store(&form)).await {
        Ok(_) => page.redirect_with_notice("/setup", "notice-store-created"),
        Err(error) => {
            let forms = StepForms { store: Some(form.refuse(error)), kiosk: None };
            render(&page, &services, progress, forms, None)
        }
    }
}

/// The fields of a store's form.
pub(super) fn read_store(form: &Form) -> NewStore {
    let text = |name: &str| form.optional(name).map(str::to_owned);
    NewStore {
        name: form.text("name").to_owned(),
        currency: text("currency").map(|code| code.to_uppercase()),
        time_zone: text("time_zone"),
        prices_include_tax: Some(form.text("prices_include_tax") != "no"),
        fiscal: None,
        address: text("address"),
        tax_number: text("tax_number"),
        cash_rounding: None,
        day_starts_at: None,
    }
}

/// Shows the new kiosk's code. Without a redirect, since the code is shown only once; an unused code expires by itself.
pub async fn create_kiosk(
    page: Page,
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    form: Form,
) -> PageResult {
    let progress = find_progress(&caller, &services).await?;
    let Some(store) = progress.store.as_ref().map(|store| store.id) else { return page.redirect("/setup") };
    match services.auth.create_kiosk_by_form(&caller, store, form.text("name"), form.key()).await {
        Ok(None) => page.redirect("/setup"),
        Ok(Some(kiosk)) => {
            let shown = show_kiosk(&request, &services, kiosk)?;
            render(&page, &services, progress, StepForms::default(), Some(shown))
        }
        Err(error) => {
            let forms = StepForms { store: None, kiosk: Some(form.refuse(error)) };
            render(&page, &services, progress, forms, None)
        }
    }
}

pub(super) fn show_kiosk(request: &HttpRequest, services: &Services, kiosk: NewKiosk) -> Result<ShownKiosk, Problem> {
    let code = kiosk.enrolment_code.expose().to_owned();
    let address = public_address(request, services, &format!("/kiosk?code={code}"));
    let qr_code = address.map(|address| QrPath::draw(&address)).transpose();
    let qr_code = qr_code.map_err(|error| Problem::internal(&error))?;
    Ok(ShownKiosk { name: kiosk.kiosk.name, code, qr_code })
}

#[derive(Default)]
struct StepForms {
    store: Option<Form>,
    kiosk: Option<Form>,
}

fn render(
    page: &Page,
    services: &Services,
    progress: Progress,
    forms: StepForms,
    new_kiosk: Option<ShownKiosk>,
) -> PageResult {
    let status = [&forms.store, &forms.kiosk].into_iter().flatten().map(Form::status).next().unwrap_or_default();
    let (currency, zone) = services.auth.store_defaults();
    let empty_store =
        || Form::filled([("currency", currency.code().to_owned()), ("time_zone", zone.name().to_owned())]);
    let teach_page = PAGES.iter().find(|route| route.method == Method::GET && route.pattern == TEACH_PAGE);
    let template = SetupTemplate {
        page,
        store: progress.store,
        has_kiosk: progress.has_kiosk,
        has_product: progress.has_product,
        store_form: forms.store.unwrap_or_else(empty_store),
        kiosk_form: forms.kiosk.unwrap_or_else(|| Form::filled([("name", page.text("setup-kiosk-default"))])),
        new_kiosk,
        teach_page: teach_page.map(|_| TEACH_PAGE),
        currencies: &CURRENCIES,
        zones: TimeZone::names(),
    };
    page.render_with_status(status, &template)
}

async fn find_progress(caller: &Caller, services: &Services) -> Result<Progress, Problem> {
    let store = find_newest_store(services, caller).await?;
    let has_kiosk = match &store {
        Some(store) => has_enrolled_kiosk(caller, services, store.id).await?,
        None => false,
    };
    let products = services.catalog.list(ProductSearch::default(), PageRequest { before: None, limit: 1 }).await?;
    Ok(Progress { store, has_kiosk, has_product: !products.data.is_empty() })
}

async fn has_enrolled_kiosk(caller: &Caller, services: &Services, store: StoreId) -> Result<bool, Problem> {
    let page = PageRequest { before: None, limit: 100 };
    let kiosks = services.auth.list_kiosks(caller, store, page).await?;
    Ok(kiosks.data.iter().any(|kiosk| kiosk.status == KioskStatus::Enrolled))
}
