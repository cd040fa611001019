//! Fills an empty database as years of use would: what people do goes through the server's API, the orders of 90 days through
//! the services with a clock of their own, so that every record has its number and its seal.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use tillsight::clock::Clock;
use tillsight::db::alerts::{self, AlertRow};
use tillsight::db::checkout_sessions::{self, SessionRow};
use tillsight::db::orders::OrderItemRow;
use tillsight::db::recognition_counts::{self, VerdictCountsRow};
use tillsight::db::stores::SellerRow;
use tillsight::db::users::{self, UserRow};
use tillsight::db::{Database, Tx};
use tillsight::demo::Client;
use tillsight::demo::packages::{Package, catalogue, encode_jpeg, render_photo};
use tillsight::domain::{
    Actor, AlertId, AlertRule, AlertSeverity, AlertState, Caller, Currency, OrderId, PaymentMethod, ProductId, Role,
    SessionId, SessionStatus, StoreId, TimeZone, Timestamp, UserId,
};
use tillsight::orders::{OrderDraft, Orders, RefundLineRequest, RefundRequest, Tender};
use uuid::Uuid;

use super::addresses::Examples;
use super::program;
use super::support::SEED;

pub const PASSWORD: &str = "sells by the thousand";
pub const SHOPPER: &str = "ann.shopper";
pub const CLERK: &str = "clerk";
const STORES: usize = 5;
const TIME_ZONES: [&str; STORES] =
    ["Europe/Berlin", "Europe/Berlin", "Europe/Madrid", "Europe/Madrid", "Europe/Berlin"];
const DAYS: i64 = 90;
const DAY_S: i64 = 86_400;
/// Shoppers besides the one whose page is measured.
const SHOPPERS: u64 = 500;
const ALERTS: i64 = 60;
/// Pixels of a photo's side.
const PHOTO_SIDE: u32 = 320;
/// Orders written in one transaction.
const BATCH: usize = 20;
/// One in so many orders is the measured shopper's, another shopper's, refunded in part, refunded in full, voided.
const OWN: usize = 50;
const SHOPPERS_ORDER: usize = 3;
const PARTLY_REFUNDED: usize = 25;
const REFUNDED: usize = 40;
const VOIDED: usize = 60;
const TAX_RATE: i64 = 700;

/// A product and its photo.
pub struct Taught {
    package: Package,
    photo: Vec<u8>,
}

pub struct Filled {
    pub examples: Examples,
    pub kiosk_key: String,
}

/// What the API made.
struct Shop {
    stores: Vec<StoreId>,
    kiosk_key: String,
    products: Vec<(ProductId, String, i64)>,
    clerk: UserId,
    shopper: UserId,
}

/// A written order, to be paid.
struct Placed {
    id: OrderId,
    number: usize,
    store: StoreId,
    total: i64,
}

pub fn render_photos(products: usize) -> Vec<Taught> {
    let packages = catalogue(SEED, products);
    let taught = packages.into_par_iter().map(|package| {
        let photo = encode_jpeg(&render_photo(&package, 0, PHOTO_SIDE)).expect("a JPEG");
        Taught { package, photo }
    });
    taught.collect()
}

pub async fn fill(url: &SecretString, folder: &Path, photos: &[Taught], orders: usize) -> Filled {
    let shop = {
        let (_server, base) = program::serve(url, folder, PASSWORD).await;
        teach(&base, photos).await
    };
    let now = Clock::system().now();
    let db = Database::connect(url, 4).await.unwrap_or_else(|error| panic!("{error}"));
    let shoppers = write_people(&db, &shop, now).await;
    let examples = sell(&db, &shop, &shoppers, orders, now).await;
    let alert = write_alerts(&db, now).await;
    drop(db);
    check_numbers(url, folder).await;
    // As PostgreSQL does by itself within minutes.
    if url_is_postgres(url) {
        analyze(url).await;
    }
    let examples = Examples { alert, person: shop.clerk.to_string(), ..examples };
    Filled { examples, kiosk_key: shop.kiosk_key }
}

fn url_is_postgres(url: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(url).starts_with("postgres")
}

async fn analyze(url: &SecretString) {
    let url = secrecy::ExposeSecret::expose_secret(url);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.expect("PostgreSQL");
    sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.expect("statistics");
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned()
}

