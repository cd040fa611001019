//! Composes frames as a kiosk's camera sees them: products of known size at known places before a background.
//!
//! Invariants: things do not overlap and are whole inside the frame; each thing's region is the box of its visible pixels;
//! the same things and random numbers give the same frame.

use std::ops::RangeInclusive;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::cutouts::{CHANNELS, Cutout};
use crate::domain::{Photo, Region, text_enum};

/// Size of a frame in pixels: 16:9.
pub(super) const FRAME_WIDTH: u32 = 640;
pub(super) const FRAME_HEIGHT: u32 = 360;

/// A thing is at most this share of the frame's width, or of its cell's sides.
const SIDE_SHARE_MAX: f64 = 0.92;
/// Columns and rows of the cells that several things are placed in.
const CELLS: (u32, u32) = (3, 2);
/// Columns and rows of the pictures that a cluttered background is made of.
const TILES: (u32, u32) = (4, 3);
/// Grey of a plain background before light and tint.
const TABLE_GREY: RangeInclusive<f32> = 90.0..=215.0;
/// Greatest difference of a channel from the grey.
const TABLE_TINT: f32 = 12.0;
/// Greatest difference of the light between the middle and a corner.
const LIGHT_FALL_MAX: f32 = 15.0;
/// Light of an empty view by that of the frame: it was taken at another time of day.
const EMPTY_VIEW_LIGHT: f32 = 0.93;
/// Greatest noise of a camera.
const NOISE_MAX: i16 = 3;

text_enum! {
    /// Where a thing is put.
    Placement, "a place in a frame":
    Centre = "centre",
    Anywhere = "anywhere",
}

text_enum! {
    /// What is behind the things.
    FrameBackground, "a background of frames":
    /// One colour under uneven light.
    Plain = "plain",
    /// Other products, close together as on a shelf.
    Clutter = "clutter",
}

/// A kind of frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameSetup {
    /// Height of a thing as a share of the frame's height, in per cent.
    pub(super) height_percent: u32,
    pub(super) placement: Placement,
    pub(super) background: FrameBackground,
    /// Whether the kiosk has an empty view.
    pub(super) has_empty_view: bool,
    /// How many things; several are put into cells of their own.
    pub(super) things: RangeInclusive<usize>,
}

/// A composed frame and where its things are, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ComposedFrame {
    pub(super) photo: Photo,
    pub(super) regions: Vec<Region>,
    /// The background without the things, darker and with other noise, if the setup has an empty view.
    pub(super) empty_view: Option<Photo>,
}

/// How many tiles a cluttered background needs.
pub(super) const TILE_COUNT: usize = (TILES.0 * TILES.1) as usize;
/// How many things fit.
pub(super) const THINGS_MAX: usize = (CELLS.0 * CELLS.1) as usize;

/// Composes a frame of `things`, at most [`THINGS_MAX`]; `tiles` are the products of a cluttered background.
///
/// # Errors
/// The resizer's message; it should not fail.
pub(super) fn compose_frame(
    setup: &FrameSetup,
    things: &[&Cutout],
    tiles: &[&Cutout],
    random: &mut Pcg64,
) -> Result<ComposedFrame, String> {
    let mut canvas = FrameCanvas::plain(random);
    if setup.background == FrameBackground::Clutter {
        for (tile, cell) in tiles.iter().zip(grid(TILES)) {
            canvas.paste(&tile.resize(cell.width, cell.height)?, cell.x, cell.y);
        }
    }
    let empty_view = setup.has_empty_view.then(|| canvas.clone().into_empty_view(random)).transpose()?;
    let mut cells = if things.len() > 1 { grid(CELLS) } else { vec![Region::whole(FRAME_WIDTH, FRAME_HEIGHT)] };
    cells.shuffle(random);
    let mut regions = Vec::with_capacity(things.len());
    for (thing, cell) in things.iter().zip(cells) {
        let height = f64::from(setup.height_percent) / 100.0 * f64::from(FRAME_HEIGHT);
        let limit = |cell_side: u32, side: u32| SIDE_SHARE_MAX * f64::from(cell_side) / f64::from(side);
        let scale = (height / f64::from(thing.height)).min(limit(cell.width, thing.width));
        let thing = thing.scale(scale.min(limit(cell.height, thing.height)))?;
        let (free_x, free_y) = (cell.width - thing.width, cell.height - thing.height);
        let (x, y) = match setup.placement {
            Placement::Centre => (free_x / 2, free_y / 2),
            Placement::Anywhere => (random.random_range(0..=free_x), random.random_range(0..=free_y)),
        };
        let visible = thing.opaque_box().unwrap_or_else(|| Region::whole(thing.width, thing.height));
        regions.push(Region { x: cell.x + x + visible.x, y: cell.y + y + visible.y, ..visible });
        canvas.paste(&thing, cell.x + x, cell.y + y);
    }
    canvas.add_noise(random);
    Ok(ComposedFrame { photo: canvas.into_photo()?, regions, empty_view })
}

