//! The program as a person runs it: its output, its exit code, and what survives a kill.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "program/doctor.rs"]
mod doctor;
#[path = "api/harness/skip.rs"]
mod skip;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
const PASSWORD: &str = "the till sees everything";

/// The program with its own data folder and no other settings in its environment.
fn tillsight(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.args(arguments).current_dir(folder).env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_BIND", "127.0.0.1:0");
    command.env_remove("TILLSIGHT_TEST_POSTGRES_URL").env_remove("TILLSIGHT_ADMIN_PASSWORD");
    command
}

/// Checks for exit code 1 and one line on standard error, and returns that line.
#[track_caller]
fn error_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("tillsight: ")).collect();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[test]
fn a_failed_start_prints_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let serve =
        |name: &str, value: &str| error_line(&tillsight(folder.path(), &["serve"]).env(name, value).output().unwrap());
    let missing = serve("TILLSIGHT_MODEL", "nowhere/model.json");
    assert!(missing.contains("nowhere/model.json"), "{missing}");
    let database = serve("TILLSIGHT_DATABASE_URL", "postgres://nobody:hunter2secret@127.0.0.1:1/none");
    assert!(database.contains("127.0.0.1:1/none") && !database.contains("hunter2secret"), "{database}");
    let library = serve("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    assert!(library.contains("/nowhere/libonnxruntime.so"), "{library}");
    assert!(serve("TILLSIGHT_BINDD", "x").contains("bindd"));
    assert!(serve("TILLSIGHT_CONFIG", "nowhere.toml").contains("nowhere.toml"));
    assert!(serve("TILLSIGHT_TOKEN_SECRET", "short").contains("token_secret"));
    assert!(serve("TILLSIGHT_DATABASE_URL", "sqlite:///proc/nothing/x.db").contains("/proc/nothing"));
    assert!(serve("TILLSIGHT_ADMIN_PASSWORD", "password1234").to_lowercase().contains("password"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(serve("TILLSIGHT_BIND", &address).contains(&address));
}

#[test]
fn a_wrong_setting_is_told_with_its_variable_or_file_and_what_would_be_valid() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("till.toml"), "[limits]\npage = \"7\"").unwrap();
    let serve =
        |name: &str, value: &str| error_line(&tillsight(folder.path(), &["serve"]).env(name, value).output().unwrap());
    assert_eq!(
        serve("TILLSIGHT_LIMITS__PAGE", "7.5"),
        "tillsight: setting limits.page must be a whole number, not 7.5 (in TILLSIGHT_LIMITS__PAGE)"
    );
    let file = serve("TILLSIGHT_CONFIG", "till.toml");
    assert!(file.contains("setting limits.page must be a whole number, not the text \"7\" (in "), "{file}");
    assert!(file.ends_with("till.toml)"), "{file}");
    assert!(serve("TILLSIGHT_LOG_FILTER", "loud==").contains("\"loud==\" is not a level (error, warn"));
    // The secret of a shop must not end in a log because it was mistyped.
    let secret = serve("TILLSIGHT_MONITORING__WEBHOOK_SECRET", "plain text of a shop");
    assert!(
        secret.contains("monitoring.webhook_secret: must begin with whsec_") && !secret.contains("plain"),
        "{secret}"
    );
    let database = serve("TILLSIGHT_DATABASE_URL", "sqlite:///dev/null/x.db");
    assert!(!database.contains("code:") && !database.contains("os error"), "{database}");
}

