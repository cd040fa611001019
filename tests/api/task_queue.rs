//! The queue of tasks, driven round by round with a fixed clock: stages, retries, leases, pauses, stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tillsight::automation::{
    Automation, AutomationError, Job, JobFailure, JobHandler, JobOutcome, JobView, NewItem, NewTask, TaskFiles,
    TaskView,
};
use tillsight::clock::Clock;
use tillsight::db::task_logs::TaskLogFilter;
use tillsight::db::{Database, DatabaseError};
use tillsight::domain::{
    Caller, JobStatus, LogAction, PageRequest, PauseKind, Stage, TaskId, TaskLogId, TaskStatus, TaskType, TimeZone,
    Timestamp,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::harness::{TestDatabase, on_both_databases};

const ALL: PageRequest = PageRequest { before: None, limit: 1_000 };

/// Finds as many items as the task's settings say. Items named in `failing` fail in `embed`, those in `stuck` never end there.
#[derive(Default)]
struct Recorder {
    /// Item and stage of each job that was begun.
    begun: Mutex<Vec<(String, Stage)>>,
    stuck_begun: Notify,
}

impl Recorder {
    fn begun(&self) -> Vec<(String, Stage)> {
        self.begun.lock().unwrap().clone()
    }

    async fn do_job(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        self.begun.lock().unwrap().push((job.row.item.clone(), job.row.stage));
        if job.row.stage == Stage::Run {
            return Ok(JobOutcome::Completed { message: "done".to_owned(), metadata: Value::Null });
        }
        let names = |list: &str| job.task.settings[list].as_array().cloned().unwrap_or_default();
        if job.row.stage == Stage::Schedule {
            let count = job.task.settings["count"].as_i64().unwrap();
            let item = |position| NewItem { name: format!("photo {position}"), position, data: json!({"n": position}) };
            return Ok(JobOutcome::Items { message: "found".to_owned(), items: (1..=count).map(item).collect() });
        }
        let is_listed = |list: &str| names(list).contains(&json!(job.row.item));
        if job.row.stage == Stage::Embed && is_listed("failing") {
            return Err(JobFailure::passing(format!("{} is blurred", job.row.item)));
        }
        if job.row.stage == Stage::Embed && is_listed("broken") {
            return Err(JobFailure::lasting(format!("{} is not a photo", job.row.item)));
        }
        if job.row.stage == Stage::Embed && is_listed("stuck") {
            self.stuck_begun.notify_one();
            std::future::pending::<()>().await;
        }
        assert_eq!(job.row.data["n"], job.row.position, "what the stage before found out");
        if job.row.stage == Stage::Publish {
            return Ok(JobOutcome::Completed { message: "published".to_owned(), metadata: json!({"photos": 1}) });
        }
        Ok(JobOutcome::NextStage { message: "done".to_owned(), data: job.row.data.clone(), not_before: None })
    }
}

impl JobHandler for Recorder {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<JobOutcome, JobFailure>> {
        self.do_job(job).boxed()
    }
}

/// A server's part of the queue, without the rest of the server.
struct Queue {
    automation: Automation,
    recorder: Arc<Recorder>,
    clock: Clock,
    caller: Caller,
}

impl Queue {
    async fn open(database: &TestDatabase) -> Self {
        let db = Database::connect(database.url(), 8).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::fixed(Timestamp::from_micros(1_767_614_400_000_000));
        Self::on(db, clock, database)
    }

    fn on(db: Database, clock: Clock, database: &TestDatabase) -> Self {
        let recorder = Arc::new(Recorder::default());
        let automation = Automation::new(db, clock.clone(), TaskFiles::new(database.folder()), TimeZone::utc());
        Self { automation, recorder, clock, caller: Caller::command_line() }
    }

    async fn create(&self, settings: Value) -> TaskId {
        let id = self.automation.new_task_id();
        let task = NewTask { id, kind: TaskType::Import, title: "New photos".to_owned(), settings };
        let created = self.automation.create_task(&self.caller, task).await.unwrap();
        assert_eq!((created.status, created.items.waiting), (TaskStatus::Waiting, 1));
        id
    }

    /// Does jobs until none is due.
    async fn work(&self) -> Result<u64, DatabaseError> {
        self.automation.work_until_idle(&*self.recorder).await
    }

    /// A worker of this server.
    fn spawn_worker(&self) -> JoinHandle<Result<u64, DatabaseError>> {
        let (automation, recorder) = (self.automation.clone(), Arc::clone(&self.recorder));
        tokio::spawn(async move { automation.work_until_idle(&*recorder).await })
    }

    async fn task(&self, id: TaskId) -> TaskView {
        self.automation.find_task(id).await.unwrap()
    }

    async fn items(&self, id: TaskId) -> Vec<JobView> {
        self.automation.list_items(id, None, ALL).await.unwrap().data
    }

    /// The actions in a task's log, oldest first.
    async fn actions(&self, id: TaskId, stage: Option<Stage>) -> Vec<LogAction> {
        let filter = TaskLogFilter { task: Some(id), stage, ..TaskLogFilter::default() };
        let lines = self.automation.list_logs(filter, ALL).await.unwrap().data;
        lines.iter().rev().map(|line| line.action).collect()
    }
}

/// Item, waiting, processing, completed, failed.
fn counts(task: &TaskView) -> (i64, i64, i64, i64) {
    let items = task.items;
    (items.waiting, items.processing, items.completed, items.failed)
}

async fn each_item_goes_through_its_stages_in_order(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 3})).await;
    assert_eq!(queue.work().await.unwrap(), 10, "one to find the items, three of each");
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Completed, (0, 0, 3, 0)), "{task:?}");
    assert_eq!(task.finished_at, Some(queue.clock.now()));
    let photo = |n: i64, stage| (format!("photo {n}"), stage);
    let mut expected = vec![(String::new(), Stage::Schedule)];
    for n in 1..=3 {
        // An item that was begun is finished before the next one is.
        expected.extend([Stage::Extract, Stage::Embed, Stage::Publish].map(|stage| photo(n, stage)));
    }
    assert_eq!(queue.recorder.begun(), expected);
    let stage_log = queue.actions(id, Some(Stage::Embed)).await;
    assert_eq!(stage_log, [LogAction::Start, LogAction::Complete].repeat(3));
    assert_eq!(queue.actions(id, None).await.len(), 20);
    assert_eq!(queue.work().await.unwrap(), 0);
}