/// The frame divided into `columns` × `rows`.
fn grid((columns, rows): (u32, u32)) -> Vec<Region> {
    let (width, height) = (FRAME_WIDTH / columns, FRAME_HEIGHT / rows);
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    cells.map(|(column, row)| Region { x: column * width, y: row * height, width, height }).collect()
}

#[derive(Clone)]
struct FrameCanvas {
    rgb: Vec<u8>,
}

impl FrameCanvas {
    /// A table of one colour, brighter on one side.
    fn plain(random: &mut Pcg64) -> Self {
        let grey = random.random_range(TABLE_GREY);
        let color: [f32; 3] = std::array::from_fn(|_| grey + random.random_range(-TABLE_TINT..=TABLE_TINT));
        let [fall_x, fall_y]: [f32; 2] =
            std::array::from_fn(|_| random.random_range(-LIGHT_FALL_MAX..=LIGHT_FALL_MAX) / 2.0);
        let mut rgb = Vec::with_capacity((FRAME_WIDTH * FRAME_HEIGHT * 3) as usize);
        for (y, x) in (0..FRAME_HEIGHT).flat_map(|y| (0..FRAME_WIDTH).map(move |x| (y, x))) {
            let from_middle = |position: u32, side: u32| position as f32 / side as f32 * 2.0 - 1.0;
            let light = fall_x * from_middle(x, FRAME_WIDTH) + fall_y * from_middle(y, FRAME_HEIGHT);
            rgb.extend(color.map(|value| (value + light).round() as u8));
        }
        Self { rgb }
    }

    fn paste(&mut self, cutout: &Cutout, x: u32, y: u32) {
        let lines = cutout.rgba.chunks_exact(cutout.width as usize * CHANNELS);
        for (line, row) in lines.zip(y..) {
            let start = (row * FRAME_WIDTH + x) as usize * 3;
            let below = self.rgb[start..].chunks_exact_mut(3);
            for (pixel, below) in line.chunks_exact(CHANNELS).zip(below) {
                let opacity = u32::from(pixel[3]);
                for (value, above) in below.iter_mut().zip(pixel) {
                    let sum = u32::from(*above) * opacity + u32::from(*value) * (255 - opacity);
                    *value = ((sum + 127) / 255) as u8;
                }
            }
        }
    }

    fn add_noise(&mut self, random: &mut Pcg64) {
        for value in &mut self.rgb {
            let noisy = i16::from(*value) + random.random_range(-NOISE_MAX..=NOISE_MAX);
            *value = noisy.clamp(0, 255) as u8;
        }
    }

    fn into_empty_view(mut self, random: &mut Pcg64) -> Result<Photo, String> {
        for value in &mut self.rgb {
            *value = (f32::from(*value) * EMPTY_VIEW_LIGHT).round() as u8;
        }
        self.add_noise(random);
        self.into_photo()
    }

