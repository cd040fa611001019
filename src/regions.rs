//! Where things are in a picture: the regions that recognition embeds and judges one by one.
//!
//! Today there is one region, the whole picture. Knows nothing of models, databases or HTTP.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Photo;

/// A part of the picture, in pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Region {
    /// From the left side.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right.
    pub width: u32,
    /// Down.
    pub height: u32,
}

/// A region and its pixels.
#[derive(Debug, Clone)]
pub struct RegionPicture {
    /// Where it is.
    pub region: Region,
    /// What it shows.
    pub picture: Arc<Photo>,
}

/// One region: the whole picture.
pub fn whole_picture(photo: Arc<Photo>) -> Vec<RegionPicture> {
    let region = Region { x: 0, y: 0, width: photo.width(), height: photo.height() };
    vec![RegionPicture { region, picture: photo }]
}