fn id<T: From<Uuid>>(json: &Value) -> T {
    T::from(text(json, "id").parse::<Uuid>().expect("an identifier"))
}

async fn teach(base: &str, photos: &[Taught]) -> Shop {
    let anybody = Client::new(base);
    let mut admin = log_in(&anybody, "admin", PASSWORD).await;
    let mut stores: Vec<StoreId> = Vec::new();
    for (place, time_zone) in TIME_ZONES.into_iter().enumerate() {
        let body = json!({"name": format!("Store {}", place + 1), "currency": "EUR", "time_zone": time_zone});
        stores.push(id(&admin.post("/api/stores", body).await.expect("a store")));
    }
    let kiosks = format!("/api/stores/{}/kiosks", stores[0]);
    let code = text(&admin.post(&kiosks, json!({"name": "Kiosk"})).await.expect("a kiosk"), "enrolment_code");
    let kiosk_key = text(&anybody.post("/api/kiosks/enrol", json!({"code": code})).await.expect("a key"), "key");
    let signup = json!({"username": SHOPPER, "password": PASSWORD});
    let signed_up = anybody.post("/api/auth/signup", signup).await.expect("a shopper");
    let shopper = anybody.with_bearer(&text(&signed_up, "access_token")).get("/api/auth/me").await.expect("a shopper");
    let first = format!("{PASSWORD}, once");
    let body = json!({"username": CLERK, "password": first, "role": "clerk", "store_id": stores[0]});
    let clerk = admin.post("/api/users", body).await.expect("a clerk");
    let change = json!({"current_password": first, "new_password": PASSWORD});
    log_in(&anybody, CLERK, &first).await.post("/api/auth/password", change).await.expect("a password");
    let mut products = Vec::with_capacity(photos.len());
    for (place, taught) in photos.iter().enumerate() {
        // Access tokens live for minutes.
        if place % 500 == 499 {
            admin = log_in(&anybody, "admin", PASSWORD).await;
        }
        let package = &taught.package;
        let texts = vec![
            ("name", package.name.clone()),
            ("sku", package.sku.clone()),
            ("barcode", package.barcode.clone()),
            ("price", package.price_minor.to_string()),
            ("currency", "EUR".to_owned()),
            ("tax_rate_bp", TAX_RATE.to_string()),
            ("region", "whole".to_owned()),
            // Some packages are alike.
            ("insist", "true".to_owned()),
        ];
        let reply = admin.post_form("/api/products", texts, vec![taught.photo.clone()]).await.expect("a product");
        products.push((id(&reply), package.name.clone(), package.price_minor));
    }
    Shop { stores, kiosk_key, products, clerk: id(&clerk), shopper: id(&shopper) }
}

/// Leaves a report on the numbers of every store.
async fn check_numbers(url: &SecretString, folder: &Path) {
    let (_server, base) = program::serve(url, folder, PASSWORD).await;
    let admin = log_in(&Client::new(&base), "admin", PASSWORD).await;
    let check = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
    admin.post(check, json!({})).await.expect("a check");
}

async fn log_in(anybody: &Client, name: &str, password: &str) -> Client {
    let credentials = json!({"username": name, "password": password});
    let tokens = anybody.post("/api/auth/login", credentials).await.expect("a login");
    anybody.with_bearer(&text(&tokens, "access_token"))
}

/// More shoppers, who never log in.
async fn write_people(db: &Database, shop: &Shop, now: Timestamp) -> Vec<UserId> {
    let mut tx = db.begin().await.expect("a transaction");
    let mut shoppers = Vec::new();
    for number in 0..SHOPPERS {
        let row = UserRow {
            id: UserId::generate(now.plus_seconds(-DAYS * DAY_S)),
            username: format!("shopper.{number:03}"),
            password_hash: "$argon2id$".to_owned().into(),
            role: Role::User,
            store_id: None,
            disabled: false,
            must_change_password: false,
            token_epoch: 0,
            created_at: now.plus_seconds(-DAYS * DAY_S),
        };
        users::insert(&mut tx, &row).await.expect("a shopper");
        shoppers.push(row.id);
    }
    tx.commit().await.expect("shoppers");
    shoppers.insert(0, shop.shopper);
    shoppers
}

