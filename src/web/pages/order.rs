//! One order: its receipt, what happened to it, and what can still be done.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::domain::{Caller, Currency, InvalidField, OrderId, OrderState, PaymentMethod, TimeZone};
use crate::http::Services;
use crate::http::extract::ValidPath;
use crate::http::problem::Problem;
use crate::http::routes::receipts;
use crate::orders::{
    OrderEvent, OrderEventKind, OrderItemView, OrderView, ReceiptView, RefundLineRequest, RefundRequest, Tender,
};
use crate::web::amount::parse_amount;
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "order.html")]
struct OrderTemplate<'a> {
    page: &'a Page,
    order: &'a OrderView,
    receipt: &'a ReceiptView,
    zone: &'a TimeZone,
    tone: &'static str,
    lines: Vec<Line<'a>>,
    events: Vec<Event>,
    methods: [PaymentMethod; 6],
    /// What is left to be refunded, as an amount.
    left: String,
    can_pay: bool,
    can_refund: bool,
    form: &'a Form,
    /// The form that was refused stays open.
    open: Option<Action>,
}

struct Line<'a> {
    item: &'a OrderItemView,
    /// Pieces that can still be refunded.
    left: i64,
    /// The field for the pieces that come back.
    field: String,
}

/// Something that happened to the order.
struct Event {
    at: Moment,
    icon: &'static str,
    title: String,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Pay,
    Refund,
    Void,
}

impl OrderTemplate<'_> {
    fn open_is(&self, name: &str) -> bool {
        self.open.is_some_and(|action| action.name() == name)
    }
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Refund => "refund",
            Self::Void => "void",
        }
    }

    /// The message that says it was done.
    fn notice(self) -> &'static str {
        match self {
            Self::Pay => "notice-order-paid",
            Self::Refund => "notice-order-refunded",
            Self::Void => "notice-order-voided",
        }
    }
}

