//! A session of the model as its thread runs it: batches together, or photo by photo where the model does not bear them.
//!
//! The self-test at the start tries a full batch. A graph may take that one and fail on a smaller one all the same. No photo
//! is lost by it: each of the batch is run alone, and from the first time on that this helped, so are all that follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array3;

use super::model::ModelId;
use super::session::ModelSession;
use super::vector::{Embedding, VectorError};
use super::{EmbedError, Refusal};
use crate::pool::{Permit, Runner};

/// What comes of one picture.
pub(super) type EmbeddingOutcome = Result<Embedding, EmbedError>;

/// A picture as the model is fed it.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) values: Array3<f32>,
    /// Its photo counts as in progress until the run has ended, whoever leaves meanwhile.
    pub(super) permit: Permit,
}

/// A session, and what all sessions of its model have learned about batches.
pub(super) struct BatchRunner {
    session: ModelSession,
    model: ModelId,
    alone: Arc<AtomicBool>,
}

impl BatchRunner {
    /// Sessions of `model` that share what they learn.
    pub(super) fn for_each_session(sessions: Vec<ModelSession>, model: &ModelId) -> Vec<Self> {
        let alone = Arc::<AtomicBool>::default();
        let runner = |session| Self { session, model: model.clone(), alone: Arc::clone(&alone) };
        sessions.into_iter().map(runner).collect()
    }

    fn one(&mut self, values: &Array3<f32>) -> Result<EmbeddingOutcome, Refusal> {
        Ok(self.session.embed_one(values)?.map_err(embed_error))
    }

    /// Each photo by itself; an error only where the model fails on every one.
    fn one_by_one(&mut self, values: &[Array3<f32>]) -> Result<Vec<EmbeddingOutcome>, Refusal> {
        let outcomes: Vec<Result<EmbeddingOutcome, Refusal>> = values.iter().map(|values| self.one(values)).collect();
        if outcomes.iter().all(Result::is_err) {
            return outcomes.into_iter().collect();
        }
        let failed = |refusal: Refusal| Err(EmbedError::Failed(refusal.to_string()));
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(failed)).collect())
    }
}

impl Runner<Tensor, EmbeddingOutcome> for BatchRunner {
    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<EmbeddingOutcome>, String> {
        let (values, _permits): (Vec<_>, Vec<_>) = inputs.into_iter().map(|input| (input.values, input.permit)).unzip();
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
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::super::onnx_fixture::{mean_colour_of_one_or, model, op, op_with_integers, png};
    use super::super::tests::ModelFiles;
    use super::super::{DecodeLimits, Model, Preprocessor, decode_photo};
    use super::*;
    use crate::pool::{Admission, AdmissionLimits, Priority};

    fn photos(model: &Model, count: u8) -> Vec<Tensor> {
        let preprocessor = Preprocessor::new(&model.manifest.input);
        let values =
            |n: u8| preprocessor.preprocess(&decode_photo(&png([n * 20, 200, 90]), &DecodeLimits::default()).unwrap());
        let limits = AdmissionLimits { cores: 1, max_wait: Duration::ZERO, background_queue: 1 };
        let admission = Admission::new("test", limits, Duration::ZERO);
        let permit = admission.admit(Priority::Background).now_or_never().unwrap().unwrap();
        (1..=count).map(|n| Tensor { values: values(n).unwrap(), permit: permit.clone() }).collect()
    }

    fn runner(onnx: &[u8]) -> (ModelFiles, Model, BatchRunner) {
        let files = ModelFiles::new(onnx);
        let model = files.open().unwrap();
        let session = ModelSession::open(&model, 1).unwrap();
        let runner = BatchRunner::for_each_session(vec![session], &model.id).pop().unwrap();
        (files, model, runner)
    }

    #[test]
    fn a_batch_that_fails_is_run_photo_by_photo_and_no_batch_is_tried_again() {
        let (_files, model, mut runner) = runner(&mean_colour_of_one_or(8));
        let together = runner.run(photos(&model, 8)).unwrap();
        assert!(!runner.alone.load(Ordering::Relaxed), "eight are borne");
        let each = runner.run(photos(&model, 3)).unwrap();
        assert!(runner.alone.load(Ordering::Relaxed));
        assert_eq!(each, together[..3]);
        assert_eq!(runner.run(photos(&model, 8)).unwrap(), together);
    }

    #[test]
    fn a_model_that_fails_on_every_photo_is_no_matter_of_batches() {
        let (_files, model, mut runner) = runner(&model(
            &[-1, 3, 16, 16],
            &[op("GlobalAveragePool"), op("Flatten"), op_with_integers("Reshape", &[-1, 5])],
        ));
        runner.run(photos(&model, 3)).unwrap_err();
        assert!(!runner.alone.load(Ordering::Relaxed));
    }
}
