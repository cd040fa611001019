//! `tillsight index …` beside a running server: the program itself, on the server's database and folder.

use std::path::{Path, PathBuf};
use std::process::Output;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{MODEL, TestApp, TestDatabase, model_key, on_both_databases, package_photo, snapshot_path};

/// The server writes no snapshots, so that every snapshot is one that a test asked for.
const NO_SNAPSHOTS: &str = "[engine]\nsnapshot_s = 0\n";

struct Shop {
    app: TestApp,
    admin: String,
}

impl Shop {
    /// Three products with two photos each.
    async fn open(database: TestDatabase) -> Self {
        let app = TestApp::spawn_with(database, NO_SNAPSHOTS).await;
        let admin = app.login_admin().await;
        let shop = Self { app, admin };
        for product in 0..3 {
            shop.enrol(product).await;
        }
        shop
    }

    async fn enrol(&self, product: usize) -> String {
        let name = format!("Product {product}");
        let photos = vec![package_photo(product, 0), package_photo(product, 1)];
        let added = self.app.post_form("/api/products", &self.admin, &[("name", name.as_str())], photos).await;
        added.expect(201)["id"].as_str().unwrap().to_owned()
    }

    async fn index(&self, arguments: &[&str]) -> Answer {
        index(&self.app.database, MODEL, arguments).await
    }

    fn snapshot(&self) -> PathBuf {
        snapshot_path(&self.app.database)
    }

    async fn execute(&self, sql: &'static str) {
        self.app.database.execute(sql).await;
    }
}

/// What a command printed and how it ended.
struct Answer(Output);

impl Answer {
    #[track_caller]
    fn done(&self) -> Value {
        assert_eq!(self.0.status.code(), Some(0), "{}", self.stderr());
        self.json()
    }

    /// Checks that the command failed; returns the line that says why.
    #[track_caller]
    fn failed(&self) -> String {
        self.ended(1)
    }

    /// Checks that the command ended with this exit code; returns the line that says why.
    #[track_caller]
    fn not_looked(&self) -> String {
        self.ended(2)
    }

    #[track_caller]
    fn ended(&self, code: i32) -> String {
        let text = self.stderr();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("tillsight: ")).collect();
        assert_eq!((self.0.status.code(), lines.len()), (Some(code), 1), "{text}");
        lines[0].to_owned()
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr()))
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

async fn index(database: &TestDatabase, model: &str, arguments: &[&str]) -> Answer {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.arg("index").args(arguments).current_dir(database.folder());
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
    program.env("TILLSIGHT_DATA_DIR", database.folder()).env("TILLSIGHT_MODEL", model);
    Answer(program.output().await.unwrap())
}

async fn a_snapshot_is_written_verified_and_used_while_a_server_runs(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    let stats = shop.index(&["stats", "--json"]).await.done();
    assert_eq!(stats["model"], model_key());
    assert_eq!((&stats["revision"], &stats["photos"], &stats["products"]), (&json!(3), &json!(6), &json!(3)));
    assert_eq!(stats["models"], json!([{"model": model_key(), "embeddings": 6, "missing": 0}]));
    assert_eq!((&stats["snapshot"], &stats["other_files"]), (&Value::Null, &json!([])));
    assert!(stats["memory"]["vectors"].as_u64().unwrap() >= 6 * 256 * 4, "{stats}");
    assert!(shop.index(&["verify"]).await.not_looked().contains("there is no snapshot"));

    let rebuilt = shop.index(&["rebuild", "--json"]).await.done();
    assert_eq!((&rebuilt["revision"], &rebuilt["rows"]), (&json!(3), &json!(6)));
    assert_eq!(rebuilt["path"], json!(shop.snapshot()));
    let gone = shop.enrol(3).await;
    shop.enrol(4).await;
    shop.app.delete(&format!("/api/products/{gone}"), &shop.admin).await.expect(204);
    let verified = shop.index(&["verify", "--json"]).await.done();
    assert_eq!((&verified["snapshot_revision"], &verified["revision"]), (&json!(3), &json!(6)));
    assert_eq!((&verified["photos"], &verified["same"], &verified["different"]), (&json!(8), &json!(8), &json!(0)));
    let stats = shop.index(&["stats", "--json"]).await.done();
    assert_eq!((&stats["snapshot"]["behind"], &stats["snapshot"]["fault"]), (&json!(3), &Value::Null));
    for command in ["stats", "verify", "rebuild"] {
        let told = shop.index(&[command]).await;
        assert!(told.0.status.success() && String::from_utf8_lossy(&told.0.stdout).contains("photos"), "{command}");
    }
    // The server starts from it: it has what the database no longer has.
    shop.execute("UPDATE embeddings SET vector = (SELECT vector FROM embeddings ORDER BY image_id LIMIT 1)").await;
    shop.app.restart().await;
    let seen = shop.app.post_picture("/api/recognize", &shop.admin, package_photo(4, 0)).await.expect(200);
    assert_eq!(seen["items"][0]["candidates"][0]["product_name"], "Product 4");
}

