//! The embedder: from an upload's bytes to an embedding, on bounded threads all the way.
//!
//! Decoding and resizing run on a pool of their own; the same thread then runs the model where one of its sessions is idle,
//! and goes on with what is to be done next (a search); the tensor queues for a session otherwise. In front of both stands
//! an [`Admission`]: a shopper's photo is refused at once where it would wait for too long ([`Embedder::embed_promptly`]),
//! a photo that can wait takes its turn ([`Embedder::embed_photo`]). The queues behind it have a fixed length and fail
//! fast, so that a burst ends in [`EmbedError::Busy`] and not in memory. A model that does not do what its manifest says is
//! found by a proof run before [`Embedder::start`] returns.
//!
//! Whose caller left gives up its place at once while it waits, and only at the end of the step while it is worked on:
//! what is counted as inside is what takes the machine's time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch_runner::{BatchRunner, Outcome, Tensor};
use super::decode::{self, DecodeError, DecodeLimits};
use super::error::{from_batch_error, from_pool_error};
use super::model::{Model, ModelId};
use super::options::EmbedderOptions;
use super::photo_embedding::{PhotoEmbedding, Timings};
use super::preprocess::Preprocessor;
use super::session::ModelSession;
use super::thresholds::Thresholds;
use super::vector::Embedding;
use super::{EmbedError, ModelError, self_test};
use crate::pool::{Admission, BatchAnswer, Batcher, BatcherNames, Permit, Pool, PoolError};
use crate::telemetry::{EMBED_BATCH_ENTRIES, EMBED_QUEUE_SECONDS, EMBED_REQUESTS_TOTAL, EMBED_RUN_SECONDS};

const NAMES: BatcherNames = BatcherNames {
    thread: "tillsight-embed",
    entries: EMBED_REQUESTS_TOTAL,
    queue_seconds: EMBED_QUEUE_SECONDS,
    run_seconds: EMBED_RUN_SECONDS,
    batch_entries: EMBED_BATCH_ENTRIES,
};

/// One model, ready to embed. Share it by `Arc`.
#[derive(Debug)]
pub struct Embedder {
    id: ModelId,
    dim: usize,
    thresholds: Thresholds,
    limits: DecodeLimits,
    preprocessor: Arc<Preprocessor>,
    pub(super) admission: Admission,
    pub(super) decoders: Pool,
    sessions: Arc<Batcher<Tensor, Outcome>>,
}

impl Embedder {
    /// Opens `options.sessions` sessions of `model`, [tests](super::test_model) it on the first, runs a full batch on each,
    /// and starts the threads. Takes as long as loading the model and some tens of pictures do; call it before serving.
    ///
    /// # Errors
    /// ONNX Runtime is missing, or the model is not one that can be used: see [`Refusal`](super::Refusal).
    pub fn start(model: &Model, options: EmbedderOptions) -> Result<Self, ModelError> {
        let preprocessor = Preprocessor::new(&model.manifest.input);
        let unusable = |reason| ModelError::unusable(&model.path, reason);
        let threads = options.threads_per_session.max(1);
        let mut first = ModelSession::open(model, threads)?;
        let proof = self_test::test_session(&mut first, &preprocessor, &[], options.max_batch).map_err(unusable)?;
        let max_batch = proof.max_batch;
        if let Some(reason) = &proof.batch_limitation {
            tracing::warn!(model.id = %model.id, %reason, "the model is fed one photo at a time");
        }
        // What the work on a photo takes at least, until one has been through.
        let working = Instant::now();
        self_test::warm_up(&mut first, &preprocessor, 1).map_err(unusable)?;
        let work = working.elapsed();
        let mut sessions = vec![first];
        for _ in 1..options.sessions.max(1) {
            let mut session = ModelSession::open(model, threads)?;
            self_test::warm_up(&mut session, &preprocessor, max_batch).map_err(unusable)?;
            sessions.push(session);
        }
        let manifest = &model.manifest;
        // Each thread works on a photo; decoding and inference use the same cores, so the larger number of them counts.
        let at_once = sessions.len().max(options.decode_threads);
        let admission = Admission::new("tillsight-embed", at_once, options.max_wait, options.queue_limit);
        admission.learn(work);
        let thresholds = &manifest.thresholds;
        tracing::info!(
            model.id = %model.id,
            model.dim = manifest.output.dim,
            model.score = %thresholds.score,
            model.margin = %thresholds.margin,
            model.calibrated = thresholds.are_calibrated(),
            embed.sessions = sessions.len(),
            "model ready"
        );
        Ok(Self {
            id: model.id.clone(),
            dim: manifest.output.dim,
            thresholds: manifest.thresholds.clone(),
            limits: options.limits,
            preprocessor: Arc::new(preprocessor),
            admission,
            decoders: Pool::new("tillsight-decode", options.decode_threads, options.queue_limit)?,
            sessions: {
                let running = BatchRunner::all(sessions, &model.id);
                Arc::new(Batcher::start(NAMES, running, options.queue_limit, max_batch, options.sessions)?)
            },
        })
    }

    /// The key of this model's embeddings.
    pub fn model_id(&self) -> &ModelId {
        &self.id
    }

    /// Number of values of its embeddings.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Where a match begins.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// What is taken of an upload.
    pub fn limits(&self) -> &DecodeLimits {
        &self.limits
    }

