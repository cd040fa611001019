//! Embedding models, and changing between them while the server serves.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, delete, get, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{Caller, InvalidField};
use crate::http::Services;
use crate::http::extract::JsonBody;
use crate::http::problem::{Problem, ProblemBody};
use crate::models::{ActivationPolicy, ModelsView, SwitchView};

/// Which model to switch to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSwitch {
    /// File name of its manifest, as `GET /api/models` lists it.
    #[schema(examples("tillsight-small-fp32.json"))]
    manifest: String,
    /// Carry it out as soon as every photo is embedded, unless the new model is then right on fewer of the enrolled photos
    /// than the active one: in that case it waits, with an `obstacle`, for `POST /api/models/switch/activate`, as without
    /// `at_once`.
    #[serde(default)]
    at_once: bool,
    /// With `at_once`: carry it out whatever the comparison says. The audit log keeps that this was chosen.
    #[serde(default)]
    even_if_worse: bool,
}

impl BeginSwitch {
    fn carry_out(&self) -> Result<ActivationPolicy, InvalidField> {
        match (self.at_once, self.even_if_worse) {
            (false, false) => Ok(ActivationPolicy::ByHand),
            (true, false) => Ok(ActivationPolicy::UnlessWorse),
            (true, true) => Ok(ActivationPolicy::EvenIfWorse),
            (false, true) => {
                Err(InvalidField::new("even_if_worse", "only goes with at_once: by hand you decide yourself"))
            }
        }
    }
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(begin).service(cancel).service(activate).service(roll_back);
}

/// The models of the server's folder, how many photos each has seen, and the switch under way.
#[utoipa::path(tag = "models", security(("bearer" = [])), responses((status = 200, body = ModelsView)))]
#[get("/api/models")]
pub async fn list(services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.models().await?))
}

/// Begin a switch to another model: every photo is embedded by it, while the old one goes on recognising. Progress is in
/// `GET /api/models`.
#[utoipa::path(tag = "models", security(("bearer" = [])), request_body = BeginSwitch, responses(
    (status = 202, body = SwitchView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
#[post("/api/models/switch")]
pub async fn begin(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<BeginSwitch>,
) -> Result<impl Responder, Problem> {
    let begun = services.models.begin(&caller, &body.0.manifest, body.0.carry_out()?).await?;
    Ok(HttpResponse::Accepted().json(begun))
}

/// Carry out the switch that is ready, whatever its comparison says: look at that first. This server recognises by the new model when
/// the reply is sent, the others within seconds. 503 index-behind: it is carried out, and this server takes the model up later.
#[utoipa::path(tag = "models", security(("bearer" = [])),
    responses((status = 200, body = SwitchView), (status = 409, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/api/models/switch/activate")]
pub async fn activate(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.activate(&caller).await?))
}

/// Give up the switch that is under way. Embeddings that were made are kept for another try within a day.
#[utoipa::path(tag = "models", security(("bearer" = [])),
    responses((status = 200, body = SwitchView), (status = 409, body = ProblemBody)))]
#[delete("/api/models/switch")]
pub async fn cancel(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.models.cancel(&caller).await?))
}

/// Go back to the model that was active before: a switch that is carried out as soon as the photos enrolled since are
/// embedded, whatever the comparison says.
#[utoipa::path(tag = "models", security(("bearer" = [])),
    responses((status = 202, body = SwitchView), (status = 409, body = ProblemBody)))]
#[post("/api/models/rollback")]
pub async fn roll_back(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Accepted().json(services.models.roll_back(&caller).await?))
}