#[test]
fn a_model_that_differs_from_its_manifest_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let manifest: Value = serde_json::from_slice(&std::fs::read(MODEL).unwrap()).unwrap();
    let onnx = Path::new(MODEL).with_file_name(manifest["file"].as_str().unwrap());
    std::fs::copy(&onnx, folder.path().join("copy.onnx")).unwrap();
    let start = |change: &dyn Fn(&mut Value)| {
        let mut changed = manifest.clone();
        changed["file"] = json!("copy.onnx");
        change(&mut changed);
        let path = folder.path().join("model.json");
        std::fs::write(&path, changed.to_string()).unwrap();
        error_line(&tillsight(folder.path(), &["serve"]).env("TILLSIGHT_MODEL", &path).output().unwrap())
    };
    assert!(start(&|manifest| manifest["sha256"] = json!("0".repeat(64))).contains("SHA-256"));
    assert!(start(&|manifest| manifest["output"]["dim"] = json!(255)).contains("255"));
    assert!(start(&|manifest| manifest["output"]["name"] = json!("nothing")).contains("nothing"));
    assert!(start(&|manifest| manifest["input"]["name"] = json!("nothing")).contains("nothing"));
    assert!(start(&|manifest| manifest["input"]["width"] = json!(0)).contains("width"));
    assert!(start(&|manifest| manifest["colour"] = json!("rgb")).contains("colour"));
    assert!(
        start(&|manifest| manifest["thresholds"]["score"] = json!("0.5"))
            .contains("the field thresholds.score must be a number, not the text \"0.5\"")
    );
    std::fs::write(folder.path().join("copy.onnx"), b"not a model").unwrap();
    let hash = hex::encode(Sha256::digest(b"not a model"));
    assert!(start(&|manifest| manifest["sha256"] = json!(hash)).contains("copy.onnx"));
}

#[test]
fn an_unknown_command_exits_with_2_and_migrate_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tillsight(folder.path(), &["sell"]).output().unwrap().status.code(), Some(2));
    for _ in 0..2 {
        assert!(tillsight(folder.path(), &["migrate"]).output().unwrap().status.success());
    }
    assert!(folder.path().join("data/tillsight.db").exists());
}

/// A running server and its unread output.
struct Server {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
    url: String,
}

impl Server {
    fn start(folder: &Path, password: Option<&str>) -> Self {
        let mut command = tillsight(folder, &["serve"]);
        if let Some(password) = password {
            command.env("TILLSIGHT_ADMIN_PASSWORD", password);
        }
        Self::start_command(command)
    }

    fn start_command(command: Command) -> Self {
        Self::start_with_log(command, Stdio::null())
    }

    fn start_with_log(mut command: Command, log: Stdio) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self { process, lines, printed: Vec::new(), url: String::new() };
        while let Some(Ok(line)) = server.lines.next() {
            server.printed.push(line.clone());
            if let Some(url) = line.strip_prefix("tillsight listens on ") {
                server.url = url.to_owned();
                return server;
            }
        }
        panic!("the server ended before it listened: {:?}", server.printed);
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

async fn post(url: &str, token: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(url).bearer_auth(token).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

async fn login(server: &Server, password: &str) -> Value {
    let (status, tokens) =
        post(&format!("{}/api/auth/login", server.url), "", json!({"username": "admin", "password": password})).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

#[tokio::test]
async fn the_first_start_prints_a_one_time_password_that_must_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let line = server.printed.iter().find(|line| line.contains("one-time password: ")).unwrap();
    let password = line.rsplit(": ").next().unwrap().to_owned();
    let tokens = login(&server, &password).await;
    assert_eq!(tokens["user"]["must_change_password"], true);
    let token = tokens["access_token"].as_str().unwrap();
    let (status, problem) = post(&format!("{}/api/stores", server.url), token, json!({"name": "x"})).await;
    assert_eq!((status, &problem["type"]), (403, &json!("urn:tillsight:problem:password-change-required")));
    drop(server);
    let second = Server::start(folder.path(), None);
    assert!(!second.printed.iter().any(|line| line.contains("one-time password: ")), "{:?}", second.printed);
    assert!(
        second.printed.iter().any(|line| line.contains("has not changed the one-time password")),
        "{:?}",
        second.printed
    );
    assert!(
        second.printed.iter().any(|line| line.contains("tillsight user reset-password admin")),
        "{:?}",
        second.printed
    );
    drop(second);
    let third = Server::start(folder.path(), Some(PASSWORD));
    assert_eq!(login(&third, PASSWORD).await["user"]["must_change_password"], false);
}

#[tokio::test]
async fn what_is_ignored_is_told_once_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(folder.path(), Some(PASSWORD)));
    let log = folder.path().join("log");
    let mut command = tillsight(folder.path(), &["serve"]);
    command.env("TILLSIGHT_ADMIN_PASSWORD", "another trombone").env("TILLSIGHT_TRUSTED_PROXIES", "[127.0.0.1]");
    let server = Server::start_with_log(command, std::fs::File::create(&log).unwrap().into());
    login(&server, PASSWORD).await;
    for _ in 0..3 {
        let credentials = json!({"username": "admin", "password": PASSWORD});
        let request = reqwest::Client::new().post(format!("{}/api/auth/login", server.url)).json(&credentials);
        assert_eq!(request.header("x-forwarded-for", "_hidden").send().await.unwrap().status(), 200);
    }
    let text = std::fs::read_to_string(&log).unwrap();
    for told in ["TILLSIGHT_ADMIN_PASSWORD is ignored", "X-Forwarded-For"] {
        assert_eq!(text.matches(told).count(), 1, "{told}: {text}");
    }
    assert!(text.contains("_hidden") && text.contains("127.0.0.1"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains("another trombone"), "{text}");
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill_and_a_stop_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), Some(PASSWORD));
    let token = login(&server, PASSWORD).await["access_token"].as_str().unwrap().to_owned();
    let mut acknowledged = Vec::new();
    for number in 0..10 {
        let (status, store) =
            post(&format!("{}/api/stores", server.url), &token, json!({"name": format!("Store {number}")})).await;
        assert_eq!(status, 201);
        acknowledged.push(store["id"].as_str().unwrap().to_owned());
    }
    server.signal("-KILL");
    drop(server);

    let mut server = Server::start(folder.path(), Some(PASSWORD));
    let client = reqwest::Client::new();
    let stores: Value = client
        .get(format!("{}/api/stores", server.url))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let listed: Vec<&str> =
        stores["data"].as_array().unwrap().iter().map(|store| store["id"].as_str().unwrap()).collect();
    assert!(acknowledged.iter().all(|id| listed.contains(&id.as_str())), "{stores}");
    let named = format!("tillsight_store_info{{store=\"{}\",name=\"Store 0\"}} 1", acknowledged[0]);
    let mut metrics = String::new();
    for _ in 0..100 {
        metrics = client.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
        if metrics.contains(&named) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(metrics.contains(&named), "{metrics}");
    let snapshots = || {
        let files = std::fs::read_dir(folder.path().join("data")).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".snapshot")).count()
    };
    assert_eq!(snapshots(), 0);
    server.signal("-TERM");
    assert!(server.process.wait().unwrap().success());
    assert_eq!(snapshots(), 1, "the next start reads one snapshot");
}

