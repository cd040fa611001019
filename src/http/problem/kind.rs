//! The kinds of problem: a stable name, a title and a status each. Names are never changed or reused.

use actix_web::http::StatusCode;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)+) => {
        /// What kind of problem it is. The slug is the last part of the problem's `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {$(
            $(#[$doc])*
            #[doc = $title]
            $name,
        )+}

        impl Kind {
            /// Every kind, for the documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),+];

            /// The stable short name.
            pub fn slug(self) -> &'static str {
                match self { $(Kind::$name => $slug),+ }
            }

            /// One sentence for people.
            pub fn title(self) -> &'static str {
                match self { $(Kind::$name => $title),+ }
            }

            /// The status it is answered with.
            pub fn status(self) -> StatusCode {
                match self { $(Kind::$name => StatusCode::$status),+ }
            }
        }
    };
}

kinds! {
    BadRequest = "bad-request", BAD_REQUEST, "The request cannot be read";
    InvalidField = "invalid-field", UNPROCESSABLE_ENTITY, "A field has a value that cannot be taken";
    NotAuthenticated = "not-authenticated", UNAUTHORIZED, "A valid access token or kiosk key is needed";
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "User name or password is wrong";
    EnrolmentRefused = "enrolment-refused", UNAUTHORIZED, "The enrolment code is wrong, used or expired";
    Forbidden = "forbidden", FORBIDDEN, "This caller may not do this";
    PasswordChangeRequired = "password-change-required", FORBIDDEN, "The password must be changed first";
    NotFound = "not-found", NOT_FOUND, "There is no such thing";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This address does not take this method";
    BodyTimeout = "body-timeout", REQUEST_TIMEOUT, "The request's body did not arrive in time";
    Taken = "taken", CONFLICT, "The value belongs to something else already";
    LastAdmin = "last-admin", CONFLICT, "Somebody must remain who can administer";
    StaysFiscal = "stays-fiscal", CONFLICT, "A store with daily closings stays fiscal";
    RepairRefused = "repair-refused", CONFLICT, "The numbers cannot be repaired in this way";
    StaleVersion = "stale-version", CONFLICT, "The session has changed since it was read";
    SessionClosed = "session-closed", CONFLICT, "The session is no longer open";
    EmptyBill = "empty-bill", UNPROCESSABLE_ENTITY, "There is nothing on the bill";
    UnsellableItems = "unsellable-items", UNPROCESSABLE_ENTITY, "Items on the bill cannot be sold";
    KeyMissing = "idempotency-key-missing", BAD_REQUEST, "This request needs an Idempotency-Key";
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used with another request";
    OrderPaid = "order-paid", CONFLICT, "The order is paid already";
    OrderNotPaid = "order-not-paid", CONFLICT, "The order is not paid";
    OrderVoided = "order-voided", CONFLICT, "The order is voided";
    AmountMismatch = "amount-mismatch", UNPROCESSABLE_ENTITY, "The payments are not what is due";
    WrongCurrency = "wrong-currency", UNPROCESSABLE_ENTITY, "The order is in another currency";
    RefundTooLarge = "refund-too-large", CONFLICT, "More is wanted back than is left";
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body or image is larger than allowed";
    NotAnImage = "not-an-image", UNSUPPORTED_MEDIA_TYPE, "The bytes are no JPEG, PNG or WebP image";
    BrokenImage = "broken-image", UNPROCESSABLE_ENTITY, "The image is damaged or incomplete";
    UnusableImage = "unusable-image", UNPROCESSABLE_ENTITY, "The model can make nothing of the image";
    AlreadyEnrolled = "already-enrolled", CONFLICT, "The photo belongs to another product already";
    UnusableModel = "unusable-model", UNPROCESSABLE_ENTITY, "The embedding model cannot be used";
    SwitchRefused = "switch-refused", CONFLICT, "The model cannot be switched now";
    Throttled = "throttled", TOO_MANY_REQUESTS, "Too many failed attempts";
    Overloaded = "overloaded", TOO_MANY_REQUESTS, "The server has more work than it can take";
    IndexBehind = "index-behind", SERVICE_UNAVAILABLE, "The index has not caught up with the catalog";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The database cannot be reached";
    DiskFull = "disk-full", INSUFFICIENT_STORAGE, "The disk is full";
    UnreadableRecord = "unreadable-record", INTERNAL_SERVER_ERROR, "A stored record cannot be read";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server failed";
}

impl Kind {
    /// The `type` of the problem: `urn:tillsight:problem:<slug>`.
    pub fn urn(self) -> String {
        format!("urn:tillsight:problem:{}", self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_for_one_kind() {
        let mut slugs: Vec<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Kind::ALL.len());
    }
}
