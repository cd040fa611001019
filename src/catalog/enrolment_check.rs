//! The checks of an enrolment: what is wrong with its photos, which products they look like, and whether they are enough.
//!
//! Issues of a photo are found before anything is stored. An upload with a serious issue is refused unless the caller insists.
//! Look-alikes are searched for once the index has the photos. A failure then is logged: the upload is stored already.

use std::collections::{HashMap, HashSet};

use super::error::{CatalogError, PhotoName};
use super::look_alike_report::list_names;
use super::look_alike_views::{LookAlikeView, PhotoCheckView};
use super::photo_warning::PhotoWarning;
use super::uploaded_photos::EmbeddedPhoto;
use super::{Catalog, to_i64};
use crate::active_model::ActiveModel;
use crate::db::{DatabaseError, product_images, products};
use crate::domain::{ImageId, ProductId};
use crate::index_feed::{IndexRow, stored_rows};
use crate::look_alikes::{COPY_SCORE, LeftOutPhoto, LookAlikeSearch, Neighbour, PHOTOS_CHECKED_MAX, PhotoCheck};
use crate::photo_quality::PhotoIssue;

/// The most products that an upload is said to look like.
const LOOK_ALIKES_MAX: usize = 5;

/// What a search for a product's photos finds.
#[derive(Debug, Default)]
pub(super) struct EnrolmentCheck {
    pub(super) look_alikes: Vec<LookAlikeView>,
    pub(super) photo_check: Option<PhotoCheckView>,
}

impl Catalog {
    /// The issues of photos that are to be enrolled for `product`, or for a new product.
    ///
    /// # Errors
    /// A photo has a serious issue, and the caller does not insist.
    pub(super) async fn check_issues(
        &self,
        active: &ActiveModel,
        photos: &[EmbeddedPhoto],
        product: Option<ProductId>,
        insist: bool,
    ) -> Result<Vec<PhotoWarning>, CatalogError> {
        let warning = |photo: &EmbeddedPhoto, issue: &PhotoIssue| PhotoWarning::new(photo.name().clone(), *issue, None);
        let issues = photos.iter().flat_map(|photo| photo.issues.iter().map(move |issue| warning(photo, issue)));
        let mut warnings: Vec<PhotoWarning> = issues.collect();
        if !insist && let Some(serious) = warnings.iter().find(|warning| warning.is_serious) {
            return Err(CatalogError::PoorPhoto { photo: serious.photo_name(), warnings });
        }
        for (photo, copy, product_name) in self.find_copies(active, photos, product).await? {
            let product_id = copy.product;
            if !insist {
                return Err(CatalogError::AlreadyEnrolled { photo, product_id, product_name });
            }
            let issue = PhotoIssue::from_copy_score(copy.score, COPY_SCORE);
            warnings.push(PhotoWarning::new(photo, issue, Some((product_id, &product_name))));
        }
        Ok(warnings)
    }

    /// The photos that look the same as one of another product, with that photo and the product's name.
    async fn find_copies(
        &self,
        active: &ActiveModel,
        photos: &[EmbeddedPhoto],
        product: Option<ProductId>,
    ) -> Result<Vec<(PhotoName, Neighbour, String)>, CatalogError> {
        let product = product.unwrap_or(ProductId::NIL);
        let row = |photo: &EmbeddedPhoto| {
            let vector = photo.active_embedding().clone().into();
            IndexRow { image: ImageId::NIL, product, vector }
        };
        let rows: Vec<IndexRow> = photos.iter().map(row).collect();
        let copies = match LookAlikeSearch::of_active_model(active, self.verdict_limits).find_copies(&rows).await {
            Ok(copies) => copies,
            Err(error) => {
                tracing::warn!(%error, "photos are enrolled without a search for copies under other products");
                return Ok(Vec::new());
            }
        };
        let names = self.names_on_sale(copies.iter().flatten().map(|copy| copy.product).collect()).await?;
        let found = photos.iter().zip(copies).filter_map(|(photo, copy)| {
            let copy = copy?;
            Some((photo.name().clone(), copy, names.get(&copy.product)?.clone()))
        });
        Ok(found.collect())
    }

