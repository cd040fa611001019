//! What an upload would say of one photo, without enrolling it: for a page that shows it while photos are taken.

use serde::Serialize;
use utoipa::ToSchema;

use super::photo_warning::PhotoWarning;
use super::uploaded_photos::embed_by_active_model;
use super::{Catalog, CatalogError, NewPhoto};
use crate::domain::{InvalidField, Region};
use crate::product_photos::RegionChoice;

/// What an upload would say of a photo.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PhotoPreview {
    /// What would be cut out, in pixels of the upright photo; `null` if the photo shows several things.
    pub region: Option<Region>,
    /// The things that the photo shows, if there are several: the upload would be refused.
    pub things: Vec<Region>,
    /// What makes the product hard to recognise by this photo.
    pub warnings: Vec<PhotoWarning>,
    /// Whether the upload would be refused without `insist`.
    pub refused: bool,
}

impl Catalog {
    /// Cuts out and embeds a photo as an upload would. Nothing is stored.
    ///
    /// # Errors
    /// The photo cannot be read, or the engine is busy.
    pub async fn preview_photo(&self, photo: NewPhoto, region: RegionChoice) -> Result<PhotoPreview, CatalogError> {
        let (mut checked, _) = self.check_photos(vec![photo]).await?;
        let photo = checked.pop().ok_or_else(|| InvalidField::new("images", "holds no photo"))?;
        let active = self.active.current();
        let embedded = match embed_by_active_model(&active.embedder, photo, region).await {
            Err(CatalogError::SeveralProducts { regions, .. }) => {
                return Ok(PhotoPreview { region: None, things: regions, warnings: Vec::new(), refused: true });
            }
            embedded => embedded?,
        };
        let region = Some(embedded.region);
        let warnings = self.check_issues(&active, &[embedded], None, true).await?;
        let refused = warnings.iter().any(|warning| warning.is_serious);
        Ok(PhotoPreview { region, things: Vec::new(), warnings, refused })
    }
}
