//! The report on products that look alike, page by page, with the products' names.

use std::collections::HashMap;

use super::look_alike_views::{LookAlikePage, LookAlikePairView, ProductCheckView};
use super::{Catalog, CatalogError};
use crate::db::{DatabaseError, Reader, products};
use crate::domain::{InvalidField, PageRequest, ProductId};
use crate::look_alikes::{CachedReport, LookAlikePair, ProductCount};

impl Catalog {
    /// Pairs of products that look alike, strongest first.
    ///
    /// # Errors
    /// [`CatalogError::ReportPending`] while the first report is made.
    pub async fn look_alikes(&self, page: PageRequest) -> Result<LookAlikePage, CatalogError> {
        let cached = self.reports.newest().await.ok_or(CatalogError::ReportPending)?;
        let CachedReport { report, made_at, .. } = cached;
        let start = match page.before {
            None => 0,
            Some(last) => {
                let position = report.pairs.iter().position(|pair| pair.image.uuid() == last);
                let gone = "is of another report, since the catalog has changed; begin with the first page";
                position.ok_or_else(|| InvalidField::new("cursor", gone))? + 1
            }
        };
        let limit = usize::try_from(page.limit).unwrap_or(1);
        let pairs = &report.pairs[start..(start + limit).min(report.pairs.len())];
        let more = start + pairs.len() < report.pairs.len();
        let data = name_pairs(&mut self.db.read().await?, pairs).await?;
        Ok(LookAlikePage {
            data,
            next_cursor: pairs.last().filter(|_| more).map(|pair| pair.image.to_string()),
            index_revision: report.revision,
            made_at,
            photos: report.photos,
            photos_checked: report.photos_checked,
        })
    }
}

/// The pairs with their names. Pairs of products that are no longer on sale are left out.
pub async fn name_pairs(reader: &mut Reader, pairs: &[LookAlikePair]) -> Result<Vec<LookAlikePairView>, DatabaseError> {
    let ids = pairs.iter().flat_map(|pair| [pair.product, pair.neighbour.product]).collect();
    let names = list_names(reader, ids).await?;
    let view = |pair: &LookAlikePair| {
        let LookAlikePair { product, image, neighbour } = *pair;
        Some(LookAlikePairView {
            product_id: product,
            product_name: names.get(&product)?.clone(),
            image_id: image,
            other_product_id: neighbour.product,
            other_product_name: names.get(&neighbour.product)?.clone(),
            other_image_id: neighbour.image,
            score: neighbour.score,
            confidence: neighbour.confidence,
        })
    };
    Ok(pairs.iter().filter_map(view).collect())
}

/// The products with their names, without those that are no longer on sale.
pub async fn name_checks(
    reader: &mut Reader,
    products: &[(ProductId, ProductCount)],
) -> Result<Vec<ProductCheckView>, DatabaseError> {
    let names = list_names(reader, products.iter().map(|(id, _)| *id).collect()).await?;
    let view = |(product_id, count): &(ProductId, ProductCount)| {
        let ProductCount { photos, checked, recognized } = *count;
        let product_name = names.get(product_id)?.clone();
        Some(ProductCheckView { product_id: *product_id, product_name, photos, checked, recognized })
    };
    Ok(products.iter().filter_map(view).collect())
}

/// Names of those of the products that are on sale.
pub(super) async fn list_names(
    reader: &mut Reader,
    mut products: Vec<ProductId>,
) -> Result<HashMap<ProductId, String>, DatabaseError> {
    products.sort_unstable();
    products.dedup();
    Ok(products::list_names_on_sale(reader, &products).await?.into_iter().collect())
}