    /// What the index says of a product whose `new` photos it has by now. What is off sale, or removed since, is not searched.
    pub(super) async fn check_product(&self, product: ProductId, new: &[ImageId]) -> EnrolmentCheck {
        let enrolled = async {
            let mut reader = self.db.read().await?;
            let row = products::find(&mut reader, product).await?.filter(|row| row.active);
            let images = product_images::list_by_product(&mut reader, product).await?;
            Ok::<_, DatabaseError>(row.map(|row| (row.name, images)))
        };
        match enrolled.await {
            Ok(Some((name, images))) => {
                let images: Vec<ImageId> = images.iter().map(|image| image.id).collect();
                self.check_enrolled((product, &name), &images, new).await
            }
            Ok(None) => EnrolmentCheck::default(),
            Err(error) => {
                tracing::warn!(product.id = %product, %error, "the photos are enrolled, but could not be checked");
                EnrolmentCheck::default()
            }
        }
    }

    /// What the index says of a product's photos, `new` ones among them. It has them by now.
    pub(super) async fn check_enrolled(
        &self,
        (product, product_name): (ProductId, &str),
        images: &[ImageId],
        new: &[ImageId],
    ) -> EnrolmentCheck {
        let mut checked = new.to_vec();
        checked.extend(images.iter().filter(|image| !new.contains(image)));
        let check = async {
            let (answers, names) = self.leave_out(product, &checked).await?;
            let mut look_alikes = find_look_alikes(product_name, &answers, new, &names);
            look_alikes.extend(self.find_mistaken_for((product, product_name), &answers, new, &look_alikes).await?);
            look_alikes.truncate(LOOK_ALIKES_MAX);
            let photo_check = view_check(product_name, &PhotoCheck::from_answers(images.len(), &answers), &names);
            Ok::<_, CatalogError>(EnrolmentCheck { look_alikes, photo_check: Some(photo_check) })
        };
        check.await.unwrap_or_else(|error| {
            tracing::warn!(product.id = %product, %error, "the photos are enrolled, but could not be checked");
            EnrolmentCheck::default()
        })
    }

    /// Other products whose photos are mistaken for this product since it has its `new` photos. Only the photos nearest to
    /// those are checked. Products in `known` are left out.
    async fn find_mistaken_for(
        &self,
        (product, product_name): (ProductId, &str),
        answers: &[LeftOutPhoto],
        new: &[ImageId],
        known: &[LookAlikeView],
    ) -> Result<Vec<LookAlikeView>, CatalogError> {
        let nearest = answers.iter().filter(|answer| new.contains(&answer.image)).filter_map(|answer| answer.nearest);
        let mut nearest: Vec<Neighbour> =
            nearest.filter(|nearest| known.iter().all(|known| known.product_id != nearest.product)).collect();
        nearest.sort_by(|one, other| other.compare_strength(one));
        let mut products = HashSet::new();
        nearest.retain(|nearest| products.insert(nearest.product));
        let images: Vec<ImageId> = nearest.iter().take(LOOK_ALIKES_MAX).map(|nearest| nearest.image).collect();
        let (answers, names) = self.search_without(&images, |_| true).await?;
        let mistaken = answers.iter().filter(|answer| answer.is_mistaken).filter_map(|answer| {
            let neighbour = answer.nearest.filter(|nearest| nearest.product == product)?;
            let name = names.get(&answer.product)?;
            Some(LookAlikeView {
                product_id: answer.product,
                product_name: name.clone(),
                image_id: neighbour.image,
                other_image_id: answer.image,
                ..LookAlikeView::new(name, product_name, answer.image, neighbour, true)
            })
        });
        Ok(mistaken.collect())
    }

    /// Whether a product's photos are enough: each is left out in turn, and the others must recognise it.
    pub async fn check_photos_of(&self, product: ProductId) -> Result<PhotoCheckView, CatalogError> {
        let mut reader = self.db.read().await?;
        let row = super::products::find_product(&mut reader, product).await?;
        let images = product_images::list_by_product(&mut reader, product).await?;
        drop(reader);
        let images: Vec<ImageId> = if row.active { images.iter().map(|image| image.id).collect() } else { Vec::new() };
        let (answers, names) = self.leave_out(product, &sample_evenly(&images)).await?;
        Ok(view_check(&row.name, &PhotoCheck::from_answers(images.len(), &answers), &names))
    }

