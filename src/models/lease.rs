//! One server at a time embeds for a switch. It holds the switch by a lease, renews the lease while it works, and stops when
//! it has lost it.

use std::time::{Duration, Instant};

use super::{ModelSwitches, SwitchError};
use crate::db::model_switches;
use crate::domain::SwitchId;

/// How long the lease lasts after each renewal. If its holder is killed, other servers wait that long.
const LEASE_S: i64 = 30;
/// How often the lease is renewed, however long a batch or a comparison takes.
const RENEW_EVERY: Duration = Duration::from_secs(5);

impl ModelSwitches {
    /// Takes the lease of the open switch `id`; false if another server has it.
    pub(super) async fn claim_lease(&self, id: SwitchId) -> Result<bool, SwitchError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let (until, furthest) = (now.plus_seconds(LEASE_S), now.plus_seconds(2 * LEASE_S));
        let claimed = model_switches::claim(&mut tx, id, self.server_id, now, until, furthest).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Does `work` while this server holds the lease of switch `id`, and renews the lease meanwhile. Returns `None` if the
    /// lease is lost or the switch is no longer open.
    ///
    /// # Cancel safety
    /// That of `work`, which is dropped when the lease is lost.
    pub(super) async fn run_with_lease<T>(
        &self,
        id: SwitchId,
        work: impl Future<Output = Result<T, SwitchError>>,
    ) -> Result<Option<T>, SwitchError> {
        // Both are polled all the time: if work waited for a renewal, it could hold what the renewal waits for.
        tokio::select! {
            done = work => done.map(Some),
            () = self.renew_until_lost(id) => {
                tracing::info!(switch.id = %id, "this server no longer has the switch, or it has ended; embedding stops");
                Ok(None)
            }
        }
    }

    async fn renew_until_lost(&self, id: SwitchId) {
        let lease = Duration::from_secs(LEASE_S.unsigned_abs());
        let mut held_until = Instant::now() + lease;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let asked_at = Instant::now();
            match self.renew_lease(id).await {
                Ok(true) => held_until = asked_at + lease,
                Ok(false) => return,
                // By now another server may have it.
                Err(_) if asked_at >= held_until => return,
                Err(error) => {
                    tracing::warn!(%error, "the lease of the model switch could not be renewed; trying again");
                }
            }
        }
    }

    async fn renew_lease(&self, id: SwitchId) -> Result<bool, SwitchError> {
        let until = self.clock.now().plus_seconds(LEASE_S);
        let mut tx = self.db.begin().await?;
        let renewed = model_switches::renew(&mut tx, id, self.server_id, until).await?;
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives the lease back, so that another server need not wait until it is over.
    pub async fn release_lease(&self) -> Result<(), SwitchError> {
        let mut tx = self.db.begin().await?;
        model_switches::release(&mut tx, self.server_id).await?;
        Ok(tx.commit().await?)
    }
}
