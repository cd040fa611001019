//! The kiosk: enrolment with a code, its screen, and the end of a sale.
//!
//! The kiosk's key lies in a cookie that scripts cannot read. The screen's scripts send it with every request of the API and are
//! the kiosk whoever else is signed in with the browser.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::sign_in::require_safe_transport;
use crate::auth::OwnKiosk;
use crate::domain::{Caller, OrderId, SessionId};
use crate::http::Services;
use crate::http::access_control::identify_visitor;
use crate::http::browser::CookieOwner;
use crate::http::extract::{ClientAddress, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::http::transport::public_address;
use crate::orders::OrderEventKind;
use crate::qr_code::QrPath;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "kiosk.html")]
struct ScreenTemplate<'a> {
    page: &'a Page,
    kiosk: OwnKiosk,
    /// Whether a shopper's phone can open a page of this server.
    can_join: bool,
}

#[derive(Template)]
#[template(path = "kiosk_enrol.html")]
struct EnrolTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    code: &'a str,
    /// The browser has the key of a kiosk that was revoked.
    is_key_refused: bool,
}

#[derive(Template)]
#[template(path = "kiosk_receipt.html")]
struct ReceiptTemplate<'a> {
    page: &'a Page,
    number: i64,
    total: String,
    methods: Vec<&'static str>,
    claim_code: String,
    qr_code: QrPath,
    /// A shopper who joined the bill has the receipt already.
    is_kept: bool,
}

#[derive(Template)]
#[template(path = "kiosk_join.html")]
struct JoinTemplate<'a> {
    page: &'a Page,
    qr_code: QrPath,
}

/// `?code=` of the link that an admin sees as a QR code.
#[derive(Debug, Deserialize)]
pub struct CodeQuery {
    #[serde(default)]
    code: String,
}

/// The screen of an enrolled kiosk, else the form for its code.
pub async fn show(
    page: Page,
    request: HttpRequest,
    services: Data<Services>,
    query: ValidQuery<CodeQuery>,
) -> PageResult {
    let Some(identity) = identify_visitor(&request, &services, CookieOwner::Kiosk).await? else {
        let is_key_refused = CookieOwner::Kiosk.read_cookie(&request, &services).is_some();
        let template = EnrolTemplate { page: &page, form: &Form::empty(), code: &query.0.code, is_key_refused };
        return page.render(&template);
    };
    let caller = Caller { actor: identity.actor, address: None };
    let can_join = public_address(&request, &services, "/").is_some();
    page.render(&ScreenTemplate { page: &page, kiosk: services.auth.get_own_kiosk(&caller).await?, can_join })
}

/// Makes this browser a kiosk. A code is good for one device, so a form that is sent twice is refused the second time; the
/// browser has the key by then, and is shown the screen.
pub async fn enrol(
    page: Page,
    request: HttpRequest,
    services: Data<Services>,
    address: ClientAddress,
    form: Form,
) -> PageResult {
    let code = form.text("code").trim().to_owned();
    let outcome = match require_safe_transport(&page) {
        Ok(()) => services.auth.enrol(&code, address.0.as_deref()).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(enrolled) => {
            let cookie = CookieOwner::Kiosk.make_cookie(page.transport, enrolled.key.expose().to_owned(), 0)?;
            page.redirect_with_cookie("/kiosk", &cookie)
        }
        Err(_) if identify_visitor(&request, &services, CookieOwner::Kiosk).await?.is_some() => page.redirect("/kiosk"),
        Err(problem) => {
            let form = form.refuse(problem.with("field", "code"));
            let template = EnrolTemplate { page: &page, form: &form, code: &code, is_key_refused: false };
            page.render_with_status(form.status(), &template)
        }
    }
}

/// What the screen shows when an order is paid: its receipt number, and the code with which a shopper keeps the receipt.
pub async fn show_receipt(
    page: Page,
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
) -> PageResult {
    let receipt = services.orders.get_receipt(&caller, id.0).await?;
    let history = services.orders.get_history(&caller, id.0).await?.data;
    // Where no phone could open the page, the code alone.
    let claim = public_address(&request, &services, &format!("/claim?code={}", receipt.claim_code));
    let claim = claim.unwrap_or_else(|| receipt.claim_code.clone());
    let paid: i64 = receipt.order.payments.iter().map(|payment| payment.amount + payment.rounding).sum();
    let total = if receipt.order.payments.is_empty() { receipt.order.total } else { paid };
    let template = ReceiptTemplate {
        page: &page,
        number: receipt.order.receipt_number,
        total: page.money(total, receipt.order.currency),
        methods: receipt.order.payments.iter().map(|payment| payment.method.as_str()).collect(),
        claim_code: receipt.claim_code,
        qr_code: QrPath::draw(&claim).map_err(|error| Problem::internal(&error))?,
        is_kept: history.iter().any(|event| event.kind == OrderEventKind::Claimed),
    };
    page.render(&template)
}

/// The QR code that leads a shopper's phone to the bill on the screen.
pub async fn show_join_code(
    page: Page,
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
) -> PageResult {
    let session = services.checkout.get_session(&caller, id.0).await?;
    let address = public_address(&request, &services, &format!("/join/{}", session.id));
    let address = address.ok_or_else(|| {
        let detail = "No phone could open a page of this server: it needs HTTPS or the setting public_url.";
        Problem::new(ProblemKind::NotFound, detail)
    })?;
    let qr_code = QrPath::draw(&address).map_err(|error| Problem::internal(&error))?;
    page.render(&JoinTemplate { page: &page, qr_code })
}
