//! The fields of a product, checked when a client sends them.

use crate::db::products::ProductFields;
use crate::domain::{
    Currency, InvalidField, Money, check_gtin, parse_barcode, parse_line, parse_optional_line, parse_tax_rate, to_nfc,
};

const MAX_NAME: usize = 200;
const MAX_SKU: usize = 64;
const MAX_DESCRIPTION: usize = 2_000;

/// A product to be added, as the client wrote it.
#[derive(Debug, Clone, Default)]
pub struct NewProduct {
    pub name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub description: Option<String>,
    /// Minor units.
    pub price: Option<i64>,
    /// Currency of the price; the server's own if none is named.
    pub currency: Option<String>,
    /// Tax in basis points; 0 if it is not given.
    pub tax_rate: Option<i64>,
    /// Neither recognised nor sold until it is put on sale.
    pub is_off_sale: bool,
}

impl NewProduct {
    /// The checked fields, and the price if there is one.
    pub(super) fn check(&self, default: Currency) -> Result<(ProductFields, Option<Money>), InvalidField> {
        let fields = ProductFields {
            name: check_name(&self.name)?,
            sku: check_sku(self.sku.as_deref())?,
            barcode: check_barcode(self.barcode.as_deref())?,
            description: check_description(self.description.as_deref())?,
            tax_rate: parse_tax_rate("tax_rate_bp", self.tax_rate.unwrap_or(0))?,
            active: !self.is_off_sale,
        };
        let currency = self.currency.as_deref().map(|code| Currency::parse("currency", code)).transpose()?;
        if self.price.is_none() && currency.is_some() {
            return Err(InvalidField::new("currency", "is that of a price; send \"price\" with it"));
        }
        let price =
            self.price.map(|amount| Money::parse_price("price", amount, currency.unwrap_or(default))).transpose()?;
        Ok((fields, price))
    }
}

pub(super) fn check_name(value: &str) -> Result<String, InvalidField> {
    parse_line("name", value, MAX_NAME)
}

pub(super) fn check_sku(value: Option<&str>) -> Result<Option<String>, InvalidField> {
    parse_optional_line("sku", value, MAX_SKU)
}

pub(super) fn check_barcode(value: Option<&str>) -> Result<Option<String>, InvalidField> {
    let Some(written) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let code = parse_barcode("barcode", written)?;
    check_gtin("barcode", &code)?;
    Ok(Some(code))
}

/// Unlike the others, a description may have several lines.
pub(super) fn check_description(value: Option<&str>) -> Result<Option<String>, InvalidField> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()).map(to_nfc) else { return Ok(None) };
    let length = text.chars().count();
    if length > MAX_DESCRIPTION {
        let message = format!("has {length} characters; at most {MAX_DESCRIPTION} are allowed");
        return Err(InvalidField::new("description", message));
    }
    let line_break = |c: char| matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(|c| c.is_control() && !line_break(c)) {
        return Err(InvalidField::new("description", "must not contain control characters other than line breaks"));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::parse("currency", "EUR").unwrap()
    }

    #[test]
    fn the_default_currency_counts_where_none_is_named() {
        let mut new = NewProduct { name: " Oat milk ".to_owned(), price: Some(199), ..NewProduct::default() };
        let (fields, price) = new.check(euro()).unwrap();
        assert_eq!((fields.name.as_str(), price.unwrap().to_string().as_str()), ("Oat milk", "1.99 EUR"));
        new.currency = Some("KRW".to_owned());
        assert_eq!(new.check(euro()).unwrap().1.unwrap().to_string(), "199 KRW");
    }

    #[test]
    fn each_bad_value_is_refused_by_the_name_of_its_field() {
        let good = NewProduct { name: "Milk".to_owned(), ..NewProduct::default() };
        let with = |change: fn(&mut NewProduct)| {
            let mut new = good.clone();
            change(&mut new);
            new.check(euro()).unwrap_err().field
        };
        assert_eq!(with(|new| new.name = " ".to_owned()), "name");
        assert_eq!(with(|new| new.sku = Some("x".repeat(65))), "sku");
        assert_eq!(with(|new| new.barcode = Some("12 34".to_owned())), "barcode");
        assert_eq!(with(|new| new.barcode = Some("4006381333932".to_owned())), "barcode");
        assert_eq!(with(|new| new.price = Some(-1)), "price");
        assert_eq!(with(|new| new.tax_rate = Some(10_001)), "tax_rate_bp");
        assert_eq!(with(|new| new.currency = Some("EURO".to_owned())), "currency");
        assert_eq!(with(|new| new.description = Some("a\0b".to_owned())), "description");
        assert_eq!(good.check(euro()).unwrap().1, None);
    }

    #[test]
    fn a_description_may_have_lines() {
        assert_eq!(check_description(Some(" fresh\nlocal ")).unwrap().as_deref(), Some("fresh\nlocal"));
        assert_eq!(check_description(Some("  ")).unwrap(), None);
    }
}
