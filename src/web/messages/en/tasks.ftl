# Tasks, imports, schedules.
nav-tasks = Tasks
nav-schedules = Schedules
attention-tasks = { $count ->
    [one] { $count } task has failed items
   *[other] { $count } tasks have failed items
 }
attention-pauses = { $count ->
    [one] { $count } stage or type of tasks is paused
   *[other] { $count } stages or types of tasks are paused
 }
rule-task-queue-stuck = Tasks stand still
rule-task-schedule-late = A planned task did not run

task-title = Title
task-what = What
task-created = Created
task-finished = Ended
task-next = Next
task-next-retry = next try { $when }
task-next-due = begins { $when }
task-next-run = next run { $when }
task-progress = Progress
task-done-of = { $done } of { $total }
task-failed-items = { $count } failed
task-state-planned = Planned
task-state-waiting = Waiting
task-state-processing = Running
task-state-completed = Done
task-state-partly-failed = Done, some failed
task-state-failed = Failed
task-state-stopped = Stopped
task-type-import = Import
task-type-cleanup = Clean-up
task-type-backup = Back-up
task-type-report = Sales report
task-type-integrity = Check of receipt numbers
task-tab-scheduled = Scheduled
task-tab-fetch = Fetch
task-tab-extract = Extract
task-tab-embed = Embed
task-tab-publish = Publish
task-tab-failed = Failed
task-tab-completed = Completed
task-stage-run = Run
task-stage-schedule = Find items
task-stage-fetch = Fetch
task-stage-extract = Extract
task-stage-embed = Embed
task-stage-publish = Publish
task-stage-count-waiting = waiting
task-stage-count-processing = running
task-stage-count-completed = done
task-stage-count-failed = failed

tasks-running = { $count ->
    [one] { $count } item is being worked on
   *[other] { $count } items are being worked on
 }
tasks-none-running = Nothing is being worked on.
tasks-waiting = { $count ->
    [one] { $count } item waits
   *[other] { $count } items wait
 }
tasks-all = All tasks
tasks-empty = No task yet
tasks-empty-text = Imports, back-ups, reports and clean-ups show here, with what they did and what failed.
tasks-tab-empty = Nothing here
tasks-tab-empty-scheduled = No task waits for its start.
tasks-tab-empty-fetch = No photo waits to be downloaded.
tasks-tab-empty-extract = No photo waits to be taken out of an upload.
tasks-tab-empty-embed = No photo waits to be learned.
tasks-tab-empty-publish = No product waits to go on sale.
tasks-tab-empty-failed = No item has failed.
tasks-tab-empty-completed = No task is over yet.
task-run-one = Run a task
task-run-now = Run now
task-run-again = Run again
task-pause = Pause
task-resume = Resume
task-pause-title = Pause a stage or a type
task-pause-types = Types of task
task-pause-stages = Stages of an import
task-pause-hint = What is paused is not begun; what runs goes on. Nothing is lost.
task-paused-by = { $what }: paused by { $who }
notice-task-queued = Queued. It begins as soon as a worker is free.
notice-task-paused = Paused. What runs goes on.
notice-task-resumed = Resumed.
notice-task-retried = The failed items begin again.
notice-items-discarded = The failed items are removed.
notice-task-stopped = The task is stopped.
notice-task-removed = The task is deleted.

task-stop = Stop
task-stop-ask = Stop “{ $title }”?
task-stop-ask-text = Waiting items are removed, running ones end, and its schedules are switched off. What is done stays.
task-stop-did = What was stopped
task-stop-processing = { $count ->
    [0] No item was being worked on
    [one] { $count } running item ended
   *[other] { $count } running items ended
 }
task-stop-waiting = { $count ->
    [0] No item was waiting
    [one] { $count } waiting item removed
   *[other] { $count } waiting items removed
 }
task-stop-programs = Ended programs: { $names }
task-stop-no-programs = No program had to be ended
task-reports = Reports
task-report-download = Download
task-remove-ask = Delete “{ $title }”?
task-remove-ask-text = Its items, its log and its schedules are deleted. The products that it made stay.
task-last-reason = The last reason:
task-products = { $count ->
    [one] { $count } new product
   *[other] { $count } new products
 }
task-items = Items
task-item = Item
task-item-whole = The whole task
task-no-items = No items here.
task-stage = Stage
task-attempts = Tries
task-actions = Actions
task-retry = Retry
task-retry-all = { $count ->
    [one] Retry the failed item
   *[other] Retry { $count } failed items
 }