    /// Decodes, resizes and embeds the whole picture in `bytes` (a `Vec<u8>`, `bytes::Bytes` or the like; it is shared
    /// with a thread, not copied). It waits for its turn behind other patient photos and beside those of
    /// [`Self::embed_promptly`].
    ///
    /// # Cancel safety
    /// Dropping the future takes the photo out of whichever queue it is in; a step that has begun runs to its end and
    /// its result is thrown away. Nothing else is changed by this function.
    ///
    /// # Errors
    /// See [`EmbedError`]; [`EmbedError::Busy`] only where more photos wait than may wait.
    pub async fn embed_photo(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<PhotoEmbedding, EmbedError> {
        let place = self.admission.enter_patient().await.map_err(from_pool_error)?;
        Ok(self.embed_inside(bytes, Arc::new(place), |_| ()).await?.0)
    }

    /// As [`Self::embed_photo`], for a photo that somebody stands and waits for. `next` is done with the embedding on the
    /// thread that has it, which saves waking another one; where the photo had to wait for a session it is not done, and
    /// nothing comes in its place. It must not panic: the photo would be blamed.
    ///
    /// # Errors
    /// [`EmbedError::Busy`] at once where it would wait for longer than [`EmbedderOptions::max_wait`].
    pub async fn embed_promptly<T: Send + 'static>(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        next: impl FnOnce(&Embedding) -> T + Send + 'static,
    ) -> Result<(PhotoEmbedding, Option<T>), EmbedError> {
        let place = self.admission.enter_hurried().map_err(from_pool_error)?;
        self.embed_inside(bytes, Arc::new(place), next).await
    }

    /// Whether [`Self::embed_promptly`] would take a photo at this moment.
    ///
    /// # Errors
    /// [`EmbedError::Busy`] where it would not.
    pub fn has_room(&self) -> Result<(), EmbedError> {
        self.admission.would_let_in().map_err(from_pool_error)
    }

    /// Embeds a picture of our own, to tell a photo that cannot be embedded from a model that fails on all of them.
    ///
    /// # Errors
    /// As [`Self::embed_photo`]; none of them is a photo's fault.
    pub async fn embed_control(&self) -> Result<(), EmbedError> {
        let place = Arc::new(self.admission.enter_patient().await.map_err(from_pool_error)?);
        let preprocessor = Arc::clone(&self.preprocessor);
        let prepared = self.decoders.run(move || preprocessor.preprocess(&self_test::warm_picture())).await;
        let values = prepared.map_err(from_pool_error)?.map_err(EmbedError::Failed)?;
        let answer = self.sessions.submit(Tensor { values, place: Arc::downgrade(&place) }).await;
        answer.map_err(from_batch_error)?.output.map(drop)
    }

    async fn embed_inside<T: Send + 'static>(
        &self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        place: Arc<Permit>,
        next: impl FnOnce(&Embedding) -> T + Send + 'static,
    ) -> Result<(PhotoEmbedding, Option<T>), EmbedError> {
        let begun = Instant::now();
        let (limits, preprocessor) = (self.limits, Arc::clone(&self.preprocessor));
        let waiting = Arc::downgrade(&place);
        let sessions = Arc::clone(&self.sessions);
        let worked_on = self.decoders.run(move || {
            // Held until this step has ended, even if the caller leaves meanwhile.
            let held = waiting.upgrade();
            let working = Instant::now();
            let photo = decode::decode_photo(bytes.as_ref(), &limits)?;
            let resizing = Instant::now();
            let values = preprocessor.preprocess(&photo).map_err(EmbedError::Failed)?;
            let spent = Spent {
                waited: working - begun,
                decoded: resizing - working,
                resized: resizing.elapsed(),
                worked: working.elapsed(),
            };
            let size = (photo.width(), photo.height());
            drop(photo);
            let tensor = Tensor { values, place: waiting };
            // On this thread, while the core's cache holds the photo, where a session is idle; not for a caller who left while
            // it was decoded.
            let is_awaited = || held.as_ref().is_some_and(|place| Arc::strong_count(place) > 1);
            let run = if is_awaited() { sessions.run_here(tensor) } else { Err(tensor) };
            let embedding = run.as_ref().ok().and_then(|ran| ran.as_ref().ok()?.output.as_ref().ok());
            let next_begun = Instant::now();
            let done = embedding.filter(|_| is_awaited()).map(next);
            let spent = Spent { worked: spent.worked + next_begun.elapsed(), ..spent };
            Ok::<_, EmbedError>((run, done, size, spent))
        });
        let (run, done, (width, height), spent) = worked_on.await.map_err(|error| match error {
            PoolError::Full => EmbedError::Busy,
            PoolError::Panicked(reason) => EmbedError::Decode(DecodeError::Crashed { reason }),
            PoolError::Stopped => EmbedError::Stopped,
        })??;
        let answer = match run {
            Ok(answer) => answer,
            Err(tensor) => self.sessions.submit(tensor).await,
        };
        drop(place);
        let BatchAnswer { output, queue, run, batch } = answer.map_err(from_batch_error)?;
        self.admission.learn(spent.worked + run.div_f64(batch.max(1) as f64));
        let timings = Timings {
            decode_us: micros(spent.decoded),
            resize_us: micros(spent.resized),
            queue_us: micros(spent.waited + queue),
            infer_us: micros(run),
        };
        Ok((PhotoEmbedding { embedding: output?, width, height, timings }, done))
    }
}

/// Where the time of the first step went.
struct Spent {
    /// Waiting for a thread.
    waited: Duration,
    /// Decoding.
    decoded: Duration,
    /// Resizing and scaling.
    resized: Duration,
    /// All of it but the waiting, and what the caller does on the same thread.
    worked: Duration,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
