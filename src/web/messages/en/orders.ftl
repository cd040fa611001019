# Orders and daily closings.
field-receipt-number = Receipt
field-day = Day
field-shopper = Shopper
label-store = Store
label-state = State
field-time = Time
field-lines = Lines
field-total = Total
field-receipts = Receipts
field-payments = Payments
field-refunds = Refunds
field-method = How it is paid
field-method-back = How the money goes back
field-tendered = Cash received
field-reference = Reference of the terminal
field-reason = Reason
choice-all = All
orders-empty = No orders yet
orders-empty-text = As soon as a kiosk sells something, its receipt is here. Set up a kiosk first.
orders-none-found = No such order
orders-none-found-text = Nothing matches these filters.
orders-all = All orders
orders-unreadable = { $count ->
    [one] { $count } order of this list cannot be read.
   *[other] { $count } orders of this list cannot be read.
 }
order-title = Receipt { $count }
receipt-label = The receipt
order-print = Print the receipt
receipt-discounts = Discounts
order-tax = Tax { $rate }%
order-claim-code = Code to claim it:
order-timeline = What happened
order-event-confirmed = Confirmed: { $amount }
order-event-paid = Paid: { $amount }, { $method }
order-event-refunded = Refunded: { $amount }
order-event-voided = Voided
order-event-printed = Receipt printed
order-event-claimed = Claimed by a shopper
order-pay = Record the payment of { $amount }
order-cash-rounding = Cash rounding
order-pay-cash = In cash: { $amount }
order-pay-send = Record the payment
order-void = Void the order
order-void-send = Void it
order-void-title = Void receipt { $count }?
order-void-text = Its number stays used. This cannot be undone.
order-refund = Refund (up to { $amount })
order-refund-pieces = Pieces that come back
order-refund-of = { $count ->
    [one] of { $count }
   *[other] of { $count }
 }
order-refund-send = Refund these pieces
order-refund-rest = Refund all { $amount }
order-refund-rest-title = Refund { $amount }?
order-refund-rest-text = Everything that is left of this order is refunded. This cannot be undone.
order-state-confirmed = Not paid
order-state-paid = Paid
order-state-partly-refunded = Partly refunded
order-state-refunded = Refunded
order-state-voided = Void
closings-title = Daily closings
closings-lead = A closing adds up everything since the one before, and cannot be changed.
closings-empty = No closing yet
closings-empty-text = Close the day when the shop closes. Each closing gets a number.
closing-preview = Since the last closing
closing-since = since
closing-nothing = Nothing was sold since the last closing.
closing-close = Close the day (Z { $number })
closing-ask-title = Close the day as Z { $number }?
closing-ask-text = A closing cannot be changed or undone.
closing-title = Z report { $number }
closing-closed = Closed
closing-sales = { $count ->
    [one] { $count } sale
   *[other] { $count } sales
 }
closing-net = Turnover
closing-discounts = { $count ->
    [one] Discount in it
   *[other] { $count } discounts in it
 }
closing-refunds = { $count ->
    [one] { $count } refund
   *[other] { $count } refunds
 }
closing-voids = { $count ->
    [one] { $count } void
   *[other] { $count } voids
 }
closing-unpaid = { $count ->
    [one] { $count } order not paid
   *[other] { $count } orders not paid
 }
closing-payment-rounding = Cash rounding of payments
closing-payout-rounding = Cash rounding of refunds
closing-cash = Cash taken less cash paid back
closing-payouts = Paid back
notice-order-paid = The payment is recorded.
notice-order-refunded = The refund is recorded.
notice-order-voided = The order is void.
notice-day-closed = The day is closed.