async fn a_check_does_not_wait_for_an_import_that_was_queued_before(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    queue.create(json!({"count": 2})).await;
    assert!(queue.automation.work_once(&*queue.recorder).await.unwrap());
    queue.clock.advance(1);
    let (id, title) = (queue.automation.new_task_id(), "Check".to_owned());
    let task = NewTask { id, kind: TaskType::Integrity, title, settings: json!({}) };
    queue.automation.create_task(&queue.caller, task).await.unwrap();
    assert_eq!(queue.work().await.unwrap(), 7);
    let stages: Vec<_> = queue.recorder.begun().iter().map(|(_, stage)| *stage).take(3).collect();
    assert_eq!(stages, [Stage::Schedule, Stage::Run, Stage::Extract]);
}

async fn a_failed_item_is_retried_after_5_10_and_30_seconds_and_then_given_up(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let settings = json!({"count": 3, "failing": ["photo 2"], "broken": ["photo 3"]});
    let id = queue.create(settings).await;
    queue.work().await.unwrap();
    let embeds =
        || queue.recorder.begun().iter().filter(|(item, stage)| item == "photo 2" && *stage == Stage::Embed).count();
    for (delay, attempts) in [(5, 1), (10, 2), (30, 3)] {
        assert_eq!(embeds(), attempts);
        let task = queue.task(id).await;
        assert_eq!((task.status, counts(&task)), (TaskStatus::Processing, (1, 0, 1, 1)), "{task:?}");
        queue.clock.advance(delay - 1);
        assert_eq!(queue.work().await.unwrap(), 0, "not before {delay} s");
        queue.clock.advance(1);
        assert_eq!(queue.work().await.unwrap(), 1);
    }
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Completed, (0, 0, 1, 2)), "although some failed");
    assert_eq!(task.last_error.as_deref(), Some("photo 2 is blurred"));
    let failed = queue.automation.list_items(id, Some(JobStatus::Failed), ALL).await.unwrap().data;
    let reasons: Vec<_> =
        failed.iter().map(|item| (item.item.as_str(), item.failures, item.error.as_deref())).collect();
    let (blurred, broken) =
        (("photo 2", 4, Some("photo 2 is blurred")), ("photo 3", 1, Some("photo 3 is not a photo")));
    assert_eq!(reasons, [broken, blurred], "a lasting failure is not retried");
    let actions = queue.actions(id, Some(Stage::Embed)).await;
    assert_eq!(actions.iter().filter(|action| **action == LogAction::Retry).count(), 3, "{actions:?}");
    assert_eq!(actions.iter().filter(|action| **action == LogAction::Fail).count(), 2, "{actions:?}");

    let retried = queue.automation.retry_task(&queue.caller, id, Some(failed[0].id)).await.unwrap();
    assert_eq!((retried.status, counts(&retried)), (TaskStatus::Processing, (1, 0, 1, 1)));
    queue.work().await.unwrap();
    assert_eq!(counts(&queue.task(id).await), (0, 0, 1, 2), "it fails again");
    let left = queue.automation.discard_items(&queue.caller, id, None).await.unwrap();
    assert_eq!((left.status, counts(&left)), (TaskStatus::Completed, (0, 0, 1, 0)));
    let nothing = queue.automation.retry_task(&queue.caller, id, None).await.unwrap_err();
    assert!(matches!(nothing, AutomationError::NothingFailed { .. }), "{nothing}");
}

