//! The rules of the architecture (ARCHITECTURE.md, "Code map"), checked on the source text: which module may use which
//! module and which crate, and how files are named. A violation fails with the file, the line and the rule.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module and the modules that it may import, from the foundation up.
const MAY_IMPORT: [(&str, &[&str]); 46] = [
    ("domain", &[]),
    ("clock", &["domain"]),
    ("config", &["domain"]),
    ("telemetry", &["config"]),
    ("pool", &["telemetry"]),
    ("backoff", &[]),
    ("background", &["clock", "domain", "pool", "telemetry"]),
    ("atomic_file", &[]),
    ("terminal", &[]),
    ("db", &LEAVES),
    ("embedding", &["clock", "config", "domain", "telemetry", "pool", "atomic_file"]),
    ("index", &LEAVES),
    ("storage", &["background", "domain", "db"]),
    ("backup", &["atomic_file", "clock", "domain", "db"]),
    ("last_seen", &["domain", "db"]),
    ("auth", &["clock", "config", "domain", "telemetry", "pool", "db", "idempotency", "last_seen"]),
    ("barcodes", &["domain"]),
    ("confidence", &["domain"]),
    ("regions", &["domain"]),
    ("photo_quality", &["domain", "regions"]),
    ("product_photos", &["domain", "pool", "embedding", "photo_quality", "regions"]),
    ("evaluation", &["domain", "pool", "embedding", "atomic_file", "confidence", "regions", "product_photos"]),
    ("active_model", &["confidence", "domain", "embedding", "index", "product_photos"]),
    ("look_alikes", &["active_model", "background", "clock", "confidence", "domain", "embedding", "index"]),
    (
        "index_feed",
        &[
            "backoff",
            "background",
            "clock",
            "config",
            "domain",
            "telemetry",
            "pool",
            "atomic_file",
            "db",
            "embedding",
            "index",
            "product_photos",
            "active_model",
        ],
    ),
    (
        "models",
        &[
            "backoff",
            "background",
            "clock",
            "config",
            "domain",
            "telemetry",
            "pool",
            "atomic_file",
            "db",
            "embedding",
            "active_model",
            "confidence",
            "index_feed",
        ],
    ),
    (
        "catalog",
        &[
            "clock",
            "config",
            "domain",
            "telemetry",
            "pool",
            "db",
            "embedding",
            "photo_quality",
            "product_photos",
            "active_model",
            "index_feed",
            "look_alikes",
            "idempotency",
        ],
    ),
    (
        "recognition",
        &[
            "clock",
            "config",
            "domain",
            "telemetry",
            "pool",
            "db",
            "embedding",
            "index",
            "active_model",
            "barcodes",
            "confidence",
            "last_seen",
            "regions",
        ],
    ),
    ("performance", &["clock", "domain", "db"]),
    ("idempotency", &["backoff", "domain", "telemetry", "db", "performance"]),
    ("orders", &["clock", "domain", "telemetry", "db", "idempotency"]),
    (
        "checkout",
        &["clock", "config", "domain", "telemetry", "db", "idempotency", "orders", "performance", "recognition"],
    ),
    ("integrity", &["clock", "config", "domain", "telemetry", "db"]),
    ("statistics", &["clock", "domain", "db"]),
    ("audit", &["domain", "db"]),
    (
        "alerts",
        &[
            "backoff",
            "background",
            "clock",
            "config",
            "domain",
            "telemetry",
            "db",
            "integrity",
            "performance",
            "storage",
        ],
    ),
    (
        "automation",
        &[
            "alerts",
            "atomic_file",
            "backoff",
            "background",
            "backup",
            "catalog",
            "checkout",
            "clock",
            "config",
            "db",
            "domain",
            "idempotency",
            "integrity",
            "photo_quality",
            "pool",
            "regions",
            "telemetry",
        ],
    ),
    ("qr_code", &[]),
    ("receipt_page", &["qr_code"]),
    (
        "http",
        &[
            "automation",
            "background",
            "clock",
            "config",
            "domain",
            "telemetry",
            "auth",
            "catalog",
            "index_feed",
            "models",
            "recognition",
            "checkout",
            "idempotency",
            "orders",
            "performance",
            "integrity",
            "alerts",
            "audit",
            "statistics",
            "storage",
            "receipt_page",
        ],
    ),
    (
        "web",
        &[
            "automation",
            "background",
            "clock",
            "config",
            "domain",
            "auth",
            "catalog",
            "index_feed",
            "models",
            "recognition",
            "checkout",
            "orders",
            "performance",
            "integrity",
            "alerts",
            "look_alikes",
            "photo_quality",
            "audit",
            "statistics",
            "storage",
            "qr_code",
            "http",
        ],
    ),
    ("demo", &["domain", "terminal"]),
    ("app", &ANYTHING_BUT_CLI),
    (
        "cli",
        &[
            "app",
            "auth",
            "automation",
            "backup",
            "catalog",
            "clock",
            "config",
            "demo",
            "domain",
            "embedding",
            "evaluation",
            "index",
            "index_feed",
            "integrity",
            "look_alikes",
            "orders",
            "db",
            "storage",
            "telemetry",
            "terminal",
            "atomic_file",
        ],
    ),
    ("lib", &[]),
    ("main", &["cli"]),
];
const LEAVES: [&str; 7] = ["backoff", "clock", "config", "domain", "telemetry", "pool", "atomic_file"];
const ANYTHING_BUT_CLI: [&str; 31] = [
    "automation",
    "atomic_file",
    "backoff",
    "background",
    "backup",
    "storage",
    "clock",
    "config",
    "domain",
    "telemetry",
    "pool",
    "db",
    "embedding",
    "index",
    "active_model",
    "last_seen",
    "auth",
    "catalog",
    "index_feed",
    "models",
    "recognition",
    "idempotency",
    "orders",
    "checkout",
    "performance",
    "integrity",
    "statistics",
    "audit",
    "alerts",
    "web",
    "http",
];

