//! Products and their photos: added, found, changed, removed, and uploads that are refused.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase, jpeg, on_both_databases, package_photo, png_of_size};

/// A server and its admin.
struct Catalog {
    app: TestApp,
    admin: String,
}

impl Catalog {
    async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, "").await
    }

    async fn open_with(database: TestDatabase, overlay: &str) -> Self {
        let app = TestApp::spawn_with(database, overlay).await;
        let admin = app.login_admin().await;
        Self { app, admin }
    }

    async fn add(&self, texts: &[(&str, &str)], photos: Vec<Vec<u8>>) -> Reply {
        self.app.post_form("/api/products", &self.admin, texts, photos).await
    }

    /// A new product called `name` with these photos; its id.
    async fn create_product(&self, name: &str, photos: Vec<Vec<u8>>) -> String {
        text(&self.add(&[("name", name)], photos).await.expect(201)["id"])
    }

    async fn get(&self, path: &str) -> Reply {
        self.app.get(path, &self.admin).await
    }

    async fn change(&self, product: &str, change: Value) -> Reply {
        self.app.patch(&format!("/api/products/{product}"), &self.admin, change).await
    }

    async fn remove(&self, product: &str) {
        self.app.delete(&format!("/api/products/{product}"), &self.admin).await.expect(204);
    }

    /// Names of the candidates for a picture, best first, and the best score.
    async fn seen(&self, picture: Vec<u8>) -> (Vec<String>, f64) {
        let seen = self.app.post_picture("/api/recognize", &self.admin, picture).await.expect(200);
        let candidates = seen["items"][0]["candidates"].as_array().unwrap().clone();
        let best = candidates.first().map_or(0.0, |best| best["score"].as_f64().unwrap());
        (candidates.iter().map(|candidate| text(&candidate["product_name"])).collect(), best)
    }

    /// The names on a page of the list.
    async fn names(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/api/products{query}")).await.expect(200);
        page["data"].as_array().unwrap().iter().map(|product| text(&product["name"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

async fn a_product_is_recognised_the_moment_its_upload_returns(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    for product in 0..3 {
        let name = format!("Product {product}");
        let photos: Vec<Vec<u8>> = (0..3).map(|view| package_photo(product, view)).collect();
        let texts = [("name", name.as_str()), ("price", "199"), ("currency", "EUR"), ("description", "a\nb")];
        let added = catalog.add(&texts, photos.clone()).await;
        let location = added.headers.get("location").unwrap().to_str().unwrap().to_owned();
        let added = added.expect(201);
        assert_eq!((&added["status"], &added["product_name"]), (&json!("added"), &json!(name)));
        assert_eq!((&added["images_count"], &added["duplicates_skipped"]), (&json!(3), &json!(0)));
        assert_eq!(added["total_products"], product + 1);
        assert_eq!(added["total_embeddings"], 3 * (product + 1));
        assert_eq!(added["images"].as_array().unwrap().len(), 3);
        assert_eq!(added["index_revision"], product + 1);
        assert_eq!(location, format!("/api/products/{}", text(&added["id"])));
        for photo in photos {
            let (names, score) = catalog.seen(photo).await;
            assert_eq!(names[0], name);
            assert!(score > 0.999, "an enrolled photo is itself: {score}");
        }
        let shown = catalog.get(&location).await.expect(200);
        assert_eq!((&shown["price"], &shown["currency"], &shown["active"]), (&json!(199), &json!("EUR"), &json!(true)));
        assert_eq!((&shown["description"], &shown["images_count"]), (&json!("a\nb"), &json!(3)));
    }
    let photo = package_photo(1, 0);
    let seen = catalog.app.post_picture("/api/recognize", &catalog.admin, photo).await.expect(200);
    assert_eq!(
        (&seen["index_revision"], &seen["items"][0]["candidates"][0]["product_name"]),
        (&json!(3), &json!("Product 1"))
    );
}

async fn a_product_without_photos_can_be_sold_but_not_recognised(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let added = catalog.add(&[("name", "Loose apples"), ("barcode", "200001")], Vec::new()).await.expect(201);
    assert_eq!((&added["images_count"], &added["total_embeddings"]), (&json!(0), &json!(0)));
    let seen = catalog.app.post_picture("/api/recognize", &catalog.admin, package_photo(0, 0)).await.expect(200);
    assert_eq!((&seen["items"][0]["verdict"], &seen["items"][0]["candidates"]), (&json!("unknown"), &json!([])));
    assert_eq!(catalog.names("?barcode=200001").await, ["Loose apples"]);
    let product = catalog.get(&format!("/api/products/{}", text(&added["id"]))).await.expect(200);
    assert_eq!((&product["price"], &product["currency"]), (&Value::Null, &Value::Null));
}

async fn products_are_listed_in_pages_and_found_by_name_and_codes(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    for (name, sku) in [("Äpfel 100% rot", "A-1"), ("Oat milk", "M-1"), ("Whole MILK_1", "M-2"), ("Bread", "B-1")] {
        catalog.app.clock.advance(1);
        catalog.add(&[("name", name), ("sku", sku)], Vec::new()).await.expect(201);
    }
    assert_eq!(catalog.names("").await, ["Bread", "Whole MILK_1", "Oat milk", "Äpfel 100% rot"]);
    let first = catalog.get("/api/products?limit=3").await.expect(200);
    let next = text(&first["next_cursor"]);
    assert_eq!(catalog.names(&format!("?limit=3&cursor={next}")).await, ["Äpfel 100% rot"]);
    assert_eq!(catalog.names("?q=milk").await, ["Whole MILK_1", "Oat milk"]);
    assert_eq!(catalog.names("?q=%C3%84PFEL").await, ["Äpfel 100% rot"], "upper case beyond ASCII, on both databases");
    assert_eq!(catalog.names("?q=%25").await, ["Äpfel 100% rot"], "a percent sign is a percent sign");
    assert_eq!(catalog.names("?q=_").await, ["Whole MILK_1"]);
    assert_eq!(catalog.names("?sku=M-1").await, ["Oat milk"]);
    assert_eq!(catalog.names("?barcode=none").await, Vec::<String>::new());
    catalog.get("/api/products?barcode=").await.expect_problem(422, "invalid-field");
    catalog.get("/api/products?sku=%20").await.expect_problem(422, "invalid-field");
}

async fn a_sku_or_barcode_of_another_product_is_refused(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let milk =
        text(&catalog.add(&[("name", "Milk"), ("sku", "M"), ("barcode", "4006")], Vec::new()).await.expect(201)["id"]);
    let bread = catalog.create_product("Bread", Vec::new()).await;
    let taken = catalog.add(&[("name", "Other"), ("sku", "M")], Vec::new()).await.expect_problem(409, "taken");
    assert_eq!(taken["field"], "sku");
    let taken = catalog.change(&bread, json!({"barcode": "4006"})).await.expect_problem(409, "taken");
    assert_eq!(taken["field"], "barcode");
    assert!(text(&taken["detail"]).contains("4006"));
    catalog.change(&milk, json!({"sku": null})).await.expect(200);
    catalog.change(&bread, json!({"sku": "M"})).await.expect(200);
    catalog.remove(&milk).await;
    catalog.change(&bread, json!({"barcode": "4006"})).await.expect(200);
    assert_eq!(catalog.names("?barcode=4006").await, ["Bread"]);
}

async fn fields_and_prices_are_changed_one_by_one(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let milk =
        text(&catalog.add(&[("name", "Milk"), ("price", "129"), ("sku", "M")], Vec::new()).await.expect(201)["id"]);
    let changed = catalog.change(&milk, json!({"name": "Oat milk", "price": 149})).await.expect(200);
    assert_eq!((&changed["name"], &changed["sku"]), (&json!("Oat milk"), &json!("M")));
    assert_eq!((&changed["price"], &changed["currency"]), (&json!(149), &json!("EUR")));
    let changed = catalog.change(&milk, json!({"price": 1500, "currency": "KRW"})).await.expect(200);
    assert_eq!((&changed["price"], &changed["currency"]), (&json!(1500), &json!("KRW")));
    let changed = catalog.change(&milk, json!({"price": null})).await.expect(200);
    assert_eq!((&changed["price"], &changed["currency"]), (&Value::Null, &Value::Null));
    catalog.change(&milk, json!({})).await.expect(200);
    for (bad, field) in [
        (json!({"price": -1}), "price"),
        (json!({"currency": "KRW"}), "currency"),
        (json!({"price": 1, "currency": "EURO"}), "currency"),
        (json!({"name": " "}), "name"),
        (json!({"barcode": "a b"}), "barcode"),
    ] {
        let problem = catalog.change(&milk, bad).await.expect_problem(422, "invalid-field");
        assert_eq!(problem["field"], field);
    }
    catalog.change(&milk, json!({"prise": 1})).await.expect_problem(422, "invalid-field");
    catalog.change(NOBODY, json!({"name": "x"})).await.expect_problem(404, "not-found");
    assert_eq!(catalog.names("?q=oat").await, ["Oat milk"]);
}

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

async fn a_product_that_is_removed_or_off_sale_is_no_longer_recognised(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let one = catalog.create_product("One", vec![package_photo(0, 0), package_photo(0, 1)]).await;
    let two = catalog.create_product("Two", vec![package_photo(1, 0)]).await;

    let off = catalog.change(&one, json!({"active": false})).await.expect(200);
    assert_eq!((&off["active"], &off["images_count"]), (&json!(false), &json!(2)));
    assert_eq!(catalog.seen(package_photo(0, 0)).await.0, ["Two"]);
    let images = format!("/api/products/{one}/images");
    let added = catalog.app.post_form(&images, &catalog.admin, &[], vec![package_photo(0, 2)]).await;
    assert_eq!(added.expect(201)["total_embeddings"], 1, "a photo of what is off sale is kept and not searched");
    catalog.change(&one, json!({"active": true})).await.expect(200);
    for view in 0..3 {
        let (names, score) = catalog.seen(package_photo(0, view)).await;
        assert!(names[0] == "One" && score > 0.999, "{names:?} {score}");
    }

    catalog.remove(&two).await;
    assert_eq!(catalog.seen(package_photo(1, 0)).await.0, ["One"]);
    catalog.get(&format!("/api/products/{two}")).await.expect_problem(404, "not-found");
    catalog.app.delete(&format!("/api/products/{two}"), &catalog.admin).await.expect_problem(404, "not-found");
    assert_eq!(catalog.names("").await, ["One"]);
    let again = catalog.create_product("Two again", vec![package_photo(1, 0)]).await;
    assert_ne!(again, two, "its photo is free for another product");
    assert_eq!(catalog.seen(package_photo(1, 0)).await.0[0], "Two again");
}

async fn photos_are_added_served_and_removed(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let product = catalog.create_product("One", vec![package_photo(0, 0)]).await;
    let other = catalog.create_product("Two", vec![package_photo(1, 0)]).await;
    let images = format!("/api/products/{product}/images");
    let more = vec![package_photo(0, 0), package_photo(0, 1), package_photo(0, 1)];
    let added = catalog.app.post_form(&images, &catalog.admin, &[], more).await.expect(201);
    assert_eq!(
        (&added["status"], &added["images_count"], &added["duplicates_skipped"]),
        (&json!("added"), &json!(2), &json!(2))
    );
    assert!(catalog.seen(package_photo(0, 1)).await.1 > 0.999);
    let again = catalog.app.post_form(&images, &catalog.admin, &[], vec![package_photo(0, 1)]).await.expect(201);
    assert_eq!(
        (&again["status"], &again["images_count"], &again["images"]),
        (&json!("unchanged"), &json!(2), &json!([]))
    );

    let list = catalog.get(&images).await.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["next_cursor"]), (2, &Value::Null));
    let image = text(&added["images"][0]);
    let path = format!("{images}/{image}");
    let shown = catalog.get(&path).await;
    assert_eq!((shown.status.as_u16(), shown.bytes), (200, package_photo(0, 1)));
    let header = |name: &str| shown.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!((header("content-type"), header("x-content-type-options")), ("image/jpeg", "nosniff"));
    assert!(header("content-security-policy").contains("sandbox"));
    let tag = header("etag").to_owned();
    let same = catalog.app.call(Method::GET, &path, Some(&catalog.admin), |r| r.header("if-none-match", &tag)).await;
    assert_eq!((same.status.as_u16(), same.bytes.len()), (304, 0));
    catalog.get(&format!("/api/products/{other}/images/{image}")).await.expect_problem(404, "not-found");
    catalog.get(&format!("{images}/..%2F..%2F..%2Fetc%2Fpasswd")).await.expect_problem(404, "not-found");

    catalog.app.delete(&path, &catalog.admin).await.expect(204);
    catalog.get(&path).await.expect_problem(404, "not-found");
    catalog.app.delete(&path, &catalog.admin).await.expect_problem(404, "not-found");
    assert!(catalog.seen(package_photo(0, 1)).await.1 < 0.999, "the photo is not searched any more");
    catalog.app.post_form(&images, &catalog.admin, &[], Vec::new()).await.expect_problem(400, "bad-request");
}

async fn a_lost_original_is_reported_and_restored_by_sending_the_photo_again(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let product = catalog.create_product("One", vec![package_photo(0, 0)]).await;
    let images = format!("/api/products/{product}/images");
    let image = text(&catalog.get(&images).await.expect(200)["data"][0]["id"]);
    let originals = catalog.app.database.folder().join("images");
    std::fs::remove_dir_all(&originals).unwrap();
    std::fs::create_dir(&originals).unwrap();
    let lost = catalog.get(&format!("{images}/{image}")).await.expect_problem(404, "not-found");
    assert!(text(&lost["detail"]).contains("Upload the photo again"), "{lost}");
    let again = catalog.app.post_form(&images, &catalog.admin, &[], vec![package_photo(0, 0)]).await.expect(201);
    assert_eq!((&again["status"], &again["images_count"]), (&json!("unchanged"), &json!(1)));
    assert_eq!(catalog.get(&format!("{images}/{image}")).await.bytes, package_photo(0, 0));
}

async fn one_photo_belongs_to_one_product(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let one = catalog.create_product("One", vec![package_photo(0, 0)]).await;
    let photos = vec![package_photo(1, 0), package_photo(0, 0)];
    let problem =
        catalog.add(&[("name", "Two"), ("sku", "S")], photos.clone()).await.expect_problem(409, "already-enrolled");
    assert_eq!(
        (&problem["product_id"], &problem["image_index"], &problem["file_name"]),
        (&json!(one), &json!(1), &json!("photo.jpg"))
    );
    assert!(text(&problem["detail"]).contains("One"));
    assert_eq!(catalog.names("").await, ["One"], "nothing of the refused product is left");
    let image = text(&catalog.get(&format!("/api/products/{one}/images")).await.expect(200)["data"][0]["id"]);
    catalog.app.delete(&format!("/api/products/{one}/images/{image}"), &catalog.admin).await.expect(204);
    catalog.add(&[("name", "Two"), ("sku", "S")], photos).await.expect(201);
}

async fn a_race_for_a_photo_or_a_code_has_one_winner(database: TestDatabase) {
    let catalog = Catalog::open(database).await;
    let statuses = |replies: Vec<Reply>| {
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        statuses.sort_unstable();
        statuses
    };
    let for_a_photo = (0..4).map(|_| catalog.add(&[("name", "Photo")], vec![package_photo(0, 0)]));
    assert_eq!(statuses(join_all(for_a_photo).await), [201, 409, 409, 409]);
    let for_a_code = (0..4).map(|_| catalog.add(&[("name", "Code"), ("sku", "S")], Vec::new()));
    assert_eq!(statuses(join_all(for_a_code).await), [201, 409, 409, 409]);
    assert_eq!(catalog.names("").await.len(), 2);
    assert_eq!(catalog.seen(package_photo(0, 0)).await.0, ["Photo"]);
}

async fn bad_uploads_are_refused_as_a_whole_and_name_the_photo(database: TestDatabase) {
    let limits = "[limits]\nimage_bytes = 200000\nimages_per_upload = 4\nimages_per_product = 5\nupload_bytes = 500000";
    let catalog = Catalog::open_with(database, limits).await;
    let photo = package_photo(0, 0);
    let cut = photo[..photo.len() / 2].to_vec();
    let refused = async |bad: Vec<u8>, status: u16, slug: &str| {
        let problem =
            catalog.add(&[("name", "Bad")], vec![package_photo(0, 1), bad]).await.expect_problem(status, slug);
        assert_eq!((&problem["field"], &problem["image_index"]), (&json!("images"), &json!(1)), "{problem}");
    };
    refused(b"GIF89a, but not really".to_vec(), 415, "not-an-image").await;
    refused(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), 415, "not-an-image").await;
    refused(cut, 422, "broken-image").await;
    refused(Vec::new(), 422, "broken-image").await;
    refused(png_of_size(30_000, 30_000), 413, "too-large").await;
    catalog.add(&[("name", "Bad")], vec![vec![0xFF; 200_001]]).await.expect_problem(413, "too-large");
    let many = (0..5).map(|view| package_photo(0, view)).collect();
    catalog.add(&[("name", "Bad")], many).await.expect_problem(413, "too-large");
    let heavy = (0..4).map(|_| vec![0xFF; 190_000]).collect();
    catalog.add(&[("name", "Bad")], heavy).await.expect_problem(413, "too-large");

    for (texts, field) in [
        (vec![], "name"),
        (vec![("name", "")], "name"),
        (vec![("name", "Bad"), ("price", "1.99")], "price"),
        (vec![("name", "Bad"), ("price", "-5")], "price"),
        (vec![("name", "Bad"), ("price", "1"), ("currency", "XYZ")], "currency"),
        (vec![("name", "Bad"), ("colour", "red")], "colour"),
    ] {
        let problem = catalog.add(&texts, vec![package_photo(0, 0)]).await.expect_problem(422, "invalid-field");
        assert_eq!(problem["field"], field);
    }
    let json_body = catalog.app.post("/api/products", &catalog.admin, json!({"name": "Bad"})).await;
    json_body.expect_problem(400, "bad-request");
    assert_eq!(catalog.names("").await, Vec::<String>::new(), "nothing of all this was kept");

    let product = catalog.create_product("Good", (0..4).map(|view| package_photo(0, view)).collect()).await;
    let images = format!("/api/products/{product}/images");
    let two = vec![package_photo(0, 4), package_photo(0, 5)];
    catalog.app.post_form(&images, &catalog.admin, &[], two).await.expect_problem(413, "too-large");
    catalog.app.post_form(&images, &catalog.admin, &[], vec![package_photo(0, 4)]).await.expect(201);
    assert_eq!(catalog.seen(package_photo(0, 0)).await.0, ["Good"]);
}

async fn a_restart_gives_the_same_answers(database: TestDatabase) {
    let mut catalog = Catalog::open(database).await;
    for product in 0..3 {
        catalog
            .create_product(&format!("Product {product}"), vec![package_photo(product, 0), package_photo(product, 1)])
            .await;
    }
    let gone = catalog.create_product("Gone", vec![package_photo(3, 0)]).await;
    catalog.remove(&gone).await;
    let off = catalog.create_product("Off", vec![package_photo(4, 0)]).await;
    catalog.change(&off, json!({"active": false})).await.expect(200);
    let mut before = Vec::new();
    for product in 0..5 {
        before.push(catalog.seen(package_photo(product, 7)).await);
    }
    let ready = catalog.get("/readyz").await.expect(200);
    catalog.app.restart().await;
    assert_eq!(catalog.get("/readyz").await.expect(200), ready, "the same revision and number of embeddings");
    for (product, before) in before.into_iter().enumerate() {
        assert_eq!(catalog.seen(package_photo(product, 7)).await, before);
    }
    catalog.change(&off, json!({"active": true})).await.expect(200);
    assert_eq!(catalog.seen(package_photo(4, 0)).await.0[0], "Off");
}

async fn a_missing_change_stops_recognition_until_a_restart(database: TestDatabase) {
    let mut catalog = Catalog::open(database).await;
    catalog.create_product("One", vec![package_photo(0, 0)]).await;
    catalog.app.database.execute("UPDATE catalog_head SET seq = seq + 1").await;
    let texts = [("name", "Two")];
    let problem = catalog.add(&texts, vec![package_photo(1, 0)]).await;
    assert!(problem.headers.contains_key("retry-after"));
    let saved = text(&problem.expect_problem(503, "index-behind")["product_id"]);
    let refused = catalog.app.post_picture("/api/recognize", &catalog.admin, package_photo(0, 0)).await;
    refused.expect_problem(503, "index-behind");
    catalog.get("/readyz").await.expect_problem(503, "index-behind");
    assert_eq!(catalog.get(&format!("/api/products/{saved}")).await.expect(200)["name"], "Two");

    // The log goes on after the hole, so a start from the database's newest state knows everything.
    catalog.app.restart().await;
    assert_eq!(catalog.seen(package_photo(1, 0)).await.0[0], "Two");
    assert_eq!(catalog.seen(package_photo(0, 0)).await.0[0], "One");
}

async fn a_lost_or_damaged_embedding_is_made_again_at_the_start(database: TestDatabase) {
    let mut catalog = Catalog::open(database).await;
    catalog.create_product("One", vec![package_photo(0, 0)]).await;
    catalog.app.database.execute("UPDATE embeddings SET model = 'another@1#000000000000'").await;
    catalog.app.restart().await;
    let (names, score) = catalog.seen(package_photo(0, 0)).await;
    assert!(names == ["One"] && score > 0.999, "embedded from its original: {names:?} {score}");
    // Too short; a value that is NaN; of another length than 1.
    let nan = match catalog.app.database.kind() {
        "sqlite" => "UPDATE embeddings SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB)",
        _ => r"UPDATE embeddings SET vector = '\x0000c07f'::bytea || substr(vector, 5)",
    };
    let longer = match catalog.app.database.kind() {
        "sqlite" => "UPDATE embeddings SET vector = CAST(x'0000803f0000803f' || substr(vector, 9) AS BLOB)",
        _ => r"UPDATE embeddings SET vector = '\x0000803f0000803f'::bytea || substr(vector, 9)",
    };
    for damage in ["UPDATE embeddings SET vector = substr(vector, 1, 8)", nan, longer] {
        catalog.app.database.execute(damage).await;
        catalog.app.restart().await;
        assert!(catalog.seen(package_photo(0, 0)).await.1 > 0.999, "{damage}");
        assert!(catalog.seen(jpeg([9, 9, 9])).await.1 < 0.999, "{damage}");
    }
}

async fn a_thumbnail_is_made_once_and_shows_the_product(database: TestDatabase) {
    let app = TestApp::spawn(database.clone()).await;
    let admin = app.login_admin().await;
    let photo = package_photo(5, 0);
    let made = app.post_form("/api/products", &admin, &[("name", "Oat milk")], vec![photo.clone()]).await.expect(201);
    let image =
        format!("/api/products/{}/images/{}", made["id"].as_str().unwrap(), made["images"][0].as_str().unwrap());
    let path = format!("{image}?size=thumbnail");
    let thumbnail = app.get(&path, &admin).await;
    assert_eq!((thumbnail.status.as_u16(), &thumbnail.headers["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    assert_eq!(thumbnail.headers["cache-control"], "private, no-cache");
    let picture = image::load_from_memory(&thumbnail.bytes).unwrap();
    let longer = ["width", "height"].map(|side| made["regions"][0]["region"][side].as_u64().unwrap()).into_iter().max();
    assert_eq!(Some(u64::from(picture.width().max(picture.height()))), longer.map(|longer| longer.min(176)));
    assert!(thumbnail.bytes.len() < 20_000, "{}", thumbnail.bytes.len());
    let region = &made["regions"][0]["region"];
    let ratio = |width: f64, height: f64| width / height;
    let [width, height] = ["width", "height"].map(|side| region[side].as_f64().unwrap());
    let difference = ratio(f64::from(picture.width()), f64::from(picture.height())) / ratio(width, height) - 1.0;
    assert!(difference.abs() < 0.05, "it has the shape of the product's region {region}");
    // It is kept: the original is not read again.
    std::fs::remove_dir_all(database.folder().join("images")).unwrap();
    assert_eq!(app.get(&path, &admin).await.bytes, thumbnail.bytes);
    let tag = thumbnail.headers["etag"].to_str().unwrap().to_owned();
    let again = app.call(Method::GET, &path, Some(&admin), |request| request.header("if-none-match", &tag)).await;
    assert_eq!(again.status, 304);
    app.get(&format!("{image}?size=huge"), &admin).await.expect_problem(400, "bad-request");
}

async fn products_are_found_by_name_sku_or_barcode_in_one_field(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let texts = [("name", "Oat milk"), ("sku", "A-7"), ("barcode", "4006381333931")];
    let oat = app.create_product(&admin, &texts).await;
    app.create_product(&admin, &[("name", "Soap A-77")]).await;
    for text in ["A-7", "4006381333931", "OAT"] {
        let found = app.get(&format!("/api/products?q={text}"), &admin).await.expect(200);
        let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|product| &product["id"]).collect();
        assert!(ids.contains(&&json!(oat)), "{text}: {found}");
    }
    let whole = app.get("/api/products?q=400638133393", &admin).await.expect(200);
    assert_eq!(whole["data"], json!([]), "only the whole barcode");
}

on_both_databases!(
    a_thumbnail_is_made_once_and_shows_the_product,
    products_are_found_by_name_sku_or_barcode_in_one_field,
    a_product_is_recognised_the_moment_its_upload_returns,
    a_product_without_photos_can_be_sold_but_not_recognised,
    products_are_listed_in_pages_and_found_by_name_and_codes,
    a_sku_or_barcode_of_another_product_is_refused,
    fields_and_prices_are_changed_one_by_one,
    a_product_that_is_removed_or_off_sale_is_no_longer_recognised,
    photos_are_added_served_and_removed,
    a_lost_original_is_reported_and_restored_by_sending_the_photo_again,
    one_photo_belongs_to_one_product,
    a_race_for_a_photo_or_a_code_has_one_winner,
    bad_uploads_are_refused_as_a_whole_and_name_the_photo,
    a_restart_gives_the_same_answers,
    a_missing_change_stops_recognition_until_a_restart,
    a_lost_or_damaged_embedding_is_made_again_at_the_start,
);
