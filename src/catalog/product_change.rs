//! Changing a product: its fields, its price, whether it is on sale.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::products::{find_product, into_code_taken, refuse_same_article};
use super::view::ProductView;
use super::{Catalog, CatalogError, append_audit, product_fields};
use crate::db::bill_revisions;
use crate::db::catalog_changes;
use crate::db::product_images;
use crate::db::products::{self, ProductFields, ProductRow};
use crate::domain::{Caller, ChangeKind, Currency, InvalidField, Money, ProductId, parse_tax_rate};
use crate::idempotency::{IdempotentRequest, Reply};

/// A change of a product. `None` leaves a value as it is; `Some(None)` removes it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProductChange {
    pub name: Option<String>,
    pub sku: Option<Option<String>>,
    pub barcode: Option<Option<String>>,
    pub description: Option<Option<String>>,
    /// Minor units.
    pub price: Option<Option<i64>>,
    /// Currency of the new price; that of the old price, or the server's own, where none is named.
    pub currency: Option<String>,
    /// Tax in basis points.
    pub tax_rate: Option<i64>,
    /// Whether it is on sale.
    pub active: Option<bool>,
}

impl ProductChange {
    fn fields(&self, row: &ProductRow) -> Result<ProductFields, InvalidField> {
        let changed = |change: &Option<Option<String>>, old: &Option<String>| match change {
            Some(new) => new.clone(),
            None => old.clone(),
        };
        Ok(ProductFields {
            name: product_fields::check_name(self.name.as_deref().unwrap_or(&row.name))?,
            sku: product_fields::check_sku(changed(&self.sku, &row.sku).as_deref())?,
            // A wrong check digit of before must not keep the price from being changed.
            barcode: match &self.barcode {
                Some(new) if new.as_deref().map(str::trim) != row.barcode.as_deref() => {
                    product_fields::check_barcode(new.as_deref())?
                }
                Some(_) | None => row.barcode.clone(),
            },
            description: product_fields::check_description(changed(&self.description, &row.description).as_deref())?,
            tax_rate: parse_tax_rate("tax_rate_bp", self.tax_rate.unwrap_or(row.tax_rate))?,
            active: self.active.unwrap_or(row.active),
        })
    }

    fn price(&self, row: &ProductRow, default: Currency) -> Result<Option<Money>, InvalidField> {
        let currency = self.currency.as_deref().map(|code| Currency::parse("currency", code)).transpose()?;
        match (self.price, currency) {
            (None, None) => Ok(row.price()),
            (None, Some(_)) => Err(InvalidField::new("currency", "can only be changed together with the price")),
            (Some(None), _) => Ok(None),
            (Some(Some(amount)), currency) => {
                let currency = currency.or(row.currency).unwrap_or(default);
                Money::parse_price("price", amount, currency).map(Some)
            }
        }
    }
}

