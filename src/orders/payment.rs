//! Payments: an order is paid in full, by one tender or several.

use serde::Serialize;
use serde_json::json;

use super::order_state::check_unpaid;
use super::{OrderError, OrderView, Orders, REFERENCE_LENGTH_MAX, queries};
use crate::db::orders::{self, OrderRow};
use crate::db::payments::{self, PaymentRow};
use crate::db::{DatabaseError, Reader, Tx, audit, number_series, seals, stores};
use crate::domain::{
    Caller, Currency, InvalidField, Money, OrderId, PaymentId, PaymentMethod, Series, StoreId, cash_rounding,
    parse_optional_line,
};
use crate::idempotency::{IdempotentRequest, Reply, retry_transaction};
use crate::telemetry::PAYMENTS_TOTAL;

/// More tenders for one order are a mistake at the till.
const TENDERS_MAX: usize = 20;

/// One payment of an order, by one method.
#[derive(Debug, Clone, Serialize)]
pub struct Tender {
    pub method: PaymentMethod,
    /// In minor units.
    pub amount: i64,
    /// Cash received, at least what is due in cash; only for cash.
    pub tendered: Option<i64>,
    /// The terminal's or provider's reference.
    pub reference: Option<String>,
}

impl Orders {
    /// Records the payment of an order. The tenders must add up to what is due.
    pub async fn pay_order(
        &self,
        caller: &Caller,
        id: OrderId,
        currency: Currency,
        tenders: Vec<Tender>,
        key: &str,
    ) -> Result<Reply, OrderError> {
        let tenders = check_tenders(tenders)?;
        let request = IdempotentRequest::new("pay", caller, Some(key), &json!([id, currency, tenders]).to_string());
        retry_transaction(async || self.attempt_payment(caller, id, currency, &tenders, &request).await).await
    }

    async fn attempt_payment(
        &self,
        caller: &Caller,
        id: OrderId,
        currency: Currency,
        tenders: &[Tender],
        request: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.lock_order(&mut tx, caller, id).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let balance = orders::find_balance(&mut tx, id).await?.ok_or(OrderError::NotFound(id))?;
        check_unpaid(&order, &balance)?;
        if currency != order.currency {
            return Err(OrderError::WrongCurrency { requested: currency, due: order.currency });
        }
        let paid = tenders.iter().fold(0_i64, |sum, tender| sum.saturating_add(tender.amount));
        if paid != order.total {
            let money = |amount| Money { amount, currency };
            return Err(OrderError::AmountMismatch { paid: money(paid), due: money(order.total) });
        }
        // A payment of 0 settles an order that costs nothing; next to others it is meaningless.
        if tenders.iter().any(|tender| tender.amount == 0) && tenders.len() > 1 {
            return Err(InvalidField::new("payments", "a payment of 0 must be the only payment").into());
        }
        let mut numbers = Vec::with_capacity(tenders.len());
        let cash_step = find_cash_step(&mut tx, order.store_id, currency).await?;
        for tender in tenders {
            let rounding = round_tender(tender, cash_step)?;
            numbers.push(self.write_payment(&mut tx, caller, &order, tender, rounding).await?);
        }
        let now = self.clock.now();
        let details = json!({"receipt_number": order.number, "amount": paid, "currency": currency,
            "methods": tenders.iter().map(|tender| tender.method).collect::<Vec<_>>(), "payment_numbers": numbers});
        let subject = id.to_string();
        let view = OrderView::from(queries::load_records(&mut tx, order).await?);
        let reply = request.store_reply(&mut tx, &view, now).await?;
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "order.pay", subject, details }).await?;
        tx.commit().await?;
        for tender in tenders {
            metrics::counter!(PAYMENTS_TOTAL, "method" => tender.method.as_str()).increment(1);
        }
        Ok(reply)
    }

    /// Writes a payment with the store's next payment number; returns the number.
    async fn write_payment(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        order: &OrderRow,
        tender: &Tender,
        rounding: i64,
    ) -> Result<i64, OrderError> {
        let taken = number_series::take_next_number(tx, order.store_id, Series::Payment).await?;
        let now = self.record_time(order.store_id, taken.previous_at);
        let mut row = PaymentRow {
            id: PaymentId::generate(now),
            store_id: order.store_id,
            number: taken.number,
            order_id: order.id,
            method: tender.method,
            amount: tender.amount,
            rounding,
            tendered: tender.tendered,
            currency: order.currency,
            reference: tender.reference.clone(),
            made_by: caller.actor.label(),
            created_at: now,
            previous_hash: taken.previous_hash,
            hash: Vec::new(),
        };
        row.hash = seals::seal_payment(&row);
        payments::insert(tx, &row).await?;
        number_series::set_last_record(tx, order.store_id, Series::Payment, &row.hash, now).await?;
        Ok(row.number)
    }
}