    /// Leaves out at most [`PHOTOS_CHECKED_MAX`] of these photos; also the names of the products that are near.
    async fn leave_out(
        &self,
        product: ProductId,
        images: &[ImageId],
    ) -> Result<(Vec<LeftOutPhoto>, HashMap<ProductId, String>), CatalogError> {
        self.search_without(&images[..images.len().min(PHOTOS_CHECKED_MAX)], |row| row.product == product).await
    }

    /// Leaves out those of `images` that are `wanted`; also the names of their products and of those that are near.
    async fn search_without(
        &self,
        images: &[ImageId],
        wanted: impl Fn(&IndexRow) -> bool,
    ) -> Result<(Vec<LeftOutPhoto>, HashMap<ProductId, String>), CatalogError> {
        let active = self.active.current();
        let embedder = &active.embedder;
        let mut reader = self.db.read().await?;
        let rows = product_images::list_embeddings(&mut reader, embedder.model_id().as_str(), images).await?;
        drop(reader);
        let mut rows = stored_rows(&rows, embedder.dim());
        rows.retain(wanted);
        let answers = LookAlikeSearch::of_active_model(&active, self.verdict_limits).leave_out(&rows).await;
        let answers = answers.map_err(|error| CatalogError::from_search(&error))?;
        let near =
            answers.iter().flat_map(|answer| [Some(answer.product), answer.nearest.map(|nearest| nearest.product)]);
        let near: HashSet<ProductId> = near.flatten().collect();
        let names = self.names_on_sale(near.into_iter().collect()).await?;
        Ok((answers, names))
    }

    async fn names_on_sale(&self, products: Vec<ProductId>) -> Result<HashMap<ProductId, String>, CatalogError> {
        if products.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(list_names(&mut self.db.read().await?, products).await?)
    }
}

/// The products that new photos are mistaken for, the likeliest first.
fn find_look_alikes(
    product_name: &str,
    answers: &[LeftOutPhoto],
    new: &[ImageId],
    names: &HashMap<ProductId, String>,
) -> Vec<LookAlikeView> {
    let mistaken = answers.iter().filter(|answer| answer.is_mistaken && new.contains(&answer.image));
    let mut found: Vec<(ImageId, Neighbour)> =
        mistaken.filter_map(|answer| Some((answer.image, answer.nearest?))).collect();
    found.sort_by(|(_, one), (_, other)| other.compare_strength(one));
    let mut products = HashSet::new();
    found.retain(|(_, neighbour)| products.insert(neighbour.product));
    let views = found.into_iter().filter_map(|(image, neighbour)| {
        Some(LookAlikeView::new(product_name, names.get(&neighbour.product)?, image, neighbour, true))
    });
    views.take(LOOK_ALIKES_MAX).collect()
}

fn view_check(product_name: &str, check: &PhotoCheck, names: &HashMap<ProductId, String>) -> PhotoCheckView {
    let worst = check.worst.and_then(|(image, neighbour)| Some((image, neighbour, names.get(&neighbour.product)?)));
    let name = worst.map(|(.., name)| name.as_str());
    PhotoCheckView {
        photos: to_i64(check.photos),
        checked: to_i64(check.checked),
        recognized: to_i64(check.recognized),
        unrecognized: check.unrecognized.clone(),
        worst_neighbour: worst.map(|(image, neighbour, name)| {
            LookAlikeView::new(product_name, name, image, neighbour, check.is_mistaken)
        }),
        enough: check.is_enough(),
        advice: check.advice(name),
    }
}

/// At most [`PHOTOS_CHECKED_MAX`] of `images`, spread over all of them.
fn sample_evenly(images: &[ImageId]) -> Vec<ImageId> {
    let step = images.len().div_ceil(PHOTOS_CHECKED_MAX).max(1);
    images.iter().copied().step_by(step).collect()
}
