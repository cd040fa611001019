//! Output of a test for the person who runs it.

use std::fs::OpenOptions;
use std::io::Write;

/// Names the file in which `make test` counts skipped tests.
const SKIPPED: &str = "TILLSIGHT_SKIPPED_TESTS";

/// Prints a line even if the test passes; the test runner captures `println!`, but not this.
pub fn say(line: &str) {
    std::io::stderr().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Reports that test `name` (as the runner calls it) lacks something it needs. The test then returns without a result.
pub fn skip(name: &str, reason: &str) {
    say(&format!("SKIPPED {name}: {reason}"));
    if let Some(path) = std::env::var_os(SKIPPED) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}
