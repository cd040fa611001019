//! A database with stores, kiosks and products, and sessions whose bills are ready to be confirmed. Every identifier
//! follows from a number, so that a script of `pgbench` can name it too.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tillsight::clock::Clock;
use tillsight::db::billing_items::{self, NewBillItem, SellableProduct};
use tillsight::db::checkout_sessions::{self, SessionRow};
use tillsight::db::kiosks::{self, KioskRow};
use tillsight::db::products::{self, ProductFields};
use tillsight::db::stores::{self, SellerRow, StoreRow};
use tillsight::db::{Backend, Database, DatabaseError, Tx};
use tillsight::domain::{
    Actor, Caller, Currency, ItemId, KioskId, Money, ProductId, SessionId, SessionStatus, StoreId, TimeZone,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{bare_postgres, bare_sqlite};

/// Stores of each contestant.
pub const STORES: u64 = 5;
/// Products on every bill, and what each costs in cents.
pub const PRODUCTS: [(&str, i64); 3] = [("Milk", 129), ("Soap", 250), ("Tea", 399)];
/// What is due for a bill.
pub const TOTAL: i64 = 129 + 250 + 399;
/// Tax of all products in basis points.
pub const TAX_RATE: i64 = 700;
/// Sessions are numbered from here on, products and stores from below.
const FIRST_SESSION: u64 = 1_000_000;
const FIRST_PRODUCT: u64 = 100;
const FIRST_STORE: u64 = 1_000;

/// What confirms; each has stores of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    Service,
    Http,
    Bare,
    Naive,
}

impl Contestant {
    pub const ALL: [Self; 4] = [Self::Service, Self::Http, Self::Bare, Self::Naive];

    /// The number of the first of its stores.
    pub fn first_store(self) -> u64 {
        FIRST_STORE + STORES * self as u64
    }
}

/// Sessions to be confirmed: those numbered from `first` on.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub contestant: Contestant,
    pub first: u64,
    pub count: usize,
}

impl Batch {
    /// The number of the store in which a session is.
    pub fn store(&self, session: u64) -> u64 {
        self.contestant.first_store() + session % STORES
    }

    /// The kiosk that confirms a session.
    pub fn caller(&self, session: u64) -> Caller {
        let store = self.store(session);
        Caller { actor: Actor::Kiosk { id: kiosk(store), store: StoreId::from(uuid(store)) }, address: None }
    }
}

