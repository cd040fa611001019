//! One article is one product, however its barcode is written; products that share one from before can be merged.

use serde_json::{Value, json};

use crate::harness::{Shop, TestDatabase, on_both_databases, order_path, package_photo};

/// What fills the column that the server compares barcodes by, for products of before.
const MIGRATION: &str = include_str!("../../migrations/sqlite/0020_products_of_one_article.sql");

impl Shop {
    async fn names_of(&self, query: &str) -> Vec<Value> {
        let listed = self.app.get(&format!("/api/products?{query}"), &self.admin).await.expect(200);
        listed["data"].as_array().unwrap().iter().map(|product| product["name"].clone()).collect()
    }

    /// The product that a scan puts on a new bill.
    async fn scan(&self, barcode: &str) -> Value {
        let session = self.app.post("/api/sessions", &self.kiosk, json!({})).await.expect(201);
        let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
        let body = json!({"version": session["version"], "barcode": barcode});
        self.app.post(&items, &self.kiosk, body).await.expect(200)["items"][0]["product_name"].clone()
    }

    async fn teach(&self, texts: &[(&str, &str)], photos: Vec<Vec<u8>>) -> String {
        let texts: Vec<_> = texts.iter().copied().chain([("region", "whole"), ("price", "100")]).collect();
        let taught = self.app.post_form("/api/products", &self.admin, &texts, photos).await.expect(201);
        taught["id"].as_str().unwrap().to_owned()
    }
}

async fn fill_as_the_migration_does(database: &TestDatabase) {
    let updates: Vec<_> = MIGRATION.split(";\n").filter(|statement| statement.contains("UPDATE products")).collect();
    assert_eq!(updates.len(), 2);
    for update in updates {
        database.execute(update).await;
    }
}

async fn upc_and_ean_of_one_article_are_one_product(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let beans = shop.teach(&[("name", "Beans"), ("barcode", "036000291452")], Vec::new()).await;
    shop.teach(&[("name", "Soda"), ("barcode", "04252614")], Vec::new()).await;
    for (barcode, name) in [("0036000291452", "Beans"), ("00036000291452", "Beans"), ("042100005264", "Soda")] {
        let texts = [("name", "Again"), ("barcode", barcode)];
        let refused = shop.app.post_form("/api/products", &shop.admin, &texts, Vec::new()).await;
        let refused = refused.expect_problem(409, "taken");
        let detail = refused["detail"].as_str().unwrap();
        assert!(refused["field"] == "barcode" && detail.contains(barcode) && detail.contains(name), "{refused}");
        let change = json!({"barcode": barcode});
        let other = shop.app.patch(&format!("/api/products/{}", shop.milk), &shop.admin, change).await;
        other.expect_problem(409, "taken");
    }
    for (scanned, name) in [
        ("036000291452", "Beans"),
        ("0036000291452", "Beans"),
        ("00036000291452", "Beans"),
        ("04252614", "Soda"),
        ("0042100005264", "Soda"),
    ] {
        assert_eq!(shop.scan(scanned).await, name, "{scanned}");
        for query in ["barcode", "q"] {
            assert_eq!(shop.names_of(&format!("{query}={scanned}")).await, [name], "{query} {scanned}");
        }
    }
    let shown = shop.app.get(&format!("/api/products/{beans}"), &shop.admin).await.expect(200);
    assert_eq!(shown["barcode"], "036000291452", "as it was entered");
    let longer =
        shop.app.patch(&format!("/api/products/{beans}"), &shop.admin, json!({"barcode": "0036000291452"})).await;
    assert_eq!(longer.expect(200)["barcode"], "0036000291452");
    // A shop's own codes, and numbers with a weight in them, are what they are.
    for (name, barcode) in
        [("Own", "A-00036"), ("Loose", "2012345000000"), ("Short", "36000"), ("Cheese", "0212345000001")]
    {
        shop.teach(&[("name", name), ("barcode", barcode)], Vec::new()).await;
        assert_eq!(shop.scan(barcode).await, name);
    }
}

async fn a_wrong_check_digit_is_told_with_the_right_one(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let product = format!("/api/products/{}", shop.milk);
    for (wrong, right) in
        [("4006381333932", "4006381333931"), ("036000291453", "036000291452"), ("96385075", "96385074")]
    {
        let texts = [("name", "Pen"), ("barcode", wrong)];
        let created = shop.app.post_form("/api/products", &shop.admin, &texts, Vec::new()).await;
        let changed = shop.app.patch(&product, &shop.admin, json!({"barcode": wrong})).await;
        for refused in [created, changed] {
            let refused = refused.expect_problem(422, "invalid-field");
            assert_eq!(refused["field"], "barcode");
            assert!(refused["detail"].as_str().unwrap().contains(right), "{refused}");
        }
    }
    // One of before keeps nobody from changing the price, and is found as it is.
    database.execute("UPDATE products SET barcode = '4006381333932' WHERE name = 'Soap'").await;
    fill_as_the_migration_does(&database).await;
    let change = json!({"price": 300, "currency": "EUR", "barcode": "4006381333932"});
    shop.app.patch(&format!("/api/products/{}", shop.soap), &shop.admin, change).await.expect(200);
    assert_eq!(shop.scan("4006381333932").await, "Soap");
}