/// `http` may import the errors of the database, so that an outage is mapped to a status in one place; the tests of `barcodes` draw some.
const EXCEPTIONS: [(&str, &str); 2] = [("http", "db::DatabaseError"), ("barcodes", "demo::packages::ean13_modules")];

/// Crates that only some modules may use.
const CRATES: [(&str, &[&str]); 34] = [
    ("backon", &["backoff"]),
    ("actix_web", &["http", "web", "app"]),
    ("actix_http", &["app"]),
    ("actix_server", &["app"]),
    ("actix_service", &["app"]),
    ("multer", &["http"]),
    ("sqlx", &["db"]),
    ("ort", &["embedding"]),
    ("prost", &["embedding"]),
    ("faiss", &["index"]),
    ("rayon", &["index"]),
    ("async_rwlock", &["index"]),
    ("reqwest", &["demo", "alerts", "automation"]),
    ("hdrhistogram", &["performance"]),
    ("hmac", &["alerts"]),
    ("encoding_rs", &["automation", "domain"]),
    ("jiff", &["domain"]),
    ("unicode_normalization", &["automation", "domain"]),
    ("cronexpr", &["domain"]),
    ("askama", &["web", "receipt_page"]),
    ("qrcode", &["qr_code"]),
    ("plotters", &["web"]),
    ("pulldown_cmark", &["web"]),
    ("fluent_bundle", &["web"]),
    ("rust_embed", &["web"]),
    ("if_addrs", &["app"]),
    ("rcgen", &["app"]),
    ("rustls", &["app"]),
    ("rxing", &["barcodes"]),
    ("rustix", &["app", "automation", "storage"]),
    ("procfs", &["telemetry", "cli"]),
    ("clap_mangen", &["cli"]),
    ("texting_robots", &["automation"]),
    ("zip", &["automation", "catalog", "cli"]),
];

/// File and folder names that do not say what is inside.
const DRAWER_NAMES: [&str; 12] =
    ["at_hand", "beside", "common", "crowd", "doom", "helpers", "later", "left_out", "misc", "others", "rows", "utils"];

/// Identifiers that call the database a store: "store" means the shop.
const STORE_FOR_DATABASE: [&str; 5] =
    ["crate::store::", "tillsight::store::", "Store::connect", "StoreError", "mod store;"];

