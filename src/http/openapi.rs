//! The OpenAPI document, made from the handlers, and the page to browse it.

use std::sync::LazyLock;

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get};
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::Services;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::routes::{
    alerts, auth, background, closings, health, integrity, kiosk_empty_views, kiosks, look_alikes, models, mypage,
    orders, payments_and_refunds, performance, product_images, products, receipts, recognition, session_discounts,
    sessions, stores, users,
};
use crate::recognition::RegionMode;

/// The document as the macro generates it; [`document`] adds the rest.
#[derive(OpenApi)]
#[openapi(
    info(title = "tillsight", description = "A checkout server with recognition by camera."),
    paths(
        auth::signup, auth::login, auth::refresh, auth::logout, auth::me, auth::change_password,
        users::list, users::create, users::show, users::change, users::reset_password,
        stores::list, stores::create, stores::show, stores::change,
        kiosks::list, kiosks::create, kiosks::revoke, kiosks::enrol,
        kiosk_empty_views::set_own, kiosk_empty_views::set, kiosk_empty_views::remove,
        products::list, products::create, products::show, products::change, products::remove,
        look_alikes::list, look_alikes::check_photos,
        product_images::list, product_images::add, product_images::show, product_images::remove,
        models::list, models::begin, models::activate, models::cancel, models::roll_back,
        recognition::recognize,
        sessions::open, sessions::show, sessions::cancel, sessions::join, sessions::frame, sessions::add_item,
        sessions::change_item, sessions::remove_item, sessions::confirm,
        session_discounts::set_on_bill, session_discounts::remove_from_bill,
        session_discounts::set_on_item, session_discounts::remove_from_item,
        orders::list, orders::show, payments_and_refunds::pay, payments_and_refunds::refund, payments_and_refunds::void,
        receipts::show, receipts::print,
        closings::list, closings::create, closings::show,
        mypage::list, mypage::show, mypage::spending, mypage::claim, receipts::show_own, receipts::page_own,
        integrity::summary, integrity::show, integrity::history, integrity::run, integrity::repair,
        performance::stats, performance::export,
        background::list,
        alerts::active, alerts::history, alerts::acknowledge, alerts::resolve,
        health::healthz, health::readyz, health::metrics, openapi_json,
    ),
    components(schemas(ProblemBody, RegionMode)),
    tags(
        (name = "accounts", description = "Signing up and in, people and their roles."),
        (name = "stores", description = "Stores and their kiosks."),
        (name = "catalog", description = "Products and their photos."),
        (name = "models", description = "Embedding models, and switching between them without downtime."),
        (name = "recognition", description = "Recognising the products in a photo."),
        (name = "checkout", description = "Sessions at a kiosk, from the first item to the confirmation."),
        (name = "orders", description = "Orders: payments, refunds, voids, receipts, daily closings."),
        (name = "mypage", description = "A shopper's own orders and spending."),
        (name = "monitoring", description = "Integrity of receipt numbers and hash chains, order statistics, alerts, background tasks."),
        (name = "operation", description = "Health and metrics."),
    )
)]
struct GeneratedDocument;

/// The complete document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = GeneratedDocument::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    document.info.description = Some(INTRODUCTION.to_owned());
    // The flattened extension members make the schema a composition.
    if let Some(RefOr::T(Schema::AllOf(problem))) =
        document.components.as_mut().and_then(|components| components.schemas.get_mut("Problem"))
    {
        problem.description = Some(problem_types());
    }
    document
}

const INTRODUCTION: &str = "A checkout server: recognition by camera, bills and gap-free receipt numbers.\n\n\
    Sign in with `POST /api/auth/login` and send the access token as `Authorization: Bearer`; a kiosk sends its key the \
    same way. A list has `data` and `next_cursor`; pass `next_cursor` as `cursor` for the next page. Prices are integers \
    in minor units of an ISO 4217 currency. Errors are `application/problem+json`; the schema `Problem`, at the end of \
    this page, lists their types.";

/// The description of the problem schema: a table of all types.
fn problem_types() -> String {
    let rows: String = ProblemKind::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} | {} |\n", kind.urn(), kind.status().as_u16(), kind.title()))
        .collect();
    format!("An error (RFC 9457).\n\n| type | status | meaning |\n|---|---|---|\n{rows}")
}

pub fn configure(config: &mut ServiceConfig) {
    config.service(openapi_json);
}

/// Get the OpenAPI document.
#[utoipa::path(tag = "operation", responses((status = 200, body = Object)))]
#[get("/api/openapi.json")]
pub async fn openapi_json(services: Data<Services>) -> Result<impl Responder, Problem> {
    if !services.public_docs {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "The API documentation is switched off. The setting public_docs switches it on.",
        ));
    }
    // Built once: anybody may request it, and building it takes milliseconds.
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(document);
    Ok(HttpResponse::Ok().json(&*DOCUMENT))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::domain::{OrderState, Role};
    use crate::http::policy::{Policy, RULES};

    /// Routes of pages, which the document omits.
    const PAGES: [&str; 4] = ["/", "/assets/catalogue.jpg", "/docs", "/docs/{_:.*}"];

    #[test]
    fn the_document_and_the_policy_table_have_the_same_routes() {
        let document = serde_json::to_value(document()).unwrap();
        let documented: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let in_table: BTreeSet<String> = RULES
            .iter()
            .filter(|rule| !PAGES.contains(&rule.pattern))
            .map(|rule| format!("{} {}", rule.method, rule.pattern))
            .collect();
        assert_eq!(documented, in_table);
    }

    #[test]
    fn the_document_lists_every_type_of_problem() {
        let document = serde_json::to_value(document()).unwrap();
        let text = document["components"]["schemas"]["Problem"]["description"].as_str().unwrap();
        assert!(ProblemKind::ALL.iter().all(|kind| text.contains(&kind.urn())), "{text}");
    }

    #[test]
    fn the_document_lists_the_words_of_an_enum_as_they_are_sent() {
        let document = serde_json::to_value(document()).unwrap();
        let words = |schema: &str| document["components"]["schemas"][schema]["enum"].clone();
        assert_eq!(words("OrderState"), serde_json::to_value(OrderState::ALL).unwrap());
        assert_eq!(words("Role"), serde_json::to_value(Role::ALL).unwrap());
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        fn collect(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(|reference| reference.as_str()).map(str::to_owned));
                    object.values().for_each(|value| collect(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = serde_json::to_value(document()).unwrap();
        let mut references = BTreeSet::new();
        collect(&document, &mut references);
        assert!(references.len() > 20, "{references:?}");
        for reference in references {
            assert!(
                document.pointer(reference.trim_start_matches('#')).is_some(),
                "{reference} is not in the document"
            );
        }
    }

    #[test]
    fn an_operation_requires_credentials_exactly_if_its_policy_does() {
        let document = serde_json::to_value(document()).unwrap();
        for rule in RULES.iter().filter(|rule| !PAGES.contains(&rule.pattern)) {
            let operation = &document["paths"][rule.pattern][rule.method.as_str().to_lowercase()];
            let required = operation.get("security").is_some_and(|security| !security.as_array().unwrap().is_empty());
            assert_eq!(required, rule.policy != Policy::Public, "{} {}", rule.method, rule.pattern);
        }
    }
}