    fn into_photo(self) -> Result<Photo, String> {
        Photo::new(FRAME_WIDTH, FRAME_HEIGHT, self.rgb).ok_or_else(|| "a frame has no pixels".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const RED: [u8; 4] = [220, 10, 10, 255];

    fn red(width: u32, height: u32) -> Cutout {
        Cutout { width, height, rgba: RED.repeat((width * height) as usize) }
    }

    fn is_red(photo: &Photo, x: u32, y: u32) -> bool {
        let pixel = &photo.rgb()[((y * photo.width() + x) * 3) as usize..][..3];
        pixel[0] > 200 && pixel[1] < 30 && pixel[2] < 30
    }

    /// The box of the red pixels of `photo` that are inside `cell`.
    fn red_box(photo: &Photo, cell: Region) -> Region {
        let pixels = (cell.y..cell.y + cell.height).flat_map(|y| (cell.x..cell.x + cell.width).map(move |x| (x, y)));
        let red = pixels.filter(|(x, y)| is_red(photo, *x, *y)).map(|(x, y)| Region { x, y, width: 1, height: 1 });
        red.reduce(Region::join).unwrap()
    }

    #[test]
    fn a_things_region_is_where_its_pixels_are_and_has_the_height_asked_for() {
        for (height_percent, placement) in [(90, Placement::Centre), (60, Placement::Anywhere)] {
            let setup = FrameSetup {
                height_percent,
                placement,
                background: FrameBackground::Plain,
                has_empty_view: false,
                things: 1..=1,
            };
            let mut random = Pcg64::seed_from_u64(3);
            let frame = compose_frame(&setup, &[&red(40, 90)], &[], &mut random).unwrap();
            assert_eq!(frame.regions, [red_box(&frame.photo, Region::whole(FRAME_WIDTH, FRAME_HEIGHT))]);
            assert_eq!(frame.regions[0].height, FRAME_HEIGHT * height_percent / 100);
            let again = compose_frame(&setup, &[&red(40, 90)], &[], &mut Pcg64::seed_from_u64(3)).unwrap();
            assert_eq!(again, frame);
        }
    }

    #[test]
    fn several_things_are_whole_and_apart() {
        let setup = FrameSetup {
            height_percent: 35,
            placement: Placement::Anywhere,
            background: FrameBackground::Plain,
            has_empty_view: false,
            things: 6..=6,
        };
        let (wide, tall) = (red(300, 40), red(30, 200));
        let things = [&wide, &tall, &wide, &tall, &wide, &tall];
        let frame = compose_frame(&setup, &things, &[], &mut Pcg64::seed_from_u64(9)).unwrap();
        assert_eq!(frame.regions.len(), THINGS_MAX);
        for (position, region) in frame.regions.iter().enumerate() {
            assert_eq!(red_box(&frame.photo, *region), *region);
            assert!(frame.regions[..position].iter().all(|other| other.gap(*region) > 0), "{:?}", frame.regions);
        }
    }

    #[test]
    fn clutter_fills_the_frame_behind_the_thing() {
        let setup = FrameSetup {
            height_percent: 35,
            placement: Placement::Centre,
            background: FrameBackground::Clutter,
            has_empty_view: true,
            things: 1..=1,
        };
        let blue = Cutout { rgba: [10, 10, 220, 255].repeat(100), ..red(10, 10) };
        let frame = compose_frame(&setup, &[&red(50, 50)], &[&blue; TILE_COUNT], &mut Pcg64::seed_from_u64(1)).unwrap();
        let inside = |x: u32, y: u32| frame.regions[0].join(Region { x, y, width: 1, height: 1 }) == frame.regions[0];
        for (x, y) in (0..FRAME_WIDTH).flat_map(|x| (0..FRAME_HEIGHT).map(move |y| (x, y))) {
            assert_eq!(is_red(&frame.photo, x, y), inside(x, y), "{x} {y}");
        }
        let empty_view = frame.empty_view.unwrap();
        let blue = empty_view.rgb().chunks_exact(3).all(|pixel| pixel[2].abs_diff(205) <= NOISE_MAX as u8);
        assert!(blue, "the tiles without the thing, 7 % darker");
    }
}
