//! Imports of clips, and stopping them while ffmpeg runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo, skip};
use crate::imports::{TASKS, import, post_import, products, recognise};

/// Runs ffmpeg in `folder`.
fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let mut program = Command::new("ffmpeg");
    program.args(["-nostdin", "-v", "error", "-y"]).args(arguments).current_dir(folder).stdin(Stdio::null());
    assert!(program.status().unwrap().success(), "{arguments:?}");
}

/// Whether the test can run; says so if not.
fn has_ffmpeg(test: &str) -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !found {
        skip(test, "ffmpeg is not installed");
    }
    found
}

/// Five seconds, each of which shows another view of a product.
fn product_clip(folder: &Path, product: usize) -> Vec<u8> {
    for view in 0..5 {
        std::fs::write(folder.join(format!("view{view}.jpg")), package_photo(product, view)).unwrap();
    }
    ffmpeg(folder, &["-framerate", "1", "-i", "view%d.jpg", "-r", "10", "-c:v", "mjpeg", "-q:v", "2", "clip.mkv"]);
    std::fs::read(folder.join("clip.mkv")).unwrap()
}

/// Half a minute.
fn long_clip(folder: &Path) -> Vec<u8> {
    let source = "testsrc2=size=320x240:rate=10";
    ffmpeg(folder, &["-f", "lavfi", "-i", source, "-t", "30", "-c:v", "mpeg4", "long.mp4"]);
    std::fs::read(folder.join("long.mp4")).unwrap()
}

async fn a_clip_becomes_photos_of_its_product(database: TestDatabase) {
    if !has_ffmpeg("clips::a_clip_becomes_photos_of_its_product") {
        return;
    }
    let folder = database.folder().to_owned();
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let clip = product_clip(&folder, 0);
    let settings = json!({"media_mode": "video", "name": "Oat milk", "sku": "M-1", "price": 219, "whole_photos": true});
    let done = import(&app, &admin, &settings, clip.clone()).await;
    assert_eq!((&done["status"], &done["items"]["failed"]), (&json!("completed"), &json!(0)), "{done}");
    // Each view once, but for those that are much less sharp than the others.
    let picked = &done["items"]["completed"];
    assert!((3..=5).contains(&picked.as_i64().unwrap()), "{done}");
    let made = &products(&app, &admin).await[0];
    assert_eq!((&made["sku"], &made["active"], &made["images_count"]), (&json!("M-1"), &json!(true), picked));
    let item = recognise(&app, &admin, package_photo(0, 7)).await;
    assert_eq!(item["candidates"][0]["product_name"], "Oat milk", "{item}");
    // What ran is in the log, with its process.
    let path = format!("/api/automation/logs?task_id={}&stage=extract", done["id"].as_str().unwrap());
    let log = app.get(&path, &admin).await.expect(200);
    let lines = log["data"].as_array().unwrap().iter().rev().filter(|line| line["pid"].is_i64());
    let lines: Vec<_> = lines.map(|line| (line["process_name"].as_str().unwrap(), line["action"].clone())).collect();
    assert_eq!(lines, [("ffmpeg", json!("start")), ("ffmpeg", json!("complete"))]);

    // Frames of the same clip are there already; a limit takes fewer.
    let known = json!({"media_mode": "video", "product_id": made["id"], "whole_photos": true, "frames": 3});
    let again = import(&app, &admin, &known, clip.clone()).await;
    assert_eq!((&again["status"], &again["items"]["completed"]), (&json!("completed"), &json!(3)), "{again}");
    assert_eq!(products(&app, &admin).await[0]["images_count"], *picked);

    // What ffmpeg cannot read, or must not.
    let secret = folder.join("view0.jpg");
    let playlist = format!("#EXTM3U\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display()).into_bytes();
    let cases: [(&str, Vec<u8>); 4] = [
        ("Invalid data", b"no clip".repeat(100)),
        ("Invalid data", playlist),
        ("moov atom not found", long_clip(&folder)[..4_000].to_vec()),
        ("", Vec::new()),
    ];
    for (reason, file) in cases {
        let failed = import(&app, &admin, &settings, file).await;
        assert_eq!(failed["status"], "failed", "{reason}: {failed}");
        let told = failed["last_error"].as_str().unwrap();
        assert!(told.starts_with("ffmpeg cannot read the clip: ") && told.contains(reason), "{told}");
        assert!(!told.contains("upload"), "a file of the server: {told}");
    }
    let unnamed = json!({"media_mode": "video"});
    let refused = post_import(&app, &admin, &unnamed, clip).await.expect_problem(422, "invalid-field");
    assert!(refused["detail"].as_str().unwrap().contains("name is missing"), "{refused}");
}

async fn without_ffmpeg_a_clip_fails_and_says_what_to_install(database: TestDatabase) {
    let app = TestApp::spawn_program(database, &[("PATH", "/nowhere")]).await;
    let admin = app.login_admin().await;
    let failed = import(&app, &admin, &json!({"media_mode": "video", "name": "Soap"}), b"clip".to_vec()).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["last_error"].as_str().unwrap().contains("apt install ffmpeg"), "{failed}");
}

