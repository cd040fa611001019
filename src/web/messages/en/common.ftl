# What every page has.
skip-to-content = Skip to the content
nav-label = Pages
nav-menu = Menu
nav-dashboard = Dashboard
nav-products = Products
nav-orders = Orders
nav-numbering = Receipt numbers
nav-alerts = Alerts
nav-stores = Stores
nav-people = People
nav-models = Models
nav-background = Background work
nav-audit = Audit log
nav-settings = Settings
nav-setup = Set-up
nav-mypage = My orders
theme-system = Theme: as the device
theme-light = Theme: light
theme-dark = Theme: dark
action-cancel = Cancel
action-back = Back
action-copy = Copy
field-changed-meanwhile = Somebody changed this to “{ $value }” in the meantime. Save again to keep yours.
field-optional = optional
pager-label = Further pages
pager-next = Next page
chart-figures = Figures
chart-empty = Nothing to show yet.

# Dates, in the syntax of strftime.
pattern-date-time = %-d %b %Y, %H:%M
pattern-date = %-d %b %Y
pattern-month = %b %Y
time-now = just now
time-soon = in a moment
time-minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
 }
time-hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
 }
time-days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
 }
time-minutes-ahead = { $count ->
    [one] in { $count } minute
   *[other] in { $count } minutes
 }
time-hours-ahead = { $count ->
    [one] in { $count } hour
   *[other] in { $count } hours
 }
time-days-ahead = { $count ->
    [one] in { $count } day
   *[other] in { $count } days
 }
