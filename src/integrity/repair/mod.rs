//! Repair of numbers: planning the changes, and applying them.
//!
//! Invariants: only [`Integrity::repair`] changes anything. It plans again while the counters of the series are locked, and
//! applies the plan and writes the audit record in the same transaction. A repair is applied completely or not at all. Only
//! `renumber` changes a record; a placeholder never changes once it is written.

mod error;
mod renumber;
mod view;
mod void;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Integrity;
use super::finding::LISTED_RANGES_MAX;
use crate::db::void_placeholders::PlaceholderRow;
use crate::db::{Reader, Tx, audit, number_checks, number_repairs, number_series, seals, stores, void_placeholders};
use crate::domain::{Caller, PlaceholderId, Series, StoreId, parse_line};

pub use error::RepairError;
pub use view::{CounterMove, RenumberedRange, RepairMethod, RepairView, SeriesRepair};

/// The most placeholders of one repair. If more numbers are missing, no records were lost: somebody changed a number.
const PLACEHOLDERS_MAX: i64 = 10_000;
/// The most records that are renumbered at once, since tills wait meanwhile.
const RENUMBERED_MAX: i64 = 50_000;
const REASON_LENGTH_MAX: usize = 200;

/// A requested repair.
#[derive(Debug, Clone)]
pub struct RepairRequest {
    pub store: StoreId,
    /// All series if absent.
    pub series: Option<Series>,
    pub method: RepairMethod,
    /// For the audit log and each placeholder.
    pub reason: String,
}

/// The changes of a repair in one series.
#[derive(Debug)]
struct RepairPlan {
    /// The summary for people, including the numbers that get placeholders.
    summary: SeriesRepair,
    /// In ascending order of the old numbers.
    rewrites: Vec<RecordRewrite>,
    /// The new counter with the seal of its record, if it changes.
    counter: Option<(i64, Vec<u8>)>,
}

/// A record that gets another number, link or seal.
#[derive(Debug)]
struct RecordRewrite {
    id: Uuid,
    from: i64,
    to: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl RepairPlan {
    fn empty(series: Series) -> Self {
        Self { summary: SeriesRepair::empty(series), rewrites: Vec::new(), counter: None }
    }

    fn changes_anything(&self) -> bool {
        !self.summary.placeholders.is_empty() || !self.rewrites.is_empty() || self.counter.is_some()
    }
}

impl Integrity {
    /// Plans a repair without changing or locking anything.
    pub async fn plan_repair(&self, request: &RepairRequest) -> Result<RepairView, RepairError> {
        let reason = parse_line("reason", &request.reason, REASON_LENGTH_MAX)?;
        let mut reader = self.db.snapshot().await?;
        check_method_allowed(&mut reader, request).await?;
        let mut repairs = Vec::new();
        for series in requested_series(request) {
            repairs.push(self.plan_series(&mut reader, request, series).await?.summary);
        }
        Ok(repair_view(request, reason, false, repairs))
    }

    /// Repairs in one transaction that locks the counters of the affected series: the store's tills wait meanwhile and
    /// continue with the right numbers.
    pub async fn repair(&self, caller: &Caller, request: &RepairRequest) -> Result<RepairView, RepairError> {
        // Planned first without locks, so that intact series are not locked at all.
        let planned = self.plan_repair(request).await?;
        if !planned.changes_anything() {
            return Ok(planned);
        }
        let mut tx = self.db.begin().await?;
        check_method_allowed(&mut tx, request).await?;
        if request.method == RepairMethod::Renumber {
            // Lock the closings too, since a concurrent closing would name the old numbers.
            number_series::lock(&mut tx, request.store, Series::Closing).await?;
        }
        let (mut repairs, mut details) = (Vec::new(), Vec::new());
        // The order series comes first, as in payments and refunds, which lock the order before they take a number. So no
        // two transactions wait for each other.
        for planned_series in planned.series {
            if !planned_series.changes_anything() {
                repairs.push(planned_series);
                continue;
            }
            let series = planned_series.series;
            number_series::lock(&mut tx, request.store, series).await?;
            let state = number_checks::read_series_state(&mut tx, request.store, series).await?;
            let plan = self.plan_series(&mut tx, request, series).await?;
            if plan.changes_anything() {
                self.apply_plan(&mut tx, caller, request, &planned.reason, &plan).await?;
                details.push(audit_details(&plan.summary, state.counter_hash.as_deref()));
            }
            repairs.push(plan.summary);
        }
        // Another repair may have been faster.
        if details.is_empty() {
            return Ok(repair_view(request, planned.reason, false, repairs));
        }
        let (at, subject) = (self.clock.now(), request.store.to_string());
        let details = json!({"method": request.method, "reason": planned.reason, "series": details});
        audit::append(&mut tx, audit::AuditEntry { at, caller, action: "numbering.repair", subject, details }).await?;
        tx.commit().await?;
        Ok(repair_view(request, planned.reason, true, repairs))
    }