/// Whether a process runs, and is no zombie.
fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn wait_until_gone(pid: &str) -> Duration {
    let began = Instant::now();
    while is_alive(pid) {
        assert!(began.elapsed() < Duration::from_secs(10), "process {pid} lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

/// Ends a process of the test when it is over.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Waits until the task has an ffmpeg; its number.
async fn ffmpeg_of(app: &TestApp, admin: &str, task: &Value) -> String {
    let path = format!("/api/automation/logs?task_id={}&stage=extract&action=start", task["id"].as_str().unwrap());
    for _ in 0..400 {
        let log = app.get(&path, admin).await.expect(200);
        if let Some(pid) = log["data"].as_array().unwrap().iter().find_map(|line| line["pid"].as_i64()) {
            return pid.to_string();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no ffmpeg was started");
}

async fn stopping_a_task_ends_its_ffmpeg_and_no_other(database: TestDatabase) {
    if !has_ffmpeg("clips::stopping_a_task_ends_its_ffmpeg_and_no_other") {
        return;
    }
    let folder = database.folder().to_owned();
    let clip = long_clip(&folder);
    // An ffmpeg that takes as long as the clip, and has started a child that does not listen to SIGTERM.
    let found = std::env::var("PATH").unwrap();
    let program = "#!/bin/sh\n(trap '' TERM; exec sleep 600) >/dev/null 2>&1 &\necho $! >child.pid\n\
                   PATH=${PATH#*:}; exec ffmpeg -re \"$@\"\n";
    std::fs::create_dir(folder.join("bin")).unwrap();
    std::fs::write(folder.join("bin/ffmpeg"), program).unwrap();
    std::fs::set_permissions(folder.join("bin/ffmpeg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{found}", folder.join("bin").display());
    let app = TestApp::spawn_program(database.clone(), &[("PATH", &path)]).await;
    // With PostgreSQL it is stopped by another server than the one that works on it.
    let other = match database.kind() {
        "postgres" => Some(TestApp::spawn_program(database, &[("TILLSIGHT_AUTOMATION__WORKERS", "0")]).await),
        _ => None,
    };
    let admin = app.login_admin().await;
    let source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", "600", "-f", "null", "-"];
    let mut neighbour = Command::new("ffmpeg");
    neighbour.args(["-nostdin", "-v", "error"]).args(source).stdin(Stdio::null());
    let mut neighbour = Killed(neighbour.spawn().unwrap());

    let settings = json!({"media_mode": "video", "name": "Oat milk"});
    let task = post_import(&app, &admin, &settings, clip.clone()).await.expect(202);
    let pid = ffmpeg_of(&app, &admin, &task).await;
    let child_file = folder.join("tasks").join(task["id"].as_str().unwrap()).join("child.pid");
    let mut child = String::new();
    while child.trim().is_empty() {
        child = std::fs::read_to_string(&child_file).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let child = child.trim().to_owned();
    assert!(is_alive(&pid) && is_alive(&child));
    let began = Instant::now();
    let stop = json!({"task_id": task["id"]});
    let report = other.as_ref().unwrap_or(&app).post("/api/automation/stop", &admin, stop).await.expect(200);
    assert_eq!(
        (&report["killed_processes"], &report["stopped_processing"]),
        (&json!(["ffmpeg"]), &json!(1)),
        "{report}"
    );
    wait_until_gone(&pid).await;
    wait_until_gone(&child).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(neighbour.0.try_wait().unwrap().is_none(), "the other ffmpeg lives on");
    let stopped = app.get(&format!("{TASKS}/{}", task["id"].as_str().unwrap()), &admin).await.expect(200);
    assert_eq!(stopped["status"], "stopped");
    let path = format!("/api/automation/logs?task_id={}&action=stop", task["id"].as_str().unwrap());
    let log = app.get(&path, &admin).await.expect(200);
    let logged = log["data"].as_array().unwrap().iter().any(|line| line["pid"].as_i64() == pid.parse().ok());
    assert!(logged, "{log}");

    // The ffmpeg of a server that is killed meets a closed pipe.
    let task = post_import(&app, &admin, &settings, clip).await.expect(202);
    let pid = ffmpeg_of(&app, &admin, &task).await;
    app.kill();
    assert!(wait_until_gone(&pid).await < Duration::from_secs(5));
    let child = std::fs::read_to_string(folder.join("tasks").join(task["id"].as_str().unwrap()).join("child.pid"));
    // What the script has started is no part of ffmpeg.
    assert!(Command::new("kill").args(["-KILL", child.unwrap().trim()]).status().unwrap().success());
    assert!(neighbour.0.try_wait().unwrap().is_none());
}

on_both_databases!(
    a_clip_becomes_photos_of_its_product,
    without_ffmpeg_a_clip_fails_and_says_what_to_install,
    stopping_a_task_ends_its_ffmpeg_and_no_other,
);
