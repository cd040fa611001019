//! One operation of the API, as its handler describes it, and the problems that it can answer with.

use actix_web::http::Method;
use url::form_urlencoded;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Required};

use super::policy::Policy;
use super::problem::{Problem, ProblemKind, excerpt};

/// What an operation takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    Nothing,
    Json,
    /// Photos, in a form or bare.
    Photos,
    /// Files that go to the disk as they arrive.
    Files,
}

/// Whether an operation takes an `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    Never,
    Optional,
    Required,
}

/// A line of the table of routes.
#[derive(Debug)]
pub struct Route {
    /// Module and name of the handler, so that no two operations share it.
    pub operation_id: &'static str,
    pub method: Method,
    /// The path as it is registered.
    pub pattern: String,
    pub policy: Policy,
    /// The query parameters that the operation knows.
    pub query_names: Vec<String>,
    pub body: BodyKind,
    pub idempotency_key: KeyUse,
    own_problems: &'static [ProblemKind],
}

impl Route {
    /// Reads method, path, parameters and body off the description of the handler `H`.
    pub(super) fn of<H: utoipa::Path>(
        operation_id: &'static str,
        policy: Policy,
        own_problems: &'static [ProblemKind],
    ) -> Self {
        let operation = H::operation();
        let names = |place: &ParameterIn| -> Vec<String> {
            let at_place = parameters(&operation).filter(|parameter| parameter.parameter_in == *place);
            at_place.map(|parameter| parameter.name.clone()).collect()
        };
        Self {
            operation_id,
            method: H::methods().first().map_or(Method::GET, method),
            pattern: H::path(),
            policy,
            query_names: names(&ParameterIn::Query),
            body: body_kind(&operation),
            idempotency_key: key_use(&operation),
            own_problems,
        }
    }

    /// A page. It answers whatever the query string says: links from elsewhere come with parameters of their own.
    pub fn page(method: Method, pattern: &str, policy: Policy) -> Self {
        Self {
            operation_id: "page",
            method,
            pattern: pattern.to_owned(),
            policy,
            query_names: Vec::new(),
            body: BodyKind::Nothing,
            idempotency_key: KeyUse::Never,
            own_problems: &[],
        }
    }

    /// Refuses a query string with a name that the operation does not know: most likely it is misspelt, and without it the
    /// reply would answer another question.
    pub fn check_query(&self, query: &str) -> Result<(), Problem> {
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let Some(unknown) = names.find(|name| !self.query_names.iter().any(|known| known == name)) else {
            return Ok(());
        };
        let unknown = excerpt(&unknown);
        let known = match self.query_names.as_slice() {
            [] => "It takes none.".to_owned(),
            names => format!("It has {}.", names.join(", ")),
        };
        let detail = format!("{} {} has no query parameter \"{unknown}\". {known}", self.method, self.pattern);
        let problem = Problem::new(ProblemKind::UnknownParameter, detail);
        Err(problem.with("field", unknown).with("known", self.query_names.clone()))
    }

    /// Whether a kiosk that an admin has closed is refused.
    pub fn refuses_closed_kiosks(&self) -> bool {
        self.own_problems.contains(&ProblemKind::KioskClosed)
    }

    /// Every kind of problem that the operation can answer with: those that follow from how it is called, and its own.
    pub fn problems(&self) -> Vec<ProblemKind> {
        let mut kinds = vec![ProblemKind::UnknownParameter, ProblemKind::TooManyConnections, ProblemKind::Internal];
        if self.policy != Policy::Public {
            // The caller is looked up in the database.
            kinds.extend([ProblemKind::NotAuthenticated, ProblemKind::Forbidden, ProblemKind::Unavailable]);
        }
        if !self.policy.allows_one_time_password() && self.policy != Policy::Kiosk {
            kinds.push(ProblemKind::PasswordChangeRequired);
        }
        if self.pattern.contains('{') {
            kinds.push(ProblemKind::NotFound);
        }
        if !self.query_names.is_empty() {
            kinds.extend([ProblemKind::BadRequest, ProblemKind::InvalidField]);
        }
        match self.idempotency_key {
            KeyUse::Never => {}
            KeyUse::Optional => kinds.extend([ProblemKind::KeyReused, ProblemKind::ReplyNotKept]),
            KeyUse::Required => {
                kinds.extend([ProblemKind::KeyMissing, ProblemKind::KeyReused, ProblemKind::ReplyNotKept]);
            }
        }
        if self.method != Method::GET {
            // A bad request, too, is a key that is malformed or would be ignored.
            kinds.extend([ProblemKind::BadRequest, ProblemKind::DiskFull]);
        }
        let of_a_body =
            [ProblemKind::BadRequest, ProblemKind::TooLarge, ProblemKind::BodyTimeout, ProblemKind::InvalidField];
        match self.body {
            BodyKind::Nothing => {}
            BodyKind::Files | BodyKind::Json => kinds.extend(of_a_body.into_iter().chain([ProblemKind::Overloaded])),
            BodyKind::Photos => kinds.extend(of_a_body.into_iter().chain([
                ProblemKind::Overloaded,
                ProblemKind::NotAnImage,
                ProblemKind::BrokenImage,
                ProblemKind::UnusableImage,
            ])),
        }
        kinds.extend(self.own_problems);
        // In the order in which they are declared, which groups them by subject.
        ProblemKind::ALL.iter().copied().filter(|kind| kinds.contains(kind)).collect()
    }
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

fn key_use(operation: &Operation) -> KeyUse {
    let mut headers = parameters(operation).filter(|parameter| parameter.parameter_in == ParameterIn::Header);
    match headers.find(|header| header.name.eq_ignore_ascii_case("idempotency-key")) {
        None => KeyUse::Never,
        Some(header) if header.required == Required::True => KeyUse::Required,
        Some(_) => KeyUse::Optional,
    }
}

fn body_kind(operation: &Operation) -> BodyKind {
    match &operation.request_body {
        None | Some(RefOr::Ref(_)) => BodyKind::Nothing,
        Some(RefOr::T(body)) if body.content.contains_key("application/json") => BodyKind::Json,
        // The only form whose files are no photos.
        Some(RefOr::T(body)) if body.content.values().any(is_import_form) => BodyKind::Files,
        Some(RefOr::T(_)) => BodyKind::Photos,
    }
}

fn is_import_form(content: &RefOr<Content>) -> bool {
    let RefOr::T(Content { schema: Some(RefOr::Ref(form)), .. }) = content else { return false };
    form.ref_location.ends_with("/ImportForm")
}

fn method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::{health, orders};

    #[test]
    fn a_query_name_that_the_operation_does_not_know_is_refused_with_the_known_ones() {
        let list = Route::of::<orders::list>("orders_list", Policy::Staff, &[]);
        list.check_query("").unwrap();
        list.check_query("limit=5&&receipt_number=7").unwrap();
        let refused = list.check_query("limit=5&recipt_number=7").unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::UnknownParameter);
        let text = refused.to_string();
        assert!(text.contains("\"recipt_number\"") && text.contains("receipt_number, "), "{text}");
        let bare = Route::of::<health::healthz>("health_healthz", Policy::Public, &[]);
        assert!(bare.check_query("verbose").unwrap_err().to_string().contains("takes none"));
    }
}
