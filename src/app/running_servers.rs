//! What all servers on one database must have in common: the key that signs logins, and the folder of photos.
//!
//! Each server writes both into the database while it runs, the key as a keyed hash. A server that differs from one that was
//! seen within the last half minute does not start: its logins and photos would be refused and missed by the other. A server
//! that stops takes its row along, so all servers together may be given another key or folder. By the servers' own clocks:
//! with clocks half a minute apart nothing is noticed.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::StartError;
use crate::clock::Clock;
use crate::db::running_servers::{self, RunningServer};
use crate::db::{Database, DatabaseError};

/// How often a server writes that it runs.
pub(super) const HEARTBEAT_PERIOD: Duration = Duration::from_secs(10);
/// A server that was not seen for longer has ended. Three missed heartbeats.
const LIVE_S: i64 = 30;
/// Rows of killed servers are kept this long.
const KEPT_S: i64 = 86_400;

/// This server's row; cheap to clone.
#[derive(Clone)]
pub(super) struct Registration {
    db: Database,
    clock: Clock,
    server: RunningServer,
}

impl Registration {
    pub(super) fn new((db, clock): (&Database, &Clock), token_key: Vec<u8>, photo_folder: Uuid) -> Self {
        let server = RunningServer {
            id: Uuid::new_v4(),
            machine: machine_name(),
            pid: i64::from(std::process::id()),
            seen_at: clock.now(),
            token_key,
            photo_folder,
        };
        Self { db: db.clone(), clock: clock.clone(), server }
    }

    /// Registers this server, unless one that runs has another key or folder. Call it last: a start that fails afterwards
    /// leaves its row for half a minute.
    ///
    /// # Errors
    /// [`StartError::OtherTokenKey`], [`StartError::OtherPhotoFolder`], or the database does not answer.
    pub(super) async fn register(&self, data_dir: &Path) -> Result<(), StartError> {
        self.compare(self.list_others().await?.iter(), data_dir)?;
        match self.renew().await {
            // It serves what can be served without writing.
            Err(DatabaseError::DiskFull) => return Ok(()),
            written => written?,
        }
        // Of two that start at once, one sees the other's row by now. The one with the larger id gives way.
        let others = self.list_others().await?;
        let earlier = others.iter().filter(|other| other.id < self.server.id);
        if let Err(error) = self.compare(earlier, data_dir) {
            self.remove().await?;
            return Err(error);
        }
        Ok(())
    }

    async fn list_others(&self) -> Result<Vec<RunningServer>, DatabaseError> {
        let now = self.clock.now();
        let live = (now.plus_seconds(-LIVE_S), now.plus_seconds(LIVE_S));
        running_servers::list_others(&mut self.db.read().await?, self.server.id, live).await
    }

    fn compare<'a>(
        &self,
        mut others: impl Iterator<Item = &'a RunningServer>,
        data_dir: &Path,
    ) -> Result<(), StartError> {
        let differs = |other: &&RunningServer| {
            (&other.token_key, other.photo_folder) != (&self.server.token_key, self.server.photo_folder)
        };
        let Some(other) = others.find(differs) else { return Ok(()) };
        let RunningServer { machine, pid, .. } = other;
        let other_server = format!("process {pid} on {machine}");
        if other.token_key != self.server.token_key {
            return Err(StartError::OtherTokenKey { other_server });
        }
        Err(StartError::OtherPhotoFolder { folder: data_dir.join("images"), other_server })
    }

    /// Writes that this server still runs.
    pub(super) async fn renew(&self) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        running_servers::upsert(&mut tx, &RunningServer { seen_at: self.clock.now(), ..self.server.clone() }).await?;
        tx.commit().await
    }

    /// Forgets this server, and those that were killed long ago.
    pub(super) async fn remove(&self) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        running_servers::delete(&mut tx, self.server.id, self.clock.now().plus_seconds(-KEPT_S)).await?;
        tx.commit().await
    }
}

fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "an unknown machine".to_owned(),
        name => name.to_owned(),
    }
}
