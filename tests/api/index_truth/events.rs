//! The random steps: changes through the catalog, changes by another server, snapshots, restarts, kills.

use rand::RngExt;
use rand::seq::IndexedRandom;
use tillsight::catalog::{CatalogError, NewProduct, ProductChange};
use tillsight::db::Tx;
use tillsight::db::blobs::ContentHash;
use tillsight::db::catalog_changes;
use tillsight::db::product_images::{self, ImageRow};
use tillsight::db::products::{self, ProductFields};
use tillsight::domain::{Caller, ChangeKind, ImageId, ProductId, Timestamp};
use tillsight::embedding::Embedding;

use super::world::World;

impl World {
    pub async fn create(&mut self) {
        let photos = self.photos();
        self.note(format!("create a product with {} photos", photos.photos.len()));
        let created = self.server.catalog.create(&Caller::system(), product(), photos, None).await;
        expect_unless_enrolled(created.map(drop));
    }

    pub async fn add_images(&mut self) {
        let photos = self.photos();
        let Some(product) = self.product().await else { return };
        self.note(format!("add {} photos to {product}", photos.photos.len()));
        let added = self.server.catalog.add_images(&Caller::system(), product, photos, None).await;
        expect_unless_enrolled(added.map(drop));
    }

    pub async fn remove_image(&mut self) {
        let Some((product, image)) = self.image().await else { return };
        self.note(format!("remove image {image}"));
        self.server.catalog.remove_image(&Caller::system(), product, image, None).await.unwrap();
    }

    /// Takes a product off sale, or puts it back.
    pub async fn switch_sale(&mut self) {
        let Some(product) = self.product().await else { return };
        let active = !self.server.catalog.get(product).await.unwrap().active;
        self.note(format!("put {product} on sale: {active}"));
        let change = ProductChange { active: Some(active), ..ProductChange::default() };
        self.server.catalog.change(&Caller::system(), product, change, None).await.unwrap();
    }

    pub async fn remove_product(&mut self) {
        let Some(product) = self.product().await else { return };
        self.note(format!("remove {product}"));
        self.server.catalog.remove(&Caller::system(), product, None).await.unwrap();
    }

    /// Another server adds a product of `count` photos.
    pub async fn add_in_bulk(&mut self, count: usize) -> ProductId {
        let now = self.clock.now();
        let id = ProductId::generate(now);
        self.note(format!("another server adds {count} photos of {id}"));
        let fields = ProductFields {
            name: "Bulk".to_owned(),
            sku: None,
            barcode: None,
            description: None,
            active: true,
            tax_rate: 0,
        };
        let mut tx = self.db.begin().await.unwrap();
        catalog_changes::lock(&mut tx).await.unwrap();
        products::insert(&mut tx, id, &fields, now).await.unwrap();
        let mut images = Vec::new();
        for _ in 0..count {
            images.push(self.insert_image(&mut tx, id, now).await);
        }
        catalog_changes::append(&mut tx, ChangeKind::Add, id, images, now).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn insert_image(&mut self, tx: &mut Tx, product: ProductId, now: Timestamp) -> ImageId {
        let id = ImageId::generate(now);
        let vector = Embedding::normalise(&self.random_vector()).unwrap();
        let row = ImageRow {
            id,
            product_id: product,
            content_hash: ContentHash::from_content(&self.random.random::<[u8; 16]>()),
            media_type: "image/png".to_owned(),
            width: 1,
            height: 1,
            bytes: 1,
            region: None,
            created_at: now,
        };
        product_images::insert(tx, &row).await.unwrap();
        product_images::upsert_embedding(tx, id, self.embedder.model_id().as_str(), &vector.to_bytes()).await.unwrap();
        id
    }

    /// Another server removes some of the photos on sale of a product.
    pub async fn remove_some_in_bulk(&mut self) {
        let rows = self.rows_on_sale().await;
        let Some(product) = rows.choose(&mut self.random).map(|row| row.product) else { return };
        let count = self.random.random_range(1..=rows.iter().filter(|row| row.product == product).count());
        self.remove_in_bulk(product, count).await;
    }

    /// Another server removes `count` photos of `product`.
    pub async fn remove_in_bulk(&mut self, product: ProductId, count: usize) {
        self.note(format!("another server removes {count} photos of {product}"));
        let now = self.clock.now();
        let mut tx = self.db.begin().await.unwrap();
        catalog_changes::lock(&mut tx).await.unwrap();
        let images = product_images::list_by_product(&mut tx, product).await.unwrap();
        let images: Vec<ImageId> = images.sample(&mut self.random, count).map(|image| image.id).collect();
        for image in &images {
            assert!(product_images::delete(&mut tx, product, *image).await.unwrap());
        }
        catalog_changes::append(&mut tx, ChangeKind::Remove, product, images, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn write_snapshot(&mut self) {
        self.note("write a snapshot");
        self.server.index_feed.write_snapshot().await.unwrap();
    }

    pub async fn restart(&mut self) {
        self.note(format!("restart; there is a snapshot: {}", self.place().exists()));
        self.server = self.started().await;
    }

    pub async fn restart_from_a_damaged_snapshot(&mut self) {
        self.server.index_feed.write_snapshot().await.unwrap();
        let mut bytes = std::fs::read(self.place()).unwrap();
        let at = self.random.random_range(0..bytes.len());
        if self.random.random() {
            self.note(format!("restart from a snapshot whose byte {at} is another one"));
            bytes[at] ^= self.random.random_range(1..=255_u8);
        } else {
            self.note(format!("restart from a snapshot that was cut off at {at}"));
            bytes.truncate(at);
        }
        std::fs::write(self.place(), bytes).unwrap();
        self.server = self.started().await;
    }

    pub async fn restart_from_the_database(&mut self) {
        self.note("restart from the database alone");
        if self.place().exists() {
            std::fs::remove_file(self.place()).unwrap();
        }
        self.server = self.started().await;
    }

    /// A change is committed, and the server dies before the index applies it.
    pub async fn kill_between_commit_and_index(&mut self) {
        let (photos, removal) = (self.photos(), self.random.random());
        let image = self.image().await.filter(|_| removal);
        self.note(format!("kill between commit and index; image removed: {image:?}; none: a product created"));
        let point = format!("catalog.committed {}", self.folder().display());
        fail::cfg(&point, "1*panic->off").unwrap();
        let catalog = self.server.catalog.clone();
        let died = tokio::spawn(async move {
            match image {
                Some((product, image)) => catalog.remove_image(&Caller::system(), product, image, None).await.map(drop),
                None => catalog.create(&Caller::system(), product(), photos, None).await.map(drop),
            }
        });
        match died.await {
            Err(died) => assert!(died.is_panic()),
            Ok(refused) => assert!(matches!(refused, Err(CatalogError::AlreadyEnrolled { .. })), "{refused:?}"),
        }
        fail::remove(&point);
        self.server = self.started().await;
    }

    pub async fn take_over_from_one_that_hangs(&mut self) {
        self.note("another server takes over from one that hangs");
        let next = self.started().await;
        self.hanging.push(std::mem::replace(&mut self.server, next));
    }
}

fn product() -> NewProduct {
    NewProduct { name: "Made up".to_owned(), ..NewProduct::default() }
}

/// The same colour may have been drawn before, for another product.
fn expect_unless_enrolled(outcome: Result<(), CatalogError>) {
    assert!(matches!(outcome, Ok(()) | Err(CatalogError::AlreadyEnrolled { .. })), "{outcome:?}");
}
