//! The sales reports of a task: which there are, and their files to download.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::Data;

use super::stores::list_stores;
use crate::domain::{Caller, TaskId, TaskType};
use crate::http::Services;
use crate::http::extract::ValidPath;
use crate::http::problem::{Problem, ProblemKind};
use crate::web::page::PageResult;

/// More reports of one task are on the server's disk.
const LISTED_MAX: usize = 30;

/// The sales of one store on one day.
pub(super) struct ReportLine {
    pub date: String,
    pub store: String,
    /// What a file holds, in capitals, with its address.
    pub files: Vec<(String, String)>,
}

/// The newest reports of a task.
pub(super) async fn list_reports(
    services: &Services,
    caller: &Caller,
    task: TaskId,
    kind: TaskType,
) -> Result<Vec<ReportLine>, Problem> {
    if kind != TaskType::Report {
        return Ok(Vec::new());
    }
    let stores = list_stores(services, caller).await?;
    let mut lines: Vec<ReportLine> = Vec::new();
    for name in services.automation.list_report_files(task).await? {
        let Some((date, store_id, extension)) = read_name(&name) else { continue };
        let store = stores.iter().find(|store| store.id.to_string() == store_id);
        let store = store.map_or_else(|| store_id.to_owned(), |store| store.name.clone());
        let file = (extension.to_uppercase(), format!("/admin/tasks/{task}/reports/{name}"));
        if !lines.last().is_some_and(|line| line.date == date && line.store == store) {
            if lines.len() == LISTED_MAX {
                break;
            }
            lines.push(ReportLine { date: date.to_owned(), store, files: Vec::new() });
        }
        if let Some(line) = lines.last_mut() {
            line.files.push(file);
        }
    }
    Ok(lines)
}

/// Date, store and extension of `sales-2026-01-05-STORE.csv`.
fn read_name(name: &str) -> Option<(&str, &str, &str)> {
    let (date, rest) = name.strip_prefix("sales-")?.split_at_checked("2026-01-05".len())?;
    let (store, extension) = rest.strip_prefix('-')?.rsplit_once('.')?;
    Some((date, store, extension))
}

pub async fn download(services: Data<Services>, path: ValidPath<(TaskId, String)>) -> PageResult {
    let (task, name) = path.0;
    let missing = || Problem::new(ProblemKind::NotFound, "This task has no report of that name.");
    let bytes = services.automation.read_report_file(task, &name).await?.ok_or_else(missing)?;
    let kind = if name.ends_with(".csv") { "text/csv; charset=utf-8" } else { "application/json" };
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    Ok(response.content_type(kind).body(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_named_for_its_day_and_store() {
        assert_eq!(read_name("sales-2026-01-05-s1.csv"), Some(("2026-01-05", "s1", "csv")));
        assert_eq!(
            (read_name("sales-2026.csv"), read_name("upload"), read_name("sales-2026-01-05.csv")),
            (None, None, None)
        );
    }
}
