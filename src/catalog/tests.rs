//! The catalog over a model that returns NaN for some photos.

use std::sync::Arc;

use super::*;
use crate::active_model::StartedModel;
use crate::domain::PageRequest;
use crate::embedding::onnx_fixture::{embedder_blind_to_the_dark, png};

/// Photos of one colour, on which their uploader insists.
fn uploads(colours: &[[u8; 3]]) -> NewPhotos {
    let photos = colours.iter().map(|colour| NewPhoto { file_name: None, bytes: png(*colour).into() });
    NewPhotos { photos: photos.collect(), region: RegionChoice::Auto, insist: true }
}

fn named(name: &str) -> NewProduct {
    NewProduct { name: name.to_owned(), ..NewProduct::default() }
}

#[tokio::test]
async fn a_photo_that_the_model_returns_nan_for_is_refused_and_nothing_is_kept() {
    const DARK: [u8; 3] = [10, 10, 10];
    const RED: [u8; 3] = [250, 100, 100];
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::from_toml("").unwrap();
    settings.data_dir = folder.path().to_owned();
    let url = format!("sqlite://{}/test.db", folder.path().display()).into();
    let db = Database::connect(&url, 4).await.unwrap();
    db.migrate().await.unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let embedder = Arc::new(embedder_blind_to_the_dark(folder.path()));
    let model = StartedModel { embedder, manifest: "blind.json".to_owned(), generation: None };
    let clock = Clock::system();
    let index_feed = IndexFeed::start(db.clone(), blobs.clone(), clock.clone(), model, &settings).await.unwrap();
    let catalog = Catalog::new(db, blobs, clock, index_feed.clone(), IncomingModel::default(), &settings).unwrap();
    let caller = Caller::system();

    let refused = catalog.create(&caller, named("Dark"), uploads(&[RED, DARK]), None).await.unwrap_err();
    assert!(matches!(&refused, CatalogError::UnusablePhoto { photo, .. } if photo.index == 1), "{refused:?}");
    let page = PageRequest { before: None, limit: 5 };
    assert!(catalog.list(ProductSearch::default(), page).await.unwrap().data.is_empty());
    assert_eq!(index_feed.status().await.unwrap().index_revision, 0);

    let added = catalog.create(&caller, named("Red"), uploads(&[RED]), None).await.unwrap();
    let added: ProductId = added.body["id"].as_str().unwrap().parse().unwrap();
    let refused = catalog.add_images(&caller, added, uploads(&[DARK]), None).await.unwrap_err();
    assert!(matches!(refused, CatalogError::UnusablePhoto { .. }));
    assert_eq!(catalog.images(added).await.unwrap().len(), 1);
}
