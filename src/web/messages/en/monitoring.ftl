# Dashboard, receipt numbers, alerts, background work, audit log, settings.
action-show = Show
field-state = State
field-store = Store
filter-all = All
filter-clear = Clear filters
all-stores = All stores
store-unknown = Unknown store
refresh-label = Refresh by itself
pattern-day = %-d %b
chart-hour = Hour
chart-day = Day
role-user = Shopper
role-clerk = Clerk
role-admin = Admin

search-title = Search
search-all = Receipt, product or person
search-do = Search
search-nothing = Nothing found for “{ $text }”
search-hint = Search for a receipt number, a product’s name, SKU or barcode, or a username.

period-label = Period
period-1 = Today
period-7 = 7 days
period-30 = 30 days
period-90 = 90 days
compared-to-yesterday = { $change } to yesterday by now
compared-to-week = { $change } to the week before
compared-to-days = { $change } to the { $days } days before

attention-title = Needs attention
attention-none = Nothing needs attention.
attention-staff-call = { $kiosk } ({ $store }) calls for staff since { $since }
attention-alerts = { $count ->
    [one] { $count } alert is active
   *[other] { $count } alerts are active
 }
attention-numbers = { $count ->
    [one] Receipt numbers of { $count } store are damaged
   *[other] Receipt numbers of { $count } stores are damaged
 }
attention-same-article = { $count ->
    [one] { $count } barcode belongs to several products
   *[other] { $count } barcodes belong to several products
 }
attention-background = { $count ->
    [one] { $count } background task fails
   *[other] { $count } background tasks fail
 }
dashboard-turnover = Turnover
dashboard-turnover-1 = Sales today
dashboard-turnover-7 = Sales in 7 days
dashboard-turnover-30 = Sales in 30 days
dashboard-turnover-90 = Sales in 90 days
dashboard-orders = Orders
dashboard-basket = Average basket
dashboard-matched = Recognised without asking
dashboard-sales-by-hour = Sales by hour
dashboard-sales-by-day = Sales by day
dashboard-verdicts-by-hour = Recognition by hour
dashboard-verdicts-by-day = Recognition by day
dashboard-top = Top products
dashboard-pieces = { $count } ×
dashboard-empty-title = No sales in this period
dashboard-empty-text = As soon as a kiosk confirms a bill, its turnover shows here.
dashboard-empty-action = Show the last 90 days
verdict-matched = Recognised
verdict-ambiguous = Asked
verdict-unknown = Unknown

numbering-tab-overview = Overview
numbering-tab-performance = Performance
numbering-tab-integrity = Integrity
numbering-health = Health
numbering-health-of = of 100, the worst store
numbering-health-badge = Health { $health }
numbering-success = Success rate
numbering-attempts-day = { $count ->
    [one] { $count } attempt in 24 hours
   *[other] { $count } attempts in 24 hours
 }
numbering-problems = Problems
numbering-alerts = Active alerts
numbering-empty = No store yet
numbering-empty-text = Every store has its own receipt numbers, without gaps. Their health shows here.
numbering-unchecked = Not checked yet
numbering-no-gaps = No gaps, no duplicates.
numbering-last-numbers = Last numbers: { $numbers }
numbering-last-day = The last 24 hours, on all servers.
numbering-mean = Mean
numbering-p95 = 95th percentile
numbering-p99 = 99th percentile
numbering-conflicts = Conflicts
numbering-retries = Retries
numbering-attempts = Orders
numbering-failed = Failed
numbering-trend-times = Time to confirm an order, by hour
numbering-trend-counts = Orders by hour
check-quick = Quick check
check-deep = Deep check
check-hint = A quick check reads numbers and counters; a deep one also seals and sums.
check-last = Last check
check-last-deep = Last deep check
check-records = { $count ->
    [one] { $count } record
   *[other] { $count } records
 }
check-records-title = Records
check-depth = Depth
check-findings = Findings
check-history = Past checks
check-history-of = Past checks of { $store }
depth-quick = quick
depth-deep = deep
notice-check-clean = Checked. Nothing is wrong.
notice-check-findings = Checked. Findings are listed below.
notice-repaired = Repaired and checked again.
repair-title = Repair
repair-hint = First look for the lost records in a back-up: a repair cannot be undone. Numbers whose record is lost become void; no record changes.
repair-reason = Reason, kept with every void number
repair-show = Show what would change
repair-plan = What a repair of { $store } would change
repair-nothing = Nothing: no number is missing.
repair-placeholders = { $count ->
    [one] { $count } number becomes void:
   *[other] { $count } numbers become void:
 }