async fn differences_from_the_database_are_listed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.index(&["rebuild", "--json"]).await.done();
    shop.execute(
        "UPDATE embeddings SET vector = (SELECT vector FROM embeddings ORDER BY image_id DESC LIMIT 1) \
         WHERE image_id = (SELECT image_id FROM embeddings ORDER BY image_id LIMIT 1)",
    )
    .await;
    shop.execute("UPDATE products SET active = FALSE WHERE name = 'Product 1'").await;
    shop.execute(
        "UPDATE product_images SET product_id = (SELECT id FROM products WHERE name = 'Product 0') \
         WHERE id = (SELECT id FROM product_images ORDER BY id DESC LIMIT 1)",
    )
    .await;
    let answer = shop.index(&["verify", "--json"]).await;
    assert!(answer.failed().contains("4 photos differ"), "{}", answer.stderr());
    let found = answer.json();
    assert_eq!((&found["photos"], &found["same"], &found["different"]), (&json!(4), &json!(2), &json!(4)));
    let differences: Vec<&str> = found["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["what"].as_str().unwrap())
        .collect();
    let off_sale = "it is not on sale, and in the snapshot and the changes since";
    assert_eq!(differences, ["its vector is another one", off_sale, off_sale, "it is of another product"]);

    // The database is the truth: what is built from it is right by definition.
    shop.index(&["rebuild"]).await;
    assert_eq!(shop.index(&["verify", "--json"]).await.done()["same"], 4);
    shop.execute("UPDATE products SET active = TRUE WHERE name = 'Product 1'").await;
    let missing = shop.index(&["verify", "--json"]).await.json();
    assert_eq!(missing["differences"][0]["what"], "it is on sale, and missing from the snapshot and the changes since");
}

async fn embeddings_that_are_missing_or_damaged_are_counted_and_no_snapshot_is_made_without_them(
    database: TestDatabase,
) {
    let shop = Shop::open(database).await;
    shop.index(&["rebuild", "--json"]).await.done();
    let before = std::fs::read(shop.snapshot()).unwrap();
    shop.execute("DELETE FROM embeddings WHERE image_id = (SELECT image_id FROM embeddings ORDER BY image_id LIMIT 1)")
        .await;
    shop.execute(
        "UPDATE embeddings SET vector = substr(vector, 1, 8) \
         WHERE image_id = (SELECT image_id FROM embeddings ORDER BY image_id LIMIT 1)",
    )
    .await;
    let answer = shop.index(&["verify", "--json"]).await;
    let found = answer.json();
    assert_eq!((&found["missing_embeddings"], &found["damaged_embeddings"]), (&json!(1), &json!(1)));
    assert_eq!((&found["same"], &found["different"]), (&json!(4), &json!(0)));
    let said = answer.failed();
    assert!(said.contains("1 photos on sale have no embedding") && said.contains("damaged"), "{said}");
    assert!(shop.index(&["rebuild"]).await.failed().contains("2 photos on sale have no valid embedding"));
    assert_eq!(std::fs::read(shop.snapshot()).unwrap(), before);
}