/// Reads the log until it has `text`, for 20 seconds at most, since the test machine may be busy.
fn wait_for_log(log: &Path, text: &str) -> String {
    for _ in 0..200 {
        let logged = std::fs::read_to_string(log).unwrap();
        if logged.contains(text) {
            return logged;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("no \"{text}\" in {}", std::fs::read_to_string(log).unwrap());
}

#[test]
fn sighup_reads_the_certificate_again_and_a_stop_signal_still_stops() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let start = |arguments: &[&str]| {
        Server::start_with_log(tillsight(folder.path(), arguments), std::fs::File::create(&log).unwrap().into())
    };
    let mut server = start(&["serve", "--tls", "self-signed"]);
    std::fs::remove_file(folder.path().join("data/self-signed.pem")).unwrap();
    server.signal("-HUP");
    wait_for_log(&log, "HTTPS uses a new certificate");
    assert!(folder.path().join("data/self-signed.pem").exists());
    server.signal("-INT");
    assert!(server.process.wait().unwrap().success());

    let mut server = start(&["serve"]);
    for (signal, told) in
        [("-HUP", "SIGHUP is ignored"), ("-USR1", "SIGUSR1 is ignored"), ("-USR2", "SIGUSR2 is ignored")]
    {
        server.signal(signal);
        wait_for_log(&log, told);
    }
    server.signal("-TERM");
    assert!(server.process.wait().unwrap().success());
}

/// Every line of a log for programs is a JSON object, also of the start and of one that fails.
#[test]
fn a_json_log_has_every_line_of_the_start_and_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let json = |name: &str, value: &str| {
        let mut command = tillsight(folder.path(), &["serve"]);
        command.env("TILLSIGHT_LOG_FORMAT", "json").env(name, value);
        command
    };
    let messages = |text: &str| -> Vec<String> {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(|line| parse(line)["message"].as_str().unwrap().to_owned()).collect()
    };
    let server = Server::start_with_log(json("TILLSIGHT_CURRENCY", "KRW"), std::fs::File::create(&log).unwrap().into());
    let password = server.printed.iter().find_map(|line| line.split_once("one-time password: ")).unwrap().1.to_owned();
    let logged = wait_for_log(&log, "/docs");
    for line in server.printed.iter().filter(|line| !line.contains(&password) && !line.contains("shown only once")) {
        assert!(messages(&logged).contains(&line.trim().to_owned()), "{line}: {logged}");
    }
    assert!(logged.contains("with a one-time password") && !logged.contains(&password), "{logged}");
    for (name, value) in [("TILLSIGHT_MODEL", "nowhere.json"), ("TILLSIGHT_LIMITS__PAGE", "0")] {
        let output = json(name, value).env("TILLSIGHT_LOG_FILTER", "off").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            messages(&text).last().unwrap().contains(if name.ends_with("PAGE") { "limits.page" } else { value }),
            "{text}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}

/// `tillsight serve 2>&1 | tee log`, and `tee` ends.
#[test]
fn a_server_whose_log_reader_is_gone_still_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with_log(tillsight(folder.path(), &["serve"]), Stdio::piped());
    drop(server.process.stderr.take());
    server.signal("-TERM");
    assert!(server.process.wait().unwrap().success());
}

/// ONNX Runtime would store telemetry there, with an identifier of the device.
#[test]
fn nothing_is_written_to_the_home_folder() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let with_home = |arguments: &[&str]| {
        let mut command = tillsight(folder.path(), arguments);
        command.env("HOME", home.path()).env_remove("XDG_CACHE_HOME").env_remove("ORT_DISABLE_TELEMETRY");
        command
    };
    let mut server = Server::start_command(with_home(&["serve"]));
    server.signal("-TERM");
    assert!(server.process.wait().unwrap().success());
    assert!(with_home(&["model", "inspect", MODEL]).output().unwrap().status.success());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// The server distributes searches over the cores itself, so OpenMP and OpenBLAS get one thread.
#[cfg(target_os = "linux")]
#[test]
fn libraries_get_one_thread_whatever_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tillsight(folder.path(), &["serve"]);
    command.env("OMP_NUM_THREADS", "7").env_remove("OPENBLAS_NUM_THREADS");
    let server = Server::start_command(command);
    let environment = std::fs::read(format!("/proc/{}/environ", server.process.id())).unwrap();
    let set: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
    for expected in [&b"OMP_NUM_THREADS=1"[..], b"OPENBLAS_NUM_THREADS=1"] {
        assert!(set.contains(&expected), "{}", String::from_utf8_lossy(&environment));
    }
}

