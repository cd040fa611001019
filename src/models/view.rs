//! What the API shows of models and their switches.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::model_switches::SwitchRow;
use crate::domain::{SwitchId, SwitchState, Timestamp};

/// A model of the folder.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// File name of its manifest: what to name it by.
    #[schema(examples("tillsight-small.json"))]
    pub manifest: String,
    /// Key of its embeddings; absent where the model cannot be used.
    #[schema(examples("tillsight-small@3#0f3a9b2c1d4e"))]
    pub model: Option<String>,
    /// Whether this server recognises by it.
    pub active: bool,
    /// Photos on sale that it has embedded.
    pub embedded: i64,
    /// Whether its score and margin were chosen on photos. Otherwise they are a guess, and customers meet wrong matches or
    /// needless questions: `tillsight model calibrate`. For the active model: those that it was started with.
    pub calibrated: bool,
    /// Why it cannot be used, as far as its manifest and the SHA-256 of its file tell; it is tested when it is switched to.
    /// For the active model: what is wrong with its files by now.
    pub problem: Option<String>,
}

/// The model that was switched to last, where this server does not recognise by it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WantedModel)]
pub struct UnadoptedModel {
    /// Key of its embeddings.
    pub model: String,
    /// File name of its manifest.
    pub manifest: String,
    /// Why this server does not use it, and what will happen or is to be done.
    pub reason: String,
}

/// What the confidence of answers was learned from.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfidenceView {
    /// Photos that the catalogue was asked with, copies of other photos excluded.
    pub photos: usize,
    /// Products of these photos.
    pub products: usize,
    /// How many catalog changes the index had seen.
    pub index_revision: i64,
}

/// The models of this server's folder.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelsView {
    /// All of them, by file name; the active one even where its files are gone.
    pub models: Vec<ModelView>,
    /// The model that was switched to last, where this server does not recognise by it.
    pub wanted: Option<UnadoptedModel>,
    /// What the active model's confidence was learned from; absent while score and margin of its manifest serve, because the
    /// catalogue is too small.
    pub confidence: Option<ConfidenceView>,
    /// Photos on sale.
    pub photos: i64,
    /// The open switch.
    pub switch: Option<SwitchView>,
    /// Earlier ones, newest first, at most 20.
    pub history: Vec<SwitchView>,
}

/// A photo that the new model cannot embed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[schema(as = Stuck)]
pub struct FailedImage {
    pub image_id: String,
    pub product_id: String,
    pub reason: String,
}

/// A change of the model.
#[derive(Debug, Serialize, ToSchema)]
pub struct SwitchView {
    pub id: SwitchId,
    /// The model that was active.
    pub from: String,
    /// The new one.
    pub to: String,
    /// File name of its manifest.
    pub to_manifest: String,
    pub state: SwitchState,
    /// Whether it activates itself as soon as it is ready.
    pub at_once: bool,
    /// Whether it does so even if the new model is right on fewer of the enrolled photos.
    pub even_if_worse: bool,
    /// Photos on sale when last counted.
    pub photos: i64,
    /// Those that the new model has embedded.
    pub embedded: i64,
    /// Photos that could not be embedded in the last pass, at most 20 of them. The switch tries them again by itself, and waits
    /// until they are repaired or removed.
    #[schema(value_type = Vec<FailedImage>)]
    pub problems: Value,
    /// How many such photos there are in all.
    pub problem_count: i64,
    /// Why the switch does not go on although no photo is at fault: the new model fails, or it is right on fewer of the
    /// enrolled photos and the switch would have activated itself.
    pub obstacle: Option<String>,
    /// How well each model tells the enrolled photos apart: half of each product's photos are asked against the other half,
    /// and the first answer counts. Absent until every photo is embedded.
    #[schema(value_type = Option<Comparison>)]
    pub comparison: Option<Value>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// Both models on enrolled photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct Comparison {
    /// Photos asked.
    pub asked: usize,
    /// Of these, right by the model that was active.
    pub right_before: usize,
    /// Of these, right by the new one.
    pub right_after: usize,
}

impl From<SwitchRow> for SwitchView {
    fn from(row: SwitchRow) -> Self {
        Self {
            id: row.id,
            from: row.from_model,
            to: row.to_model,
            to_manifest: row.to_manifest,
            state: row.state,
            at_once: row.at_once,
            even_if_worse: row.even_if_worse,
            photos: row.photos,
            embedded: row.photos - row.missing,
            problems: row.problems,
            problem_count: row.problem_count,
            obstacle: row.obstacle,
            comparison: row.comparison,
            created_at: row.created_at,
            changed_at: row.changed_at,
        }
    }
}