async fn a_task_all_of_whose_items_failed_has_failed(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 1, "broken": ["photo 1"]})).await;
    queue.work().await.unwrap();
    assert_eq!(queue.task(id).await.status, TaskStatus::Failed);
    let empty = queue.create(json!({"count": 0})).await;
    queue.work().await.unwrap();
    assert_eq!(queue.task(empty).await.status, TaskStatus::Completed, "there was nothing to do");
}

async fn a_second_run_begins_the_items_anew_and_ends(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 2, "broken": ["photo 2"]})).await;
    queue.work().await.unwrap();
    queue.clock.advance(1);
    queue.automation.run_task(&queue.caller, id).await.unwrap();
    assert_eq!(queue.work().await.unwrap(), 6, "one to find the items, three and two of them");
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Completed, (0, 0, 1, 1)), "{task:?}");
    // Items that are still open go on as they are, and the run leaves nothing open behind.
    queue.automation.pause(&queue.caller, PauseKind::Stage, "publish").await.unwrap();
    for _ in 0..2 {
        queue.clock.advance(1);
        queue.automation.run_task(&queue.caller, id).await.unwrap();
        queue.work().await.unwrap();
    }
    let item = &queue.items(id).await.into_iter().find(|item| item.item == "photo 1").unwrap();
    assert_eq!((item.stage, item.status), (Stage::Publish, JobStatus::Waiting));
    queue.automation.resume(&queue.caller, PauseKind::Stage, "publish").await.unwrap();
    queue.work().await.unwrap();
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Completed, (0, 0, 1, 1)), "{task:?}");
}