repair-counter = the counter moves from { $from } to { $to }
repair-apply = Repair now
repair-ask = The numbers become void for ever. This cannot be undone.

alerts-test = Send a test message
alerts-tested = Test message
alerts-no-receiver = No receiver is set. Set monitoring.slack_url or monitoring.webhook_url.
alerts-none = No alert is active.
alerts-history = History
alerts-history-empty = No alert so far
alerts-history-empty-text = An alert is raised when orders fail or take long, numbers are damaged, or the storage is in danger.
alert-rule = Alert
alert-since = Since
alert-began = Began
alert-ended = Ended
alert-seen = Last seen
alert-acknowledge = I take care of it
alert-acknowledged-at = Taken care of
alert-resolve = Resolve
alert-resolve-ask = The alert ends now. If its cause persists, the next check raises it again.
alert-what-to-do = What to do
alert-course = Course
alert-escalations = Escalations
alert-messages = Messages
alert-no-messages = No message was sent.
notice-alert-acknowledged = You take care of the alert.
notice-alert-resolved = The alert is resolved.
severity-warning = Warning
severity-critical = Critical
alert-state-firing = Active
alert-state-acknowledged = Taken care of
alert-state-resolved = Resolved
rule-order-failure-rate = Orders fail
rule-order-conflict-rate = Orders collide
rule-numbering-integrity = Receipt numbers damaged
rule-order-slow = Orders are slow
rule-storage = Storage in danger
delivery-waiting = Waiting
delivery-delivered = Delivered
delivery-failed = Failed
sink-slack = Slack
sink-webhook = Webhook
event-fired = began
event-escalated = escalated
event-resolved = ended

background-lead = What this server does by itself. Other servers on the same database do their own.
task-name = Task
task-last-run = Last success
task-duration = Took
task-runs = Runs
task-last-error = Last error
task-well = Well
task-running = Running
task-failing = Failing
task-idle = Not yet

settings-lead = Read only. Settings are changed in the settings file or by variables, and count after a restart.
settings-changed = Changed here
settings-none-changed = Nothing is changed; every setting has its default.
settings-defaults = Defaults
settings-general = General
setting-name = Setting
setting-value = Value
setting-source = Source
setting-source-default = Default
setting-source-file = Settings file
setting-source-environment = Environment
setting-none = none
setting-secret-set = set, never shown

finding-subject-order = Receipt { $numbers }
finding-subject-payment = Payment { $numbers }
finding-subject-refund = Refund { $numbers }
finding-subject-closing = Closing { $numbers }
finding-subject-audit = Audit record { $numbers }
finding-more = { $numbers } and more
finding-gap = { $subject }: missing ({ $count } in total)
finding-duplicate = { $subject }: exists more than once ({ $count } in total)
finding-out-of-range = { $subject }: a number below 1
finding-counter-behind = { $subject }: above the counter, which would give the number again ({ $count } in total)
finding-counter-ahead = { $subject }: given out by the counter but never used ({ $count } in total)
finding-unreadable = { $subject }: cannot be read ({ $count } in total)
finding-broken-seal = { $subject }: changed after it was written ({ $count } in total)
finding-broken-placeholder = { $subject }: a void placeholder that was changed after it was written ({ $count } in total)
finding-broken-link = { $subject }: does not link to the record before it ({ $count } in total)
finding-counter-seal = { $subject }: has another seal than the counter
finding-wrong-sum = { $subject }: lines that do not add up to the total ({ $count } in total)
finding-wrong-payment = { $subject }: paid with another amount than was due ({ $count } in total)
finding-overrefund = { $subject }: refunded by more than was paid ({ $count } in total)
finding-no-order = { $subject }: belongs to no order of the store ({ $count } in total)
finding-no-store = The records exist, but the store’s own row is missing.
finding-stray-lines = { $count } records are missing, but their lines exist.
finding-audit-changed = { $subject }: it, or the one before it, was changed after it was written ({ $count } in total)
finding-audit-missing = { $subject }: removed ({ $count } in total)
