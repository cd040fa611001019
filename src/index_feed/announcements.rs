//! Announcements of catalog changes by other servers: the index follows at once instead of at the next poll.
//!
//! Only PostgreSQL announces changes, and announcements can be lost, so the index is polled as well.

use std::convert::Infallible;

use super::IndexFeed;
use crate::background::{RunReporter, Signal};
use crate::backoff::LISTEN;
use crate::db::{ChangeListener, Channel, DatabaseError};

impl IndexFeed {
    /// Raised when a change is announced; then call [`IndexFeed::follow`].
    pub fn change_signal(&self) -> Signal {
        self.change_signal.clone()
    }

    /// Raises [`IndexFeed::change_signal`] for each announcement, and reconnects after a lost connection. Returns at once if
    /// the database announces nothing.
    pub async fn listen_for_announcements(self, runs: RunReporter) {
        let mut delays = LISTEN.delays();
        loop {
            match runs.run(self.db.listen_for_changes(Channel::Catalog)).await {
                Ok(None) => return,
                Ok(Some(mut listener)) => {
                    // Announcements before the connection are not repeated.
                    self.change_signal.raise();
                    let Err(_lost) = runs.run(self.forward_announcements(&mut listener)).await;
                }
                Err(_unreachable) => {}
            }
            let Some(delay) = delays.next() else { return };
            tokio::time::sleep(delay).await;
        }
    }

    /// Runs until the connection is lost.
    async fn forward_announcements(&self, listener: &mut ChangeListener) -> Result<Infallible, DatabaseError> {
        loop {
            listener.next().await?;
            self.change_signal.raise();
        }
    }
}
