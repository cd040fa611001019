//! An import in the browser: the upload, what it would bring and which rows are broken, and its start.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use crate::automation::AutomationError;
use crate::automation::pipelines::ImportDraft;
use crate::domain::{Caller, InvalidField, TaskId, TimeZone};
use crate::http::Services;
use crate::http::extract::{ImportUpload, ValidPath, ValidQuery};
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};
use crate::web::pages::products::serialize_query;
use crate::web::pages::task;

#[derive(Template)]
#[template(path = "import.html")]
struct ImportTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    upload_bytes_max: u64,
}

#[derive(Template)]
#[template(path = "import_draft.html")]
struct DraftTemplate<'a> {
    page: &'a Page,
    draft: &'a ImportDraft,
    form: &'a Form,
    zone: TimeZone,
}

#[derive(Debug, Deserialize)]
pub struct NameQuery {
    #[serde(default)]
    name: String,
}

impl DraftTemplate<'_> {
    fn count(&self, count: &usize) -> String {
        self.page.number(i64::try_from(*count).unwrap_or(i64::MAX))
    }

    /// Broken rows that are not listed.
    fn unlisted(&self) -> usize {
        self.draft.broken_rows_count - self.draft.broken_rows.len()
    }
}

pub async fn show_new(page: Page, services: Data<Services>) -> PageResult {
    render_new(&page, &services, &Form::empty())
}

fn render_new(page: &Page, services: &Services, form: &Form) -> PageResult {
    let template = ImportTemplate { page, form, upload_bytes_max: services.upload_bytes_max };
    page.render_with_status(form.status(), &template)
}

/// Takes the upload of a browser without scripts; with them, the API takes it.
pub async fn upload(page: Page, services: Data<Services>, sent: Result<ImportUpload, Problem>) -> PageResult {
    let ImportUpload { upload, name, .. } = match sent {
        Ok(sent) => sent,
        Err(problem) => return render_new(&page, &services, &Form::empty().refuse(problem)),
    };
    match services.import_drafts.create(upload).await {
        Ok(draft) => {
            let query = serialize_query("name", &name.unwrap_or_default());
            page.redirect(&format!("/admin/tasks/import/{}?{query}", draft.id))
        }
        Err(error) => render_new(&page, &services, &Form::empty().refuse(error)),
    }
}

pub async fn show_draft(
    page: Page,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    query: ValidQuery<NameQuery>,
) -> PageResult {
    if services.automation.find_task(id.0).await.is_ok() {
        // Started already, perhaps in another tab.
        return page.redirect(&task::address(id.0));
    }
    let draft = services.import_drafts.find(id.0).await?;
    let name = query.0.name;
    let name = name.strip_suffix(".zip").unwrap_or(&name);
    let title: String = if name.is_empty() { page.text("import-default-title") } else { name.to_owned() };
    let form = Form::filled([("title", title.chars().take(200).collect())]);
    render_draft(&page, &services, &draft, &form)
}

fn render_draft(page: &Page, services: &Services, draft: &ImportDraft, form: &Form) -> PageResult {
    let template = DraftTemplate { page, draft, form, zone: services.auth.store_defaults().1 };
    page.render_with_status(form.status(), &template)
}

pub async fn start(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<TaskId>,
    form: Form,
) -> PageResult {
    match try_start(&services, &caller, id.0, &form).await {
        Ok(()) => page.redirect_with_notice(&task::address(id.0), "notice-import-started"),
        Err(error) => {
            let draft = services.import_drafts.find(id.0).await?;
            render_draft(&page, &services, &draft, &form.refuse(error))
        }
    }
}

async fn try_start(services: &Services, caller: &Caller, id: TaskId, form: &Form) -> Result<(), AutomationError> {
    let zone = services.auth.store_defaults().1;
    let publish_at = form.optional("publish_at").map(|text| zone.parse_local("publish_at", text)).transpose()?;
    if let Some(past) = publish_at.filter(|at| *at <= services.clock.now()) {
        let reason = format!("{} is past; choose a later time, or none", zone.format(past, "%Y-%m-%d %H:%M"));
        return Err(InvalidField::new("publish_at", reason).into());
    }
    let settings = json!({
        "publish_at": publish_at,
        "whole_photos": form.is_checked("whole_photos"),
        "insist": form.is_checked("insist"),
    });
    services.import_drafts.start(caller, id, form.text("title").to_owned(), &settings).await?;
    Ok(())
}

pub async fn discard(page: Page, services: Data<Services>, id: ValidPath<TaskId>, _form: Form) -> PageResult {
    services.import_drafts.discard(id.0).await?;
    page.redirect("/admin/tasks/import")
}
