//! What a test says to the person who runs it, beside passing or failing.

use std::fs::OpenOptions;
use std::io::Write;

/// The file in which `make test` counts skipped tests.
const SKIPPED: &str = "TILLSIGHT_SKIPPED_TESTS";

/// Prints a line that is shown even when the test passes: the test runner holds back what `println!` prints, not this.
pub fn say(line: &str) {
    std::io::stderr().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Reports that test `name` (as the runner calls it) lacks what it needs; it returns without having shown anything.
pub fn skip(name: &str, reason: &str) {
    say(&format!("SKIPPED {name}: {reason}"));
    if let Some(path) = std::env::var_os(SKIPPED) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}