/// Items beyond the first thousand are queued in further transactions; a second attempt repeats none of them.
async fn many_items_are_queued_in_parts_and_once(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    queue.automation.pause(&queue.caller, PauseKind::Stage, "extract").await.unwrap();
    let id = queue.create(json!({"count": 2_300})).await;
    assert_eq!(queue.work().await.unwrap(), 1);
    assert_eq!(counts(&queue.task(id).await), (2_300, 0, 0, 0));
    // The server died before it recorded the end of the job, and an item was done meanwhile.
    let died =
        "UPDATE task_queue SET status = 'waiting', is_current = TRUE, finished_at = NULL WHERE stage = 'schedule'";
    database.execute(died).await;
    database.execute("UPDATE task_queue SET status = 'completed' WHERE item = 'photo 1'").await;
    assert_eq!(queue.work().await.unwrap(), 1);
    assert_eq!(counts(&queue.task(id).await), (2_299, 0, 1, 0));
}

async fn the_job_of_a_dead_server_is_done_by_another_and_recorded_once(database: TestDatabase) {
    let dead = Queue::open(&database).await;
    let db = Database::connect(database.url(), 8).await.unwrap();
    let alive = Queue::on(db, dead.clock.clone(), &database);
    let id = dead.create(json!({"count": 1, "stuck": ["photo 1"]})).await;
    let worker = dead.spawn_worker();
    dead.recorder.stuck_begun.notified().await;
    dead.clock.advance(29);
    assert_eq!(alive.automation.rescue_jobs().await.unwrap(), 0, "the lease lasts half a minute");
    // A living server renews it.
    dead.automation.renew_and_rescue().await.unwrap();
    dead.clock.advance(29);
    assert_eq!(alive.automation.rescue_jobs().await.unwrap(), 0);
    dead.clock.advance(2);
    assert_eq!(alive.automation.rescue_jobs().await.unwrap(), 1);
    let item = &alive.items(id).await[0];
    assert_eq!((item.stage, item.status, item.failures), (Stage::Embed, JobStatus::Waiting, 1));
    assert!(item.error.as_deref().unwrap().contains("has not been heard of"), "{item:?}");
    // The first server was only slow: its next heartbeat tells it that it has lost the job.
    // It would take the job again.
    alive.automation.pause(&alive.caller, PauseKind::Stage, "embed").await.unwrap();
    dead.automation.renew_and_rescue().await.unwrap();
    worker.await.unwrap().unwrap();
    assert_eq!(alive.items(id).await[0].status, JobStatus::Waiting, "it has recorded nothing");
    assert_eq!(alive.actions(id, Some(Stage::Embed)).await, [LogAction::Start, LogAction::Retry]);
}

async fn a_job_that_kills_its_servers_is_given_up(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 1, "stuck": ["photo 1"]})).await;
    for death in 1..=4 {
        let worker = queue.spawn_worker();
        queue.recorder.stuck_begun.notified().await;
        // As a killed server: nothing is given back.
        worker.abort();
        assert!(worker.await.unwrap_err().is_cancelled());
        queue.clock.advance(31);
        assert_eq!(queue.automation.rescue_jobs().await.unwrap(), 1, "death {death}");
    }
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Failed, (0, 0, 0, 1)), "{task:?}");
    assert_eq!(queue.work().await.unwrap(), 0);
}

async fn a_server_that_stops_gives_its_jobs_back(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 1, "stuck": ["photo 1"]})).await;
    let worker = queue.spawn_worker();
    queue.recorder.stuck_begun.notified().await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
    queue.automation.release_leases().await.unwrap();
    let item = &queue.items(id).await[0];
    assert_eq!((item.status, item.failures, item.attempts), (JobStatus::Waiting, 0, 1), "that is no failure");
}