/// The identifier that a number stands for.
pub fn uuid(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

/// The one kiosk of a store.
pub fn kiosk(store: u64) -> KioskId {
    KioskId::from(uuid(store))
}

/// The key of the kiosk of a store.
pub fn kiosk_key(store: u64) -> String {
    format!("tsk_of store {store} of the bench")
}

/// The identifier of the product at a place.
pub fn product(place: usize) -> ProductId {
    ProductId::from(uuid(FIRST_PRODUCT + place as u64))
}

/// A database to be measured on.
pub struct Fixture {
    pub db: Database,
    pub clock: Clock,
    pub url: SecretString,
    /// Where a server on it keeps what is its own.
    pub folder: PathBuf,
    next_session: AtomicU64,
}

impl Fixture {
    /// A new file in `folder`.
    pub fn sqlite(runtime: &Runtime, folder: &Path) -> Self {
        let folder = folder.join("sqlite");
        let url = SecretString::from(format!("sqlite://{}", folder.join("bench.db").display()));
        runtime.block_on(Self::open(url, folder))
    }

    /// The empty database at `url`.
    pub fn postgres(runtime: &Runtime, url: SecretString, folder: &Path) -> Self {
        runtime.block_on(Self::open(url, folder.join("postgres")))
    }

    async fn open(url: SecretString, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let db = Database::connect(&url, connections()).await.unwrap_or_else(|error| panic!("{error}"));
        db.migrate().await.unwrap_or_else(|error| panic!("{error}"));
        let fixture = Self { db, clock: Clock::system(), url, folder, next_session: AtomicU64::new(FIRST_SESSION) };
        fixture.insert_master_data().await.expect("stores, kiosks and products");
        fixture
    }

    pub fn kind(&self) -> &'static str {
        match self.db.backend() {
            Backend::Postgres => "PostgreSQL",
            Backend::Sqlite => "SQLite",
        }
    }

    /// Confirmations per second of the bare statements; `reply` is what they store with each order.
    pub fn run_bare(&self, batch: Batch, clients: usize, reply: &str) -> f64 {
        match self.db.backend() {
            Backend::Postgres => bare_postgres::run(self.url.expose_secret(), &self.folder, batch, clients, reply),
            Backend::Sqlite => bare_sqlite::run(&self.folder.join("bench.db"), batch, reply),
        }
    }

    async fn insert_master_data(&self) -> Result<(), DatabaseError> {
        let (now, currency) = (self.clock.now(), euro());
        let mut tx = self.db.begin().await?;
        for number in Contestant::ALL.iter().flat_map(|contestant| (0..STORES).map(|of| contestant.first_store() + of))
        {
            let time_zone = TimeZone::parse("time_zone", "UTC").expect("a time zone");
            let (id, name) = (StoreId::from(uuid(number)), format!("Store {number}"));
            let row = StoreRow {
                id,
                name,
                currency,
                time_zone,
                prices_include_tax: true,
                fiscal: true,
                address: None,
                tax_number: None,
                cash_rounding: None,
                day_starts_min: 0,
                created_at: now,
            };
            stores::insert(&mut tx, &row).await?;
            let kiosk = KioskRow {
                id: kiosk(number),
                store_id: id,
                name: "Kiosk".to_owned(),
                enrolment_expires_at: Some(now.plus_seconds(60)),
                enrolled_at: None,
                revoked_at: None,
                closed_at: None,
                staff_called_at: None,
                created_at: now,
            };
            // As a kiosk enrols; its key is known by its SHA-256.
            let (key, code) = (Sha256::digest(kiosk_key(number)), number.to_be_bytes());
            kiosks::insert(&mut tx, &kiosk, &code).await?;
            kiosks::enrol(&mut tx, &code, &key, now, now.plus_seconds(60)).await?.expect("an enrolled kiosk");
        }
        for (place, (name, amount)) in PRODUCTS.into_iter().enumerate() {
            let fields = ProductFields {
                name: name.to_owned(),
                sku: Some(format!("SKU-{place}")),
                barcode: None,
                description: None,
                tax_rate: TAX_RATE,
                active: true,
            };
            products::insert(&mut tx, product(place), &fields, now).await?;
            products::set_price(&mut tx, product(place), Some(Money { amount, currency }), now).await?;
        }
        tx.commit().await
    }

    /// New sessions with every product on their bills.
    pub fn insert_sessions(&self, runtime: &Runtime, contestant: Contestant, count: usize) -> Batch {
        let first = self.next_session.fetch_add(count as u64, Ordering::Relaxed);
        let batch = Batch { contestant, first, count };
        runtime
            .block_on(self.write_sessions(batch))
            .unwrap_or_else(|error| panic!("sessions could not be made: {error}"));
        batch
    }

    async fn write_sessions(&self, batch: Batch) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        for number in batch.first..batch.first + batch.count as u64 {
            self.write_session(&mut tx, batch, number).await?;
        }
        tx.commit().await
    }

    async fn write_session(&self, tx: &mut Tx, batch: Batch, number: u64) -> Result<(), DatabaseError> {
        let (now, store) = (self.clock.now(), batch.store(number));
        let session = SessionRow {
            id: SessionId::from(uuid(number)),
            store_id: StoreId::from(uuid(store)),
            currency: euro(),
            seller: SellerRow {
                store_name: String::new(),
                store_address: None,
                store_tax_number: None,
                time_zone: TimeZone::utc(),
                cash_rounding: None,
            },
            prices_include_tax: true,
            kiosk_id: Some(kiosk(store)),
            shopper_id: None,
            status: SessionStatus::Open,
            version: 1,
            created_at: now,
            last_active_at: now,
            discount_rate: None,
            discount_amount: None,
            discount_reason: None,
        };
        checkout_sessions::insert(tx, &session).await?;
        for (place, (_, amount)) in PRODUCTS.into_iter().enumerate() {
            let product = SellableProduct {
                product_id: product(place),
                name: format!("Product {place}"),
                sku: None,
                barcode: None,
                tax_rate: TAX_RATE,
                amount: Some(amount),
                currency: Some(euro()),
            };
            let (id, unit_price) = (ItemId::generate(now), Some(amount));
            let item = NewBillItem {
                id,
                session_id: session.id,
                product: &product,
                quantity: 1,
                unit_price,
                score: None,
                at: now,
            };
            billing_items::add(tx, &item).await?;
        }
        Ok(())
    }
}

/// As many as the server opens by default.
fn connections() -> u32 {
    tillsight::config::Limits::default().database_connections
}

pub fn euro() -> Currency {
    Currency::parse("currency", "EUR").expect("a currency")
}
