//! Following changes that other servers made: at once when the database announces them, and by polling in case it does
//! not, or an announcement was lost.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::IndexFeed;
use crate::backoff::LISTEN;
use crate::db::{Database, DatabaseError};

impl IndexFeed {
    /// Follows the catalog whenever a change is announced, and every `every`. Runs until it is dropped.
    pub async fn follow_other_servers(self, every: Duration) {
        // Holds at most one announcement: following once reads all changes, however many were announced.
        let announced = Notify::new();
        tokio::join!(forward_announcements(&self.db, &announced), self.follow_announcements(&announced, every));
    }

    async fn follow_announcements(&self, announced: &Notify, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = announced.notified() => {}
            }
            match self.follow().await {
                Ok(revision) if failing => {
                    tracing::info!(index.revision = revision, "the index follows the catalog again");
                    failing = false;
                }
                Ok(_) => {}
                Err(error) if !failing => {
                    tracing::error!(error = %error, "the index cannot follow the catalog; trying again");
                    failing = true;
                }
                Err(_) => {}
            }
        }
    }
}

/// Notifies `announced` whenever the database announces a change. Reconnects when the connection is lost. Returns if the
/// database announces nothing.
async fn forward_announcements(db: &Database, announced: &Notify) {
    let mut delays = LISTEN.delays();
    let mut warned = false;
    loop {
        let error = match forward_until_lost(db, announced, &mut warned).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if !warned {
            tracing::warn!(%error, "other servers' changes are not announced now; polling for them goes on");
            warned = true;
        }
        let Some(delay) = delays.next() else { return };
        tokio::time::sleep(delay).await;
    }
}

async fn forward_until_lost(db: &Database, announced: &Notify, warned: &mut bool) -> Result<(), DatabaseError> {
    let Some(mut listener) = db.listen_for_changes().await? else { return Ok(()) };
    *warned = false;
    // What was announced before the connection was made is not repeated.
    announced.notify_one();
    loop {
        listener.next().await?;
        announced.notify_one();
    }
}
