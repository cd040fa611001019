//! Notifications that the queue has new jobs, or that a task was stopped: workers look at once instead of at the next poll.
//!
//! Only PostgreSQL notifies, and notifications can be lost, so workers poll as well.

use std::convert::Infallible;

use super::Automation;
use crate::background::RunReporter;
use crate::backoff::LISTEN;
use crate::db::{ChangeListener, Channel, DatabaseError};

impl Automation {
    /// Wakes this server's workers at each notification, and reconnects after a lost connection. Returns at once if the
    /// database notifies nobody.
    pub async fn listen_for_jobs(self, runs: RunReporter) {
        let mut delays = LISTEN.delays();
        loop {
            match runs.run(self.0.db.listen_for_changes(Channel::Tasks)).await {
                Ok(None) => return,
                Ok(Some(mut listener)) => {
                    // Notifications before the connection are not repeated.
                    self.wake_all();
                    let Err(_lost) = runs.run(self.forward_notifications(&mut listener)).await;
                }
                Err(_unreachable) => {}
            }
            let Some(delay) = delays.next() else { return };
            tokio::time::sleep(delay).await;
        }
    }

    /// Runs until the connection is lost.
    async fn forward_notifications(&self, listener: &mut ChangeListener) -> Result<Infallible, DatabaseError> {
        loop {
            listener.next().await?;
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        self.wake_workers();
        self.0.heartbeat.raise();
    }
}