task-discard = Remove this item
task-discard-all = Remove failed items
task-discard-ask = Remove this item?
task-discard-all-ask = Remove all failed items?
task-discard-ask-text = It will not be tried again. Its lines in the log stay.
task-discard-all-ask-text = They will not be tried again. Their lines in the log stay.
item-photo = Photo
item-state-waiting = Waiting
item-state-retry = Tries again
item-state-processing = Running
item-state-completed = Done
item-state-failed = Failed
item-filter-waiting = Waiting
item-filter-processing = Running
item-filter-completed = Done
item-filter-failed = Failed
task-log = Log
task-log-empty = No line fits these filters.
log-level = Level
log-level-info = Info
log-level-warning = Warning
log-level-error = Error
log-action = Event
log-action-start = Began
log-action-progress = Progress
log-action-complete = Done
log-action-fail = Failed
log-action-retry = Tries again
log-action-stop = Stopped
log-action-skip = Left out
log-message = Message
log-older = Older lines

import-title = Import products
import-lead = Many products at once, with their photos, out of a ZIP or a folder. First you see what would come; nothing changes before you start it.
import-drop = Drag a ZIP or a folder here
import-choose-zip = Or choose a ZIP
import-choose-folder = Or a folder
import-checked-first = It is looked through first. Broken rows are shown by line.
import-check = Look it through
import-reading = Reading the folder …
import-sending = Sending …
import-checking = Looking it through …
import-send-failed = The upload broke off. Check the connection and try again.
import-refused = This upload cannot be used.
import-too-large = The upload is larger than allowed (setting automation.upload_bytes). Split it.
import-nothing = Nothing to import was found in what you dropped.
import-what = What it holds
import-what-table = A table and photos. Prices are whole minor units: 219 for 2.19.
import-what-columns = Only the name is required. The columns:
import-what-folders = Or one folder of photos for each product, named for it:
import-default-title = Import
import-draft-title = What would come
import-draft-lead = Nothing has changed yet.
import-other-file = Choose another file
import-products = Products
import-photos = Photos
import-broken = Broken rows
import-unused = Photos of no product
import-broken-title = Rows that would be left out
import-no-broken = Every row can be read.
import-line = Line
import-column = Column
import-value = Value
import-reason = What is wrong
import-consequence = Left out
import-skipped-row = the row
import-skipped-photo = this photo
import-broken-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
 }
import-publish-at = On sale from
import-publish-hint = Empty: each product goes on sale with its first photo. Time in { $zone }.
import-photos-title = Photos
import-whole-photos = The whole photo shows the product (cut-outs and catalogue pictures)
import-insist = Also take photos that are blurred, dark or look like another product
import-start = { $count ->
    [one] Import { $count } product
   *[other] Import { $count } products
 }
import-start-without = Import without the broken rows
import-no-products = No row can be used. Mend the table and choose it again.
notice-import-started = The import has begun.
export-do = Export

schedules-lead = Tasks that run by themselves.
schedules-empty = No schedule yet
schedules-empty-text = Plan a back-up every night or a report every morning.
schedule-on = On
schedule-off = Off
schedule-over = Over
schedule-next = Next runs
schedule-no-next = No run is planned.
schedule-last = Last run
schedule-never = It has not run yet.
schedule-edit = Change
schedule-edit-lead = The new times count from now on.
schedule-switch-on = Switch on
schedule-switch-off = Switch off
schedule-remove-ask = Delete the schedule of “{ $title }”?
schedule-remove-ask-text = The task and its past runs stay.
schedule-new = Plan a task
schedule-create = Create the schedule
schedule-kind = When
schedule-kind-once = Once
schedule-kind-daily = Every day
schedule-kind-weekly = On days of the week
schedule-kind-monthly = Every month
schedule-kind-cron = By a cron expression
schedule-at = Date and time
schedule-weekdays = Days
schedule-day = Day of the month
schedule-day-hint = 31 is the last day of shorter months.
schedule-time = Time
schedule-expression = Cron expression
schedule-expression-hint = Minute, hour, day of the month, month, day of the week: 30 3 * * MON-FRI
schedule-missed = If no server ran at the time
missed-run-once = runs once as soon as a server is back
missed-skip = waits for the next time
schedule-rule-once = Once, { $at }
schedule-rule-daily = Every day at { $time }
schedule-rule-weekly = { $days } at { $time }
schedule-rule-monthly = On day { $day } of every month at { $time }
schedule-rule-month-end = On day { $day } of every month, or its last day, at { $time }
schedule-rule-cron = By { $expression }
weekday-monday = Monday
weekday-tuesday = Tuesday
weekday-wednesday = Wednesday
weekday-thursday = Thursday
weekday-friday = Friday
weekday-saturday = Saturday
weekday-sunday = Sunday
notice-schedule-created = The schedule is on.
notice-schedule-changed = The schedule is changed and on.
notice-schedule-on = The schedule is on.
notice-schedule-off = The schedule is off.
notice-schedule-removed = The schedule is deleted.
product-came-with = Came with
product-on-sale-from = On sale from { $when }
