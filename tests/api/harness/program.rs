//! A server in its own process, for tests that kill it or read metrics that no other test may move. It uses the system's
//! clock.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use secrecy::ExposeSecret;
use tempfile::TempDir;
use tillsight::clock::Clock;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::app::{MODEL, client};
use super::{ADMIN_PASSWORD, TestApp, TestDatabase, server_program};

/// `sh -c …`: mounts a disk of 16 MB at the first argument and runs the others in this process.
const MOUNT_AND_RUN: &str = r#"mount -t tmpfs -o size=16m tmpfs "$1" && cd "$1" && shift && exec "$@""#;
/// Servers on one database must share it.
pub const TOKEN_SECRET: &str = "every server of a chain signs with this";

/// A folder for one more server on `database`, as on another machine: its own but for the photos, which all servers share.
pub fn folder_with_shared_photos(database: &TestDatabase) -> TempDir {
    let (folder, photos) = (tempfile::tempdir().unwrap(), database.folder().join("images"));
    std::fs::create_dir_all(&photos).unwrap();
    std::os::unix::fs::symlink(photos, folder.path().join("images")).unwrap();
    folder
}

impl TestApp {
    /// Starts the program with the test's folder and `settings`.
    pub async fn spawn_program(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let folder = database.folder().to_owned();
        Self::spawn_program_in(database, &folder, settings).await
    }

    /// Starts the program with a folder of its own, as on another machine, and `settings`.
    pub async fn spawn_program_in(database: TestDatabase, folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn_command(Command::new(server_program()), database, folder, settings).await
    }

    /// Starts the program with the test's folder on a disk of 16 MB that only the program sees. `None` if this machine does
    /// not allow that.
    pub async fn spawn_program_on_small_disk(database: TestDatabase, settings: &[(&str, &str)]) -> Option<Self> {
        let folder = database.folder().to_owned();
        let mut program = Command::new("unshare");
        program.args(["--map-root-user", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh"]).arg(&folder);
        let allowed = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh"])
            .args([folder.as_os_str(), "true".as_ref()])
            .status();
        if !allowed.await.is_ok_and(|status| status.success()) {
            return None;
        }
        program.arg(server_program());
        Some(Self::spawn_command(program, database, &folder, settings).await)
    }

    /// Fills the small disk.
    pub fn fill_disk(&self) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        let mut piece = 1 << 20;
        while piece > 0 {
            if std::io::Write::write_all(&mut ballast, &vec![1; piece]).is_err() {
                piece /= 2;
            }
        }
    }

    pub fn free_disk(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    /// A file on the small disk, as it is seen from outside.
    fn ballast(&self) -> PathBuf {
        let id = self.process_id();
        let folder = self.database.folder().strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{id}/root")).join(folder).join("ballast")
    }

    async fn spawn_command(program: Command, database: TestDatabase, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let program = Self::prepare_program(program, &database, folder, settings);
        Self::run_program(program, database).await.0
    }

    /// The command with the settings of a test.
    pub fn prepare_program(
        mut program: Command,
        database: &TestDatabase,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Command {
        program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(folder);
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", ADMIN_PASSWORD);
        program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
        program.env("TILLSIGHT_DATA_DIR", folder).env("TILLSIGHT_MODEL", MODEL);
        program.env("TILLSIGHT_TOKEN_SECRET", TOKEN_SECRET).env("TILLSIGHT_LOG_FILTER", "warn");
        program.envs(settings.iter().copied());
        program
    }

    /// Starts the program; returns also what it printed before the line with its address.
    pub async fn run_program(mut program: Command, database: TestDatabase) -> (Self, Vec<String>) {
        let mut process = program.spawn().unwrap();
        let mut greeting = Vec::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("the program says where it listens");
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
            greeting.push(line);
        };
        // Read the rest of its output: a closed pipe would end the program.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (http, clock, overlay) = (client(), Clock::system(), String::new());
        let app = Self { url, clock, database, http, overlay, process: Some(process), running: None };
        app.wait_until_ready().await;
        (app, greeting)
    }

    /// Kills the program as `kill -9` does.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Sends SIGTERM and waits until the program has ended. Returns whether its exit code was 0.
    pub async fn terminate(&mut self) -> bool {
        self.signal("-TERM");
        self.process.take().unwrap().wait().await.unwrap().success()
    }

    pub fn process_id(&self) -> u32 {
        self.process.as_ref().and_then(tokio::process::Child::id).unwrap()
    }

    fn signal(&self, name: &str) {
        let sent = std::process::Command::new("kill").args([name, &self.process_id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}
