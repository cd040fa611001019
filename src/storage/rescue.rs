//! A lost SQLite file: refuse changes first, then save what its open handle still holds.

use std::time::Duration;

use super::{LOST, StorageFaultKind, StorageWatch};

/// How long changes that were admitted before the refusal have until the copy begins.
const IN_FLIGHT_GRACE: Duration = Duration::from_secs(1);

impl StorageWatch {
    /// Refuses changes and writes what the lost file holds beside it, once. `change` says what happened to the file.
    pub(super) async fn report_lost_file(&self, change: &str) {
        if self.lock().contains_key(&StorageFaultKind::DatabaseLost) {
            return;
        }
        let saving = "What it held is being written to the data folder: do not stop the server yet";
        self.set(StorageFaultKind::DatabaseLost, Some(format!("{change}. {LOST}. {saving}")));
        tokio::time::sleep(IN_FLIGHT_GRACE).await;
        // Waits for the one transaction that may still be writing.
        drop(self.0.db.begin().await);
        let rescued = self.rescue().await;
        self.set(StorageFaultKind::DatabaseLost, Some(format!("{change}. {LOST}. {rescued}")));
    }

    /// Copies what the open file holds into the data folder. Returns a sentence about it.
    async fn rescue(&self) -> String {
        let mut names = (1..).map(|number| format!("rescued-{number}.db"));
        let Some(name) = names.find(|name| !self.0.data_dir.join(name).exists()) else {
            return String::new();
        };
        match self.0.db.write_sqlite_copy(&self.0.data_dir.join(&name)).await {
            Ok(()) => format!(
                "Everything that it held, with the last sales, was written to {name} in the data folder. Stop the server, put that \
                 file in the place of the database (without the old -wal and -shm), and start the server again"
            ),
            Err(error) => {
                tracing::error!(%error, "what the lost database holds could not be written to the data folder");
                let id = std::process::id();
                format!(
                    "Do not stop the server yet: its open files under /proc/{id}/fd hold the last sales (the database and its \
                     -wal). Copy both, then restore from them or from a back-up"
                )
            }
        }
    }
}
