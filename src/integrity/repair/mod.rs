//! Repair of numbers: what would be changed, and doing it.
//!
//! Invariants: nothing is changed unless it was asked for by [`Integrity::repair`]; what is changed is planned anew while the
//! counters of the series are held, in the transaction that changes it and writes the audit log; a repair that cannot be
//! done whole is not done at all. A record is touched by `renumber` alone, and a placeholder never once it is written.

mod error;
mod fill;
mod renumber;
mod view;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Integrity;
use super::finding::LISTED;
use crate::db::void_placeholders::PlaceholderRow;
use crate::db::{Reader, Tx, audit, number_checks, number_repairs, number_series, seals, stores, void_placeholders};
use crate::domain::{Caller, PlaceholderId, Series, StoreId, line};

pub use error::RepairError;
pub use view::{CounterMove, Renumbered, RepairMethod, RepairView, SeriesRepair};

/// Missing numbers that are filled in a series at once: more are not lost records but a number that was changed.
const MOST_PLACEHOLDERS: i64 = 10_000;
/// Records that are sealed anew at once: tills wait meanwhile.
const MOST_RENUMBERED: i64 = 50_000;
/// Most characters of a reason.
const LONGEST_REASON: usize = 200;

/// A repair that is wanted.
#[derive(Debug, Clone)]
pub struct RepairRequest {
    /// Of this store.
    pub store: StoreId,
    /// Of this series; of all where it is left out.
    pub series: Option<Series>,
    /// How.
    pub method: RepairMethod,
    /// Why: one line of at most 200 characters.
    pub reason: String,
}

/// What is to be changed in a series.
#[derive(Debug)]
struct Plan {
    /// As it is shown; also which numbers get placeholders.
    shown: SeriesRepair,
    /// Records that get another number, link or seal, ascending.
    writes: Vec<Write>,
    /// Where the counter is to stand and the seal that it is to keep, where it changes.
    counter: Option<(i64, Vec<u8>)>,
}

/// A record that gets another number, link or seal.
#[derive(Debug)]
struct Write {
    id: Uuid,
    from: i64,
    to: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl Plan {
    fn nothing(shown: SeriesRepair) -> Self {
        Self { shown, writes: Vec::new(), counter: None }
    }

    fn changes_anything(&self) -> bool {
        !self.shown.placeholders.is_empty() || !self.writes.is_empty() || self.counter.is_some()
    }
}

impl Integrity {
    /// What a repair would change now. Nothing is changed, held or kept.
    pub async fn plan_repair(&self, request: &RepairRequest) -> Result<RepairView, RepairError> {
        let reason = line("reason", &request.reason, LONGEST_REASON)?;
        let mut reader = self.db.snapshot().await?;
        refuse_renumbering_fiscal(&mut reader, request).await?;
        let mut shown = Vec::new();
        for series in wanted(request) {
            shown.push(plan(&mut reader, request, series).await?.shown);
        }
        Ok(viewed(request, reason, false, shown))
    }

    /// Repairs, in one transaction that holds the counters of the series concerned: tills of the store wait meanwhile, and
    /// go on with the right numbers. Where there is nothing to repair, nothing is done.
    pub async fn repair(&self, caller: &Caller, request: &RepairRequest) -> Result<RepairView, RepairError> {
        // Looked at first without holding anything, so that series that are whole are not held at all.
        let planned = self.plan_repair(request).await?;
        if !planned.changes_anything() {
            return Ok(planned);
        }
        let mut tx = self.db.begin().await?;
        refuse_renumbering_fiscal(&mut tx, request).await?;
        if request.method == RepairMethod::Renumber {
            // A closing that is being made names numbers as they are.
            number_series::lock(&mut tx, request.store, Series::Closing).await?;
        }
        let (mut shown, mut details) = (Vec::new(), Vec::new());
        // Orders come first: whoever pays or refunds holds the order and then takes a number, and is never met half way.
        for repair in planned.series {
            if !repair.changes_anything() {
                shown.push(repair);
                continue;
            }
            number_series::lock(&mut tx, request.store, repair.series).await?;
            let stand = number_checks::read_series_state(&mut tx, request.store, repair.series).await?;
            let plan = plan(&mut tx, request, repair.series).await?;
            if plan.changes_anything() {
                self.carry_out(&mut tx, caller, request, &planned.reason, &plan).await?;
                details.push(audited(&plan.shown, stand.counter_hash.as_deref()));
            }
            shown.push(plan.shown);
        }
        // Somebody else's repair may have come first.
        if details.is_empty() {
            return Ok(viewed(request, planned.reason, false, shown));
        }
        let (at, subject) = (self.clock.now(), request.store.to_string());
        let details = json!({"method": request.method, "reason": planned.reason, "series": details});
        audit::append(&mut tx, audit::AuditEntry { at, caller, action: "numbering.repair", subject, details }).await?;
        tx.commit().await?;
        Ok(viewed(request, planned.reason, true, shown))
    }

