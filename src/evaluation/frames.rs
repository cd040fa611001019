//! Measures a model on composed frames: whether things are found, and recognised as a till does.
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
use super::embed::{Sample, Samples, concurrency, read_photo, start_embedder};
use super::frame_composer::{
    Backdrop, FRAME_HEIGHT, FRAME_WIDTH, FrameSetup, Placement, THINGS_MAX, TILE_COUNT, compose_frame,
};
use super::frame_report::{ComposedFrameFigures, ComposedFrameRow};
use super::metrics::share;
use super::photos::{LabelledPhoto, PhotoRole, PhotoSet};
use super::region_matching::match_regions;
use super::scores::ScoreTable;
use crate::domain::{Photo, Region};
use crate::embedding::{DecodeLimits, EmbedError, Embedder, Embedding, Model};
use crate::pool::Priority;
use crate::regions::{self, EmptyView, ProductRegion, RegionMode};

/// Cutouts take up to half a megabyte each.
const PHOTOS_MAX: usize = 500;

/// What frames are composed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameOptions {
    /// Frames of each kind.
    pub frames: usize,
    /// Query photos against the enrolled ones, or catalogue pictures against themselves.
    pub role: PhotoRole,
    pub seed: u64,
}

/// The kinds of frames, in the order of the report.
fn setups() -> [FrameSetup; FRAME_KINDS] {
    use Backdrop::{Clutter, Plain};
    use Placement::{Anywhere, Centre};
    let one = |height_percent, placement, backdrop| FrameSetup {
        height_percent,
        placement,
        backdrop,
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
        FrameSetup { backdrop: Clutter, has_empty_view: true, ..several },
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
    let top_1 = |queries: &[Sample]| {
        let table = ScoreTable::new(queries, &gallery, set.products.len());
        share(table.known_answers().iter().map(|answer| answer.is_correct()))
    };
    let mut rows = Vec::with_capacity(FRAME_KINDS);
    for (kind, setup) in (0_u64..).zip(setups()) {
        let outcomes = stream::iter(0..options.frames).map(|frame| {
            let random = Pcg64::new(u128::from(options.seed), u128::from(kind) << 64 | frame as u128);
            ask_frame(&embedder, Arc::clone(&products), setup.clone(), frame, random)
        });
        let outcomes = outcomes.buffered(concurrency()).inspect_ok(|_| on_progress()).try_collect::<Vec<_>>().await;
        let outcomes = outcomes.map_err(EvaluationError::InsufficientPhotos)?;
        rows.push(summarise(&setup, &outcomes, top_1));
    }
    Ok(ComposedFrameFigures {
        width: FRAME_WIDTH,
        height: FRAME_HEIGHT,
        photos: products.len(),
        photos_with_region: products.iter().filter(|product| product.has_region).count(),
        unusable_photos: unusable,
        tight_top_1: top_1(&tight),
        rows,
    })
}

const NO_CATALOGUE: &str = "there are no catalogue pictures (split iconic, role catalogue)";
const NO_QUERY_PHOTOS: &str = "no query photo shows an enrolled product";

/// A product that frames are composed of.
struct FrameProduct {
    cutout: Cutout,
    /// It stood out from its background.
    has_region: bool,
    /// The photo as it is.
    tight: Sample,
}

async fn load_product(embedder: &Embedder, photo: &LabelledPhoto) -> Result<FrameProduct, String> {
    let (path, limit) = (photo.path.clone(), embedder.limits().max_bytes);
    let bytes = tokio::task::spawn_blocking(move || read_photo(&path, limit)).await;
    let bytes = bytes.map_err(|error| error.to_string())??;
    let name = |error: EmbedError| format!("{}: {error}", photo.path.display());
    let permit = embedder.admit(Priority::Background).await.map_err(|_| name(EmbedError::Busy))?;
    let decoded = embedder.decode(&permit, bytes).await.map_err(name)?.photo;
    let cut = move || {
        let region = match regions::find_product_region(&decoded) {
            ProductRegion::Found(region) => Some(region),
            ProductRegion::Whole | ProductRegion::Several(_) => None,
        };
        let whole = Region::whole(decoded.width(), decoded.height());
        let picture = regions::crop_region(&decoded, region.unwrap_or(whole));
        Ok::<_, String>((Cutout::from_photo(&decoded, region)?, region.is_some(), picture))
    };
    let (cut, _queue) = embedder.run_on_decode_threads(&permit, cut).await.map_err(name)?;
    let (cutout, has_region, picture) = cut?;
    let embedding = embedder.embed(&permit, vec![picture]).await.map_err(name)?.embeddings.pop();
    let embedding = embedding.ok_or_else(|| name(EmbedError::Stopped))?;
    Ok(FrameProduct { cutout, has_region, tight: Sample { product: photo.product, embedding } })
}

/// What became of a frame.
struct FrameOutcome {
    /// The things that have a region of their own.
    found: usize,
    extra_regions: usize,
    /// The whole frame, if it shows one thing.
    whole: Option<Sample>,
    /// The region that overlaps each thing most; `None` if no region does.
    auto: Vec<Option<Sample>>,
    true_regions: Vec<Sample>,
}

async fn ask_frame(
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
    // Things, then the regions that were matched with them, then the frame: as a till does, one call for one picture.
    let matched = matches.iter().flatten().map(|matched| found[matched.found]);
    let pictures = true_regions.iter().copied().chain(matched).map(|region| regions::crop_region(&photo, region));
    let whole = (labels.len() == 1).then(|| Arc::clone(&photo));
    let pictures: Vec<Arc<Photo>> = pictures.chain(whole).collect();
    let mut embeddings = embedder.embed(&permit, pictures).await.map_err(failed)?.embeddings.into_iter();
    let mut sample = |product: usize| embeddings.next().map(|embedding: Embedding| Sample { product, embedding });
    let missing = || failed(EmbedError::Stopped);
    let true_samples = labels.iter().map(|product| sample(*product).ok_or_else(missing)).collect::<Result<_, _>>()?;
    let auto = labels.iter().zip(&matches).map(|(product, matched)| matched.and_then(|_| sample(*product))).collect();
    let found_things = matches.iter().flatten().filter(|matched| matched.is_found()).count();
    Ok(FrameOutcome {
        found: found_things,
        extra_regions: found.len() - found_things,
        whole: if labels.len() == 1 { sample(labels[0]) } else { None },
        auto,
        true_regions: true_samples,
    })
}

fn summarise(setup: &FrameSetup, outcomes: &[FrameOutcome], top_1: impl Fn(&[Sample]) -> f64) -> ComposedFrameRow {
    let (frames, things) = (outcomes.len(), outcomes.iter().map(|outcome| outcome.auto.len()).sum::<usize>());
    let of_all = |value: fn(&FrameOutcome) -> usize, all: usize| {
        outcomes.iter().map(value).sum::<usize>() as f64 / all.max(1) as f64
    };
    let whole: Vec<Sample> = outcomes.iter().filter_map(|outcome| outcome.whole.clone()).collect();
    // A thing that no region overlaps is wrong.
    let auto: Vec<Sample> = outcomes.iter().flat_map(|outcome| outcome.auto.iter().flatten().cloned()).collect();
    let true_regions: Vec<Sample> = outcomes.iter().flat_map(|outcome| outcome.true_regions.iter().cloned()).collect();
    ComposedFrameRow {
        height_percent: setup.height_percent,
        placement: setup.placement,
        background: setup.backdrop,
        empty_view: setup.has_empty_view,
        things_per_frame: [*setup.things.start(), *setup.things.end()],
        frames,
        things,
        found: of_all(|outcome| outcome.found, things),
        extra_regions: of_all(|outcome| outcome.extra_regions, frames),
        top_1_whole: (!whole.is_empty()).then(|| top_1(&whole)),
        top_1_auto: top_1(&auto) * auto.len() as f64 / things.max(1) as f64,
        top_1_true_region: top_1(&true_regions),
    }
}
