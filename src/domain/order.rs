//! The states and kinds of a bill and its order.

use super::text_enum::text_enum;

text_enum! {
    /// State of a checkout session.
    SessionStatus, "the status of a session":
    Open = "open",
    Confirmed = "confirmed",
    Cancelled = "cancelled",
}

text_enum! {
    /// What a change of the catalog changed on an open bill.
    RevisedField, "a field of a bill":
    /// A product without a price got one.
    Price = "price",
    /// A product left the sale or came back.
    OnSale = "on_sale",
}

text_enum! {
    /// State of an order. Derived from its payments, refunds and voids; the order itself never changes.
    OrderState, "the state of an order":
    /// It has its receipt number; no payment is recorded.
    Confirmed = "confirmed",
    /// Paid in full.
    Paid = "paid",
    /// Part of the money was refunded.
    PartlyRefunded = "partly_refunded",
    /// All of the money was refunded.
    Refunded = "refunded",
    /// Cancelled before it was paid.
    Voided = "voided",
}

text_enum! {
    /// How money was taken or refunded.
    PaymentMethod, "a payment method":
    /// Coins and notes.
    Cash = "cash",
    /// A debit or credit card at a terminal.
    Card = "card",
    /// An app on a phone.
    Wallet = "wallet",
    /// A voucher or gift card of the store.
    Voucher = "voucher",
    /// A bank transfer.
    Transfer = "transfer",
    /// Anything else; the reference says what.
    Other = "other",
}

text_enum! {
    /// The two records that reverse turnover.
    RefundKind, "a kind of refund":
    /// Money is given back for a paid order.
    Refund = "refund",
    /// An unpaid order is cancelled.
    Void = "void",
}

text_enum! {
    /// What a line of a daily closing totals.
    ZReportSection, "a section of a closing":
    Sales = "sales",
    SalesByRate = "sales_by_rate",
    Discounts = "discounts",
    Unpaid = "unpaid",
    Payments = "payments",
    Refunds = "refunds",
    RefundsByRate = "refunds_by_rate",
    Voids = "voids",
    VoidsByRate = "voids_by_rate",
    Payouts = "payouts",
    /// What cash payments were rounded by.
    PaymentRounding = "payment_rounding",
    /// What cash refunds were rounded by.
    PayoutRounding = "payout_rounding",
}
