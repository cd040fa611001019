//! The table of products in an import: `products.csv` or `products.json`. Wrong rows are told by line, and do not keep the
//! others out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table_cells::{check_code, describe_length, parse_number, read_text};
use crate::automation::JobFailure;
use crate::catalog::NewProduct;
use crate::domain::{InvalidField, ValueFault, describe_json_syntax, normalize_barcode, to_nfc};

/// The columns, which are also the fields of an object in JSON.
const COLUMNS: [&str; 8] = ["name", "sku", "barcode", "price", "currency", "tax_rate_bp", "description", "images"];
/// What separates the paths of photos.
const PATH_SEPARATOR: char = ';';
/// The most characters of a wrong value that are repeated.
const VALUE_CHARS_MAX: usize = 120;

/// A product as the table, or the name of a folder, describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImportedProduct {
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    /// Minor units.
    pub price: Option<i64>,
    pub currency: Option<String>,
    pub tax_rate_bp: Option<i64>,
    pub description: Option<String>,
}

impl ImportedProduct {
    /// What the product is known by within its task.
    pub(super) fn key(&self) -> String {
        match (&self.sku, &self.barcode) {
            (Some(sku), _) => format!("sku {sku}"),
            (None, Some(barcode)) => format!("barcode {barcode}"),
            (None, None) => format!("name {}", self.name),
        }
    }

    /// Off sale until it is published.
    pub(super) fn into_new_product(self) -> NewProduct {
        let Self { name, sku, barcode, price, currency, tax_rate_bp, description } = self;
        // A currency without a price would be refused, and a table has it in every row.
        let currency = currency.filter(|_| price.is_some());
        NewProduct { name, sku, barcode, description, price, currency, tax_rate: tax_rate_bp, is_off_sale: true }
    }
}

/// A row: a product and the paths of its photos, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableRow {
    /// Of a CSV, counted from 1 with the header; of JSON, the number of the object.
    pub line: u64,
    pub product: Result<(ImportedProduct, Vec<String>), RowFault>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowFault {
    /// The column, unless it is the row as a whole.
    pub column: Option<&'static str>,
    /// What is written there.
    pub value: Option<String>,
    /// What is wrong with it and what would be right, without a full stop.
    pub reason: String,
}

impl RowFault {
    fn of_row(reason: impl Into<String>) -> Self {
        Self { column: None, value: None, reason: reason.into() }
    }

    pub(super) fn at(column: &'static str, value: &str, reason: String) -> Self {
        let value = Some(value.chars().take(VALUE_CHARS_MAX).collect()).filter(|value: &String| !value.is_empty());
        Self { column: Some(column), value, reason }
    }

    /// What the catalogue would refuse.
    pub(super) fn of_field(product: &ImportedProduct, refused: &InvalidField) -> Self {
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        let value = match refused.field {
            "name" => Some(product.name.clone()),
            "sku" => product.sku.clone(),
            "barcode" => product.barcode.clone(),
            "price" => number(product.price),
            "currency" => product.currency.clone(),
            "tax_rate_bp" => number(product.tax_rate_bp),
            "description" => product.description.clone(),
            _ => None,
        };
        Self::at(refused.field, &value.unwrap_or_default(), refused.to_string())
    }
}

impl std::fmt::Display for RowFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Reads a CSV with a header: UTF-8 with or without a byte-order mark, separated by commas, semicolons or tabs.
///
/// # Errors
/// The header is wrong, so that no row can be read.
pub(super) fn read_csv(bytes: &[u8]) -> Result<Vec<TableRow>, JobFailure> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter_of(header)).flexible(true).from_reader(bytes);
    let columns = check_header(reader.byte_headers().map_err(|error| wrong_line(1, &error.to_string()))?)?;
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        match record {
            // Spreadsheets write rows that were emptied.
            Ok(record) if record.iter().all(|cell| cell.trim_ascii().is_empty()) => {}
            Ok(record) => {
                let start = record.position().map_or(0, csv::Position::byte);
                let line = line_of(bytes, usize::try_from(start).unwrap_or(usize::MAX));
                rows.push(TableRow { line, product: read_record(&record, &columns) });
            }
            // Only reading fails, and the bytes are in memory.
            Err(error) => return Err(JobFailure::lasting(format!("products.csv cannot be read: {error}."))),
        }
    }
    Ok(refuse_repetitions(rows))
}

