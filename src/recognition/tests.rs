//! Recognition over a model that returns NaN for some pictures, and over an index that is not to be trusted.

use std::sync::Arc;

use super::*;
use crate::active_model::{ActiveModel, StartedModel};
use crate::db::products::ProductFields;
use crate::domain::ImageId;
use crate::embedding::onnx_fixture::{embedder_blind_to_the_dark, png};
use crate::index::{Change, IndexOptions, IndexRow, VectorIndex};
use crate::pool::Overloaded;

const RED: [u8; 3] = [250, 100, 100];

async fn service(folder: &std::path::Path) -> RecognitionService {
    let url = format!("sqlite://{}/test.db", folder.display()).into();
    let db = Database::connect(&url, 2).await.unwrap();
    db.migrate().await.unwrap();
    let embedder = Arc::new(embedder_blind_to_the_dark(folder));
    let index = VectorIndex::new(embedder.dim(), IndexOptions::default()).unwrap();
    let active = ModelSlot::new(ActiveModel::new(
        StartedModel { embedder, manifest: "blind.json".to_owned(), generation: None },
        index,
    ));
    RecognitionService::new(db, Clock::system(), active, &Settings::from_toml("").unwrap())
}

#[tokio::test]
async fn a_picture_that_the_model_returns_nan_for_is_refused_and_the_next_one_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let refused = service.recognize(&Caller::system(), png([10; 3]).into(), RegionMode::Auto).await.unwrap_err();
    assert!(matches!(refused, RecognitionError::Unusable(_)), "{refused:?}");
    let seen = service.recognize(&Caller::system(), png(RED).into(), RegionMode::Auto).await.unwrap();
    let region = Region { x: 0, y: 0, width: 20, height: 30 };
    assert_eq!(
        seen.items,
        [RecognizedItem {
            verdict: Verdict::Unknown,
            reason: Some(VerdictReason::Blank),
            region,
            barcode: None,
            candidates: Vec::new()
        }]
    );
    let kept = recognitions::find(&mut service.db.read().await.unwrap(), seen.id).await.unwrap().unwrap();
    assert_eq!((kept.items, kept.actor.as_str()), (serde_json::json!(seen.items), "system"));
}

#[tokio::test]
async fn evidence_that_cannot_be_kept_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    service.db.close().await;
    // With an empty index no name is asked for, so only the evidence needs the database.
    let seen = service.recognize(&Caller::system(), png(RED).into(), RegionMode::Auto).await.unwrap();
    assert_eq!(seen.items[0].verdict, Verdict::Unknown);
}

#[tokio::test]
async fn an_index_that_lost_its_place_answers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    service.active.current().index.mark_untrusted("change 5 is missing");
    let refused = service.recognize_picture(&Caller::system(), png(RED).into(), RegionMode::Auto).await.unwrap_err();
    assert!(matches!(&refused, RecognitionError::IndexBehind(reason) if reason.contains("change 5")), "{refused:?}");
    let unread = service
        .recognize_picture(&Caller::system(), Bytes::from_static(b"no picture"), RegionMode::Auto)
        .await
        .unwrap_err();
    assert!(matches!(unread, RecognitionError::IndexBehind(_)), "no work is done on it: {unread:?}");
}

/// Puts a product into the catalog and its photo into the index.
async fn enrol(service: &RecognitionService, fields: &ProductFields) -> ProductId {
    let (product, image, now) =
        (ProductId::generate(service.clock.now()), ImageId::generate(service.clock.now()), service.clock.now());
    let mut tx = service.db.begin().await.unwrap();
    products::insert(&mut tx, product, fields, now).await.unwrap();
    tx.commit().await.unwrap();
    let active = service.active.current();
    let seen = active.embedder.embed_photo(png(RED)).await.unwrap();
    let row = IndexRow { image, product, vector: Arc::from(seen.embedding) };
    active.index.apply(1, vec![Change::Add(vec![row])]).await.unwrap();
    product
}

#[tokio::test]
async fn a_new_name_counts_at_once_and_a_product_off_sale_is_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let fields = |name: &str, active: bool| ProductFields {
        name: name.to_owned(),
        sku: None,
        barcode: None,
        description: None,
        tax_rate: 0,
        active,
    };
    let tea = enrol(&service, &fields("Tea", true)).await;
    let named = async || {
        let candidates = service
            .recognize_picture(&Caller::system(), png(RED).into(), RegionMode::Auto)
            .await
            .unwrap()
            .items
            .remove(0)
            .candidates;
        candidates.into_iter().map(|candidate| candidate.product_name).collect::<Vec<_>>()
    };
    let change = async |fields: ProductFields| {
        let mut tx = service.db.begin().await.unwrap();
        products::update(&mut tx, tea, &fields, service.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    assert_eq!(named().await, ["Tea"]);
    change(fields("Green tea", true)).await;
    assert_eq!(named().await, ["Green tea"]);
    change(fields("Green tea", false)).await;
    assert_eq!(named().await, [""; 0], "the index still has it");
    service.db.close().await;
    let refused = service.recognize_picture(&Caller::system(), png(RED).into(), RegionMode::Auto).await.unwrap_err();
    assert!(matches!(refused, RecognitionError::Database(_)), "{refused:?}");
}

#[test]
fn who_is_refused_is_told_to_come_back_when_the_queue_is_short_again() {
    for (expected_ms, retry_s) in [(0, 1), (1_000, 1), (1_001, 2), (2_600, 3)] {
        let expected_wait = Duration::from_millis(expected_ms);
        let error = RecognitionError::from(Overloaded { expected_wait });
        assert!(matches!(error, RecognitionError::Busy { retry_after_s } if retry_after_s == retry_s), "{error:?}");
    }
}
