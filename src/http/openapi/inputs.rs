//! What a handler's description does not say of its inputs: whether a body must be sent, that a form has no `null`, and the limits
//! of the header that several operations share.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};

/// Completes the parameters and the body.
pub(super) fn complete(operation: &mut Operation, schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "Idempotency-Key"
        {
            parameter.description =
                Some("A value of your own. Send the same one when you repeat the request.".to_owned());
            parameter.schema = Some(key_schema());
        }
    }
    complete_body(operation, schemas);
}

/// 1 to 255 visible ASCII characters, as the extractor takes them.
fn key_schema() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    text.pattern(Some("^[!-~]+$")).into()
}

/// A body is required unless it is a JSON object whose members are all optional: none counts as `{}` then.
fn complete_body(operation: &mut Operation, schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let mut is_required = true;
    for (media_type, content) in &body.content {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::Ref(reference)) = &content.schema else { continue };
        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
        let Some(RefOr::T(Schema::Object(object))) = schemas.get_mut(name) else { continue };
        match media_type.as_str() {
            "application/json" => is_required = !object.required.is_empty(),
            "multipart/form-data" => object.properties.values_mut().for_each(remove_null),
            _ => {}
        }
    }
    body.required = Some(if is_required { Required::True } else { Required::False });
}

/// A field that is not sent is absent. The page offers no file chooser for a list of files that may be `null`.
fn remove_null(field: &mut RefOr<Schema>) {
    let RefOr::T(schema) = field else { return };
    let schema_type = if let Schema::Object(object) = schema {
        &mut object.schema_type
    } else if let Schema::Array(array) = schema {
        &mut array.schema_type
    } else {
        return;
    };
    if let SchemaType::Array(types) = schema_type {
        types.retain(|of| *of != Type::Null);
        if let [only] = types.as_slice() {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}