pub async fn show(page: Page, caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> PageResult {
    render(&page, &caller, &services, id.0, &Form::empty(), None).await
}

async fn render(
    page: &Page,
    caller: &Caller,
    services: &Services,
    id: OrderId,
    form: &Form,
    open: Option<Action>,
) -> PageResult {
    let receipt = services.orders.get_receipt(caller, id).await?;
    let history = services.orders.get_history(caller, id).await?;
    let order = &receipt.order;
    let zone = order.time_zone.clone().unwrap_or_else(TimeZone::utc);
    let refunded = |line: i64| -> i64 {
        let items = order.refunds.iter().flat_map(|refund| &refund.items);
        items.filter(|item| item.line == line).map(|item| item.quantity).sum()
    };
    let line = |item: &'_ OrderItemView| (item_left(item, refunded(item.line)), pieces_field(item.line));
    let lines = order.items.iter().map(|item| {
        let (left, field) = line(item);
        Line { item, left, field }
    });
    let can_refund = matches!(order.state, OrderState::Paid | OrderState::PartlyRefunded);
    let template = OrderTemplate {
        page,
        tone: page.order_tone(order.state),
        lines: lines.collect(),
        events: history.data.iter().map(|event| view_event(page, event, order.currency, &zone)).collect(),
        methods: PaymentMethod::ALL,
        left: page.money(order.paid - order.refunded, order.currency),
        can_pay: order.state == OrderState::Confirmed,
        can_refund,
        form,
        open,
        order,
        receipt: &receipt,
        zone: &zone,
    };
    page.render_with_status(form.status(), &template)
}

fn pieces_field(line: i64) -> String {
    format!("pieces_{line}")
}

fn item_left(item: &OrderItemView, refunded: i64) -> i64 {
    (item.quantity - refunded).max(0)
}

fn view_event(page: &Page, event: &OrderEvent, currency: Currency, zone: &TimeZone) -> Event {
    let amount = page.money(event.amount.unwrap_or_default(), currency);
    let (icon, title) = match event.kind {
        OrderEventKind::Confirmed => ("receipt", page.text1("order-event-confirmed", "amount", amount)),
        OrderEventKind::Paid => {
            let method = event.method.map(|method| page.text_of("method-", method.as_str())).unwrap_or_default();
            ("banknote", page.text2("order-event-paid", "amount", amount, "method", method))
        }
        OrderEventKind::Refunded => ("undo", page.text1("order-event-refunded", "amount", amount)),
        OrderEventKind::Voided => ("ban", page.text("order-event-voided")),
        OrderEventKind::Printed => ("printer", page.text("order-event-printed")),
        OrderEventKind::Claimed => ("user", page.text("order-event-claimed")),
    };
    let said = [event.made_by_name.clone(), event.reason.clone()];
    Event {
        at: page.moment(event.at, zone),
        icon,
        title,
        detail: said.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

pub async fn pay(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    form: Form,
) -> PageResult {
    let outcome = take_payment(&caller, &services, id.0, &form).await;
    answer(&page, &caller, &services, id.0, form, Action::Pay, outcome).await
}

/// Takes what is due by the form's method.
async fn take_payment(caller: &Caller, services: &Services, id: OrderId, form: &Form) -> Result<(), Problem> {
    let order = services.orders.get_order(caller, id).await?;
    let method = read_method(form)?;
    let tendered = parse_amount("tendered", form.text("tendered"), order.currency)?;
    let tender = Tender {
        method,
        amount: order.total,
        tendered: tendered.filter(|_| method == PaymentMethod::Cash),
        reference: form.optional("reference").map(str::to_owned),
    };
    services.orders.pay_order(caller, id, order.currency, vec![tender], form.key()).await?;
    Ok(())
}

pub async fn refund(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    form: Form,
) -> PageResult {
    let outcome = give_back(&caller, &services, id.0, &form).await;
    answer(&page, &caller, &services, id.0, form, Action::Refund, outcome).await
}

/// Gives back the form's pieces, or all that is left.
async fn give_back(caller: &Caller, services: &Services, id: OrderId, form: &Form) -> Result<(), Problem> {
    let order = services.orders.get_order(caller, id).await?;
    let request = RefundRequest {
        currency: order.currency,
        method: read_method(form)?,
        reference: form.optional("reference").map(str::to_owned),
        reason: form.text("reason").to_owned(),
        lines: match form.text("what") {
            "rest" => None,
            _ => Some(read_lines(&order, form)?),
        },
    };
    services.orders.refund_order(caller, id, request, form.key()).await?;
    Ok(())
}

/// The pieces of each line that come back.
fn read_lines(order: &OrderView, form: &Form) -> Result<Vec<RefundLineRequest>, InvalidField> {
    let mut lines = Vec::new();
    for item in &order.items {
        let Some(text) = form.optional(&pieces_field(item.line)) else { continue };
        let wrong =
            |_| InvalidField::new("pieces", format!("\"{text}\" of {} is no number of pieces", item.product_name));
        let quantity = text.parse::<i64>().map_err(wrong)?;
        if quantity > 0 {
            lines.push(RefundLineRequest { line: item.line, quantity, amount: None });
        }
    }
    if lines.is_empty() {
        return Err(InvalidField::new("pieces", "say how many pieces of which line come back"));
    }
    Ok(lines)
}

fn read_method(form: &Form) -> Result<PaymentMethod, InvalidField> {
    form.text("method").parse().map_err(|_| InvalidField::new("method", "is missing: choose how the money is paid"))
}

pub async fn void(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    form: Form,
) -> PageResult {
    let voided = services.orders.void_order(&caller, id.0, form.text("reason"), form.key()).await;
    let outcome = voided.map(drop).map_err(Problem::from);
    answer(&page, &caller, &services, id.0, form, Action::Void, outcome).await
}

async fn answer(
    page: &Page,
    caller: &Caller,
    services: &Services,
    id: OrderId,
    form: Form,
    action: Action,
    outcome: Result<(), Problem>,
) -> PageResult {
    match outcome {
        Ok(()) => page.redirect_with_notice(&format!("/admin/orders/{id}"), action.notice()),
        Err(problem) => render(page, caller, services, id, &form.refuse(problem), Some(action)).await,
    }
}

/// Prints the receipt. Sent again with the form's key, it is the same print.
pub async fn print(
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    receipts::print_page(&request, &services, &caller, id.0, Some(form.key())).await
}