/// Reads a list of objects with the columns as their fields; `images` may be a list.
pub(super) fn read_json(bytes: &[u8]) -> Result<Vec<TableRow>, JobFailure> {
    let list: Vec<Value> =
        serde_json::from_slice(bytes).map_err(|error| JobFailure::lasting(describe_json_table(&error)))?;
    Ok(read_objects(list))
}

fn describe_json_table(error: &serde_json::Error) -> String {
    match error.is_data() {
        true => "products.json is not a list of objects, one for each product.".to_owned(),
        false => format!("products.json {}.", describe_json_syntax(error)),
    }
}

/// Reads objects with the columns as their fields.
pub(super) fn read_objects(list: Vec<Value>) -> Vec<TableRow> {
    let rows = list.into_iter().zip(1..).map(|(object, line)| TableRow { line, product: read_object(object) });
    refuse_repetitions(rows.collect())
}

/// The line of a record that is said to begin at `start`: the reader counts the ends of empty lines, and the second half of
/// a CR LF, to the record after them.
fn line_of(bytes: &[u8], start: usize) -> u64 {
    let rest = bytes.get(start..).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| [b'\r', b'\n'].contains(byte)).count();
    let before = bytes.get(..start + skipped).unwrap_or(bytes);
    let ends = before.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64 + 1
}

fn delimiter_of(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|delimiter| (count(*delimiter), *delimiter == b',')).unwrap_or(b',')
}

fn wrong_line(line: u64, what: &str) -> JobFailure {
    JobFailure::lasting(format!("products.csv line {line}: {what}."))
}

/// The columns in their order; a column without a name, as spreadsheets write beside a table, is `None`.
fn check_header(header: &csv::ByteRecord) -> Result<Vec<Option<&'static str>>, JobFailure> {
    let mut columns = Vec::new();
    for cell in header {
        if std::str::from_utf8(cell).is_err() {
            return Err(wrong_line(1, "it is not UTF-8 text; save the table as CSV in UTF-8"));
        }
        let written = String::from_utf8_lossy(cell).trim().to_lowercase();
        if written.is_empty() {
            columns.push(None);
            continue;
        }
        let Some(column) = COLUMNS.into_iter().find(|known| *known == written) else {
            let what = format!("there is no column \"{written}\"; the columns are {}", COLUMNS.join(", "));
            return Err(wrong_line(1, &what));
        };
        if columns.contains(&Some(column)) {
            return Err(wrong_line(1, &format!("the column {column} occurs twice")));
        }
        columns.push(Some(column));
    }
    if columns.contains(&Some("name")) { Ok(columns) } else { Err(wrong_line(1, "the column name is missing")) }
}