fn check_tenders(tenders: Vec<Tender>) -> Result<Vec<Tender>, InvalidField> {
    if !(1..=TENDERS_MAX).contains(&tenders.len()) {
        let message = format!("has {} entries; 1 to {TENDERS_MAX} are allowed", tenders.len());
        return Err(InvalidField::new("payments", message));
    }
    tenders.into_iter().map(check_tender).collect()
}

fn check_tender(tender: Tender) -> Result<Tender, InvalidField> {
    let Tender { method, amount, tendered, .. } = tender;
    if !(0..=Money::AMOUNT_MAX).contains(&amount) {
        let message = format!("{amount} is not between 0 and {} minor units", Money::AMOUNT_MAX);
        return Err(InvalidField::new("amount", message));
    }
    if tendered.is_some() && method != PaymentMethod::Cash {
        return Err(InvalidField::new("tendered", "is only allowed for cash"));
    }
    let reference = parse_optional_line("reference", tender.reference.as_deref(), REFERENCE_LENGTH_MAX)?;
    Ok(Tender { reference, ..tender })
}

/// What the store rounds cash to, in minor units.
pub(super) async fn find_cash_step(
    reader: &mut Reader,
    store: StoreId,
    currency: Currency,
) -> Result<i64, DatabaseError> {
    let store = stores::find(reader, store).await?;
    Ok(store.map_or_else(|| currency.cash_step(), |store| store.cash_step()))
}

/// What a tender is rounded by, if enough cash was received. Only cash is rounded: other methods pay to the minor unit.
fn round_tender(tender: &Tender, cash_step: i64) -> Result<i64, InvalidField> {
    if tender.method != PaymentMethod::Cash {
        return Ok(0);
    }
    let rounding = cash_rounding(tender.amount, cash_step);
    let due = tender.amount + rounding;
    if let Some(cash) = tender.tendered.filter(|cash| !(due..=Money::AMOUNT_MAX).contains(cash)) {
        let message =
            format!("{cash} is not between what is due in cash, {due}, and {} minor units", Money::AMOUNT_MAX);
        return Err(InvalidField::new("tendered", message));
    }
    Ok(rounding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tender(method: PaymentMethod, amount: i64, tendered: Option<i64>) -> Vec<Tender> {
        vec![Tender { method, amount, tendered, reference: Some(" ".to_owned()) }]
    }

    #[test]
    fn an_invalid_tender_is_refused_with_the_name_of_its_field() {
        let field = |tenders| check_tenders(tenders).unwrap_err().field;
        assert_eq!(field(Vec::new()), "payments");
        assert_eq!(field(tender(PaymentMethod::Card, -1, None)), "amount");
        assert_eq!(field(tender(PaymentMethod::Card, 5, Some(5))), "tendered");
        let short =
            |amount, cash| round_tender(&tender(PaymentMethod::Cash, amount, Some(cash))[0], 5).unwrap_err().field;
        assert_eq!((short(5, 4), short(1003, 1004)), ("tendered", "tendered"));
        let valid = check_tenders(tender(PaymentMethod::Cash, 5, Some(10))).unwrap();
        assert_eq!(valid[0].reference, None, "an empty reference is none");
    }

    #[test]
    fn only_cash_is_rounded() {
        let rounded = |method, amount| round_tender(&tender(method, amount, None)[0], 5);
        assert_eq!(rounded(PaymentMethod::Cash, 1_002), Ok(-2));
        assert_eq!(rounded(PaymentMethod::Cash, 1_003), Ok(2));
        assert_eq!(rounded(PaymentMethod::Card, 1_002), Ok(0));
        assert_eq!(round_tender(&tender(PaymentMethod::Cash, 1_002, Some(1_000))[0], 5), Ok(-2), "is enough");
    }
}
