//! Measures a model on composed frames: whether things are found, and recognised as a till recognises them.
//!
//! Each kind of frame shows the same photos' products, so the rows differ by size, place and background alone. Every frame has
//! random numbers of its own, so the figures do not depend on which frame is ready first.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::EvaluationError;
use super::cutouts::Cutout;
use super::embed::{Sample, Samples, concurrency, start_embedder};
use super::frame_composer::{
    FRAME_HEIGHT, FRAME_WIDTH, FrameBackground, FrameSetup, Placement, THINGS_MAX, TILE_COUNT, compose_frame,
};
use super::frame_outcomes::{FrameOutcome, Gallery};
use super::frame_products::{CutoutSource, FrameProduct, load_product};
use super::frame_report::ComposedFrameFigures;
use super::photos::{LabelledPhoto, PhotoRole, PhotoSet};
use super::region_matching::match_regions;
use super::reliability;
use crate::domain::{Photo, Region, VerdictLimits};
use crate::embedding::{DecodeLimits, EmbedError, Embedder, Model};
use crate::pool::Priority;
use crate::regions::{self, EmptyView, RegionMode};

/// Cutouts take up to half a megabyte each.
const PHOTOS_MAX: usize = 500;

/// What frames are composed of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameOptions {
    /// Frames of each kind.
    pub frames: usize,
    /// Query photos against the enrolled ones, or catalogue pictures against themselves.
    pub role: PhotoRole,
    pub seed: u64,
    /// When a till asks.
    pub verdicts: VerdictLimits,
}

/// The kinds of frames, in the order of the report.
fn setups() -> [FrameSetup; FRAME_KINDS] {
    use FrameBackground::{Clutter, Plain};
    use Placement::{Anywhere, Centre};
    let one = |height_percent, placement, background| FrameSetup {
        height_percent,
        placement,
        background,
        has_empty_view: false,
        things: 1..=1,
    };
    let with_empty_view =
        |height_percent, placement| FrameSetup { has_empty_view: true, ..one(height_percent, placement, Clutter) };
    let several = FrameSetup { things: 2..=THINGS_MAX, ..one(35, Anywhere, Plain) };
    [
        one(90, Centre, Plain),
        one(60, Centre, Plain),
        one(60, Anywhere, Plain),
        one(35, Anywhere, Plain),
        one(90, Centre, Clutter),
        one(60, Anywhere, Clutter),
        one(35, Anywhere, Clutter),
        with_empty_view(90, Centre),
        with_empty_view(60, Anywhere),
        with_empty_view(35, Anywhere),
        several.clone(),
        FrameSetup { background: Clutter, has_empty_view: true, ..several },
    ]
}

/// The number of kinds of frames.
pub const FRAME_KINDS: usize = 12;

/// Composes frames of the photos of `set` and asks `model` for what is in them; `samples` are those of the same model and set.
/// Calls `on_progress` after each frame.
///
/// # Errors
/// No photo with the role shows a product of the gallery, none can be used, or the model fails.
pub async fn measure_frames(
    model: &Model,
    set: &PhotoSet,
    samples: &Samples,
    options: FrameOptions,
    limits: DecodeLimits,
    on_progress: impl Fn(),
) -> Result<ComposedFrameFigures, EvaluationError> {
    let is_catalogue = options.role == PhotoRole::Catalogue;
    let gallery: Vec<&Sample> = if is_catalogue { &samples.catalogue } else { &samples.enrolled }.iter().collect();
    let in_gallery = |photo: &&LabelledPhoto| gallery.iter().any(|sample| sample.product == photo.product);
    let photos = set.photos.iter().filter(|photo| photo.role == options.role).filter(in_gallery);
    let mut photos: Vec<&LabelledPhoto> = photos.collect();
    photos.shuffle(&mut Pcg64::seed_from_u64(options.seed));
    photos.truncate(options.frames.min(PHOTOS_MAX));
    let embedder = start_embedder(model, limits)?;
    let products = stream::iter(&photos).map(|photo| load_product(&embedder, photo)).buffered(concurrency());
    let products: Vec<Result<FrameProduct, String>> = products.collect().await;
    let unusable = products.iter().filter(|product| product.is_err()).count();
    let first_reason = products.iter().find_map(|product| product.as_ref().err().cloned());
    let products: Arc<Vec<FrameProduct>> = Arc::new(products.into_iter().flatten().collect());
    if products.is_empty() {
        let reason = first_reason
            .unwrap_or_else(|| if is_catalogue { NO_CATALOGUE.to_owned() } else { NO_QUERY_PHOTOS.to_owned() });
        return Err(EvaluationError::invalid_photos(&set.name, format!("frames cannot be composed: {reason}")));
    }
    let tight: Vec<Sample> = products.iter().map(|product| product.tight.clone()).collect();
    let confidence = reliability::learn_confidence(&gallery, options.seed);
    let gallery = Gallery { photos: gallery, products: set.products.len() };
    let (mut rows, mut answers) = (Vec::with_capacity(FRAME_KINDS), Vec::new());
    for (kind, setup) in (0_u64..).zip(setups()) {
        let outcomes = stream::iter(0..options.frames).map(|frame| {
            let random = Pcg64::new(u128::from(options.seed), u128::from(kind) << 64 | frame as u128);
            recognize_frame(&embedder, Arc::clone(&products), setup.clone(), frame, random)
        });
        let outcomes = outcomes.buffered(concurrency()).inspect_ok(|_| on_progress()).try_collect::<Vec<_>>().await;
        let outcomes = outcomes.map_err(EvaluationError::InsufficientPhotos)?;
        rows.push(gallery.summarise(&setup, &outcomes));
        answers.extend(confidence.iter().flat_map(|confidence| gallery.first_answers(confidence, &outcomes)));
    }
    let cut_by = |source: CutoutSource| products.iter().filter(|product| product.source == source).count();
    Ok(ComposedFrameFigures {
        width: FRAME_WIDTH,
        height: FRAME_HEIGHT,
        photos: products.len(),
        photos_with_region: cut_by(CutoutSource::Background),
        photos_with_box: cut_by(CutoutSource::Box),
        unusable_photos: unusable,
        tight_top_1: gallery.top_1(&tight),
        rows,
        confidence: confidence
            .map(|confidence| reliability::compare_with_truth(&confidence, &answers, options.verdicts)),
    })
}

