//! Announcements of catalog changes that other servers made: the index then follows at once and not at the next poll.
//!
//! PostgreSQL announces changes; SQLite does not, and an announcement may be lost. So polling goes on in any case.

use std::convert::Infallible;

use super::IndexFeed;
use crate::background::{RunReporter, Signal};
use crate::backoff::LISTEN;
use crate::db::{ChangeListener, DatabaseError};

impl IndexFeed {
    /// Raised whenever a change is announced: [`IndexFeed::follow`] then has something to do.
    pub fn change_signal(&self) -> Signal {
        self.change_signal.clone()
    }

    /// Raises [`IndexFeed::change_signal`] for each announcement. Reconnects when the connection is lost. Returns if the database
    /// announces nothing.
    pub async fn listen_for_announcements(self, runs: RunReporter) {
        let mut delays = LISTEN.delays();
        loop {
            match runs.run(self.db.listen_for_changes()).await {
                Ok(None) => return,
                Ok(Some(mut listener)) => {
                    // What was announced before the connection was made is not repeated.
                    self.change_signal.raise();
                    let Err(_lost) = runs.run(self.forward(&mut listener)).await;
                }
                Err(_unreachable) => {}
            }
            let Some(delay) = delays.next() else { return };
            tokio::time::sleep(delay).await;
        }
    }

    /// Runs until the connection is lost.
    async fn forward(&self, listener: &mut ChangeListener) -> Result<Infallible, DatabaseError> {
        loop {
            listener.next().await?;
            self.change_signal.raise();
        }
    }
}
