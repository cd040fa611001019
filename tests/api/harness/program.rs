//! A server in its own process, for tests that kill it or read metrics that no other test may move. It uses the system's
//! clock.

use std::path::Path;
use std::process::Stdio;

use secrecy::ExposeSecret;
use tillsight::clock::Clock;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::app::{MODEL, client};
use super::{ADMIN_PASSWORD, TestApp, TestDatabase};

/// Servers on one database must share it.
const TOKEN_SECRET: &str = "every server of a chain signs with this";

impl TestApp {
    /// Starts the program with the test's folder and `settings`.
    pub async fn spawn_program(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let folder = database.folder().to_owned();
        Self::spawn_program_in(database, &folder, settings).await
    }

    /// Starts the program with a folder of its own, as on another machine, and `settings`.
    pub async fn spawn_program_in(database: TestDatabase, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(folder);
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", ADMIN_PASSWORD);
        program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
        program.env("TILLSIGHT_DATA_DIR", folder).env("TILLSIGHT_MODEL", MODEL);
        program.env("TILLSIGHT_TOKEN_SECRET", TOKEN_SECRET).env("TILLSIGHT_LOG_FILTER", "warn");
        program.envs(settings.iter().copied());
        let mut process = program.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("the program says where it listens");
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
        };
        // Read the rest of its output: a closed pipe would end the program.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (http, clock, overlay) = (client(), Clock::system(), String::new());
        let app = Self { url, clock, database, http, overlay, process: Some(process), running: None };
        app.wait_until_ready().await;
        app
    }

    /// Kills the program as `kill -9` does.
    pub fn kill(&self) {
        let id = self.process.as_ref().and_then(tokio::process::Child::id).unwrap();
        let killed = std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status();
        assert!(killed.unwrap().success());
    }
}