fn read_record(
    record: &csv::ByteRecord,
    columns: &[Option<&'static str>],
) -> Result<(ImportedProduct, Vec<String>), RowFault> {
    if record.len() != columns.len() {
        return Err(RowFault::of_row(describe_length(record, columns.len())));
    }
    let mut cells = HashMap::new();
    for ((column, cell), number) in columns.iter().zip(record).zip(1..) {
        let Some(column) = column else {
            if cell.trim_ascii().is_empty() {
                continue;
            }
            return Err(RowFault::of_row(format!("has a value in column {number}, which has no name in the header")));
        };
        let text = std::str::from_utf8(cell).map_err(|_| {
            let reason = format!("{column} is not UTF-8 text; save the table as CSV in UTF-8");
            RowFault::at(column, &String::from_utf8_lossy(cell), reason)
        })?;
        cells.insert(*column, to_nfc(&read_text(text)));
    }
    let mut take = |column: &str| cells.remove(column).filter(|text| !text.is_empty());
    let images = take("images").unwrap_or_default();
    let product = ImportedProduct {
        name: take("name").ok_or_else(name_is_empty)?,
        sku: take("sku").map(|text| check_code("sku", text)).transpose()?,
        barcode: take("barcode").map(|text| check_code("barcode", text)).transpose()?,
        price: take("price").map(|text| parse_number("price", &text)).transpose()?,
        currency: take("currency"),
        tax_rate_bp: take("tax_rate_bp").map(|text| parse_number("tax_rate_bp", &text)).transpose()?,
        description: take("description"),
    };
    Ok((product, split_paths(&images)))
}

fn name_is_empty() -> RowFault {
    RowFault::at("name", "", "name is empty".to_owned())
}

fn split_paths(text: &str) -> Vec<String> {
    let paths = text.split(PATH_SEPARATOR).map(|path| path.trim().trim_start_matches("./"));
    paths.filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

fn read_object(mut object: Value) -> Result<(ImportedProduct, Vec<String>), RowFault> {
    let fields = object.as_object_mut().ok_or_else(|| RowFault::of_row("is not an object"))?;
    // Where photos come from the web, people write `urls`.
    let images = match fields.remove("images").or_else(|| fields.remove("urls")) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => split_paths(&text),
        Some(Value::Array(list)) => {
            let paths: Option<Vec<String>> = list.iter().map(|path| path.as_str().map(str::to_owned)).collect();
            paths.ok_or_else(|| RowFault::at("images", "", "images must be a list of paths".to_owned()))?
        }
        Some(other) => {
            let text = other.to_string();
            return Err(RowFault::at("images", &text, format!("images is {text}; write a list of paths")));
        }
    };
    if let Some(unknown) = fields.keys().find(|field| !COLUMNS.contains(&field.as_str())) {
        let reason = format!("there is no field \"{unknown}\"; the fields are {}", COLUMNS.join(", "));
        return Err(RowFault::of_row(reason));
    }
    let mut product: ImportedProduct = serde_path_to_error::deserialize(object).map_err(|error| {
        let path = error.path().to_string();
        let reason = ValueFault::from_text(&error.inner().to_string()).describe("field", path.trim_matches('.'));
        RowFault::of_row(reason)
    })?;
    product.name = to_nfc(&product.name);
    let images = images.iter().map(|path| to_nfc(path)).collect();
    if product.name.trim().is_empty() { Err(name_is_empty()) } else { Ok((product, images)) }
}

/// A code that an earlier row has makes a row wrong.
fn refuse_repetitions(mut rows: Vec<TableRow>) -> Vec<TableRow> {
    let mut lines: HashMap<(&'static str, String), u64> = HashMap::new();
    for row in &mut rows {
        let Ok((product, _)) = &row.product else { continue };
        let barcode = product.barcode.as_deref();
        let codes = [
            ("sku", product.sku.clone(), product.sku.clone()),
            ("barcode", product.barcode.clone(), barcode.map(normalize_barcode)),
        ];
        let repeated = codes.into_iter().find_map(|(column, written, compared)| {
            let (written, key) = (written?, (column, compared?));
            let earlier = lines.get(&key).copied();
            lines.entry(key).or_insert(row.line);
            earlier.map(|line| RowFault::at(column, &written, format!("{column} {written} is in line {line} already")))
        });
        if let Some(fault) = repeated {
            row.product = Err(fault);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(rows: &[TableRow]) -> Vec<(u64, String)> {
        rows.iter().filter_map(|row| Some((row.line, row.product.clone().err()?.reason))).collect()
    }

    #[test]
    fn a_table_may_have_a_mark_and_semicolons() {
        let table = "\u{FEFF}Name;price;currency;images\nOat milk;219;EUR;a.jpg; ./b.jpg\n";
        let quoted = "\u{FEFF}Name;price;currency;images\nOat milk;219;EUR;\"a.jpg; ./b.jpg\"\n";
        assert_eq!(
            reasons(&read_csv(table.as_bytes()).unwrap()),
            [(
                2,
                "has 5 cells; the header has 4; a cell that contains the separator must stand in quotation marks"
                    .to_owned()
            )]
        );
        let rows = read_csv(quoted.as_bytes()).unwrap();
        let (product, images) = rows[0].product.clone().unwrap();
        assert_eq!(
            (product.name.as_str(), product.price, product.currency.as_deref()),
            ("Oat milk", Some(219), Some("EUR"))
        );
        assert_eq!(images, ["a.jpg", "b.jpg"]);
    }

    #[test]
    fn two_forms_of_one_barcode_are_a_repetition() {
        let rows = read_csv(b"name,barcode\nBeans,036000291452\nBeans 400 g,0036000291452\n").unwrap();
        assert_eq!(reasons(&rows), [(3, "barcode 0036000291452 is in line 2 already".to_owned())]);
    }

    #[test]
    fn wrong_rows_are_told_by_line_and_the_others_are_read() {
        let table = b"name,sku,price\nMilk,A,129\nSoap,B,2.50\n,C,1\nTea,A,300\n\"Br\xF6tchen\",D,50\nJam,E,400\n";
        let rows = read_csv(table).unwrap();
        let expected = [
            (3, "price is \"2.50\"; write whole minor units, such as 219 for 2.19"),
            (4, "name is empty"),
            (5, "sku A is in line 2 already"),
            (6, "name is not UTF-8 text; save the table as CSV in UTF-8"),
        ];
        assert_eq!(reasons(&rows), expected.map(|(line, reason)| (line, reason.to_owned())));
        let fault = rows[1].product.clone().unwrap_err();
        assert_eq!((fault.column, fault.value.as_deref()), (Some("price"), Some("2.50")));
        assert_eq!(rows.iter().filter(|row| row.product.is_ok()).count(), 2);
    }

    #[test]
    fn what_spreadsheets_leave_around_a_table_does_not_count() {
        let rows = read_csv(b"name,price,,\nMilk,219,,\n,,,\nTea,100,,x\n \nJam,5,,\n").unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(reasons(&rows), [(4, "has a value in column 4, which has no name in the header".to_owned())]);
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_told() {
        let told = reasons(&read_csv(b"name,price\n\"Milk,219\nTea,100\n").unwrap());
        assert!(told[0].0 == 2 && told[0].1.contains("not closed"), "{told:?}");
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let lines = |table: &[u8]| reasons(&read_csv(table).unwrap()).iter().map(|(line, _)| *line).collect::<Vec<_>>();
        assert_eq!(lines(b"name,price\nMilk,x\nTea,1\n\n\nJam,x"), [2, 6]);
        assert_eq!(lines(b"name,price\r\nMilk,x\r\nTea,1\r\n\r\nJam,x\r\n"), [2, 5]);
        assert_eq!(lines(b"name,price\rMilk,x\rTea,1\rJam,x\r"), [2, 4]);
        assert_eq!(lines(b"name,price\r\n\"two\r\nlines\",1\r\nJam,x\r\n"), [4]);
    }

    #[test]
    fn a_wrong_header_is_told_with_the_columns() {
        let refuse = |table: &str| read_csv(table.as_bytes()).unwrap_err().reason;
        assert!(refuse("name,colour\nMilk,white\n").contains("line 1: there is no column \"colour\""));
        assert!(refuse("sku,price\nA,1\n").contains("name is missing"));
        assert!(refuse("name,name\nA,B\n").contains("twice"));
        assert!(refuse("").contains("line 1"));
        let latin_1 = read_csv(b"name,gr\xF6\xDFe\nMilk,1\n").unwrap_err().reason;
        assert!(latin_1.contains("line 1") && latin_1.contains("UTF-8"), "{latin_1}");
        let utf_16 = read_csv(b"\xFF\xFEn\0a\0m\0e\0\n\0").unwrap_err().reason;
        assert!(utf_16.contains("UTF-8"), "{utf_16}");
    }

    #[test]
    fn json_has_the_same_fields() {
        let rows =
            read_json(br#"[{"name": "Milk", "price": 129, "images": ["a.jpg"]}, {"name": "Soap", "color": 1}, 7]"#);
        let rows = rows.unwrap();
        assert_eq!(rows[0].product.as_ref().unwrap().1, ["a.jpg"]);
        let told = reasons(&rows);
        assert!(told[0].1.contains("\"color\"") && told[1] == (3, "is not an object".to_owned()), "{told:?}");
        assert!(read_json(b"{}").unwrap_err().reason.contains("list"));
    }
}
