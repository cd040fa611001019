//! The states and kinds of alerts, and of the checks that raise some of them.

use super::text_enum::text_enum;

text_enum! {
    /// A rule that raises alerts.
    #[schema(as = Rule)]
    AlertRule, "an alert rule":
    /// Orders fail because of the server.
    OrderFailureRate = "order-failure-rate",
    /// Transactions collide over receipt numbers.
    OrderConflictRate = "order-conflict-rate",
    /// Receipt numbers or hash chains are damaged.
    NumberingIntegrity = "numbering-integrity",
    /// Confirming an order takes long.
    OrderSlow = "order-slow",
    /// Jobs of tasks are due, and no server begins them.
    TaskQueueStuck = "task-queue-stuck",
    /// A scheduled run of a task was not queued.
    TaskScheduleLate = "task-schedule-late",
    /// The database is lost, files are missing, or the disk is full. Told without the database.
    Storage = "storage",
}

text_enum! {
    /// How urgent an alert is.
    #[schema(as = Severity)]
    AlertSeverity, "an alert severity":
    /// Act today.
    Warning = "warning",
    /// Act now.
    Critical = "critical",
}

text_enum! {
    /// State of an alert.
    AlertState, "the state of an alert":
    /// The rule is violated, and nobody has acknowledged the alert.
    Firing = "firing",
    /// The rule is violated, and somebody takes care of it. Stored as `firing` with the moment of the acknowledgement.
    Acknowledged = "acknowledged",
    /// The violation has ended.
    Resolved = "resolved",
}

text_enum! {
    /// What an alert message reports.
    #[schema(as = Event)]
    AlertEvent, "an alert event":
    /// The alert began.
    Fired = "fired",
    /// Nobody acknowledged it in time.
    Escalated = "escalated",
    /// The violation has ended.
    Resolved = "resolved",
}

text_enum! {
    /// A kind of receiver of alert messages.
    SinkKind, "an alert sink":
    /// An incoming webhook of Slack.
    Slack = "slack",
    /// A signed webhook.
    Webhook = "webhook",
}

text_enum! {
    /// State of the delivery of an alert message.
    DeliveryState, "the state of a delivery":
    /// To be sent, for the first time or again.
    Waiting = "waiting",
    /// The receiver accepted it.
    Delivered = "delivered",
    /// Given up after the last attempt.
    Failed = "failed",
}

text_enum! {
    /// How much an integrity check reads.
    #[schema(as = Depth)]
    CheckDepth, "the depth of a check":
    /// Numbers and counters.
    Quick = "quick",
    /// Also seals, links and sums.
    Deep = "deep",
}
