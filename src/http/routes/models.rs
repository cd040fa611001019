//! Embedding models, and switching between them without downtime.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::catalog::CatalogueEvaluationView;
use crate::domain::{Caller, InvalidField};
use crate::http::Services;
use crate::http::extract::JsonBody;
use crate::http::problem::Problem;
use crate::models::{ActivationPolicy, ModelsView, SwitchView};

/// The model to switch to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSwitch {
    /// File name of the model's manifest, as listed by `GET /api/models`.
    #[schema(examples("tillsight-small-fp32.json"))]
    manifest: String,
    /// Activate the new model as soon as every photo is embedded. If it then recognises fewer of the enrolled photos than
    /// the active model, the switch waits, with an `obstacle`, for `POST /api/models/switch/activate`. Without `at_once` it
    /// always waits for that.
    #[serde(default)]
    at_once: bool,
    /// With `at_once`: activate the new model even if the comparison is worse. The audit log records this choice.
    #[serde(default)]
    even_if_worse: bool,
}

impl BeginSwitch {
    fn activation_policy(&self) -> Result<ActivationPolicy, InvalidField> {
        match (self.at_once, self.even_if_worse) {
            (false, false) => Ok(ActivationPolicy::ByHand),
            (true, false) => Ok(ActivationPolicy::UnlessWorse),
            (true, true) => Ok(ActivationPolicy::EvenIfWorse),
            (false, true) => Err(InvalidField::new(
                "even_if_worse",
                "needs at_once; without it, you decide when you activate the model",
            )),
        }
    }
}

/// List the models in the server's folder, the number of photos embedded by each, and the running switch.
#[utoipa::path(tag = "models",
    responses((status = 200, body = ModelsView, description = "The models and the running switch")))]
#[get("/api/models")]
pub async fn list(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.list().await?))
}

/// Start a switch to another model: it embeds every photo while the old model keeps recognising.
///
/// `GET /api/models` shows the progress.
#[utoipa::path(tag = "models", request_body = BeginSwitch,
    responses((status = 202, body = SwitchView, description = "The started switch")))]
#[post("/api/models/switch")]
pub async fn begin(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<BeginSwitch>,
) -> Result<impl Responder, Problem> {
    let switch = services.models.begin(&caller, &body.0.manifest, body.0.activation_policy()?).await?;
    Ok(HttpResponse::Accepted().json(switch))
}

/// Activate the new model of a switch that is ready, whatever its comparison says: read that first.
///
/// This server uses the new model when the reply is sent; the others follow within seconds. 503 index-behind: the
/// switch is done, but this server loads the model later.
#[utoipa::path(tag = "models",
    responses((status = 200, body = SwitchView, description = "The finished switch")))]
#[post("/api/models/switch/activate")]
pub async fn activate(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.activate(&caller).await?))
}

/// Cancel the running switch.
///
/// Its embeddings are kept for a day, for another try.
#[utoipa::path(tag = "models",
    responses((status = 200, body = SwitchView, description = "The cancelled switch")))]
#[delete("/api/models/switch")]
pub async fn cancel(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.cancel(&caller).await?))
}

/// Go back to the previously active model.
///
/// It is activated as soon as the photos enrolled since are embedded, whatever the comparison says.
#[utoipa::path(tag = "models",
    responses((status = 202, body = SwitchView, description = "The started switch back")))]
#[post("/api/models/rollback")]
pub async fn roll_back(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Accepted().json(services.models.roll_back(&caller).await?))
}

/// Evaluate the model in use on the catalogue's own photos, in the background.
///
/// Each photo of a sample is searched for in the rest of the catalogue, once with its product's other photos and once without
/// its product. `GET` of the same path shows how far it is, and the result. Each server evaluates by itself.
#[utoipa::path(tag = "models",
    responses((status = 202, body = CatalogueEvaluationView, description = "The evaluation that has begun")))]
#[post("/api/models/evaluation")]
pub async fn begin_evaluation(services: Data<Services>) -> Result<impl Responder, Problem> {
    services.catalog.begin_evaluation();
    Ok(HttpResponse::Accepted().json(services.catalog.evaluation().await?))
}

/// Show how good the model in use is on the catalogue's own photos.
#[utoipa::path(tag = "models",
    responses((status = 200, body = CatalogueEvaluationView, description = "Progress and result of the evaluation")))]
#[get("/api/models/evaluation")]
pub async fn show_evaluation(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.catalog.evaluation().await?))
}