#[test]
fn the_demo_ends_with_a_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let output = tillsight(folder.path(), &["demo", "--products", "6"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        text.contains("receipt number 1") && text.contains("Total") && text.contains("What to open next"),
        "{text}"
    );
    let frames: Vec<&str> = text.lines().filter(|line| line.contains(" on the table, ")).collect();
    assert_eq!(frames.len(), 4, "{text}");
    assert!(frames[0].contains("0 on the table, 0 found") && frames[3].contains("4 on the table"), "{text}");
    assert!(frames.iter().all(|line| line.contains("by the empty view")), "{text}");
    let summary = text.lines().find(|line| line.starts_with("Of 8 products, ")).unwrap();
    let matched: u32 = summary["Of 8 products, ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!(matched >= 4, "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves no files");
}

/// A shell's usual limit is lower than the connections that the settings allow.
#[test]
fn the_limit_of_open_files_is_raised_at_the_start_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let start = |limits: &str| {
        let mut command = Command::new("sh");
        let script = format!("{limits} && exec \"$0\" serve");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tillsight")]).current_dir(folder.path());
        command.env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_BIND", "127.0.0.1:0");
        command.env("TILLSIGHT_LIMITS__CONNECTIONS", "1000").env_remove("TILLSIGHT_TEST_POSTGRES_URL");
        Server::start_with_log(command, std::fs::File::create(&log).unwrap().into())
    };
    let server = start("ulimit -Sn 256 && ulimit -Hn 2000");
    wait_for_log(&log, "up to 1160 files may be open instead of 256");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max open files") && line.contains(" 1160 ")), "{limits}");
    drop(server);
    let _server = start("ulimit -n 512");
    wait_for_log(&log, "only 512 files may be open, and limits.connections = 1000 needs 1160");
}