/// What the server writes and what the migration writes are the same.
async fn the_migration_compares_barcodes_as_the_server_does(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let codes = [
        "036000291452",
        "4006381333931",
        "14006381333938",
        "96385074",
        "04252614",
        "01234531",
        "01234543",
        "01234558",
        "01234505",
        "00000000",
        "20123457",
        "2012345000000",
        "A-17",
        "12345",
        "ABCDEFGH",
        "0123456X",
        "200001",
    ];
    for code in codes {
        shop.teach(&[("name", code), ("barcode", code)], Vec::new()).await;
    }
    database.execute("UPDATE products SET sku = barcode_normalized").await;
    database.execute("UPDATE products SET barcode_normalized = NULL").await;
    fill_as_the_migration_does(&database).await;
    let same = database.count("SELECT COUNT(*) FROM products WHERE sku = barcode_normalized").await;
    assert_eq!(same, i64::try_from(codes.len()).unwrap());
    assert_eq!(database.count("SELECT COUNT(*) FROM products WHERE sku = '00042100005264'").await, 1);
}

async fn products_of_one_article_stay_as_they_are_until_they_are_merged(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let upc = shop.teach(&[("name", "Beans"), ("barcode", "A")], vec![package_photo(0, 0), package_photo(0, 1)]).await;
    let photos = vec![package_photo(0, 2), package_photo(0, 3)];
    let ean = shop.teach(&[("name", "Beans 400 g"), ("sku", "B-4"), ("barcode", "B")], photos).await;
    database.execute("UPDATE products SET barcode = '036000291452' WHERE barcode = 'A'").await;
    database.execute("UPDATE products SET barcode = '0036000291452' WHERE barcode = 'B'").await;
    fill_as_the_migration_does(&database).await;

    assert_eq!(shop.names_of("shares_article=true").await, ["Beans 400 g", "Beans"]);
    assert_eq!(
        (shop.scan("036000291452").await, shop.scan("0036000291452").await),
        (json!("Beans"), json!("Beans 400 g"))
    );
    let product = format!("/api/products/{upc}");
    shop.app.patch(&product, &shop.admin, json!({"description": "White"})).await.expect(200);
    let order = shop.place_order(&[(&ean, 2)]).await;

    let merge = format!("{product}/merge");
    let itself = shop.app.post(&merge, &shop.admin, json!({"product_id": upc})).await;
    assert_eq!(itself.expect_problem(422, "invalid-field")["field"], "product_id");
    shop.app.post(&merge, &shop.clerk, json!({"product_id": ean})).await.expect_problem(403, "forbidden");
    let merged = shop.app.post(&merge, &shop.admin, json!({"product_id": ean})).await.expect(200);
    assert_eq!((&merged["images_count"], &merged["barcode"]), (&json!(4), &json!("036000291452")));
    assert_eq!((&merged["sku"], &merged["name"]), (&json!("B-4"), &json!("Beans")));
    assert!(shop.names_of("shares_article=true").await.is_empty());
    shop.app.get(&format!("/api/products/{ean}"), &shop.admin).await.expect_problem(404, "not-found");
    assert_eq!(shop.scan("0036000291452").await, "Beans");
    for view in 0..4 {
        let path = "/api/recognize?regions=whole";
        let seen = shop.app.post_picture(path, &shop.admin, package_photo(0, view)).await.expect(200);
        let best = &seen["items"][0]["candidates"][0];
        assert_eq!(best["product_name"], "Beans", "photo {view}: {seen}");
        assert!(best["score"].as_f64().unwrap() > 0.999, "{seen}");
    }
    let kept = shop.app.get(&order_path(&order, ""), &shop.clerk).await.expect(200);
    let line = &kept["items"][0];
    assert_eq!((&line["product_name"], &line["barcode"]), (&json!("Beans 400 g"), &json!("0036000291452")));
    let again = shop.app.post(&merge, &shop.admin, json!({"product_id": ean})).await;
    again.expect_problem(404, "not-found");
}

on_both_databases!(
    upc_and_ean_of_one_article_are_one_product,
    a_wrong_check_digit_is_told_with_the_right_one,
    the_migration_compares_barcodes_as_the_server_does,
    products_of_one_article_stay_as_they_are_until_they_are_merged,
);