const NO_CATALOGUE: &str = "there are no catalogue pictures (split iconic, role catalogue)";
const NO_QUERY_PHOTOS: &str = "no query photo shows an enrolled product";

async fn recognize_frame(
    embedder: &Embedder,
    products: Arc<Vec<FrameProduct>>,
    setup: FrameSetup,
    frame: usize,
    mut random: Pcg64,
) -> Result<FrameOutcome, String> {
    let permit = embedder.admit(Priority::Background).await.map_err(|_| EmbedError::Busy.to_string())?;
    let compose = move || {
        let count = random.random_range(setup.things.clone());
        let mut things = vec![&products[frame % products.len()]];
        things.extend((1..count).filter_map(|_| products.choose(&mut random)));
        let cutouts: Vec<&Cutout> = things.iter().map(|product| &product.cutout).collect();
        let tiles = (0..TILE_COUNT).filter_map(|_| products.choose(&mut random)).map(|product| &product.cutout);
        let tiles: Vec<&Cutout> = tiles.collect();
        let frame = compose_frame(&setup, &cutouts, &tiles, &mut random)?;
        let labels: Vec<usize> = things.iter().map(|product| product.tight.product).collect();
        let empty_view = frame.empty_view.as_ref().map(EmptyView::from_photo).transpose();
        let empty_view = empty_view.map_err(|error| format!("a composed empty view {error}"))?;
        Ok::<_, String>((Arc::new(frame.photo), frame.regions, labels, empty_view))
    };
    let failed = |error: EmbedError| format!("a composed frame cannot be embedded: {error}");
    let (composed, _queue) = embedder.run_on_decode_threads(&permit, compose).await.map_err(failed)?;
    let (photo, true_regions, labels, empty_view) = composed?;
    let searched = Arc::clone(&photo);
    let find = move || regions::find_regions(&searched, RegionMode::Auto, empty_view.as_ref());
    let (found, _queue) = embedder.run_on_decode_threads(&permit, find).await.map_err(failed)?;
    let found: Vec<Region> = found.regions.iter().map(|found| found.region).collect();
    let matches = match_regions(&true_regions, &found);
    // One call for one frame, as at a till: things, the regions that were matched with them, the other regions, the frame.
    let matched = || matches.iter().flatten().map(|matched| matched.found);
    let unmatched: Vec<Region> = (0..found.len())
        .filter(|region| !matched().any(|other| other == *region))
        .map(|region| found[region])
        .collect();
    let regions = true_regions.iter().copied().chain(matched().map(|region| found[region]));
    let pictures = regions.chain(unmatched.iter().copied()).map(|region| regions::crop_region(&photo, region));
    let whole = (labels.len() == 1).then(|| Arc::clone(&photo));
    let pictures: Vec<Arc<Photo>> = pictures.chain(whole).collect();
    let mut embeddings = embedder.embed(&permit, pictures).await.map_err(failed)?.embeddings.into_iter();
    let mut next = || embeddings.next().ok_or_else(|| failed(EmbedError::Stopped));
    let mut sample = |product: usize| Ok::<_, String>(Sample { product, embedding: next()? });
    let true_samples = labels.iter().map(|product| sample(*product)).collect::<Result<_, _>>()?;
    let best_regions =
        labels.iter().zip(&matches).map(|(product, matched)| matched.map(|_| sample(*product)).transpose());
    let best_regions = best_regions.collect::<Result<_, _>>()?;
    let unmatched = unmatched.iter().map(|_| Ok(sample(0)?.embedding)).collect::<Result<_, String>>()?;
    let found_things = matches.iter().flatten().filter(|matched| matched.is_found()).count();
    Ok(FrameOutcome {
        found: found_things,
        extra_regions: found.len() - found_things,
        unmatched,
        whole: (labels.len() == 1).then(|| sample(labels[0])).transpose()?,
        best_regions,
        true_regions: true_samples,
    })
}
