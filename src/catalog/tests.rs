//! The catalog over a model that returns NaN for some photos.

use super::*;
use crate::domain::{Caller, PageRequest};
use crate::embedding::onnx_fixture::{embedder_blind_to_the_dark, png};

fn uploads(colours: &[[u8; 3]]) -> Vec<NewPhoto> {
    colours.iter().map(|colour| NewPhoto { file_name: None, bytes: png(*colour).into() }).collect()
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
    let embedder = Arc::new(embedder_blind_to_the_dark(folder.path()));
    let catalog =
        Catalog::start(db, Clock::system(), embedder, ("blind.json".to_owned(), None), &settings).await.unwrap();
    let caller = Caller::system();

    let refused = catalog.create(&caller, named("Dark"), uploads(&[RED, DARK])).await.unwrap_err();
    assert!(matches!(&refused, CatalogError::Unusable { photo, .. } if photo.index == 1), "{refused:?}");
    let page = PageRequest { before: None, limit: 5 };
    assert!(catalog.list(ProductSearch::default(), page).await.unwrap().data.is_empty());
    assert_eq!(catalog.status().await.unwrap().index_revision, 0);

    let added = catalog.create(&caller, named("Red"), uploads(&[RED])).await.unwrap();
    let refused = catalog.add_images(&caller, added.id, uploads(&[DARK])).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Unusable { .. }));
    assert_eq!(catalog.images(added.id).await.unwrap().len(), 1);
}
