//! The embedder: from an upload's bytes to embeddings, on bounded threads all the way.
//!
//! A photo is first admitted ([`Embedder::admit`]), then decoded, and what is cut from it is embedded. Decoding and resizing
//! run on a pool of their own, the model on a thread per session. A step holds the photo's [`Permit`] until it has ended, so
//! what counts as in progress is what takes the machine's time. The photo of a caller that left is dropped between two
//! steps. A model that does not do what its manifest says is found by a self-test before [`Embedder::start`] returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::batch_runner::{BatchRunner, EmbeddingOutcome, Tensor};
use super::decode::{self, DecodeError, DecodeLimits};
use super::error::{from_batch_error, from_pool_error};
use super::model::{Model, ModelId};
use super::options::EmbedderOptions;
use super::photo_embedding::{DecodedPhoto, EmbedTimings, Embeddings, PhotoEmbedding};
use super::preprocess::Preprocessor;
use super::session::ModelSession;
use super::thresholds::Thresholds;
use super::{EmbedError, ModelError, self_test};
use crate::domain::Photo;
use crate::pool::{
    Admission, AdmissionLimits, Batcher, BatcherLimits, BatcherNames, Overloaded, Permit, Pool, PoolError, Priority,
};
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
    /// Decodes and resizes.
    pub(super) decode_pool: Pool,
    sessions: Batcher<Tensor, EmbeddingOutcome>,
}

