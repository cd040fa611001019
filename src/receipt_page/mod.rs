//! The receipt as a page for a narrow printer, with its claim code as a QR code.
//!
//! The page gets finished texts and only arranges them. The template escapes all of them; the one style sheet is allowed by
//! its hash in [`CONTENT_SECURITY_POLICY`], and there is no script.

use askama::Template;

use crate::qr_code::{QrError, QrPath};

/// A test compares the hash with the style sheet.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-9+n7r5h41b0O0ccDHn7rBFGqBq0kFGB5k2piNdWCHvQ='; frame-ancestors 'none'; base-uri 'none'";

/// A label and an amount.
#[derive(Debug, Clone)]
pub struct AmountRow {
    pub label: String,
    /// With the currency.
    pub amount: String,
}

/// A line of the bill.
#[derive(Debug, Clone)]
pub struct ReceiptLine {
    pub quantity: i64,
    /// The product's name at the sale.
    pub name: String,
    pub unit_price: String,
    pub total: String,
    pub discount: Option<AmountRow>,
}

/// Everything on a receipt, as text.
#[derive(Debug, Clone)]
pub struct ReceiptPage {
    /// Name, address and tax number of the store at the time of the order; `None` if they were not kept with it.
    pub seller: Option<Seller>,
    pub number: i64,
    /// Time of the confirmation in the store's time zone.
    pub time: String,
    pub state: String,
    /// The mark of a copy; absent on the original.
    pub copy: Option<String>,
    pub lines: Vec<ReceiptLine>,
    /// The discount on the whole bill.
    pub discount: Option<AmountRow>,
    pub total: String,
    /// One row per tax rate.
    pub taxes: Vec<AmountRow>,
    /// Says whether prices include the tax.
    pub tax_note: &'static str,
    /// Included taxes are shown below the total, added ones above it.
    pub taxes_included: bool,
    pub payments: Vec<AmountRow>,
    pub refunds: Vec<AmountRow>,
    /// The code with which a shopper claims the order.
    pub claim_code: String,
    /// The page on which the code is entered already; the QR code leads there. `None` if no phone could reach it.
    pub claim_address: Option<String>,
    /// The hash that seals the order.
    pub hash: String,
}

/// The store as a receipt names it.
#[derive(Debug, Clone)]
pub struct Seller {
    pub name: String,
    pub address: Option<String>,
    pub tax_number: Option<String>,
}

/// Why the page cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("the claim code does not fit into a QR code: {0}")]
    QrCode(#[from] QrError),
    #[error("the receipt's template failed: {0}")]
    Template(#[from] askama::Error),
}

impl AmountRow {
    pub fn new(label: impl Into<String>, amount: impl Into<String>) -> Self {
        Self { label: label.into(), amount: amount.into() }
    }
}

impl ReceiptPage {
    pub fn render_html(&self) -> Result<String, PageError> {
        Ok(ReceiptTemplate { page: self, code: QrPath::draw(self.claim_address.as_ref().unwrap_or(&self.claim_code))? }
            .render()?)
    }
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptTemplate<'a> {
    page: &'a ReceiptPage,
    code: QrPath,
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest, Sha256};

    use super::*;

    fn page() -> ReceiptPage {
        ReceiptPage {
            seller: Some(Seller {
                name: "Tom & Jerry's <b>".to_owned(),
                address: Some("1 Cheese Street".to_owned()),
                tax_number: Some("DE 123".to_owned()),
            }),
            number: 17,
            time: "2026-01-05 13:00:00 +01:00".to_owned(),
            state: "paid".to_owned(),
            copy: None,
            lines: vec![ReceiptLine {
                quantity: 2,
                name: "<script>alert(1)</script>".to_owned(),
                unit_price: "1.29 EUR".to_owned(),
                total: "2.58 EUR".to_owned(),
                discount: None,
            }],
            discount: None,
            total: "2.58 EUR".to_owned(),
            taxes: vec![AmountRow::new("tax 19 % of 2.17 EUR", "0.41 EUR")],
            tax_note: "prices include tax",
            taxes_included: true,
            payments: Vec::new(),
            refunds: Vec::new(),
            claim_code: "7K2M9-QX4TD-0H5VN-WB8CR".to_owned(),
            claim_address: None,
            hash: "00ff".to_owned(),
        }
    }

    #[test]
    fn entered_texts_are_escaped() {
        let html = page().render_html().unwrap();
        assert!(!html.contains("<script>") && !html.contains("Jerry's <b>"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn a_receipt_names_its_seller_or_says_that_it_does_not_know() {
        let html = page().render_html().unwrap();
        assert!(html.contains("<p>1 Cheese Street</p>") && html.contains("<p>Tax number DE 123</p>"), "{html}");
        assert!(!html.contains("was not kept"), "{html}");
        let old = ReceiptPage { seller: None, ..page() }.render_html().unwrap();
        assert!(old.contains("The store's name at that time was not kept with this receipt."), "{old}");
    }

    #[test]
    fn only_a_copy_is_marked() {
        assert!(!page().render_html().unwrap().contains("class=\"copy\""));
        let copy = ReceiptPage { copy: Some("COPY 2".to_owned()), ..page() };
        assert!(copy.render_html().unwrap().contains("<p class=\"copy\">COPY 2</p>"));
    }

    #[test]
    fn the_policy_allows_the_pages_style_sheet() {
        let html = page().render_html().unwrap();
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")), "sha256-{hash}");
        assert!(!html.contains("style=\""), "the policy refuses inline styles");
    }
}
