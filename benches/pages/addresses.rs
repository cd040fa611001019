//! Every page's addresses with things that exist, and who opens it: for the bench of the pages and for the test that looks at
//! all of them. A page whose pattern has a `{name}` must be listed here.

use tillsight::http::policy::Policy;

/// Who opens a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visitor {
    Stranger,
    Shopper,
    Clerk,
    Admin,
    Kiosk,
}

/// Things that exist in a filled database, by their identifiers, and words to search for.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    pub product: String,
    /// Part of the names of some products.
    pub product_word: String,
    /// A paid order of the store.
    pub order: String,
    pub receipt_number: i64,
    /// A day on which the store sold something, as `2026-01-05`.
    pub day: String,
    pub shopper_name: String,
    /// A paid order of the shopper.
    pub shopper_order: String,
    pub store: String,
    /// The number of a daily closing of the store.
    pub closing: i64,
    pub person: String,
    pub alert: String,
    /// An open bill.
    pub session: String,
}

impl Visitor {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Shopper => "shopper",
            Self::Clerk => "clerk",
            Self::Admin => "admin",
            Self::Kiosk => "kiosk",
        }
    }
}

/// Those for whom a page is made.
pub fn visitors(pattern: &str, policy: Policy) -> &'static [Visitor] {
    match policy {
        Policy::Public if pattern == "/kiosk" => &[Visitor::Stranger, Visitor::Kiosk],
        Policy::Public => &[Visitor::Stranger],
        Policy::AnyPassword | Policy::Person | Policy::Shopper => &[Visitor::Shopper],
        Policy::Staff => &[Visitor::Admin, Visitor::Clerk],
        Policy::Admin => &[Visitor::Admin],
        Policy::Till | Policy::Kiosk => &[Visitor::Kiosk],
    }
}

/// A page's addresses, with its filters; none of what is no page (files, and the documentation, which others have made).
pub fn addresses(pattern: &str, examples: &Examples) -> Vec<String> {
    let Examples { product, product_word, order, receipt_number, day, shopper_name, .. } = examples;
    let Examples { shopper_order, store, closing, person, alert, session, .. } = examples;
    let with = |queries: &[String]| {
        std::iter::once(pattern.to_owned()).chain(queries.iter().map(|query| format!("{pattern}?{query}"))).collect()
    };
    match pattern {
        "/docs" | "/docs/{_:.*}" | "/assets/{version}/{file:.+}" => Vec::new(),
        // A QR code, which is drawn only where a phone could open its address.
        "/kiosk/sessions/{id}/join" => Vec::new(),
        "/kiosk/receipts/{id}" => vec![format!("/kiosk/receipts/{order}")],
        "/mypage" => with(&["state=refunded".to_owned(), format!("receipt={receipt_number}")]),
        "/mypage/orders/{id}" => vec![format!("/mypage/orders/{shopper_order}")],
        "/join/{id}" => vec![format!("/join/{session}")],
        "/admin" => with(&["days=7".to_owned(), "days=30".to_owned(), "days=90".to_owned()]),
        "/admin/search" => vec![format!("{pattern}?q={receipt_number}"), format!("{pattern}?q={product_word}")],
        "/admin/products" => with(&[format!("q={product_word}")]),
        "/admin/products/{id}" => vec![format!("/admin/products/{product}")],
        "/admin/orders" => with(&[
            format!("receipt_number={receipt_number}"),
            format!("day={day}&store_id={store}"),
            format!("shopper={shopper_name}"),
            "state=refunded".to_owned(),
            "state=confirmed".to_owned(),
        ]),
        "/admin/orders/{id}" => vec![format!("/admin/orders/{order}")],
        "/admin/closings" => vec![format!("/admin/closings?store_id={store}")],
        "/admin/closings/{id}/{number}" => vec![format!("/admin/closings/{store}/{closing}")],
        "/admin/stores/{id}" => vec![format!("/admin/stores/{store}")],
        "/admin/people" => with(&[format!("q={shopper_name}")]),
        "/admin/people/{id}" => vec![format!("/admin/people/{person}")],
        "/admin/numbering" => {
            with(&["tab=performance".to_owned(), "tab=integrity".to_owned(), format!("tab=integrity&store_id={store}")])
        }
        // The task that cleans up, which every database has.
        "/admin/tasks/{id}" => vec!["/admin/tasks/00000000-0000-7000-8000-000000000001".to_owned()],
        // What these show lies in an upload, or is one form.
        "/admin/tasks/import/{id}" | "/admin/tasks/{id}/items/{item_id}/photo" | "/admin/schedules/{id}" => Vec::new(),
        "/admin/alerts/{id}" => vec![format!("/admin/alerts/{alert}")],
        "/admin/audit" => with(&[
            format!("actor={shopper_name}"),
            "action=store".to_owned(),
            format!("subject={product}"),
            format!("since={day}"),
        ]),
        _ => {
            assert!(!pattern.contains('{'), "{pattern} needs an example in benches/pages/addresses.rs");
            vec![pattern.to_owned()]
        }
    }
}
