//! The API as programs of others see it: validators, generated clients, a browser. Each test starts a server and gives the
//! OpenAPI document to a program that was written without us.
//!
//! `make test-others` runs them. Python's and npm's packages are pinned in `tests/others` and lie in `target/others`;
//! `deploy/setup.sh --others` fetches them, and Chromium from the system's packages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pages/camera.rs"]
#[expect(dead_code, reason = "another test shows other pictures")]
mod camera;
mod filled_shop;
#[path = "api/harness/mod.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests of the API use the rest")]
mod harness;
#[path = "others/programs.rs"]
mod programs;
#[path = "others/shop.rs"]
mod shop;

use std::path::Path;

use filled_shop::{Extent, FilledShop};
use harness::{AlertReceiver, say};
use programs::{chromium, node, python, run};
use shop::Shop;

/// Seconds of generated requests for each kind of caller.
const FUZZING_S: &str = "55";
/// What schemathesis compares each reply with. Left out are its guesses about other APIs, such as that what a key forbids is
/// answered 405, or that a value which fits the schema is always taken: a version may be stale, a name taken.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,ignored_auth";

#[test]
fn the_document_is_valid() {
    let Some(mut validator) = python("the_document_is_valid") else { return };
    let shop = Shop::open();
    let output = run(validator.args(["-m", "openapi_spec_validator"]).arg(shop.document()));
    assert!(output.trim_end().ends_with("OK"), "{output}");
}

/// Sends requests made from the document, valid and invalid ones.
fn fuzz(test: &str, token: impl Fn(&Shop) -> Option<String>) {
    let Some(mut schemathesis) = python(test) else { return };
    let shop = Shop::open();
    shop.stock();
    schemathesis.args(["-m", "schemathesis.cli", "run"]).arg(shop.document()).args(["--url", &shop.url]);
    schemathesis.args(["--checks", CHECKS, "--max-time", FUZZING_S, "--phases", "examples,coverage,fuzzing"]);
    schemathesis.args(["--generation-deterministic", "--no-color"]);
    schemathesis.args(["--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"]);
    if let Some(token) = token(&shop) {
        schemathesis.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let output = run(schemathesis.current_dir(shop.folder()));
    let summary = output.lines().rev().take(12).collect::<Vec<_>>();
    say(&format!("{test}:\n{}", summary.into_iter().rev().collect::<Vec<_>>().join("\n")));
    shop.assert_alive();
}

#[test]
fn schemathesis_as_admin_gets_documented_replies_only() {
    fuzz("schemathesis_as_admin_gets_documented_replies_only", |shop| Some(shop.admin.clone()));
}

#[test]
fn schemathesis_as_kiosk_gets_documented_replies_only() {
    fuzz("schemathesis_as_kiosk_gets_documented_replies_only", |shop| Some(shop.kiosk.clone()));
}

#[test]
fn schemathesis_as_shopper_gets_documented_replies_only() {
    fuzz("schemathesis_as_shopper_gets_documented_replies_only", |shop| Some(shop.shopper.clone()));
}

#[test]
fn schemathesis_as_stranger_gets_documented_replies_only() {
    fuzz("schemathesis_as_stranger_gets_documented_replies_only", |_| None);
}

#[test]
fn a_generated_python_client_plays_a_sale() {
    const NAME: &str = "a_generated_python_client_plays_a_sale";
    let (Some(mut generator), Some(mut sale)) = (python(NAME), python(NAME)) else { return };
    let shop = Shop::open();
    let client = shop.folder().join("tillsight_client");
    generator.args(["-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning", "--config"]);
    generator.arg(script("python-client.yml")).arg("--path").arg(shop.document()).arg("--output-path").arg(&client);
    run(generator.current_dir(shop.folder()));
    let output = run(sale.arg(script("sale.py")).arg(&shop.url).arg(shop.photos()).env("PYTHONPATH", shop.folder()));
    assert!(output.ends_with("paid, receipt 1\n"), "{output}");
}

#[test]
fn a_generated_typescript_client_plays_a_sale() {
    const NAME: &str = "a_generated_typescript_client_plays_a_sale";
    let (Some(mut generator), Some(mut compiler), Some(mut sale)) = (node(NAME), node(NAME), node(NAME)) else {
        return;
    };
    let shop = Shop::open();
    let types = programs::FOLDER.join("schema.d.ts");
    run(generator.arg("node_modules/openapi-typescript/bin/cli.js").arg(shop.document()).arg("--output").arg(&types));
    for file in ["sale.ts", "package.json"] {
        std::fs::copy(script(file), programs::FOLDER.join(file)).unwrap();
    }
    compiler.args(["node_modules/typescript/bin/tsc", "--strict", "--target", "es2022", "--module", "nodenext"]);
    run(compiler.args(["--skipLibCheck", "--types", "node", "--outDir", "built", "sale.ts"]));
    let output = run(sale.arg("built/sale.js").arg(&shop.url).arg(shop.photos()));
    assert!(output.ends_with("paid, receipt 1\n"), "{output}");
}

/// The reference library of Standard Webhooks reads each secret as tillsight does, and accepts messages by either of two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_webhooks_accepts_messages_by_the_new_and_the_previous_secret() {
    const NAME: &str = "standard_webhooks_accepts_messages_by_the_new_and_the_previous_secret";
    const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    // 32 bytes, so that its base64 ends with a sign that fills it up.
    const PREVIOUS: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDtzuJZpFxTm4=";
    let Some(mut node) = node(NAME) else { return };
    let receiver = AlertReceiver::start().await;
    let address = receiver.url.clone();
    let sent = tokio::task::spawn_blocking(move || {
        let shop = Shop::open_with(&[
            ("TILLSIGHT_MONITORING__WEBHOOK_URL", &address),
            ("TILLSIGHT_MONITORING__WEBHOOK_SECRET", NEW),
            ("TILLSIGHT_MONITORING__WEBHOOK_SECRET_PREVIOUS", PREVIOUS),
        ]);
        shop.post("/api/monitoring/numbering/alerts/test", &shop.admin, serde_json::json!({}))
    });
    assert_eq!(sent.await.unwrap()["data"][0]["delivered"], true);
    let received = receiver.take_requests().pop().unwrap();
    std::fs::copy(script("webhook.mjs"), programs::FOLDER.join("webhook.mjs")).unwrap();
    let headers = serde_json::to_string(&received.headers).unwrap();
    let output = run(node.args(["webhook.mjs", &headers, &received.body, NEW, PREVIOUS]));
    assert!(output.trim_end().ends_with("2 secrets accept the message, another one does not"), "{output}");
}

