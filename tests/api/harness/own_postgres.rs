//! A PostgreSQL server of a test's own, which it may freeze or which takes TLS alone.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/throwaway-postgres.sh");

/// Removed when dropped.
pub struct OwnPostgres {
    /// Ends when its standard input is closed.
    process: Child,
    pub url: String,
    /// The certificate of the authority, of a server that takes TLS alone.
    pub authority: PathBuf,
    postmaster: u32,
}

impl OwnPostgres {
    pub async fn start() -> Self {
        let mut server = Self::launch("off").await;
        let mut connection = PgConnection::connect(&server.url).await.unwrap();
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        server.postmaster = parent_of(&backend.to_string()).unwrap();
        server
    }

    /// A server that refuses connections without TLS. Its certificate is for `localhost`.
    pub async fn start_with_tls_alone() -> Self {
        Self::launch("only").await
    }

    async fn launch(tls: &str) -> Self {
        let tell = r#"echo "$TILLSIGHT_TEST_POSTGRES_URL ${THROWAWAY_CA:-}"; exec cat"#;
        let mut command = Command::new(SCRIPT);
        command.args(["bash", "-c", tell]).env("THROWAWAY_TLS", tls).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the script names the server");
        let (url, authority) = line.split_once(' ').unwrap();
        Self { process, url: url.to_owned(), authority: authority.into(), postmaster: 0 }
    }

    /// Stops every process of the server, as `kill -STOP` does: the network still accepts what is sent to it.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let processes = std::fs::read_dir("/proc").unwrap();
        let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let backends = names.filter(|id| parent_of(id) == Some(self.postmaster));
        let ids: Vec<String> = backends.chain([self.postmaster.to_string()]).collect();
        // One that has ended meanwhile makes `kill` fail for itself only.
        let _status = std::process::Command::new("kill").arg(name).args(ids).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if self.postmaster > 0 {
            self.thaw();
        }
        drop(self.process.stdin.take());
    }
}

/// The parent of a process, from the fourth field of its state. The second is a name in parentheses.
fn parent_of(id: &str) -> Option<u32> {
    let state = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).ok()?;
    state.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