/// Writes the orders, evenly over the days until `now`, each paid, and some of them given back; a closing of each store every
/// evening.
async fn sell(db: &Database, shop: &Shop, shoppers: &[UserId], orders: usize, now: Timestamp) -> Examples {
    let clock = Clock::fixed(now.plus_seconds(-DAYS * DAY_S));
    let service = Orders::new(db.clone(), clock.clone());
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let seconds = DAYS * DAY_S / i64::try_from(orders.max(1)).expect("a number");
    let mut examples = Examples {
        product: shop.products[0].0.to_string(),
        product_word: shop.products[0].1.split(' ').next().unwrap_or_default().to_owned(),
        shopper_name: SHOPPER.to_owned(),
        store: shop.stores[0].to_string(),
        closing: 1,
        ..Examples::default()
    };
    let mut last_day = 0;
    for first in (0..orders).step_by(BATCH) {
        let mut tx = db.begin().await.expect("a transaction");
        let mut placed = Vec::with_capacity(BATCH);
        for number in first..orders.min(first + BATCH) {
            clock.advance(seconds);
            placed.push(place_order(&mut tx, &service, shop, shoppers, number, clock.now(), &mut random).await);
        }
        tx.commit().await.expect("orders");
        for order in &placed {
            settle(&service, shop, order).await;
            if order.number.is_multiple_of(OWN * STORES) {
                examples.shopper_order = order.id.to_string();
                examples.order = order.id.to_string();
            }
        }
        count_verdicts(db, shop, clock.now()).await;
        let day = clock.now().micros() / (DAY_S * 1_000_000);
        if day != last_day {
            last_day = day;
            for store in &shop.stores {
                let key = format!("closing-{day}-{store}");
                service
                    .close_day(&clerk_of(shop, *store), *store, &key)
                    .await
                    .unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
    let half = now.plus_seconds(-DAYS / 2 * DAY_S);
    examples.day = TimeZone::utc().format(half, "%Y-%m-%d");
    examples.receipt_number = i64::try_from(orders / STORES / 2).expect("a number").max(1);
    examples.session = open_bill(db, shop, now).await.to_string();
    examples
}

fn euro() -> Currency {
    Currency::parse("currency", "EUR").expect("a currency")
}

fn clerk_of(shop: &Shop, store: StoreId) -> Caller {
    Caller { actor: Actor::Person { id: shop.clerk, role: Role::Clerk, store: Some(store) }, address: None }
}

fn seller(store: usize) -> SellerRow {
    SellerRow {
        store_name: format!("Store {}", store + 1),
        store_address: None,
        store_tax_number: None,
        time_zone: TimeZone::parse("time_zone", TIME_ZONES[store]).expect("a time zone"),
        cash_rounding: None,
    }
}

async fn insert_session(tx: &mut Tx, store: StoreId, shopper: Option<UserId>, at: Timestamp, open: bool) -> SessionId {
    let session = SessionRow {
        id: SessionId::generate(at),
        store_id: store,
        currency: euro(),
        seller: seller(0),
        prices_include_tax: true,
        kiosk_id: None,
        shopper_id: shopper,
        status: if open { SessionStatus::Open } else { SessionStatus::Confirmed },
        version: 1,
        created_at: at,
        last_active_at: at,
        discount_rate: None,
        discount_amount: None,
        discount_reason: None,
    };
    checkout_sessions::insert(tx, &session).await.expect("a session");
    session.id
}

async fn open_bill(db: &Database, shop: &Shop, now: Timestamp) -> SessionId {
    let mut tx = db.begin().await.expect("a transaction");
    let session = insert_session(&mut tx, shop.stores[0], None, now, true).await;
    tx.commit().await.expect("a bill");
    session
}

async fn place_order(
    tx: &mut Tx,
    service: &Orders,
    shop: &Shop,
    shoppers: &[UserId],
    number: usize,
    at: Timestamp,
    random: &mut Pcg64Mcg,
) -> Placed {
    let place = number % STORES;
    let store = shop.stores[place];
    let shopper = match number {
        number if number.is_multiple_of(OWN) => Some(shoppers[0]),
        number if number.is_multiple_of(SHOPPERS_ORDER) => Some(shoppers[random.random_range(1..shoppers.len())]),
        _ => None,
    };
    let lines = random.random_range(1..=6_i64);
    let items: Vec<OrderItemRow> = (1..=lines)
        .map(|line| {
            // Few products make most of the turnover.
            let share: f64 = random.random();
            let product = (share * share * shop.products.len() as f64) as usize;
            order_item(line, &shop.products[product], random.random_range(1..=3))
        })
        .collect();
    let total = items.iter().map(|item| item.line_total).sum();
    let draft = OrderDraft {
        session: insert_session(tx, store, shopper, at, false).await,
        store,
        seller: seller(place),
        kiosk: None,
        shopper,
        currency: euro(),
        prices_include_tax: true,
        discount_reason: None,
        items,
        total,
    };
    let order = service.place_order(tx, draft).await.unwrap_or_else(|error| panic!("{error}"));
    Placed { id: order.id, number, store, total }
}

fn order_item(line: i64, (product_id, name, price): &(ProductId, String, i64), quantity: i64) -> OrderItemRow {
    let line_total = price * quantity;
    OrderItemRow {
        line,
        product_id: *product_id,
        name: name.clone(),
        sku: None,
        barcode: None,
        quantity,
        unit_price: *price,
        line_total,
        discount: 0,
        discount_reason: None,
        bill_discount: 0,
        tax_rate: TAX_RATE,
        tax: (line_total * TAX_RATE + (10_000 + TAX_RATE) / 2) / (10_000 + TAX_RATE),
        avg_score: Some(0.9),
    }
}

/// Pays an order, refunds it or voids it.
async fn settle(service: &Orders, shop: &Shop, order: &Placed) {
    let clerk = clerk_of(shop, order.store);
    let key = |what: &str| format!("{what}-{}", order.number);
    if order.number % VOIDED == VOIDED - 1 {
        let voided = service.void_order(&clerk, order.id, "changed their mind", &key("void")).await;
        voided.unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let method = if order.number.is_multiple_of(4) { PaymentMethod::Cash } else { PaymentMethod::Card };
    let tender = Tender { method, amount: order.total, tendered: None, reference: None };
    let paid = service.pay_order(&clerk, order.id, euro(), vec![tender], &key("pay")).await;
    paid.unwrap_or_else(|error| panic!("{error}"));
    let lines = match order.number {
        number if number % REFUNDED == REFUNDED - 1 => None,
        number if number % PARTLY_REFUNDED == PARTLY_REFUNDED - 1 => {
            Some(vec![RefundLineRequest { line: 1, quantity: 1, amount: None }])
        }
        _ => return,
    };
    let reason = "came back".to_owned();
    let refund = RefundRequest { currency: euro(), method, reference: None, reason, lines };
    let refunded = service.refund_order(&clerk, order.id, refund, &key("refund")).await;
    refunded.unwrap_or_else(|error| panic!("{error}"));
}

/// Verdicts of each store in a quarter of an hour.
async fn count_verdicts(db: &Database, shop: &Shop, at: Timestamp) {
    const QUARTER: i64 = 900 * 1_000_000;
    let quarter = Timestamp::from_micros(at.micros() / QUARTER * QUARTER);
    let mut tx = db.begin().await.expect("a transaction");
    for store in &shop.stores {
        let counts = VerdictCountsRow { matched: 9, ambiguous: 2, unknown: 1 };
        recognition_counts::add(&mut tx, *store, quarter, counts).await.expect("counts");
    }
    tx.commit().await.expect("counts");
}

/// Alerts that are over; returns the last one's id.
async fn write_alerts(db: &Database, now: Timestamp) -> String {
    let mut tx = db.begin().await.expect("a transaction");
    let mut last = String::new();
    for number in 0..ALERTS {
        let at = now.plus_seconds((number - ALERTS) * DAY_S);
        let row = AlertRow {
            id: AlertId::generate(at),
            key: "order-slow".to_owned(),
            rule: AlertRule::OrderSlow,
            store_id: StoreId::NIL,
            severity: AlertSeverity::Warning,
            state: AlertState::Resolved,
            message: "95 % of orders took up to 6.1 s.".to_owned(),
            value: 6.1,
            threshold: 5.0,
            fired_at: at,
            seen_at: at,
            told_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            escalations: 0,
            escalated_at: None,
            resolved_at: Some(at.plus_seconds(900)),
            resolved_by: Some("system".to_owned()),
        };
        alerts::insert(&mut tx, &row).await.expect("an alert");
        last = row.id.to_string();
    }
    tx.commit().await.expect("alerts");
    last
}
