//! The receipt as a page for a narrow printer, with its claim code as a QR code.
//!
//! The page is handed texts and decides nothing but their places. Everything in it is escaped by the template; its one
//! style sheet is named by hash in [`POLICY`], and it holds no script.

use askama::Template;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white that a reader needs around the code (ISO/IEC 18004).
const QUIET: usize = 4;

/// The page's `Content-Security-Policy`; a test keeps the hash and the style sheet together.
pub const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-9+n7r5h41b0O0ccDHn7rBFGqBq0kFGB5k2piNdWCHvQ='; frame-ancestors 'none'; base-uri 'none'";

/// A label and an amount.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// The amount with its currency.
    pub value: String,
}

/// A line of the bill.
#[derive(Debug, Clone)]
pub struct ReceiptLine {
    /// How many.
    pub quantity: i64,
    /// The product's name at the sale.
    pub name: String,
    /// Price of one.
    pub unit_price: String,
    /// Price of all.
    pub total: String,
    /// The discount on the line.
    pub discount: Option<Row>,
}

/// Everything on a receipt, as text.
#[derive(Debug, Clone)]
pub struct ReceiptPage {
    /// The store's name.
    pub store: String,
    /// The receipt number.
    pub number: i64,
    /// When it was confirmed, by the clocks of the store.
    pub time: String,
    /// Where the order stands.
    pub state: String,
    /// What marks it as a copy; nothing on the original.
    pub copy: Option<String>,
    /// The bill.
    pub lines: Vec<ReceiptLine>,
    /// The discount on the whole bill.
    pub discount: Option<Row>,
    /// What is due.
    pub total: String,
    /// The tax by rate.
    pub taxes: Vec<Row>,
    /// Whether prices include it.
    pub tax_note: &'static str,
    /// Whether the tax is a part of the prices, and so shown below the total and not above it.
    pub taxes_contained: bool,
    /// How it was paid.
    pub payments: Vec<Row>,
    /// What was taken back.
    pub refunds: Vec<Row>,
    /// The code with which a shopper makes the order theirs.
    pub claim_code: String,
    /// The order's seal.
    pub hash: String,
}

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The claim code does not fit into a QR code.
    #[error("QR code: {0}")]
    Code(#[from] qrcode::types::QrError),
    /// The template failed.
    #[error("receipt page: {0}")]
    Template(#[from] askama::Error),
}

impl Row {
    /// A label and an amount.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

impl ReceiptPage {
    /// The page.
    pub fn html(&self) -> Result<String, PageError> {
        Ok(Filled { page: self, code: drawn(&self.claim_code)? }.render()?)
    }
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct Filled<'a> {
    page: &'a ReceiptPage,
    code: Drawn,
}

/// A QR code as one path of squares, a module each.
struct Drawn {
    side: usize,
    path: String,
}

fn drawn(text: &str) -> Result<Drawn, PageError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(place, _)| format!("M{} {}h1v1h-1z", place % width + QUIET, place / width + QUIET)).collect();
    Ok(Drawn { side: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest, Sha256};

    use super::*;

    fn page() -> ReceiptPage {
        ReceiptPage {
            store: "Tom & Jerry's <b>".to_owned(),
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
            taxes: vec![Row::new("tax 19 % of 2.17 EUR", "0.41 EUR")],
            tax_note: "prices include tax",
            taxes_contained: true,
            payments: Vec::new(),
            refunds: Vec::new(),
            claim_code: "7K2M9-QX4TD-0H5VN-WB8CR".to_owned(),
            hash: "00ff".to_owned(),
        }
    }

    #[test]
    fn what_people_typed_is_text_and_never_markup() {
        let html = page().html().unwrap();
        assert!(!html.contains("<script>") && !html.contains("Jerry's <b>"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn only_a_copy_says_that_it_is_one() {
        assert!(!page().html().unwrap().contains("class=\"copy\""));
        let copy = ReceiptPage { copy: Some("COPY 2".to_owned()), ..page() };
        assert!(copy.html().unwrap().contains("<p class=\"copy\">COPY 2</p>"));
    }

    #[test]
    fn the_policy_names_the_style_sheet_that_the_page_has() {
        let html = page().html().unwrap();
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "sha256-{hash}");
        assert!(!html.contains("style=\""), "inline styles are refused by the policy");
    }

    #[test]
    fn the_code_has_the_three_corners_that_readers_look_for() {
        let code = drawn("7K2M9-QX4TD-0H5VN-WB8CR").unwrap();
        // Version 2: 25 modules and the quiet zone on both sides.
        assert_eq!(code.side, 33);
        for corner in ["M4 4h", "M28 4h", "M4 28h"] {
            assert!(code.path.contains(corner), "{corner}");
        }
    }
}
