//! Models: which one is used, a switch to another with its progress and comparison, and the way back.

use actix_web::web::Data;
use askama::Template;

use crate::catalog::{CatalogueEvaluationView, EvaluationResult};
use crate::domain::{Caller, SwitchState, TimeZone};
use crate::http::Services;
use crate::http::problem::Problem;
use crate::models::{ActivationPolicy, Comparison, ModelsView, SwitchView};
use crate::web::form::Form;
use crate::web::format::Moment;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "models.html")]
struct ModelsTemplate<'a> {
    page: &'a Page,
    models: &'a ModelsView,
    switch: Option<Progress<'a>>,
    history: Vec<Past<'a>>,
    evaluation: &'a CatalogueEvaluationView,
    result: Option<ShownResult<'a>>,
    form: &'a Form,
}

/// What the last evaluation found.
struct ShownResult<'a> {
    result: &'a EvaluationResult,
    at: Moment,
    first: String,
    billed_wrongly: String,
    unseen_billed: String,
}

/// The open switch.
struct Progress<'a> {
    switch: &'a SwitchView,
    comparison: Option<Comparison>,
    is_ready: bool,
    is_worse: bool,
    since: Moment,
}

/// An earlier switch.
struct Past<'a> {
    switch: &'a SwitchView,
    at: Moment,
    tone: &'static str,
}

impl ModelsTemplate<'_> {
    /// Of a confidence that may not be learned yet.
    fn likelihood(&self, confidence: &Option<f32>) -> String {
        confidence.map_or_else(|| "–".to_owned(), |confidence| self.page.percent(f64::from(confidence)))
    }
}

pub async fn show(page: Page, services: Data<Services>) -> PageResult {
    render(&page, &services, &Form::empty()).await
}

async fn render(page: &Page, services: &Services, form: &Form) -> PageResult {
    let models = services.models.list().await?;
    let (_, zone) = services.auth.store_defaults();
    let history = models.history.iter().map(|switch| view_past(page, switch, &zone)).collect();
    let switch = models.switch.as_ref().map(|switch| {
        let comparison = switch.comparison.clone().and_then(|value| serde_json::from_value::<Comparison>(value).ok());
        Progress {
            is_ready: switch.state == SwitchState::Ready,
            is_worse: comparison.is_some_and(|both| both.right_after < both.right_before),
            since: page.moment(switch.created_at, &zone),
            comparison,
            switch,
        }
    });
    let evaluation = services.catalog.evaluation().await?;
    let result = evaluation.result.as_ref().map(|result| view_result(page, result, &zone));
    let template = ModelsTemplate { page, switch, history, models: &models, evaluation: &evaluation, result, form };
    page.render_with_status(form.status(), &template)
}

fn view_past<'a>(page: &Page, switch: &'a SwitchView, zone: &TimeZone) -> Past<'a> {
    let tone = if switch.state == SwitchState::Active { "good" } else { "idle" };
    Past { at: page.moment(switch.changed_at, zone), tone, switch }
}

fn view_result<'a>(page: &Page, result: &'a EvaluationResult, zone: &TimeZone) -> ShownResult<'a> {
    let share = |count: usize, all: usize| match all {
        0 => "–".to_owned(),
        all => page.percent(count as f64 / all as f64),
    };
    ShownResult {
        at: page.moment(result.made_at, zone),
        first: share(result.first, result.known),
        billed_wrongly: share(result.billed_wrongly, result.known),
        unseen_billed: share(result.unseen_billed, result.unseen),
        result,
    }
}

/// Begins an evaluation on the catalogue; one that is going on goes on.
pub async fn evaluate(page: Page, services: Data<Services>) -> PageResult {
    services.catalog.begin_evaluation();
    page.redirect("/admin/models#evaluation")
}

/// Begins a switch, which waits for a decision when it is ready.
pub async fn begin(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let begun = services.models.begin(&caller, form.text("manifest"), ActivationPolicy::ByHand).await;
    answer(&page, &services, form, begun.map_err(Problem::from), "notice-switch-begun").await
}

pub async fn activate(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let activated = services.models.activate(&caller).await;
    answer(&page, &services, form, activated.map_err(Problem::from), "notice-switch-activated").await
}

pub async fn cancel(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let cancelled = services.models.cancel(&caller).await;
    answer(&page, &services, form, cancelled.map_err(Problem::from), "notice-switch-cancelled").await
}

pub async fn roll_back(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let begun = services.models.roll_back(&caller).await;
    answer(&page, &services, form, begun.map_err(Problem::from), "notice-switch-back").await
}

async fn answer(
    page: &Page,
    services: &Services,
    form: Form,
    outcome: Result<SwitchView, Problem>,
    notice: &str,
) -> PageResult {
    match outcome {
        Ok(_) => page.redirect_with_notice("/admin/models", notice),
        Err(problem) => render(page, services, &form.refuse(problem)).await,
    }
}