const FILE_LINES_MAX: usize = 500;

#[test]
fn modules_import_only_from_below() {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut violations = Vec::new();
    for (file, module, text) in sources() {
        let allowed = rules
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{} is missing from the table of modules", file.display()));
        for (number, line) in code(&text) {
            for named in names_after(line, "crate::") {
                let top = named.split("::").next().unwrap_or_default();
                let is_module = rules.contains_key(top);
                let is_exception = EXCEPTIONS.iter().any(|(who, what)| *who == module && named.starts_with(what));
                if is_module && top != module && !allowed.contains(&top) && !is_exception {
                    violations.push(format!(
                        "{}:{number}: {module} may not import {top}: {}",
                        file.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn crates_are_used_only_by_their_modules() {
    let mut violations = Vec::new();
    for (file, module, text) in sources() {
        for (number, line) in code(&text) {
            for (krate, modules) in CRATES {
                if !names_after(line, &format!("{krate}::")).is_empty() && !modules.contains(&module.as_str()) {
                    violations.push(format!(
                        "{}:{number}: only {modules:?} may use {krate}: {}",
                        file.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn files_have_a_subject_a_purpose_and_a_readable_size() {
    for (file, _, text) in sources() {
        let relative = file.strip_prefix(source_root()).unwrap();
        for part in relative.with_extension("").iter().map(|part| part.to_string_lossy()) {
            assert!(
                !DRAWER_NAMES.contains(&part.as_ref()),
                "{}: \"{part}\" does not say what is inside",
                file.display()
            );
        }
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines: split it", file.display());
        assert!(text.starts_with("//!"), "{} does not begin with its purpose", file.display());
    }
}

#[test]
fn store_means_the_shop_and_never_the_database() {
    let mut violations = Vec::new();
    for (file, _, text) in sources() {
        for (number, line) in code(&text) {
            for identifier in STORE_FOR_DATABASE.iter().filter(|identifier| line.contains(**identifier)) {
                violations.push(format!("{}:{number}: {identifier} means the database", file.display()));
            }
        }
    }
    // Scripts show commands in their comments.
    let mut scripts = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sh") {
            scripts += 1;
            for (index, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
                if line.contains("store::") {
                    violations.push(format!("{}:{}: store:: means the database", path.display(), index + 1));
                }
            }
        }
    }
    assert!(scripts > 3, "only {scripts} scripts found");
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn only_terminal_prints() {
    // `println!` and the like panic if the stream is closed, and pass control characters on to the terminal.
    let mut violations = Vec::new();
    for (file, module, text) in sources() {
        let is_test = file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
        for (number, line) in code(&text).into_iter().filter(|_| module != "terminal" && !is_test) {
            if ["print!(", "println!(", "eprint!(", "eprintln!("].iter().any(|call| line.contains(call)) {
                violations.push(format!(
                    "{}:{number}: print with say! or note! of terminal: {}",
                    file.display(),
                    line.trim()
                ));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn the_rules_find_a_violation() {
    assert_eq!(names_after("use crate::db::{Database, Tx};", "crate::"), ["db::{Database"]);
    assert_eq!(names_after("fn f(x: crate::http::Problem)", "crate::"), ["http::Problem"]);
    assert_eq!(names_after("let x = sqlx::query(\"\");", "sqlx::"), ["query"]);
    assert!(names_after("use my_sqlx::query;", "sqlx::").is_empty());
    assert_eq!(code("a\n// crate::http\n\"//\" crate::web").len(), 2);
}

/// What follows each `prefix` in a line, if `prefix` is not the end of a longer name.
fn names_after(line: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (position, _) in line.match_indices(prefix) {
        let before = line[..position].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            let rest = &line[position + prefix.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "_:{".contains(c))).unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
        }
    }
    found
}

/// The numbered lines that are not comments.
fn code(text: &str) -> Vec<(usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
}

/// Every source file with its top-level module.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = source_root();
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
                let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, module, text));
            }
        }
    }
    assert!(files.len() > 50, "only {} source files found", files.len());
    files
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