async fn a_snapshot_that_cannot_be_used_is_reported(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.index(&["rebuild", "--json"]).await.done();
    let whole = std::fs::read(shop.snapshot()).unwrap();
    let mut flipped = whole.clone();
    flipped[500] ^= 1;
    let cases =
        [(flipped, "SHA-256"), (whole[..whole.len() - 1].to_vec(), "length"), (b"PNG".to_vec(), "not an index")];
    for (bytes, fault) in cases {
        std::fs::write(shop.snapshot(), bytes).unwrap();
        let said = shop.index(&["verify"]).await.failed();
        assert!(said.contains(fault) && said.contains("tillsight index rebuild"), "{said}");
        let told = shop.index(&["stats", "--json"]).await.done()["snapshot"]["fault"].clone();
        // The rows are read by `verify` alone.
        assert!(told.as_str().map_or(fault == "SHA-256", |told| told.contains(fault)), "{told}");
    }
    std::fs::write(shop.snapshot(), &whole).unwrap();
    shop.execute("UPDATE catalog_changes SET created_at = created_at + 1 WHERE seq = 3").await;
    assert!(shop.index(&["verify"]).await.failed().contains("another catalog"));
    shop.index(&["rebuild", "--json"]).await.done();
    // The server that runs has noticed as well, and takes nothing more.
    shop.app.restart().await;
    shop.enrol(3).await;
    shop.enrol(4).await;
    shop.execute("DELETE FROM catalog_changes WHERE seq = 5").await;
    let said = shop.index(&["verify"]).await.failed();
    assert!(said.contains("change 5 is missing from the catalog's log; there is none after it either"), "{said}");
    shop.execute("UPDATE catalog_changes SET seq = 5 WHERE seq = 4").await;
    let said = shop.index(&["verify"]).await.failed();
    assert!(said.contains("change 4 is missing from the catalog's log; the next one there is 5"), "{said}");
    shop.execute("DELETE FROM catalog_changes WHERE seq > 2").await;
    shop.execute("UPDATE catalog_head SET seq = 2").await;
    assert!(shop.index(&["verify"]).await.failed().contains("ends at 2"));
}

/// A manifest of the shipped model with another version, which makes it another model. Its file is missing.
fn another_model(folder: &Path) -> String {
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(MODEL).unwrap()).unwrap();
    manifest["version"] = json!("another");
    let path = folder.join("another.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn each_model_has_its_own_snapshot_and_its_network_is_not_needed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.index(&["rebuild", "--json"]).await.done();
    let before = std::fs::read(shop.snapshot()).unwrap();
    let folder = shop.app.database.folder();
    let unfinished = folder.join(".index-x@1-0.snapshot.abc.part");
    std::fs::write(&unfinished, b"cut off").unwrap();
    let other = another_model(folder);
    let ask = |arguments: &'static [&'static str]| index(&shop.app.database, &other, arguments);
    let stats = ask(&["stats", "--json"]).await.done();
    let models: Vec<&Value> = stats["models"].as_array().unwrap().iter().collect();
    assert_eq!(models[0], &json!({"model": model_key(), "embeddings": 6, "missing": 0}));
    assert_eq!((&models[1]["model"], &models[1]["missing"]), (&stats["model"], &json!(6)));
    assert_eq!(stats["snapshot"], Value::Null);
    let files = json!([
        {"path": unfinished, "bytes": 7, "model": null},
        {"path": shop.snapshot(), "bytes": before.len(), "model": model_key()},
    ]);
    assert_eq!(stats["other_files"], files);
    assert!(ask(&["rebuild"]).await.failed().contains("6 photos on sale have no valid embedding"));

    let copy = "INSERT INTO embeddings (image_id, model, vector) SELECT image_id, $1, vector FROM embeddings";
    shop.app.database.execute_with(copy, stats["model"].as_str().unwrap()).await;
    assert_eq!(ask(&["rebuild", "--json"]).await.done()["rows"], 6);
    assert_eq!(ask(&["verify", "--json"]).await.done()["same"], 6);
    assert_eq!(std::fs::read(shop.snapshot()).unwrap(), before, "it is kept for going back to its model");
}

