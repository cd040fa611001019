//! Payment: what was taken for an order, in one or several ways, all of what is due at once.

use serde::Serialize;
use serde_json::json;

use super::idempotency::{IdempotentRequest, Reply, with_retries};
use super::{LONGEST_REFERENCE, OrderError, Orders, read};
use crate::db::orders::OrderRow;
use crate::db::payments::{self, PaymentRow};
use crate::db::{Tx, audit, number_series, seals};
use crate::domain::{Caller, Currency, InvalidField, Money, OrderId, PaymentId, PaymentMethod, Series, optional_line};
use crate::telemetry::PAYMENTS_TOTAL;

/// Ways to pay one order at once: more is a mistake of the till.
const MOST_TENDERS: usize = 20;

/// One way in which a part of the order was paid.
#[derive(Debug, Clone, Serialize)]
pub struct Tender {
    /// How.
    pub method: PaymentMethod,
    /// Minor units.
    pub amount: i64,
    /// Cash handed over, at least `amount`; only for cash.
    pub tendered: Option<i64>,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
}

impl Orders {
    /// Records that an order was paid. The tenders must add up to what is due: an order is paid in full or not at all.
    pub async fn pay(
        &self,
        caller: &Caller,
        id: OrderId,
        currency: Currency,
        tenders: Vec<Tender>,
        key: &str,
    ) -> Result<Reply, OrderError> {
        let tenders = checked(tenders)?;
        let once = IdempotentRequest::new("pay", caller, key, &json!([id, currency, tenders]).to_string());
        with_retries(async || self.pay_once(caller, id, currency, &tenders, &once).await).await
    }

    async fn pay_once(
        &self,
        caller: &Caller,
        id: OrderId,
        currency: Currency,
        tenders: &[Tender],
        once: &IdempotentRequest,
    ) -> Result<Reply, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.hold(&mut tx, caller, id).await?;
        if let Some(kept) = once.kept(&mut tx).await? {
            return Ok(kept);
        }
        self.refuse_unless_due(&mut tx, &order).await?;
        if currency != order.currency {
            return Err(OrderError::WrongCurrency { given: currency, due: order.currency });
        }
        let given = tenders.iter().fold(0_i64, |sum, tender| sum.saturating_add(tender.amount));
        if given != order.total {
            return Err(OrderError::NotWhatIsDue { given, due: order.total });
        }
        // With nothing due, one payment of nothing says that the order is settled; empty parts beside others say nothing.
        if tenders.iter().any(|tender| tender.amount == 0) && tenders.len() > 1 {
            return Err(InvalidField::new("payments", "a payment of 0 can only stand alone").into());
        }
        let mut numbers = Vec::with_capacity(tenders.len());
        for tender in tenders {
            numbers.push(self.record_payment(&mut tx, caller, &order, tender).await?);
        }
        let now = self.clock.now();
        let details = json!({"receipt_number": order.number, "amount": given, "currency": currency,
            "methods": tenders.iter().map(|tender| tender.method).collect::<Vec<_>>(), "payment_numbers": numbers});
        let subject = id.to_string();
        let shown = read::assemble(&mut tx, order).await?;
        let reply = once.keep(&mut tx, &shown, now).await?;
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "order.pay", subject, details }).await?;
        tx.commit().await?;
        for tender in tenders {
            metrics::counter!(PAYMENTS_TOTAL, "method" => tender.method.as_str()).increment(1);
        }
        Ok(reply)
    }

    /// Writes one payment with the store's next number; gives the number.
    async fn record_payment(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        order: &OrderRow,
        tender: &Tender,
    ) -> Result<i64, OrderError> {
        let taken = number_series::take_next_number(tx, order.store_id, Series::Payment).await?;
        let now = self.clock.now();
        let mut row = PaymentRow {
            id: PaymentId::at(now),
            store_id: order.store_id,
            number: taken.number,
            order_id: order.id,
            method: tender.method,
            amount: tender.amount,
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
        number_series::set_last_hash(tx, order.store_id, Series::Payment, &row.hash).await?;
        Ok(row.number)
    }
}

fn checked(tenders: Vec<Tender>) -> Result<Vec<Tender>, InvalidField> {
    if !(1..=MOST_TENDERS).contains(&tenders.len()) {
        let message = format!("has {} entries; 1 to {MOST_TENDERS} are allowed", tenders.len());
        return Err(InvalidField::new("payments", message));
    }
    tenders.into_iter().map(checked_tender).collect()
}

fn checked_tender(tender: Tender) -> Result<Tender, InvalidField> {
    let Tender { method, amount, tendered, .. } = tender;
    if !(0..=Money::LARGEST).contains(&amount) {
        let message = format!("{amount} is not between 0 and {} minor units", Money::LARGEST);
        return Err(InvalidField::new("amount", message));
    }
    if tendered.is_some() && method != PaymentMethod::Cash {
        return Err(InvalidField::new("tendered", "is for cash; a payment by other means is of the exact amount"));
    }
    if let Some(given) = tendered.filter(|given| !(amount..=Money::LARGEST).contains(given)) {
        return Err(InvalidField::new("tendered", format!("{given} is less than the amount, {amount}, or too large")));
    }
    let reference = optional_line("reference", tender.reference.as_deref(), LONGEST_REFERENCE)?;
    Ok(Tender { reference, ..tender })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tender(method: PaymentMethod, amount: i64, tendered: Option<i64>) -> Vec<Tender> {
        vec![Tender { method, amount, tendered, reference: Some(" ".to_owned()) }]
    }

    #[test]
    fn each_bad_tender_is_refused_by_the_name_of_its_field() {
        let field = |tenders| checked(tenders).unwrap_err().field;
        assert_eq!(field(Vec::new()), "payments");
        assert_eq!(field(tender(PaymentMethod::Card, -1, None)), "amount");
        assert_eq!(field(tender(PaymentMethod::Card, 5, Some(5))), "tendered");
        assert_eq!(field(tender(PaymentMethod::Cash, 5, Some(4))), "tendered");
        let good = checked(tender(PaymentMethod::Cash, 5, Some(10))).unwrap();
        assert_eq!(good[0].reference, None, "an empty reference is none");
    }
}
