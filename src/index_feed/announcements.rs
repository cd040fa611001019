//! Following changes that were made through other servers: at once where the database sends word of them, and by looking
//! every second or so wherever it does not, or word was lost.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::catalog::Catalog;
use crate::db::Database;

/// How long after a lost connection the next one is tried. Meanwhile the beat of [`Catalog::follow_others`] goes on.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

impl Catalog {
    /// Follows changes made through other servers, when word comes of them and every `every`, for as long as it is polled.
    pub async fn follow_others(self, every: Duration) {
        // Holds one word at most: however many changes it was for, following once reads them all.
        let word = Notify::new();
        tokio::join!(pass_on_word(&self.db, &word), self.follow_word(&word, every));
    }

    async fn follow_word(&self, word: &Notify, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = word.notified() => {}
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

/// Gives `word` whenever the database announces a change, and after each (new) connection, since what was announced before
/// it is not repeated. Returns where the database announces nothing.
async fn pass_on_word(db: &Database, word: &Notify) {
    let mut told = false;
    loop {
        let lost = match db.listen_for_changes().await {
            Ok(None) => return,
            Err(error) => error,
            Ok(Some(mut notices)) => {
                told = false;
                word.notify_one();
                loop {
                    match notices.next().await {
                        Ok(()) => word.notify_one(),
                        Err(error) => break error,
                    }
                }
            }
        };
        if !told {
            tracing::warn!(error = %lost, "changes made through other servers are not announced now; still looking for them");
            told = true;
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}