/// A start uses the model that was switched to, whatever the settings say. So do these commands, and they say so.
async fn the_model_that_was_switched_to_is_examined(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let before = shop.index(&["stats", "--json"]).await.done();
    assert_eq!(before["model_origin"], "tillsight-small.json, as the settings say");
    let wish = json!({"manifest": "tillsight-small-fp32.json", "at_once": true, "even_if_worse": true});
    let begun = shop.app.post("/api/models/switch", &shop.admin, wish).await.expect(202);
    for _ in 0..1_200 {
        if shop.app.get("/readyz", &shop.admin).await.expect(200)["model"] == begun["to"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let stats = shop.index(&["stats", "--json"]).await.done();
    assert_eq!(stats["model"], begun["to"]);
    let origin = "tillsight-small-fp32.json, which was switched to; the settings say tillsight-small.json";
    assert_eq!(stats["model_origin"], origin);
    let rebuilt = shop.index(&["rebuild", "--json"]).await.done();
    assert_eq!((&rebuilt["model"], &rebuilt["rows"]), (&begun["to"], &json!(6)));
    assert_ne!(rebuilt["path"], json!(shop.snapshot()));
    assert_eq!(shop.index(&["verify", "--json"]).await.done()["model"], begun["to"]);
    let shown = shop.index(&["verify"]).await.0;
    assert!(String::from_utf8_lossy(&shown.stdout).contains(origin), "{shown:?}");
    let measured = shop.index(&["bench", "--runs", "1", "--json"]).await.done();
    assert_eq!(measured["model"], begun["to"]);

    // A folder that has only the settings' model, as after an upgrade that brought another.
    let alone = shop.app.database.folder().join("tillsight-small.json");
    std::fs::copy(MODEL, &alone).unwrap();
    let stats = index(&shop.app.database, alone.to_str().unwrap(), &["stats", "--json"]).await.done();
    assert_eq!(stats["model"], model_key());
    let origin = stats["model_origin"].as_str().unwrap();
    assert!(origin.contains("as the settings say") && origin.contains(begun["to"].as_str().unwrap()), "{origin}");
}

async fn the_bench_measures_the_catalogue_and_random_vectors(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let own = shop.index(&["bench", "--runs", "2", "--json"]).await.done();
    assert_eq!((&own["rows"], &own["products"], &own["dim"]), (&json!(6), &json!(3), &json!(256)));
    let arguments = ["bench", "--rows", "1234", "--dim", "9", "--threads", "2", "--runs", "1", "--json"];
    let made_up = shop.index(&arguments).await.done();
    assert_eq!((&made_up["rows"], &made_up["dim"], &made_up["threads"]), (&json!(1_234), &json!(9), &json!(2)));
    assert_eq!(made_up["vector_bytes"], 1_234 * 9 * 4);
    for time in ["read_us", "search_us", "each_in_company_us", "add_us", "remove_us"] {
        assert!(made_up[time].as_f64().unwrap() > 0.0, "{made_up}");
    }
    assert!(shop.index(&["bench", "--rows", "100", "--runs", "1"]).await.0.status.success());
    assert_eq!(shop.index(&["bench", "--dim", "4"]).await.0.status.code(), Some(2), "--dim is of made-up vectors");
    // It reads the database and nothing else.
    let ready = shop.app.get("/readyz", &shop.admin).await.expect(200);
    assert_eq!((&ready["index_revision"], &ready["embeddings"]), (&json!(3), &json!(6)));
}

async fn a_database_without_a_catalog_is_not_changed(database: TestDatabase) {
    for command in ["stats", "verify", "rebuild", "bench"] {
        let said = index(&database, MODEL, &[command]).await.ended(if command == "verify" { 2 } else { 1 });
        assert!(said.contains("test.db") || said.contains("tillsight migrate"), "{said}");
    }
    assert_eq!(std::fs::read_dir(database.folder()).unwrap().count(), 0, "nothing is made");
}

on_both_databases!(
    a_snapshot_is_written_verified_and_used_while_a_server_runs,
    differences_from_the_database_are_listed,
    embeddings_that_are_missing_or_damaged_are_counted_and_no_snapshot_is_made_without_them,
    a_snapshot_that_cannot_be_used_is_reported,
    each_model_has_its_own_snapshot_and_its_network_is_not_needed,
    the_model_that_was_switched_to_is_examined,
    the_bench_measures_the_catalogue_and_random_vectors,
    a_database_without_a_catalog_is_not_changed,
);
