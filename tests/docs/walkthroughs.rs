//! The walk-throughs of README and tutorial, played by a shell against a server as a reader would. They need `curl` 7.82,
//! `jq` and `bash`, and are reported as skipped without them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::pages::{fences, root};

const PASSWORD: &str = "the till sees everything";
/// Where the pages say that the server is.
const ADDRESS: &str = "http://127.0.0.1:8000";

/// A server on a temporary folder, ended when it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = program(folder);
        command.arg("serve").env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", PASSWORD);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("tillsight listens on ").map(str::to_owned)).unwrap();
        // Somebody has to go on reading.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.current_dir(folder).env("TILLSIGHT_MODEL", root().join("models/tillsight-small.json"));
    command.env_remove("TILLSIGHT_TEST_POSTGRES_URL").env_remove("TILLSIGHT_SKIPPED_TESTS");
    command
}

/// Whether the shell has what the pages ask for; if not, `test` is reported as skipped.
fn can_be_played(test: &str) -> bool {
    let asked = Command::new("bash").args(["-c", "jq --version && curl --help all | grep -e --json"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return true;
    }
    if let Some(file) = std::env::var_os("TILLSIGHT_SKIPPED_TESTS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{test}: curl 7.82, jq or bash is missing").unwrap();
    }
    false
}

/// Photos of three rendered products, seven views each, as `photos/0000/00.jpg` and so on.
fn render_photos(folder: &Path) {
    let rendered = program(folder)
        .args(["render", "--products", "3", "--views", "7", "--seed", "3", "--out", "photos"])
        .status()
        .unwrap();
    assert!(rendered.success());
}

/// Copies views of a product to where a page expects them.
fn put(folder: &Path, product: usize, views: &[usize], names: impl Fn(usize) -> String) {
    for view in views {
        let target = folder.join(names(*view));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(folder.join(format!("photos/{product:04}/{view:02}.jpg")), target).unwrap();
    }
}

/// Plays the shell blocks of `page` that `is_played`, and gives what was printed.
fn play(page: &str, folder: &Path, is_played: impl Fn(&str) -> bool) -> String {
    let server = Server::start(folder);
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let blocks = fences(&text).1.into_iter().filter(|(language, block)| language == "sh" && is_played(block));
    let script: String = blocks.map(|(_, block)| block).collect::<Vec<_>>().join("\n");
    let script =
        script.replace(ADDRESS, &server.url).replace("target/release/tillsight", env!("CARGO_BIN_EXE_tillsight"));
    let output = Command::new("bash").args(["-euc", &script]).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!told.contains("urn:tillsight:problem"), "{told}");
    told
}

#[test]
fn the_first_ten_minutes_of_the_readme_end_with_a_claimed_receipt() {
    if !can_be_played("walkthroughs::the_first_ten_minutes_of_the_readme_end_with_a_claimed_receipt") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    render_photos(folder.path());
    put(folder.path(), 0, &[0, 1, 2, 3, 4], |view| format!("{}.jpg", view + 1));
    put(folder.path(), 0, &[5], |_| "photo.jpg".to_owned());
    let told = play("README.md", folder.path(), |block| !block.contains("make run"));
    for wanted in [
        "\"verdict\": \"matched\"",
        "\"total\": 219",
        "\"receipt_number\": 1",
        "\"state\": \"paid\"",
        "\"store_name\": \"Main Street\"",
    ] {
        assert!(told.contains(wanted), "no {wanted} in:\n{told}");
    }
}

#[test]
fn the_tutorial_ends_with_a_closed_day_and_whole_numbers() {
    if !can_be_played("walkthroughs::the_tutorial_ends_with_a_closed_day_and_whole_numbers") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    render_photos(folder.path());
    for (product, name) in ["oat-milk", "green-tea", "rye-crisps"].into_iter().enumerate() {
        put(folder.path(), product, &[0, 1, 2, 3, 4], |view| format!("{name}/{view}.jpg"));
    }
    put(folder.path(), 0, &[6], |_| "oat-milk-at-the-till.jpg".to_owned());
    let told = play("docs/tutorial/first-shop.md", folder.path(), |block| {
        !block.contains("make run") && !block.contains("the password that was printed")
    });
    for wanted in ["\"taken_off\": 92", "\"state\": \"paid\"", "\"refund_number\": 1", "\"z_number\": 1", "health 100"]
    {
        assert!(told.contains(wanted), "no {wanted} in:\n{told}");
    }
}