    async fn plan_series(
        &self,
        reader: &mut Reader,
        request: &RepairRequest,
        series: Series,
    ) -> Result<RepairPlan, RepairError> {
        match request.method {
            RepairMethod::Void => void::plan_placeholders(reader, request.store, series, &self.given_numbers()).await,
            RepairMethod::Renumber => renumber::plan_renumbering(reader, request.store, series).await,
        }
    }

    /// Writes the changes of a series whose counter is locked.
    async fn apply_plan(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        request: &RepairRequest,
        reason: &str,
        plan: &RepairPlan,
    ) -> Result<(), RepairError> {
        let (store, series) = (request.store, plan.summary.series);
        let now = self.clock.now();
        for number in plan.summary.placeholders.iter().flat_map(|span| span.first..=span.last) {
            let mut row = PlaceholderRow {
                id: PlaceholderId::generate(now),
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
        // Numbers are unique in every statement, so the order of writes matters. Records whose number rises have the lowest
        // numbers of all; they are written first, highest first. Then every other record moves, in order, to its own number or
        // to one that is free by then.
        let rising = plan.rewrites.iter().take_while(|rewrite| rewrite.from < rewrite.to).count();
        let (rising, falling) = plan.rewrites.split_at(rising);
        for RecordRewrite { id, to, previous_hash, hash, .. } in rising.iter().rev().chain(falling) {
            number_repairs::renumber_record(tx, series, *id, *to, previous_hash, hash).await?;
        }
        if let Some((number, hash)) = &plan.counter {
            number_series::set_counter(tx, store, series, *number, hash).await?;
        }
        Ok(())
    }
}

fn requested_series(request: &RepairRequest) -> impl Iterator<Item = Series> {
    let only = request.series;
    Series::ALL.into_iter().filter(move |series| only.is_none_or(|only| only == *series))
}

/// Records of a fiscal store are never renumbered.
async fn check_method_allowed(reader: &mut Reader, request: &RepairRequest) -> Result<(), RepairError> {
    let store = stores::find(reader, request.store).await?.ok_or(RepairError::StoreNotFound(request.store))?;
    if request.method == RepairMethod::Renumber && store.fiscal {
        return Err(RepairError::Fiscal(store.name));
    }
    Ok(())
}

/// Leaves out intact series.
fn repair_view(request: &RepairRequest, reason: String, applied: bool, mut series: Vec<SeriesRepair>) -> RepairView {
    series.retain(|repair| *repair != SeriesRepair::empty(repair.series));
    RepairView { store_id: request.store, method: request.method, reason, applied, series }
}

/// The audit record of a series: the changes, and the counter's seal before.
fn audit_details(repair: &SeriesRepair, counter_hash: Option<&[u8]>) -> Value {
    // Every placeholder is a row that stays, so the log need not list all of them.
    let placeholders: Vec<_> = repair.placeholders.iter().take(LISTED_RANGES_MAX).collect();
    json!({"series": repair.series, "placeholders": placeholders, "placeholder_count": repair.placeholder_count,
        "counter": repair.counter, "renumbered": repair.renumbered, "renumbered_count": repair.renumbered_count,
        "sealed_anew": repair.resealed_count, "did_not_fit": repair.broken_seals,
        "last_hash_before": counter_hash.map(hex::encode)})
}
