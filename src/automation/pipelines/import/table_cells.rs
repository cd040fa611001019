//! Cells of a table of products as spreadsheets write them.

use unicode_normalization::UnicodeNormalization;

use super::product_table::RowFault;
use crate::domain::read_cell;

/// The text of a cell: trimmed, and with its letters composed, as people type them.
pub(super) fn read_text(cell: &str) -> String {
    let text = cell.trim();
    unwrap_formula(text).unwrap_or_else(|| read_cell(text)).trim().nfc().collect()
}

/// `="0123"` is how spreadsheets are told to keep the zeros of a text.
fn unwrap_formula(text: &str) -> Option<&str> {
    text.strip_prefix("=\"")?.strip_suffix('"')
}

pub(super) fn parse_number(column: &'static str, text: &str) -> Result<i64, RowFault> {
    text.parse().map_err(|_| {
        let unit = if column == "price" {
            "whole minor units, such as 219 for 2.19"
        } else {
            "basis points, such as 1900 for 19 %"
        };
        RowFault::at(column, text, format!("{column} is \"{text}\"; write {unit}"))
    })
}

/// Refuses what a spreadsheet made of a code that it took for a number: `4.00638E+12`, `4006381333931.0`.
pub(super) fn check_code(column: &'static str, text: String) -> Result<String, RowFault> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_rounded = text
        .split_once("E+")
        .is_some_and(|(mantissa, power)| is_number(&mantissa.replacen(['.', ','], "", 1)) && is_number(power));
    if is_rounded || text.strip_suffix(".0").is_some_and(is_number) {
        let reason = format!(
            "{column} is \"{text}\", which a spreadsheet made of a number; format the column as text and enter the code again"
        );
        return Err(RowFault::at(column, &text, reason));
    }
    Ok(text)
}

/// What is wrong with a row of another length than the header.
pub(super) fn describe_length(record: &csv::ByteRecord, wanted: usize) -> String {
    let count = record.len();
    let hint = if count > wanted {
        "; a cell that contains the separator must stand in quotation marks"
    } else if record.iter().any(|cell| cell.contains(&b'\n')) {
        "; a quotation mark before it is not closed, so the lines after it were taken for one cell"
    } else {
        ""
    };
    let cells = if count == 1 { "cell" } else { "cells" };
    format!("has {count} {cells}; the header has {wanted}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_composed_and_taken_out_of_formulas() {
        assert_eq!(read_text(" =\"0123\" "), "0123");
        assert_eq!(read_text("=1+1"), "=1+1");
        assert_eq!(read_text("'=\"0123\""), "=\"0123\"", "as an export writes it");
        assert_eq!(read_text("\u{A0}Mu\u{308}sli\u{A0}"), "M\u{FC}sli");
    }

    #[test]
    fn codes_that_a_spreadsheet_rounded_are_refused() {
        for code in ["4.00638E+12", "4,00638E+12", "4E+12", "4006381333931.0"] {
            let fault = check_code("barcode", code.to_owned()).unwrap_err();
            assert!(fault.reason.contains(code) && fault.column == Some("barcode"), "{fault}");
        }
        for code in ["4006381333931", "1.5", "A.0", "12E4", "12E0", "E+1", "M-1.0"] {
            assert_eq!(check_code("sku", code.to_owned()).unwrap(), code);
        }
    }
}
