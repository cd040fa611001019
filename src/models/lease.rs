//! One server at a time embeds: it holds the switch by a lease that it renews while it works, and stops where it has lost it.

use std::time::{Duration, Instant};

use super::{ModelSwitches, SwitchError};
use crate::db::model_switches;
use crate::domain::SwitchId;

/// How long a server has the work to itself after each sign of life. One that is killed is waited for that long.
const LEASE_S: i64 = 30;
/// How often it gives one, however long a batch or a comparison takes.
const RENEW: Duration = Duration::from_secs(5);

impl ModelSwitches {
    /// Takes hold of the open switch `id`; false where another server has it.
    pub(super) async fn claim(&self, id: SwitchId) -> Result<bool, SwitchError> {
        let now = self.catalog.clock.now();
        let mut tx = self.catalog.db.begin().await?;
        let ours = model_switches::claim(&mut tx, id, self.me, now, now.plus_seconds(LEASE_S)).await?;
        tx.commit().await?;
        Ok(ours)
    }

    /// Does `work` while this server holds switch `id`, and renews its hold beside it; nothing comes of it where the hold is
    /// lost or the switch is no longer open.
    ///
    /// # Cancel safety
    /// That of `work`, which is dropped where the hold is lost.
    pub(super) async fn holding<T>(
        &self,
        id: SwitchId,
        work: impl Future<Output = Result<T, SwitchError>>,
    ) -> Result<Option<T>, SwitchError> {
        // Both are polled all the time: work that waited for a renewal could have what the renewal waits for.
        tokio::select! {
            done = work => done.map(Some),
            () = self.until_lost(id) => {
                tracing::info!(switch.id = %id, "this server no longer has the switch, or it has ended; embedding stops");
                Ok(None)
            }
        }
    }

    async fn until_lost(&self, id: SwitchId) {
        let lease = Duration::from_secs(LEASE_S.unsigned_abs());
        let mut held_until = Instant::now() + lease;
        loop {
            tokio::time::sleep(RENEW).await;
            let asked = Instant::now();
            match self.renew(id).await {
                Ok(true) => held_until = asked + lease,
                Ok(false) => return,
                // By now another server may have it.
                Err(_) if asked >= held_until => return,
                Err(error) => tracing::warn!(%error, "the hold on the model switch could not be renewed; trying again"),
            }
        }
    }

    async fn renew(&self, id: SwitchId) -> Result<bool, SwitchError> {
        let until = self.catalog.clock.now().plus_seconds(LEASE_S);
        let mut tx = self.catalog.db.begin().await?;
        let ours = model_switches::renew(&mut tx, id, self.me, until).await?;
        tx.commit().await?;
        Ok(ours)
    }

    /// Lets go of the work, so that another server need not wait until the lease is over.
    pub async fn release(&self) -> Result<(), SwitchError> {
        let mut tx = self.catalog.db.begin().await?;
        model_switches::release(&mut tx, self.me).await?;
        Ok(tx.commit().await?)
    }
}
