//! A session of the model as its thread runs it: batches together, or photo by photo where the model does not bear them.
//!
//! The proof at the start tries a full batch. A graph may take that one and fail on a smaller one all the same; no photo is
//! lost by it: each of the batch is run alone, and from the first time on that this helped, so are all that follow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use ndarray::Array3;

use super::model::ModelId;
use super::session::ModelSession;
use super::vector::{Embedding, VectorError};
use super::{EmbedError, Refusal};
use crate::pool::{Permit, Runner};

/// What comes of one photo.
pub(super) type Outcome = Result<Embedding, EmbedError>;

/// A photo as the model is fed it, and the place that it holds as long as its caller is there.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) values: Array3<f32>,
    pub(super) place: Weak<Permit>,
}

/// A session, and what all sessions of its model have learned about batches.
pub(super) struct BatchRunner {
    session: ModelSession,
    model: ModelId,
    alone: Arc<AtomicBool>,
}

impl BatchRunner {
    /// Sessions of `model` that share what they learn.
    pub(super) fn all(sessions: Vec<ModelSession>, model: &ModelId) -> Vec<Self> {
        let alone = Arc::<AtomicBool>::default();
        let running = |session| Self { session, model: model.clone(), alone: Arc::clone(&alone) };
        sessions.into_iter().map(running).collect()
    }

    fn one(&mut self, values: &Array3<f32>) -> Result<Outcome, Refusal> {
        Ok(self.session.embed_one(values)?.map_err(embed_error))
    }

    /// Each photo by itself; an error only where the model fails on every one.
    fn one_by_one(&mut self, values: &[Array3<f32>]) -> Result<Vec<Outcome>, Refusal> {
        let outcomes: Vec<Result<Outcome, Refusal>> = values.iter().map(|values| self.one(values)).collect();
        if outcomes.iter().all(Result::is_err) {
            return outcomes.into_iter().collect();
        }
        let failed = |refusal: Refusal| Err(EmbedError::Failed(refusal.to_string()));
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(failed)).collect())
    }
}

impl Runner<Tensor, Outcome> for BatchRunner {
    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Outcome>, String> {
        // Held until the run has ended, whoever leaves meanwhile.
        let _places: Vec<_> = inputs.iter().filter_map(|input| input.place.upgrade()).collect();
        let values: Vec<_> = inputs.into_iter().map(|input| input.values).collect();
        let together = values.len() > 1 && !self.alone.load(Ordering::Relaxed);
        if !together {
            return self.one_by_one(&values).map_err(|refusal| refusal.to_string());
        }
        let reason = match self.session.embed(&values) {
            Ok(outputs) => return Ok(outputs.into_iter().map(|output| output.map_err(embed_error)).collect()),
            Err(reason) => reason,
        };
        let outcomes = self.one_by_one(&values).map_err(|refusal| refusal.to_string())?;
        if !self.alone.swap(true, Ordering::Relaxed) {
            tracing::warn!(model.id = %self.model, batch = values.len(), %reason,
                "the model failed on several photos at a time and not on each of them: it is fed one at a time from now on");
        }
        Ok(outcomes)
    }
}

fn embed_error(error: VectorError) -> EmbedError {
    match error {
        VectorError::NotFinite { position, value } => EmbedError::NotFinite { position, value: value.to_string() },
        VectorError::ZeroNorm { .. } => EmbedError::ZeroNorm,
        VectorError::WrongDimension { .. } | VectorError::NotUnit { .. } => EmbedError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::onnx_fixture::{mean_colour_of_one_or, model, op, op_with_integers, png};
    use super::super::tests::ModelFiles;
    use super::super::{DecodeLimits, Model, Preprocessor, decode_photo};
    use super::*;

    fn photos(model: &Model, count: u8) -> Vec<Tensor> {
        let preprocessor = Preprocessor::new(&model.manifest.input);
        let values =
            |n: u8| preprocessor.preprocess(&decode_photo(&png([n * 20, 200, 90]), &DecodeLimits::default()).unwrap());
        (1..=count).map(|n| Tensor { values: values(n).unwrap(), place: Weak::new() }).collect()
    }

    fn running(onnx: &[u8]) -> (ModelFiles, Model, BatchRunner) {
        let files = ModelFiles::new(onnx);
        let model = files.open().unwrap();
        let session = ModelSession::open(&model, 1).unwrap();
        let running = BatchRunner::all(vec![session], &model.id).pop().unwrap();
        (files, model, running)
    }

    #[test]
    fn a_batch_that_fails_is_run_photo_by_photo_and_no_batch_is_tried_again() {
        let (_files, model, mut running) = running(&mean_colour_of_one_or(8));
        let together = running.run(photos(&model, 8)).unwrap();
        assert!(!running.alone.load(Ordering::Relaxed), "eight are borne");
        let each = running.run(photos(&model, 3)).unwrap();
        assert!(running.alone.load(Ordering::Relaxed));
        assert_eq!(each, together[..3]);
        assert_eq!(running.run(photos(&model, 8)).unwrap(), together);
    }

    #[test]
    fn a_model_that_fails_on_every_photo_is_no_matter_of_batches() {
        let (_files, model, mut running) = running(&model(
            &[-1, 3, 16, 16],
            &[op("GlobalAveragePool"), op("Flatten"), op_with_integers("Reshape", &[-1, 5])],
        ));
        running.run(photos(&model, 3)).unwrap_err();
        assert!(!running.alone.load(Ordering::Relaxed));
    }
}
