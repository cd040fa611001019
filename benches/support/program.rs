//! The server as a process of its own, for benches that ask it over HTTP.

use std::path::Path;
use std::process::Stdio;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The shipped model.
pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");

/// Starts `tillsight serve` on a database, with a folder of its own; returns its process, which ends when dropped, and its
/// address.
pub async fn serve(url: &SecretString, folder: &Path, password: &str) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(folder);
    program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", password);
    program.env("TILLSIGHT_DATABASE_URL", url.expose_secret()).env("TILLSIGHT_DATA_DIR", folder);
    program.env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_LOG_FILTER", "warn");
    // Checks would read every record while others are measured.
    program.env("TILLSIGHT_MONITORING__ENABLED", "false");
    let mut process = program.spawn().expect("the program");
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let address = loop {
        let line = lines.next_line().await.expect("its output").expect("the server says where it listens");
        if let Some((_, address)) = line.split_once("listens on ") {
            break address.to_owned();
        }
    };
    // Whatever else it prints must find a reader.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, address)
}
