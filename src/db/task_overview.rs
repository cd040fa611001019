//! Tasks as the page of tasks shows them: by where their items are.

use super::tasks::TaskRow;
use super::{DatabaseError, Reader, run_query, tasks};
use crate::domain::{ImageId, JobStatus, PageRequest, ProductId, Stage, TaskId, TaskTab, Timestamp};

/// The number of tasks on each tab; tabs without tasks may be missing.
pub async fn count_tabs(reader: &mut Reader) -> Result<Vec<(TaskTab, i64)>, DatabaseError> {
    const OPEN: &str = "SELECT stage, COUNT(DISTINCT task_id) FROM task_queue \
        WHERE status IN ('waiting', 'processing') GROUP BY stage";
    const FAILED: &str = "SELECT COUNT(DISTINCT q.task_id) FROM task_queue q JOIN tasks t ON t.id = q.task_id \
        WHERE q.status = 'failed' AND q.is_current AND t.status <> 'stopped'";
    const OVER: &str = "SELECT COUNT(*) FROM tasks WHERE status IN ('completed', 'stopped')";
    let open: Vec<(Stage, i64)> = run_query!(reader, c => sqlx::query_as(OPEN).fetch_all(c))?;
    let failed: i64 = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(FAILED).fetch_one(c))?;
    let over: i64 = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(OVER).fetch_one(c))?;
    let mut counts = vec![(TaskTab::Failed, failed), (TaskTab::Completed, over)];
    // A task has either the one stage `run` or others, so no task is counted twice on the first tab.
    for (stage, tasks) in open {
        let tab = TaskTab::of_stage(stage);
        match counts.iter_mut().find(|(counted, _)| *counted == tab) {
            Some((_, count)) => *count += tasks,
            None => counts.push((tab, tasks)),
        }
    }
    Ok(counts)
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, type, title, settings, status, last_error, cleared_items, created_by, created_at, finished_at \
             FROM tasks WHERE ($1 IS NULL OR id < $1) AND ",
            $condition,
            " ORDER BY id DESC LIMIT $2"
        )
    };
}

/// The tasks of a tab, newest first.
pub async fn list_tab(reader: &mut Reader, tab: TaskTab, page: PageRequest) -> Result<Vec<TaskRow>, DatabaseError> {
    const STAGE: &str = select!(
        "EXISTS (SELECT 1 FROM task_queue q WHERE q.task_id = tasks.id AND q.status IN ('waiting', 'processing') \
         AND q.stage IN ($3, $4))"
    );
    const FAILED: &str = select!(
        "status <> 'stopped' AND EXISTS (SELECT 1 FROM task_queue q WHERE q.task_id = tasks.id AND q.status = 'failed' \
         AND q.is_current)"
    );
    const OVER: &str = select!("status IN ('completed', 'stopped')");
    let limit = page.fetch_limit();
    match tab {
        TaskTab::Failed => {
            run_query!(reader, c => sqlx::query_as(FAILED).bind(page.before).bind(limit).fetch_all(c))
        }
        TaskTab::Completed => {
            run_query!(reader, c => sqlx::query_as(OVER).bind(page.before).bind(limit).fetch_all(c))
        }
        TaskTab::Scheduled | TaskTab::Fetch | TaskTab::Extract | TaskTab::Embed | TaskTab::Publish => {
            let mut stages = Stage::ALL.into_iter().filter(|stage| TaskTab::of_stage(*stage) == tab);
            let (first, last) = (stages.clone().next(), stages.next_back());
            run_query!(reader, c => sqlx::query_as(STAGE)
                .bind(page.before)
                .bind(limit)
                .bind(first)
                .bind(last)
                .fetch_all(c))
        }
    }
}

/// Items of a task in one stage and status.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StageCount {
    pub stage: Stage,
    pub status: JobStatus,
    pub items: i64,
    /// When the first of them is begun at the earliest.
    pub earliest_due_at: Timestamp,
    /// The same of those that failed before.
    pub next_retry_at: Option<Timestamp>,
}

pub async fn count_stages(reader: &mut Reader, task: TaskId) -> Result<Vec<StageCount>, DatabaseError> {
    const SELECT: &str = "SELECT stage, status, COUNT(*) AS items, MIN(due_at) AS earliest_due_at, \
        MIN(CASE WHEN failures > 0 THEN due_at END) AS next_retry_at FROM task_queue \
        WHERE task_id = $1 AND is_current GROUP BY stage, status";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(task).fetch_all(c))
}

/// A product that a task made.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct MadeProduct {
    pub id: ProductId,
    pub name: String,
    pub image_id: Option<ImageId>,
    pub active: bool,
}

/// The products that a task made and nobody removed, by name.
pub async fn list_products(reader: &mut Reader, task: TaskId, limit: i64) -> Result<Vec<MadeProduct>, DatabaseError> {
    const SELECT: &str = "SELECT p.id, p.name, p.active, \
        (SELECT i.id FROM product_images i WHERE i.product_id = p.id ORDER BY i.id LIMIT 1) AS image_id \
        FROM task_products m JOIN products p ON p.id = m.product_id \
        WHERE m.task_id = $1 AND p.removed_at IS NULL ORDER BY p.name, p.id LIMIT $2";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(task).bind(limit).fetch_all(c))
}

/// The task that made a product, if one did.
pub async fn find_maker(reader: &mut Reader, product: ProductId) -> Result<Option<TaskRow>, DatabaseError> {
    const SELECT: &str = "SELECT t.id, t.type, t.title, t.settings, t.status, t.last_error, t.cleared_items, t.created_by, \
        t.created_at, t.finished_at FROM task_products m JOIN tasks t ON t.id = m.task_id WHERE m.product_id = $1 \
        ORDER BY t.id LIMIT 1";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(product).fetch_optional(c))
}

pub async fn count_products(reader: &mut Reader, task: TaskId) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM task_products m JOIN products p ON p.id = m.product_id \
        WHERE m.task_id = $1 AND p.removed_at IS NULL";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(task).fetch_one(c))
}

/// The newest tasks whose titles contain `part`, in upper or lower case, of the newest `among`.
pub async fn search(reader: &mut Reader, part: &str, among: i64, limit: usize) -> Result<Vec<TaskRow>, DatabaseError> {
    // The two databases fold the case of other letters than English ones differently, so it is done here.
    let page = PageRequest { before: None, limit: among };
    let rows = tasks::list(reader, tasks::TaskFilter::default(), page).await?;
    let part = part.to_lowercase();
    Ok(rows.into_iter().filter(|row| row.title.to_lowercase().contains(&part)).take(limit).collect())
}
