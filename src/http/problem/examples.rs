//! An example of each kind of problem, for the OpenAPI document: a detail as a client reads it, and the members that
//! problems of this kind carry besides those of RFC 9457. A member may be absent where it does not apply.

use serde_json::{Value, json};

use super::{ProblemBody, ProblemKind};

const ID: &str = "01997d3c-8f4e-7b02-a5c1-3f6f0c2b9d10";
const IN_A_PHOTO: &str = "images[1] (front.jpg)";

impl ProblemKind {
    /// An example with every member that this kind can carry.
    pub fn example(self) -> ProblemBody {
        let (detail, members) = self.example_parts();
        let Value::Object(extensions) = members else { unreachable!("every example below is an object") };
        let status = self.status().as_u16();
        ProblemBody { kind: self.urn(), title: self.title(), status, detail, extensions }
    }

    /// Whether problems of this kind carry `member`.
    pub fn carries(self, member: &str) -> bool {
        self.example().extensions.contains_key(member)
    }

    fn example_parts(self) -> (String, Value) {
        let photo = |detail: &str, more: Value| {
            let mut members = json!({"field": "images", "image_index": 1, "file_name": "front.jpg"});
            if let (Value::Object(members), Value::Object(more)) = (&mut members, more) {
                members.extend(more);
            }
            (format!("{IN_A_PHOTO} {detail}"), members)
        };
        let text = |detail: &str, members: Value| (detail.to_owned(), members);
        match self {
            Self::BadRequest => text(
                "The query parameter version cannot be \"seven\": invalid digit found in string.",
                json!({"field": "version", "value": "seven"}),
            ),
            Self::UnknownParameter => text(
                "GET /api/products has no query parameter \"barcod\". It has barcode, cursor, limit, q, sku.",
                json!({"field": "barcod", "known": ["barcode", "cursor", "limit", "q", "sku"]}),
            ),
            Self::InvalidField => text("name: must not be empty", json!({"field": "name"})),
            Self::NotAuthenticated => text("The token has expired. Refresh it or sign in again.", json!({})),
            Self::WrongCredentials => {
                text("The username or the password is wrong, or the account is disabled.", json!({}))
            }
            Self::EnrolmentRefused => {
                text("The enrolment code is wrong, used or expired. Ask an admin for a new one.", json!({}))
            }
            Self::Forbidden => text("POST /api/products is not allowed for clerks. It is for admins.", json!({})),
            Self::PasswordChangeRequired => {
                text("The password is a one-time password. Change it with POST /api/auth/password first.", json!({}))
            }
            Self::KioskClosed => text("This kiosk is closed. An admin can open it.", json!({})),
            Self::NotFound => text(&format!("No product with id {ID} exists."), json!({"field": "manifest"})),
            Self::MethodNotAllowed => text("/api/products does not support PUT.", json!({})),
            Self::BodyTimeout => text("The request's body did not arrive within 30 seconds.", json!({})),
            Self::Taken => text("The username \"bob\" is taken. Choose another one.", json!({"field": "username"})),
            Self::LastAdmin => {
                text("\"ann\" is the last active admin. Make another account an admin first.", json!({}))
            }
            Self::SeriesBegun => text(
                "The order numbers of store \"Main Street\" already begin at 1 and go on with 97. The first number is set once, \
                 before the first record; later the numbers between would be a gap.",
                json!({"first_number": 1}),
            ),
            Self::StaysFiscal => {
                text("Store \"Main Street\" has daily closings, so it must stay fiscal.", json!({"field": "fiscal"}))
            }
            Self::RepairRefused => text("Main Street is fiscal, so its records are never renumbered.", json!({})),
            Self::StaleVersion => text(
                "The session is at version 4, but the request is for version 3. Read the bill again first: if it already has your \
                 change, do not send the change a second time. Meanwhile the catalogue changed: Oat milk costs 2.49 EUR now and \
                 had no price before.",
                json!({
                    "current_version": 4,
                    "changes": [{"product_name": "Oat milk", "field": "price", "from": "none", "to": "2.49 EUR"}],
                }),
            ),
            Self::SessionClosed => text(
                "The session is confirmed: its bill is receipt 17, order 01997d3c-8f4e-7b02-a5c1-3f6f0c2b9d10. Do not enter its items \
                 again. For another purchase, open another session.",
                json!({"order_id": ID, "receipt_number": 17}),
            ),
            Self::EmptyBill => text("The bill is empty. Add an item before confirming.", json!({})),
            Self::UnsellableItems => text(
                "Items on the bill cannot be sold: Oat milk (unpriced). Remove them, or ask an admin to set their price.",
                json!({"items": [{"item_id": ID, "product_name": "Oat milk", "reason": "unpriced"}]}),
            ),
            Self::KeyMissing => text(
                "The Idempotency-Key header is missing. Send a value of your own, for example a UUID, and the same one when \
                 you try again.",
                json!({}),
            ),
            Self::KeyReused => text(
                "This Idempotency-Key was already used for another request. Choose a new key for each new request.",
                json!({}),
            ),
            Self::ReplyNotKept => text(
                "The request with this Idempotency-Key was carried out before. Its reply was too large to be kept. Read what it \
                 changed; do not send it with another key.",
                json!({}),
            ),
            Self::OrderPaid => text(
                "Order 01997d3c-8f4e-7b02-a5c1-3f6f0c2b9d10 was paid (2.19 EUR) and fully refunded (2.19 EUR). It can no longer be \
                 changed.",
                json!({"refunded": 219}),
            ),
            Self::OrderNotPaid => text(
                &format!(
                    "The order has no payment, so there is nothing to refund. Void it with POST /api/orders/{ID}/void."
                ),
                json!({}),
            ),
            Self::OrderVoided => text(&format!("Order {ID} is voided and can no longer be changed."), json!({})),
            Self::AmountMismatch => text("The payments add up to 2.00 EUR, but 2.19 EUR is due.", json!({"due": 219})),
            Self::WrongCurrency => text("The order is in EUR, but the request is in USD.", json!({"currency": "EUR"})),
            Self::RefundTooLarge => text(
                "3.00 EUR was requested, but only 2.19 EUR of the order can still be refunded.",
                json!({"left": 219, "refunded": 0}),
            ),
            Self::TooLarge => {
                photo("has more than the 10000000 bytes allowed.", json!({"limit_bytes": 10_000_000, "limit": 200}))
            }
            Self::NotAnImage => photo("is not a JPEG, PNG or WebP image.", json!({})),
            Self::BrokenImage => photo("is damaged or incomplete.", json!({})),
            Self::UnusableImage => photo("cannot be used: the picture has one colour.", json!({})),
            Self::SeveralProducts => photo(
                "shows 2 things. Send a photo of one product, or say where it is.",
                json!({"regions": [{"x": 10, "y": 20, "width": 300, "height": 400}, {"x": 500, "y": 20, "width": 300, "height": 400}]}),
            ),
            Self::AlreadyEnrolled => photo("already belongs to the product Oat milk.", json!({"product_id": ID})),
            Self::PoorPhoto => photo(
                "The photo shows one colour and nothing else. Photograph the product itself.",
                json!({"warnings": [{
                    "code": "blank",
                    "image_index": 1,
                    "image_id": null,
                    "file_name": "front.jpg",
                    "message": "The photo shows one colour and nothing else. Photograph the product itself.",
                    "value": 3.0,
                    "limit": 16.0,
                    "product_id": null,
                }]}),
            ),
            Self::UnusableModel => text(
                "The model tillsight-small-fp32.json cannot be used: its file is missing.",
                json!({"field": "manifest"}),
            ),
            Self::SwitchRefused => text(
                "12 of 400 photos on sale have not been embedded by tillsight-small-fp32 yet.",
                json!({"missing": 12}),
            ),
            Self::TaskRunning => text("Task \"New photos\" is still being worked on. Stop it first.", json!({})),
            Self::NothingFailed => text("Task \"New photos\" has no failed item.", json!({})),
            Self::Throttled => text("Too many failed attempts. Try again in 60 seconds.", json!({"retry_after_s": 60})),
            Self::TooManyConnections => text(
                "Your network has more than 512 connections to this server open at once. Try again in 5 seconds.",
                json!({"retry_after_s": 5}),
            ),
            Self::Overloaded => text(
                "The server is receiving too many large uploads. Try again in a second.",
                json!({"retry_after_s": 1}),
            ),
            Self::IndexBehind => text(
                "The change is saved, but the index does not have it yet. It will follow by itself.",
                json!({
                    "product_id": ID,
                    "not_following": {"since": "2026-01-05T12:00:00Z", "reason": "the database did not answer"},
                    "retry_after_s": 2,
                }),
            ),
            Self::Unavailable => text(
                "The database cannot be reached at the moment. Nothing was changed; try again.",
                json!({"retry_after_s": 3, "fault": "database-lost"}),
            ),
            Self::ReportPending => text(
                "The report on products that look alike is being made. Ask again in some seconds.",
                json!({"retry_after_s": 10}),
            ),
            Self::DiskFull => text(
                "The disk is full. Nothing was changed; reading and recognition still work.",
                json!({"fault": "disk-full"}),
            ),
            Self::UnreadableRecord => text(
                &format!(
                    "The stored record of order {ID} cannot be read. The server's log names the value; `tillsight numbering check \
                     --deep` lists every such record."
                ),
                json!({}),
            ),
            Self::Internal => {
                text("The server failed. Its log holds the reason under the x-request-id of this response.", json!({}))
            }
        }
    }
}
