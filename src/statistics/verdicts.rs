//! Verdicts of recognition on the last days.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Days, Statistics, StatisticsError, find_scope};
use crate::db::recognition_counts::{self, VerdictCountsRow};
use crate::db::store_scope::StoreScope;
use crate::db::stores;
use crate::domain::{Caller, LocalUnit, OffsetSpan, StoreId};

/// How often recognition came to each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerdictFigures {
    /// Things that were recognised.
    pub matched: i64,
    /// Things that the till asked about.
    pub ambiguous: i64,
    pub unknown: i64,
}

/// Verdicts of an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerdictPoint {
    /// When it begins, in the store's time zone: `2026-01-05T13:00` or `2026-01-05`.
    #[schema(examples("2026-01-05"))]
    pub begins: String,
    #[serde(flatten)]
    pub figures: VerdictFigures,
}

/// Verdicts of the last days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VerdictsView {
    /// Today is the last of them.
    #[schema(examples(7))]
    pub days: i64,
    pub current: VerdictFigures,
    /// As many days before, up to the same time of day.
    pub previous: VerdictFigures,
    /// Each hour of today, or each day.
    pub points: Vec<VerdictPoint>,
}

impl VerdictFigures {
    fn add(&mut self, row: VerdictCountsRow) {
        self.matched += row.matched;
        self.ambiguous += row.ambiguous;
        self.unknown += row.unknown;
    }
}

impl Statistics {
    /// Verdicts of the last `days` days (1, 7, 30 or 90) in one store or in all. For the staff. The last half minute is missing.
    pub async fn verdicts(
        &self,
        caller: &Caller,
        store: Option<StoreId>,
        days: i64,
    ) -> Result<VerdictsView, StatisticsError> {
        let days = Days::new(days)?;
        let (now, unit) = (self.clock.now(), days.unit());
        let mut reader = self.db.snapshot().await?;
        let store = find_scope(&mut reader, caller, store).await?;
        let (mut current, mut previous) = (VerdictFigures::default(), VerdictFigures::default());
        let mut points: BTreeMap<String, VerdictFigures> = BTreeMap::new();
        for calendar in &stores::list_business_days(&mut reader, store).await? {
            let scope = StoreScope { days: calendar, store };
            let (from, to) = days.current(calendar, now);
            for span in calendar.spans(from, to, unit) {
                for number in span.units(unit) {
                    points.entry(unit.label(number)).or_default();
                }
                for row in recognition_counts::sum(&mut reader, scope, span, unit).await? {
                    current.add(row.counts);
                    points.entry(unit.label(row.unit)).or_default().add(row.counts);
                }
            }
            let (from, to) = days.previous(calendar, now);
            let span = OffsetSpan { from, to, offset_us: 0 };
            for row in recognition_counts::sum(&mut reader, scope, span, LocalUnit::Whole).await? {
                previous.add(row.counts);
            }
        }
        let points = points.into_iter().map(|(begins, figures)| VerdictPoint { begins, figures }).collect();
        Ok(VerdictsView { days: days.0, current, previous, points })
    }
}
