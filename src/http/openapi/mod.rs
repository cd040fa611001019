//! The OpenAPI document: what the handlers say of themselves, completed from the table of routes.

mod inputs;
mod problems;

use actix_web::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use super::policy::Policy;
use super::route_table::{Operations, ROUTES};
use crate::recognition::RegionMode;

/// What belongs to no single operation; [`document`] adds the rest.
#[derive(OpenApi)]
#[openapi(
    info(title = "tillsight", description = INTRODUCTION),
    components(schemas(RegionMode)),
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
        (name = "automation", description = "Tasks in the background: their items, jobs, log and pauses."),
        (name = "operation", description = "Health and metrics."),
    )
)]
struct Frame;

const INTRODUCTION: &str = "A checkout server: recognition by camera, bills and gap-free receipt numbers.\n\n\
    Sign in with `POST /api/auth/login` and send the access token as `Authorization: Bearer`; a kiosk sends its key the \
    same way. A list has `data` and `next_cursor`; pass `next_cursor` as `cursor` for the next page. Prices are integers \
    in minor units of an ISO 4217 currency. Errors are `application/problem+json`; the schema `Problem`, at the end of \
    this page, lists their types.";

/// The complete document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.merge(Operations::openapi());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.schemas.insert("Problem".to_owned(), problems::schema().into());
    let bearer = SecurityRequirement::new("bearer", Vec::<String>::new());
    for route in ROUTES.iter() {
        let item = document.paths.paths.get_mut(&route.pattern);
        let Some(operation) = item.and_then(|item| operation_mut(item, &route.method)) else { continue };
        operation.security = (route.policy != Policy::Public).then(|| vec![bearer.clone()]);
        operation.operation_id = Some(route.operation_id.to_owned());
        problems::add_responses(operation, route);
        inputs::complete(operation, &mut components.schemas);
    }
    document
}

/// The operation of a path with this method.
fn operation_mut<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    let operation = match *method {
        Method::GET => &mut item.get,
        Method::PUT => &mut item.put,
        Method::POST => &mut item.post,
        Method::DELETE => &mut item.delete,
        Method::PATCH => &mut item.patch,
        _ => return None,
    };
    operation.as_mut()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::domain::{OrderState, Role};
    use crate::http::problem::ProblemKind;

    /// Every operation of the document, with its method and path.
    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().iter();
                methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
            })
            .collect()
    }

    #[test]
    fn the_document_has_every_operation_of_the_table_under_an_id_of_its_own() {
        let document = serde_json::to_value(document()).unwrap();
        let operations = operations(&document);
        let in_table: BTreeSet<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.pattern)).collect();
        assert_eq!(operations.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), in_table);
        let ids: BTreeSet<_> =
            operations.iter().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len());
    }

    #[test]
    fn every_response_says_what_it_is_and_every_error_is_a_problem_with_examples_of_its_own() {
        let document = serde_json::to_value(document()).unwrap();
        for (name, operation) in operations(&document) {
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    !response["description"].as_str().unwrap_or("").is_empty(),
                    "{name} {status} has no description"
                );
                if status.as_str() < "400" {
                    continue;
                }
                let content = response["content"].as_object().unwrap();
                assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"], "{name} {status}");
                let examples = content["application/problem+json"]["examples"].as_object().unwrap();
                assert!(!examples.is_empty(), "{name} {status} has no example");
                for (slug, example) in examples {
                    assert_eq!(example["value"]["type"], format!("urn:tillsight:problem:{slug}"));
                    assert_eq!(example["value"]["status"].to_string(), *status, "{name} {slug}");
                }
            }
        }
    }

    #[test]
    fn a_handler_describes_successes_only() {
        let document = serde_json::to_value(Operations::openapi()).unwrap();
        for (name, operation) in operations(&document) {
            let responses = operation["responses"].as_object().unwrap();
            let problems: Vec<_> = responses.keys().filter(|status| status.as_str() >= "400").collect();
            assert!(problems.is_empty(), "{name}: {problems:?} follow from the table of routes");
        }
    }

    #[test]
    fn what_every_signed_in_operation_can_answer_is_documented() {
        let document = serde_json::to_value(document()).unwrap();
        for route in ROUTES.iter() {
            let operation = &document["paths"][&route.pattern][route.method.as_str().to_lowercase()];
            let required = operation.get("security").is_some_and(|security| !security.as_array().unwrap().is_empty());
            assert_eq!(required, route.policy != Policy::Public, "{}", route.operation_id);
            let mut expected = vec!["400", "500"];
            if required {
                expected.extend(["401", "403", "503"]);
            }
            if operation.get("requestBody").is_some() {
                expected.extend(["408", "413", "422", "429"]);
            }
            for status in expected {
                assert!(operation["responses"].get(status).is_some(), "{} lacks {status}", route.operation_id);
            }
        }
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
}