impl Catalog {
    /// Changes a product. A product that goes off sale is no longer found; one that comes back is found again by its
    /// photos. When this returns, the index has applied the change.
    pub async fn change(
        &self,
        caller: &Caller,
        id: ProductId,
        change: ProductChange,
        key: Option<&str>,
    ) -> Result<Reply, CatalogError> {
        let request = IdempotentRequest::new("product.change", caller, key, &json!([id, change]).to_string());
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        if let Some(reply) = request.find_reply(&mut tx).await? {
            drop(tx);
            self.await_index(id).await?;
            return Ok(reply);
        }
        let row = find_product(&mut tx, id).await?;
        let fields = change.fields(&row)?;
        let price = change.price(&row, self.default_currency)?;
        let changes = differences(&row, &fields, price);
        if changes.is_empty() {
            let reply = request.store_reply(&mut tx, &ProductView::from(row), now).await?;
            tx.commit().await?;
            return Ok(reply);
        }
        // Products of one article from before stay as they are until an admin merges them.
        if fields.barcode != row.barcode {
            refuse_same_article(&mut tx, id, &fields).await?;
        }
        products::update(&mut tx, id, &fields, now).await.map_err(|error| into_code_taken(error, &fields))?;
        if price != row.price() {
            products::set_price(&mut tx, id, price, now).await?;
            if let Some(price) = price {
                bill_revisions::set_first_price(&mut tx, id, price, self.bills_active_since(now)).await?;
            }
        }
        if fields.active != row.active {
            bill_revisions::set_on_sale(&mut tx, id, fields.active, self.bills_active_since(now)).await?;
        }
        let mut seq = None;
        if fields.active != row.active && row.images_count > 0 {
            let images = product_images::list_by_product(&mut tx, id).await?.iter().map(|image| image.id).collect();
            let kind = if fields.active { ChangeKind::Add } else { ChangeKind::Remove };
            seq = Some(catalog_changes::append(&mut tx, kind, id, images, now).await?);
        }
        append_audit(&mut tx, caller, "product.change", id, Value::Object(changes), now).await?;
        let changed = ProductView::from(find_product(&mut tx, id).await?);
        let reply = request.store_reply(&mut tx, &changed, now).await?;
        self.commit(tx, id, seq).await?;
        Ok(reply)
    }
}

/// `{"name": {"from": …, "to": …}}`, for the values that differ.
fn differences(row: &ProductRow, fields: &ProductFields, price: Option<Money>) -> Map<String, Value> {
    let shown = |price: Option<Money>| json!(price.map(|price| price.to_string()));
    [
        ("name", json!(row.name), json!(fields.name)),
        ("sku", json!(row.sku), json!(fields.sku)),
        ("barcode", json!(row.barcode), json!(fields.barcode)),
        ("description", json!(row.description), json!(fields.description)),
        ("tax_rate_bp", json!(row.tax_rate), json!(fields.tax_rate)),
        ("active", json!(row.active), json!(fields.active)),
        ("price", shown(row.price()), shown(price)),
    ]
    .into_iter()
    .filter(|(_, from, to)| from != to)
    .map(|(field, from, to)| (field.to_owned(), json!({ "from": from, "to": to })))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn row() -> ProductRow {
        let now = Timestamp::from_micros(1);
        ProductRow {
            id: ProductId::generate(now),
            name: "Oat milk".to_owned(),
            sku: Some("M-1".to_owned()),
            barcode: None,
            description: None,
            amount: Some(199),
            currency: Some(euro()),
            tax_rate: 0,
            active: true,
            images_count: 0,
            image_id: None,
            last_seen_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn euro() -> Currency {
        Currency::parse("currency", "EUR").unwrap()
    }

    #[test]
    fn what_is_not_named_stays_and_null_takes_away() {
        let change = ProductChange { sku: Some(None), ..ProductChange::default() };
        let fields = change.fields(&row()).unwrap();
        assert_eq!((fields.name.as_str(), fields.sku.as_deref()), ("Oat milk", None));
        let price = change.price(&row(), euro()).unwrap();
        assert_eq!(price, row().price());
        let changes = differences(&row(), &fields, price);
        assert_eq!(Value::Object(changes), json!({ "sku": { "from": "M-1", "to": null } }));
    }

    #[test]
    fn a_price_keeps_its_currency_unless_told_otherwise() {
        let price = |price, currency: Option<&str>| {
            ProductChange { price, currency: currency.map(str::to_owned), ..ProductChange::default() }
                .price(&row(), euro())
        };
        assert_eq!(price(Some(Some(5)), None).unwrap().unwrap().to_string(), "0.05 EUR");
        assert_eq!(price(Some(Some(5)), Some("KRW")).unwrap().unwrap().to_string(), "5 KRW");
        assert_eq!(price(Some(None), None).unwrap(), None);
        assert_eq!(price(None, Some("KRW")).unwrap_err().field, "currency");
    }
}
