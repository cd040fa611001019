//! The kinds of problem: a stable slug, a status and a title each. Slugs are never changed or reused.

use actix_web::http::StatusCode;

macro_rules! problem_kinds {
    ($($name:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// The kind of a problem. Its slug is the last part of the problem's `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {$(
            #[doc = $title]
            $name,
        )+}

        impl ProblemKind {
            /// Every kind, for the OpenAPI document.
            pub const ALL: &'static [ProblemKind] = &[$(ProblemKind::$name),+];

            pub fn slug(self) -> &'static str {
                match self { $(ProblemKind::$name => $slug),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(ProblemKind::$name => $title),+ }
            }

            pub fn status(self) -> StatusCode {
                match self { $(ProblemKind::$name => StatusCode::$status),+ }
            }
        }
    };
}

problem_kinds! {
    BadRequest = "bad-request", BAD_REQUEST, "The request is malformed";
    UnknownParameter = "unknown-parameter", BAD_REQUEST, "The query parameter is unknown";
    InvalidField = "invalid-field", UNPROCESSABLE_ENTITY, "A field has an invalid value";
    NotAuthenticated = "not-authenticated", UNAUTHORIZED, "A valid access token or kiosk key is required";
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "The username or the password is wrong";
    EnrolmentRefused = "enrolment-refused", UNAUTHORIZED, "The enrolment code is wrong, used or expired";
    Forbidden = "forbidden", FORBIDDEN, "The caller is not allowed to do this";
    PasswordChangeRequired = "password-change-required", FORBIDDEN, "The password must be changed first";
    KioskClosed = "kiosk-closed", FORBIDDEN, "The kiosk is closed";
    NotFound = "not-found", NOT_FOUND, "Nothing exists under this address or identifier";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The address does not support this method";
    BodyTimeout = "body-timeout", REQUEST_TIMEOUT, "The request's body did not arrive in time";
    Taken = "taken", CONFLICT, "The value is already in use";
    LastAdmin = "last-admin", CONFLICT, "At least one admin must remain";
    StaysFiscal = "stays-fiscal", CONFLICT, "A store with daily closings stays fiscal";
    RepairRefused = "repair-refused", CONFLICT, "The numbers cannot be repaired this way";
    StaleVersion = "stale-version", CONFLICT, "The session has changed since it was read";
    SessionClosed = "session-closed", CONFLICT, "The session is closed";
    EmptyBill = "empty-bill", UNPROCESSABLE_ENTITY, "The bill is empty";
    UnsellableItems = "unsellable-items", UNPROCESSABLE_ENTITY, "The bill has items that cannot be sold";
    KeyMissing = "idempotency-key-missing", BAD_REQUEST, "The Idempotency-Key header is missing";
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request";
    ReplyNotKept = "reply-not-kept", CONFLICT, "The request was carried out before, and its reply was not kept";
    OrderPaid = "order-paid", CONFLICT, "The order is already paid";
    OrderNotPaid = "order-not-paid", CONFLICT, "The order is not paid";
    OrderVoided = "order-voided", CONFLICT, "The order is void";
    AmountMismatch = "amount-mismatch", UNPROCESSABLE_ENTITY, "The payments do not add up to the amount due";
    WrongCurrency = "wrong-currency", UNPROCESSABLE_ENTITY, "The order is in another currency";
    RefundTooLarge = "refund-too-large", CONFLICT, "The refund exceeds what is left of the order";
    SeriesBegun = "series-begun", CONFLICT, "The number series has begun";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body or image is too large";
    NotAnImage = "not-an-image", UNSUPPORTED_MEDIA_TYPE, "The file is not a JPEG, PNG or WebP image";
    BrokenImage = "broken-image", UNPROCESSABLE_ENTITY, "The image is damaged or incomplete";
    UnusableImage = "unusable-image", UNPROCESSABLE_ENTITY, "The model cannot use the image";
    SeveralProducts = "several-products", UNPROCESSABLE_ENTITY, "The photo shows several things";
    AlreadyEnrolled = "already-enrolled", CONFLICT, "The photo already belongs to another product";
    PoorPhoto = "poor-photo", UNPROCESSABLE_ENTITY, "The photo would make recognition wrong";
    UnusableModel = "unusable-model", UNPROCESSABLE_ENTITY, "The embedding model cannot be used";
    SwitchRefused = "switch-refused", CONFLICT, "The model cannot be switched now";
    TaskRunning = "task-running", CONFLICT, "The task is still being worked on";
    NothingFailed = "nothing-failed", CONFLICT, "The task has no such failed item";
    Throttled = "throttled", TOO_MANY_REQUESTS, "Too many attempts";
    TooManyConnections = "too-many-connections", TOO_MANY_REQUESTS, "The network has too many connections open";
    Overloaded = "overloaded", TOO_MANY_REQUESTS, "The server is overloaded";
    IndexBehind = "index-behind", SERVICE_UNAVAILABLE, "The index is behind the catalog";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The server or its database is unavailable";
    ReportPending = "report-pending", SERVICE_UNAVAILABLE, "The report is still being made";
    DiskFull = "disk-full", INSUFFICIENT_STORAGE, "The disk is full";
    UnreadableRecord = "unreadable-record", INTERNAL_SERVER_ERROR, "A stored record cannot be read";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server failed";
}

impl ProblemKind {
    /// The `type` of the problem: `urn:tillsight:problem:<slug>`.
    pub fn urn(self) -> String {
        format!("urn:tillsight:problem:{}", self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique() {
        let mut slugs: Vec<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
    }
}
