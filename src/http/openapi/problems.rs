//! The errors in the OpenAPI document: one schema of a problem, and for each operation a response per status, with an example
//! of each kind.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::http::problem::{MEDIA_TYPE, ProblemKind};
use crate::http::route::Route;

const SCHEMA: &str = "Problem";

/// The schema of a problem: the members of RFC 9457, and every member that some kind carries.
pub(super) fn schema() -> Schema {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let mut schema = ObjectBuilder::new()
        .description(Some(table_of_kinds()))
        .property("type", text("The kind of problem, as a stable name for programs."))
        .property("title", text("The kind of problem, as a sentence for people."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).description(Some("The HTTP status.")))
        .property("detail", text("What happened, with the value, and what to do next."))
        .required("type")
        .required("title")
        .required("status")
        .required("detail");
    let examples = ProblemKind::ALL.iter().map(|kind| kind.example().extensions);
    let members: BTreeMap<String, Value> = examples.flatten().collect();
    for (name, example) in members {
        let carriers = ProblemKind::ALL.iter().filter(|kind| kind.carries(&name));
        let slugs = carriers.map(|kind| format!("`{}`", kind.slug())).collect::<Vec<_>>().join(", ");
        schema = schema.property(name, schema_like(&example, Some(&format!("Carried by {slugs}."))));
    }
    schema.build().into()
}

/// A table of all kinds, for the description of the schema.
fn table_of_kinds() -> String {
    let rows: String = ProblemKind::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} | {} |\n", kind.urn(), kind.status().as_u16(), kind.title()))
        .collect();
    format!("An error (RFC 9457).\n\n| type | status | meaning |\n|---|---|---|\n{rows}")
}

/// A schema that fits a value like `example`.
fn schema_like(example: &Value, description: Option<&str>) -> RefOr<Schema> {
    let of_type = |of: Type| ObjectBuilder::new().schema_type(of).description(description);
    match example {
        Value::String(_) => of_type(Type::String).into(),
        Value::Number(number) if number.is_f64() => of_type(Type::Number).into(),
        Value::Number(_) => of_type(Type::Integer).into(),
        Value::Bool(_) => of_type(Type::Boolean).into(),
        Value::Null => of_type(Type::Null).into(),
        Value::Array(values) => {
            let items = values.first().map_or_else(|| Schema::default().into(), |value| schema_like(value, None));
            ArrayBuilder::new().items(items).description(description).into()
        }
        // Its members are seen in the example.
        Value::Object(_) => of_type(Type::Object).into(),
    }
}

/// Adds a response for each status that the operation's problems have.
pub(super) fn add_responses(operation: &mut Operation, route: &Route) {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in route.problems() {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        operation.responses.responses.insert(status.to_string(), response(&kinds).into());
    }
}

fn response(kinds: &[ProblemKind]) -> Response {
    let lines = kinds.iter().map(|kind| format!("`{}`: {}.", kind.slug(), kind.title()));
    let content =
        kinds.iter().fold(ContentBuilder::new().schema(Some(Ref::from_schema_name(SCHEMA))), |content, kind| {
            let example = ExampleBuilder::new().summary(kind.title()).value(Some(json!(kind.example())));
            content.examples_from_iter([(kind.slug(), example.build())])
        });
    let response =
        ResponseBuilder::new().description(lines.collect::<Vec<_>>().join("\n\n")).content(MEDIA_TYPE, content.build());
    if kinds.iter().any(|kind| kind.carries("retry_after_s")) {
        let seconds = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::Integer)))
            .description(Some("Seconds after which to try again."));
        return response.header("Retry-After", seconds.build()).build();
    }
    response.build()
}