#[test]
fn each_operation_is_sent_to_its_own_path_by_the_page_of_the_document() {
    const NAME: &str = "each_operation_is_sent_to_its_own_path_by_the_page_of_the_document";
    let (Some(mut node), Some(chromium)) = (node(NAME), chromium(NAME)) else { return };
    let shop = Shop::open();
    std::fs::copy(script("docs_page.mjs"), programs::FOLDER.join("docs_page.mjs")).unwrap();
    let output = run(node.arg("docs_page.mjs").arg(&shop.url).arg(chromium).arg(shop.photo()));
    say(output.trim_end());
    assert!(output.trim_end().ends_with("operations sent their own request"), "{output}");
}

/// axe-core finds nothing serious on any page, in light and dark; each works by keyboard, with text of twice the size, and without
/// motion.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible() {
    const NAME: &str = "every_page_is_accessible";
    let (Some(mut node), Some(chromium)) = (node(NAME), chromium(NAME)) else { return };
    let extent = Extent { days: 3, products: 6, photos_per_product: 2, sales_percent: 40 };
    let shop = Box::pin(FilledShop::open(&extent)).await;
    let plan = shop.write_plan(&chromium).await;
    for file in ["accessibility.mjs", "browser.mjs", "keyboard.mjs", "reflow.mjs", "kiosk.mjs"] {
        std::fs::copy(script(file), programs::FOLDER.join(file)).unwrap();
    }
    node.arg("accessibility.mjs").arg(plan);
    let output = tokio::task::spawn_blocking(move || run(&mut node)).await.unwrap();
    say(output.trim_end());
    assert!(output.trim_end().ends_with("pages are accessible"), "{output}");
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/others").join(name)
}
