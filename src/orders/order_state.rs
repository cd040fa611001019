//! Which operations each state of an order allows.

use super::OrderError;
use crate::db::orders::{OrderBalanceRow, OrderRow};
use crate::domain::{Money, OrderState};

/// Only an order without a payment may be paid or voided.
pub(super) fn check_unpaid(order: &OrderRow, balance: &OrderBalanceRow) -> Result<(), OrderError> {
    match balance.state {
        OrderState::Confirmed => Ok(()),
        OrderState::Voided => Err(OrderError::Voided(order.id)),
        OrderState::Paid | OrderState::PartlyRefunded => Err(OrderError::AlreadyPaid(order.id)),
        OrderState::Refunded => {
            let (paid, refunded) = paid_and_refunded(order, balance);
            Err(OrderError::PaidAndRefunded { id: order.id, paid, refunded })
        }
    }
}

/// Only a paid order may be refunded. The refund plan checks whether anything is left.
pub(super) fn check_paid(order: &OrderRow, balance: &OrderBalanceRow) -> Result<(), OrderError> {
    match balance.state {
        OrderState::Paid | OrderState::PartlyRefunded | OrderState::Refunded => Ok(()),
        OrderState::Confirmed => Err(OrderError::NotPaid(order.id)),
        OrderState::Voided => Err(OrderError::Voided(order.id)),
    }
}

pub(super) fn paid_and_refunded(order: &OrderRow, balance: &OrderBalanceRow) -> (Money, Money) {
    let money = |amount| Money { amount, currency: order.currency };
    (money(balance.paid), money(balance.refunded))
}