async fn paused_stages_and_types_are_not_begun(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let (automation, caller) = (&queue.automation, &queue.caller);
    let id = queue.create(json!({"count": 2})).await;
    automation.pause(caller, PauseKind::Stage, "embed").await.unwrap();
    queue.work().await.unwrap();
    let stages: Vec<_> = queue.items(id).await.iter().map(|item| (item.stage, item.status)).collect();
    assert_eq!(stages, [(Stage::Embed, JobStatus::Waiting); 2]);
    let paused = automation.pause(caller, PauseKind::Type, "import").await.unwrap();
    assert_eq!(paused.iter().map(|pause| pause.name.as_str()).collect::<Vec<_>>(), ["embed", "import"]);
    automation.resume(caller, PauseKind::Stage, "embed").await.unwrap();
    assert_eq!(queue.work().await.unwrap(), 0, "the type is paused");
    assert!(automation.resume(caller, PauseKind::Type, "import").await.unwrap().is_empty());
    assert_eq!(queue.work().await.unwrap(), 4);
    let unknown = automation.pause(caller, PauseKind::Stage, "embedding").await.unwrap_err().to_string();
    assert!(unknown.contains("\"embedding\"") && unknown.contains("publish"), "{unknown}");
}

async fn a_stopped_task_ends_at_once_and_stays_stopped(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    let id = queue.create(json!({"count": 5, "stuck": ["photo 3"]})).await;
    let worker = queue.spawn_worker();
    queue.recorder.stuck_begun.notified().await;
    let running = queue.automation.delete_task(&queue.caller, id).await.unwrap_err();
    assert!(matches!(running, AutomationError::StillRunning { .. }), "{running}");
    let report = queue.automation.stop_task(&queue.caller, id).await.unwrap();
    assert_eq!((report.success, report.stopped_processing, report.deleted_waiting), (true, 1, 2), "{report:?}");
    queue.automation.renew_and_rescue().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), worker).await.unwrap().unwrap().unwrap();
    let task = queue.task(id).await;
    assert_eq!((task.status, counts(&task)), (TaskStatus::Stopped, (0, 0, 2, 1)), "{task:?}");
    let failed = queue.automation.list_items(id, Some(JobStatus::Failed), ALL).await.unwrap().data;
    assert_eq!(failed[0].error.as_deref(), Some("stopped by command line"));
    let again = queue.automation.stop_task(&queue.caller, id).await.unwrap();
    assert_eq!((again.stopped_processing, again.deleted_waiting), (0, 0), "nothing is left to stop");
    queue.automation.delete_task(&queue.caller, id).await.unwrap();
    assert!(matches!(queue.automation.find_task(id).await.unwrap_err(), AutomationError::NotFound { .. }));
}

/// A line whose transaction commits after one that was begun later.
async fn a_line_that_appears_late_is_told_to_those_who_watch(database: TestDatabase) {
    let queue = Queue::open(&database).await;
    queue.automation.pause(&queue.caller, PauseKind::Stage, "embed").await.unwrap();
    let id = queue.create(json!({"count": 1})).await;
    queue.work().await.unwrap();
    database.execute("CREATE TABLE late AS SELECT * FROM task_logs WHERE stage = 'extract' AND action = 'start'").await;
    database.execute("DELETE FROM task_logs WHERE stage = 'extract' AND action = 'start'").await;
    let mut cursor = queue.automation.watch_task(id, Some(TaskLogId::NIL)).await.unwrap();
    let mut next = async || -> Vec<_> {
        let events = queue.automation.next_events(&mut cursor).await.unwrap().unwrap();
        events.log.iter().map(|line| (line.stage.unwrap(), line.action)).collect()
    };
    let (start, complete) = (LogAction::Start, LogAction::Complete);
    assert_eq!(next().await, [(Stage::Schedule, start), (Stage::Schedule, complete), (Stage::Extract, complete)]);
    database.execute("INSERT INTO task_logs SELECT * FROM late").await;
    assert_eq!(next().await, [(Stage::Extract, start)], "and the others once");
}

