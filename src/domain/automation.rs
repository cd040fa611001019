//! The words of the task queue: what tasks do, in which stages, how they stand, what is logged of them.

use super::text_enum::text_enum;

text_enum! {
    /// What a task does.
    TaskType, "a type of task":
    /// Adds products and their photos to the catalogue.
    Import = "import",
    /// Removes what is no longer needed.
    Cleanup = "cleanup",
    /// Writes a back-up.
    Backup = "backup",
    /// Writes the sales of a day.
    Report = "report",
    /// Checks receipt numbers and hash chains.
    Integrity = "integrity",
}

text_enum! {
    /// Where the photos of an import come from.
    #[derive(Default)]
    MediaMode, "a media mode":
    /// From an uploaded ZIP.
    #[default]
    Upload = "upload",
    /// From an uploaded clip of a product that turns.
    Video = "video",
    /// From the web.
    Crawl = "crawl",
}

text_enum! {
    /// How a task stands.
    TaskStatus, "the status of a task":
    /// Nothing of it has been started.
    Waiting = "waiting",
    Processing = "processing",
    /// No item is open, and at least one was completed.
    Completed = "completed",
    /// No item is open, and none was completed.
    Failed = "failed",
    /// Somebody stopped it.
    Stopped = "stopped",
}

text_enum! {
    /// A stage of a task, which is also the name of the queue of its jobs.
    Stage, "a stage":
    /// The only stage of tasks without items.
    Run = "run",
    /// Finds the items of a task.
    Schedule = "schedule",
    /// Downloads a photo.
    Fetch = "fetch",
    /// Takes a photo out of what was uploaded.
    Extract = "extract",
    /// Enrols a photo.
    Embed = "embed",
    /// Puts a product on sale.
    Publish = "publish",
}

text_enum! {
    /// A tab of the page of tasks: where items of a task are.
    TaskTab, "a tab":
    /// Items are looked for, or the one run of the task waits or is done.
    Scheduled = "scheduled",
    Fetch = "fetch",
    Extract = "extract",
    Embed = "embed",
    Publish = "publish",
    /// Items failed, and nobody stopped the task.
    Failed = "failed",
    /// No item is open, or somebody stopped the task.
    Completed = "completed",
}

impl TaskTab {
    pub fn of_stage(stage: Stage) -> Self {
        match stage {
            Stage::Run | Stage::Schedule => Self::Scheduled,
            Stage::Fetch => Self::Fetch,
            Stage::Extract => Self::Extract,
            Stage::Embed => Self::Embed,
            Stage::Publish => Self::Publish,
        }
    }
}

text_enum! {
    /// How a job of the queue stands.
    JobStatus, "the status of a job":
    Waiting = "waiting",
    Processing = "processing",
    Completed = "completed",
    /// Given up, with its reason.
    Failed = "failed",
}

text_enum! {
    /// How grave a line of the log is.
    LogLevel, "a log level":
    Info = "info",
    Warning = "warning",
    Error = "error",
}

text_enum! {
    /// What a line of the log reports.
    LogAction, "a log action":
    Start = "start",
    Progress = "progress",
    Complete = "complete",
    /// Given up.
    Fail = "fail",
    /// Failed, and to be tried again.
    Retry = "retry",
    Stop = "stop",
    /// Left out on purpose.
    Skip = "skip",
}

text_enum! {
    /// What is paused.
    PauseKind, "what can be paused":
    /// All jobs of a stage.
    Stage = "stage",
    /// All jobs of a type of task.
    Type = "type",
}

text_enum! {
    /// When a schedule runs its task.
    ScheduleKind, "a kind of schedule":
    Once = "once",
    Daily = "daily",
    Weekly = "weekly",
    /// On a day of each month; on the last one where the month is shorter.
    Monthly = "monthly",
    /// As a cron expression says.
    Cron = "cron",
}

text_enum! {
    /// What becomes of runs that were due while no server ran.
    MissedRuns, "a policy for missed runs":
    /// They are left out.
    Skip = "skip",
    /// The last of them is made up for.
    RunOnce = "run_once",
}
