//! What the model in use is worth on the catalogue's own photos: a summary of the report on products that look alike.

use serde::Serialize;
use utoipa::ToSchema;

use super::look_alike_report::name_pairs;
use super::look_alike_views::LookAlikePairView;
use super::{Catalog, CatalogError};
use crate::domain::Timestamp;
use crate::look_alikes::{CachedReport, VerdictCounts};

/// Pairs that are listed.
const WORST_PAIRS_MAX: usize = 10;

/// The evaluation on this server: the one that is going on, and the last one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CatalogueEvaluationView {
    /// `null` while none is going on.
    pub progress: Option<EvaluationProgress>,
    /// `null` if the model in use has not been evaluated since the server's start.
    pub result: Option<EvaluationResult>,
}

/// How far an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EvaluationProgress {
    #[schema(examples(512))]
    pub photos_checked: usize,
    /// 0 until it has begun.
    #[schema(examples(4_000))]
    pub photos_to_check: usize,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EvaluationResult {
    /// The model that was evaluated.
    pub model: String,
    /// The catalog change that was evaluated.
    pub index_revision: i64,
    pub made_at: Timestamp,
    /// Photos on sale.
    pub photos: usize,
    /// Photos that were searched for in the rest of the catalogue: at most 8 of each product, 20 000 in all, copies excluded.
    pub photos_checked: usize,
    /// Those of products with other photos.
    #[schema(examples(400))]
    pub known: usize,
    /// Photos in `known` whose product came first (top-1).
    #[schema(examples(388))]
    pub first: usize,
    /// Photos in `known` for which the till would bill their product.
    pub billed: usize,
    /// Photos in `known` for which it would bill another product.
    pub billed_wrongly: usize,
    /// Photos in `known` for which it would ask.
    pub asked: usize,
    /// Photos that were searched for as if their product had never been taught.
    pub unseen: usize,
    /// Photos in `unseen` for which the till would bill some other product.
    pub unseen_billed: usize,
    /// Photos in `unseen` for which it would ask.
    pub unseen_asked: usize,
    /// The products that are most likely taken for each other, strongest first, at most 10.
    pub worst_pairs: Vec<LookAlikePairView>,
}

impl Catalog {
    /// Evaluates the model in use on the catalogue's photos, in the background.
    pub fn begin_evaluation(&self) {
        self.reports.request_report();
    }

    /// The evaluation that is going on, and the last one.
    pub async fn evaluation(&self) -> Result<CatalogueEvaluationView, CatalogError> {
        let progress = self
            .reports
            .progress()
            .map(|(photos_checked, photos_to_check)| EvaluationProgress { photos_checked, photos_to_check });
        let result = match self.reports.last() {
            Some(cached) => Some(self.view_result(cached).await?),
            None => None,
        };
        Ok(CatalogueEvaluationView { progress, result })
    }

    async fn view_result(&self, cached: CachedReport) -> Result<EvaluationResult, CatalogError> {
        let CachedReport { report, made_at, model, .. } = cached;
        let VerdictCounts { known, first, billed, billed_wrongly, asked, unseen, unseen_billed, unseen_asked } =
            report.verdicts;
        let worst = &report.pairs[..report.pairs.len().min(WORST_PAIRS_MAX)];
        let worst_pairs = match worst {
            [] => Vec::new(),
            worst => name_pairs(&mut self.db.read().await?, worst).await?,
        };
        Ok(EvaluationResult {
            model: model.to_string(),
            index_revision: report.revision,
            made_at,
            photos: report.photos,
            photos_checked: report.photos_checked,
            known,
            first,
            billed,
            billed_wrongly,
            asked,
            unseen,
            unseen_billed,
            unseen_asked,
            worst_pairs,
        })
    }
}