impl Embedder {
    /// Opens `options.sessions` sessions of `model`, [tests](super::test_model) the first, runs a full batch on each, and
    /// starts the threads. Takes as long as loading the model and some tens of pictures do; call it before serving.
    ///
    /// # Errors
    /// ONNX Runtime is missing, or the model is not one that can be used: see [`Refusal`](super::Refusal).
    pub fn start(model: &Model, options: EmbedderOptions) -> Result<Self, ModelError> {
        let preprocessor = Preprocessor::new(&model.manifest.input);
        let unusable = |reason| ModelError::unusable(&model.path, reason);
        let threads = options.threads_per_session.max(1);
        let mut first = ModelSession::open(model, threads)?;
        let tested = self_test::test_session(&mut first, &preprocessor, &[], options.max_batch).map_err(unusable)?;
        let max_batch = tested.max_batch;
        if let Some(reason) = &tested.batch_limitation {
            tracing::warn!(model.id = %model.id, %reason, "the model is fed one photo at a time");
        }
        let warm_up_began = Instant::now();
        self_test::warm_up(&mut first, &preprocessor, 1).map_err(unusable)?;
        let first_estimate = warm_up_began.elapsed();
        let mut sessions = vec![first];
        for _ in 1..options.sessions.max(1) {
            let mut session = ModelSession::open(model, threads)?;
            self_test::warm_up(&mut session, &preprocessor, max_batch).map_err(unusable)?;
            sessions.push(session);
        }
        let count = sessions.len();
        // Decoding and inference use the same cores, so the larger number of threads counts.
        let limits = AdmissionLimits {
            cores: count.max(options.decode_threads),
            max_wait: options.max_wait,
            background_queue: options.queue_limit,
        };
        let admission = Admission::new("tillsight-embed", limits, first_estimate);
        // What is admitted waits in the admission; no later queue may refuse it.
        let queue = options.queue_limit.max(admission.in_progress_max());
        let batching = BatcherLimits { queue, batch: max_batch, shares: count };
        let thresholds = model.manifest.thresholds.clone();
        tracing::info!(
            model.id = %model.id,
            model.dim = model.manifest.output.dim,
            model.score = %thresholds.score,
            model.margin = %thresholds.margin,
            model.calibrated = thresholds.are_calibrated(),
            embed.sessions = count,
            "model ready"
        );
        Ok(Self {
            id: model.id.clone(),
            dim: model.manifest.output.dim,
            thresholds,
            limits: options.limits,
            preprocessor: Arc::new(preprocessor),
            admission,
            decode_pool: Pool::new("tillsight-decode", options.decode_threads, queue)?,
            sessions: Batcher::start(NAMES, BatchRunner::for_each_session(sessions, &model.id), batching)?,
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

    /// Score and margin of a match.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Limits on an uploaded photo.
    pub fn limits(&self) -> &DecodeLimits {
        &self.limits
    }

    /// Waits until work on the photo may begin. Background photos wait for each other, and may run next to interactive ones.
    ///
    /// # Cancel safety
    /// Dropping the future takes the photo out of the queue.
    ///
    /// # Errors
    /// At once, where an interactive photo would wait for longer than [`EmbedderOptions::max_wait`], or more background
    /// photos wait than may.
    pub async fn admit(&self, priority: Priority) -> Result<Permit, Overloaded> {
        self.admission.admit(priority).await
    }

    /// Decodes the picture in `bytes` (a `Vec<u8>`, `bytes::Bytes` or the like; it is shared with a thread, not copied).
    ///
    /// # Cancel safety
    /// Dropping the future takes the photo out of the queue; decoding that has begun runs to its end, and its result is
    /// thrown away.
    ///
    /// # Errors
    /// The photo's fault, or the threads are gone.
    pub async fn decode(
        &self,
        permit: &Permit,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<DecodedPhoto, EmbedError> {
        let (permit, limits, queued) = (permit.clone(), self.limits, Instant::now());
        let decode = move || {
            let _in_progress = permit;
            let began = Instant::now();
            let photo = Arc::new(decode::decode_photo(bytes.as_ref(), &limits)?);
            let timings = EmbedTimings { queue: began - queued, decode: began.elapsed(), ..EmbedTimings::default() };
            Ok(DecodedPhoto { photo, timings })
        };
        self.decode_pool.run(decode).await.map_err(|error| match error {
            PoolError::Full => EmbedError::Busy,
            PoolError::Panicked(reason) => EmbedError::Decode(DecodeError::Crashed { reason }),
            PoolError::Stopped => EmbedError::Stopped,
        })?
    }

    /// Runs other work on the pixels of a photo on the threads that decode, so that all photos together keep to them. Returns
    /// its result and how long it waited.
    ///
    /// # Cancel safety
    /// As [`Self::decode`].
    ///
    /// # Errors
    /// The threads are gone, or the work panicked.
    pub async fn run_on_decode_threads<T: Send + 'static>(
        &self,
        permit: &Permit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Duration), EmbedError> {
        let (permit, queued) = (permit.clone(), Instant::now());
        let timed = move || {
            let _in_progress = permit;
            let queue = queued.elapsed();
            (work(), queue)
        };
        self.decode_pool.run(timed).await.map_err(from_pool_error)
    }

    /// Resizes and embeds pictures of one photo; those that meet in the queue of a session are embedded in one run.
    ///
    /// # Cancel safety
    /// As [`Self::decode`].
    ///
    /// # Errors
    /// The first picture that gives no embedding: see [`EmbedError`].
    pub async fn embed(&self, permit: &Permit, pictures: Vec<Arc<Photo>>) -> Result<Embeddings, EmbedError> {
        let (held, preprocessor, queued) = (permit.clone(), Arc::clone(&self.preprocessor), Instant::now());
        let resize = move || {
            let began = Instant::now();
            let tensor =
                |picture: Arc<Photo>| Ok(Tensor { values: preprocessor.preprocess(&picture)?, permit: held.clone() });
            let tensors = pictures.into_iter().map(tensor).collect::<Result<Vec<_>, String>>();
            (tensors, began - queued, began.elapsed())
        };
        let (tensors, queue, resize) = self.decode_pool.run(resize).await.map_err(from_pool_error)?;
        let tensors = tensors.map_err(EmbedError::Failed)?;
        let answers = try_join_all(tensors.into_iter().map(|tensor| self.sessions.submit(tensor))).await;
        let mut timings = EmbedTimings { queue, resize, ..EmbedTimings::default() };
        let (mut embeddings, mut longest_queue) = (Vec::new(), Duration::ZERO);
        for answer in answers.map_err(from_batch_error)? {
            embeddings.push(answer.output?);
            longest_queue = longest_queue.max(answer.queue);
            timings.infer = timings.infer.max(answer.run);
        }
        timings.queue += longest_queue;
        Ok(Embeddings { embeddings, timings })
    }

    /// Decodes and embeds the whole picture in `bytes`, as a background job.
    ///
    /// # Cancel safety
    /// As [`Self::decode`].
    ///
    /// # Errors
    /// See [`EmbedError`]; [`EmbedError::Busy`] only where more background photos wait than may.
    pub async fn embed_photo(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<PhotoEmbedding, EmbedError> {
        let permit = self.admit(Priority::Background).await.map_err(|Overloaded { .. }| EmbedError::Busy)?;
        let DecodedPhoto { photo, mut timings } = self.decode(&permit, bytes).await?;
        let (width, height) = (photo.original_width(), photo.original_height());
        let mut embedded = self.embed(&permit, vec![photo]).await?;
        timings += embedded.timings;
        // One picture, one embedding.
        let embedding = embedded.embeddings.pop().ok_or(EmbedError::Stopped)?;
        Ok(PhotoEmbedding { embedding, width, height, timings })
    }

    /// Embeds a picture of our own, to tell a photo that cannot be embedded from a model that fails on all of them.
    ///
    /// # Errors
    /// As [`Self::embed_photo`]; none of them is a photo's fault.
    pub async fn embed_control(&self) -> Result<(), EmbedError> {
        let permit = self.admit(Priority::Background).await.map_err(|Overloaded { .. }| EmbedError::Busy)?;
        self.embed(&permit, vec![Arc::new(self_test::warm_picture())]).await.map(drop)
    }
}