    /// Writes what was planned for a series whose counter is held.
    async fn carry_out(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        request: &RepairRequest,
        reason: &str,
        plan: &Plan,
    ) -> Result<(), RepairError> {
        let (store, series) = (request.store, plan.shown.series);
        let now = self.clock.now();
        for number in plan.shown.placeholders.iter().flat_map(|span| span.first..=span.last) {
            let mut row = PlaceholderRow {
                id: PlaceholderId::at(now),
                store_id: store,
                number,
                reason: reason.to_owned(),
                made_by: caller.actor.label(),
                created_at: now,
                hash: Vec::new(),
            };
            row.hash = seals::seal_placeholder(series, &row);
            void_placeholders::insert(tx, series, &row).await?;
        }
        // A number has one record at any moment: those that rise come first and from the last on, since they stand below
        // all others; the rest goes, in order, to its own number or one that was left before.
        let rising = plan.writes.iter().take_while(|write| write.from < write.to).count();
        let (rising, others) = plan.writes.split_at(rising);
        for Write { id, to, previous_hash, hash, .. } in rising.iter().rev().chain(others) {
            number_repairs::renumber_record(tx, series, *id, *to, previous_hash, hash).await?;
        }
        if let Some((number, hash)) = &plan.counter {
            number_series::set_counter(tx, store, series, *number, hash).await?;
        }
        Ok(())
    }
}

fn wanted(request: &RepairRequest) -> impl Iterator<Item = Series> {
    let only = request.series;
    Series::ALL.into_iter().filter(move |series| only.is_none_or(|only| only == *series))
}

async fn refuse_renumbering_fiscal(reader: &mut Reader, request: &RepairRequest) -> Result<(), RepairError> {
    let store = stores::find(reader, request.store).await?.ok_or(RepairError::StoreNotFound(request.store))?;
    if request.method == RepairMethod::Renumber && store.fiscal {
        return Err(RepairError::Fiscal(store.id));
    }
    Ok(())
}

async fn plan(reader: &mut Reader, request: &RepairRequest, series: Series) -> Result<Plan, RepairError> {
    match request.method {
        RepairMethod::Void => fill::plan(reader, request.store, series).await,
        RepairMethod::Renumber => renumber::plan(reader, request.store, series).await,
    }
}

/// The series in which nothing is changed and nothing wrong are left out.
fn viewed(request: &RepairRequest, reason: String, applied: bool, mut series: Vec<SeriesRepair>) -> RepairView {
    series.retain(|repair| *repair != SeriesRepair::of(repair.series));
    RepairView { store_id: request.store, method: request.method, reason, applied, series }
}

/// What the audit log keeps of a series: what was changed, and the seal that the counter kept before.
fn audited(repair: &SeriesRepair, counter_hash: Option<&[u8]>) -> Value {
    // Every placeholder is a row that stays; the log need not list all of them.
    let spans: Vec<_> = repair.placeholders.iter().take(LISTED).collect();
    json!({"series": repair.series, "placeholders": spans, "placeholder_count": repair.placeholder_count,
        "counter": repair.counter, "renumbered": repair.renumbered, "renumbered_count": repair.renumbered_count,
        "sealed_anew": repair.sealed_anew, "did_not_fit": repair.did_not_fit,
        "last_hash_before": counter_hash.map(hex::encode)})
}