/// Several workers on several servers; each is aborted at random moments, as if its process were killed.
async fn many_workers_that_die_lose_and_repeat_nothing(database: TestDatabase) {
    const ITEMS: i64 = 60;
    const WORKERS: usize = 4;
    let first = Queue::open(&database).await;
    let servers = if database.kind() == "postgres" { 3 } else { 1 };
    let id = first.create(json!({"count": ITEMS})).await;
    // The items are found in peace: a job that dies four times is given up, and at first there is only this one.
    first.automation.pause(&first.caller, PauseKind::Stage, "extract").await.unwrap();
    assert_eq!(first.work().await.unwrap(), 1);
    first.automation.resume(&first.caller, PauseKind::Stage, "extract").await.unwrap();
    let mut generator = 7_u64;
    let mut rounds = 0;
    loop {
        let mut workers = Vec::new();
        let mut queues = Vec::new();
        for _ in 0..servers {
            let db = Database::connect(database.url(), 8).await.unwrap();
            let queue = Queue::on(db, first.clock.clone(), &database);
            for _ in 0..WORKERS {
                workers.push(queue.spawn_worker());
            }
            queues.push(queue);
        }
        if rounds < 12 {
            for worker in &workers {
                generator = generator.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                tokio::time::sleep(Duration::from_millis((generator >> 33) % 12)).await;
                worker.abort();
            }
        }
        for worker in workers {
            // A worker that was not aborted must not have failed.
            if let Ok(ended) = worker.await {
                ended.unwrap();
            }
        }
        rounds += 1;
        first.clock.advance(61);
        first.automation.rescue_jobs().await.unwrap();
        let task = first.task(id).await;
        assert_eq!(task.items.failed, 0, "{task:?}: a job died more than three times; choose another seed");
        if task.status == TaskStatus::Completed {
            break;
        }
        assert!(rounds < 100, "{task:?}");
    }
    assert_eq!(counts(&first.task(id).await), (0, 0, ITEMS, 0));
    let once = "SELECT COUNT(*) FROM (SELECT item, stage FROM task_queue WHERE status = 'completed' \
                GROUP BY item, stage HAVING COUNT(*) = 1) x";
    assert_eq!(database.count(once).await, 3 * ITEMS + 1, "each stage of each item is recorded once");
    assert_eq!(database.count("SELECT COUNT(*) FROM task_queue").await, 3 * ITEMS + 1);
    let logged = "SELECT COUNT(*) FROM task_logs WHERE action = 'complete'";
    assert_eq!(database.count(logged).await, 3 * ITEMS + 1);
    let unlogged = "SELECT COUNT(*) FROM task_queue q WHERE q.attempts <> \
        (SELECT COUNT(*) FROM task_logs l WHERE l.queue_id = q.id AND l.action = 'start')";
    assert_eq!(database.count(unlogged).await, 0, "every beginning is logged");
    let disorder = "SELECT COUNT(*) FROM task_queue a JOIN task_queue b ON a.item = b.item AND a.id < b.id \
        WHERE a.finished_at > b.started_at";
    assert_eq!(database.count(disorder).await, 0, "no stage begins before the one before has ended");
}

on_both_databases!(
    each_item_goes_through_its_stages_in_order,
    a_check_does_not_wait_for_an_import_that_was_queued_before,
    a_failed_item_is_retried_after_5_10_and_30_seconds_and_then_given_up,
    a_task_all_of_whose_items_failed_has_failed,
    a_second_run_begins_the_items_anew_and_ends,
    many_items_are_queued_in_parts_and_once,
    the_job_of_a_dead_server_is_done_by_another_and_recorded_once,
    a_job_that_kills_its_servers_is_given_up,
    a_server_that_stops_gives_its_jobs_back,
    paused_stages_and_types_are_not_begun,
    a_stopped_task_ends_at_once_and_stays_stopped,
    a_line_that_appears_late_is_told_to_those_who_watch,
    many_workers_that_die_lose_and_repeat_nothing,
);
