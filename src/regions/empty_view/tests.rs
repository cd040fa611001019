//! Frames of a cluttered and of a plain place: other light, noise, things, a moved camera.

use crate::domain::{Photo, Region};
use crate::regions::{DetectionMethod, EmptyView, EmptyViewUse, FoundRegions, RegionMode, UnusableView, find_regions};

const WIDTH: usize = 640;
const HEIGHT: usize = 360;

/// A number from 0 to 1 that follows from `n` alone.
fn random(n: usize) -> f32 {
    let mixed = (n as u32).wrapping_mul(2_654_435_761);
    ((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 8) as f32 / 16_777_216.0
}

type Picture = Vec<[f32; 3]>;
/// The factor of the light at a place.
type Light = fn(usize, usize) -> f32;

/// Overlapping rectangles of many colours.
fn clutter(first: usize) -> Picture {
    let mut picture = vec![[120.0, 110.0, 100.0]; WIDTH * HEIGHT];
    for n in 0..140 {
        let value = |k: usize| random(first * 1_000 + n * 8 + k);
        let (left, top) = (value(0) * WIDTH as f32, value(1) * HEIGHT as f32);
        let size = (20.0 + 90.0 * value(2), 20.0 + 70.0 * value(3));
        let color = [value(4), value(5), value(6)].map(|part| 40.0 + 190.0 * part);
        draw(&mut picture, (left as usize, top as usize, size.0 as usize, size.1 as usize), color);
    }
    picture
}

fn plain() -> Picture {
    (0..WIDTH * HEIGHT).map(|pixel| [190.0 - (pixel % WIDTH) as f32 / 20.0; 3]).collect()
}

fn draw(picture: &mut Picture, (left, top, width, height): (usize, usize, usize, usize), color: [f32; 3]) {
    for y in top..(top + height).min(HEIGHT) {
        picture[y * WIDTH + left..y * WIDTH + (left + width).min(WIDTH)].fill(color);
    }
}

/// A package with print on it.
fn draw_package(picture: &mut Picture, (left, top, width, height): (usize, usize, usize, usize)) {
    draw(picture, (left, top, width, height), [200.0, 40.0, 50.0]);
    draw(picture, (left + width / 6, top + height / 6, width / 2, height / 5), [240.0, 235.0, 225.0]);
    draw(picture, (left + width / 4, top + height / 2, width / 2, height / 3), [30.0, 60.0, 150.0]);
}

/// As the camera sees it: scaled light, and noise that is another one with each `first`.
fn shoot(picture: &Picture, light: impl Fn(usize, usize) -> f32, first: usize) -> Photo {
    let mut rgb = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for (pixel, color) in picture.iter().enumerate() {
        let light = light(pixel % WIDTH, pixel / WIDTH);
        for (channel, value) in color.iter().enumerate() {
            let noise = random(first * 7_919 + pixel * 3 + channel) * 12.0 - 6.0;
            rgb.push((value * light + noise).clamp(0.0, 255.0) as u8);
        }
    }
    Photo::new(WIDTH as u32, HEIGHT as u32, rgb).unwrap()
}

fn view(picture: &Picture) -> EmptyView {
    EmptyView::from_photo(&shoot(picture, |_, _| 1.0, 1)).unwrap()
}

fn find(photo: &Photo, view: &EmptyView) -> FoundRegions {
    find_regions(photo, RegionMode::Auto, Some(view))
}

/// Area of the intersection over that of the union.
fn iou(one: Region, other: Region) -> f32 {
    let span = |start: u32, length: u32, other: u32, other_length: u32| {
        u64::from((start + length).min(other + other_length).saturating_sub(start.max(other)))
    };
    let both = span(one.x, one.width, other.x, other.width) * span(one.y, one.height, other.y, other.height);
    both as f32 / (one.area() + other.area() - both) as f32
}

fn assert_found(found: &FoundRegions, (x, y, width, height): (usize, usize, usize, usize)) {
    let expected = Region { x: x as u32, y: y as u32, width: width as u32, height: height as u32 };
    let best = found.regions.iter().map(|found| iou(found.region, expected)).fold(0.0, f32::max);
    assert!(best > 0.7, "{expected:?}: {best}, {found:?}");
}

#[test]
fn other_light_and_noise_are_nothing() {
    let lights: [(&str, Light); 4] = [
        ("the same", |_, _| 1.0),
        ("darker by 7 %", |_, _| 0.93),
        ("darker by a quarter", |_, _| 0.75),
        ("a window to the left", |x, _| 1.1 - 0.2 * x as f32 / WIDTH as f32),
    ];
    for (name, picture) in [("clutter", clutter(1)), ("plain", plain())] {
        let view = view(&picture);
        for (light, factor) in lights {
            let found = find(&shoot(&picture, factor, 2), &view);
            assert_eq!((found.method, found.empty_view), (DetectionMethod::EmptyView, Some(EmptyViewUse::Used)));
            assert!(found.regions.is_empty() && found.shows_empty_view, "{name}, {light}: {found:?}");
        }
    }
}

#[test]
fn things_are_found_on_clutter_in_other_light() {
    for (name, background) in [("clutter", clutter(1)), ("other clutter", clutter(2)), ("plain", plain())] {
        let view = view(&background);
        let places = [(60, 80, 110, 180), (420, 150, 160, 120)];
        let mut picture = background.clone();
        places.iter().for_each(|place| draw_package(&mut picture, *place));
        for light in [1.0, 0.93, 0.8] {
            let found = find(&shoot(&picture, |_, _| light, 3), &view);
            assert_eq!(found.empty_view, Some(EmptyViewUse::Used), "{name}");
            assert!(!found.shows_empty_view);
            assert_eq!(found.regions.len(), 2, "{name}, {light}: {found:?}");
            places.iter().for_each(|place| assert_found(&found, *place));
        }
    }
}

#[test]
fn goods_that_cover_most_of_the_picture_are_things() {
    for background in [clutter(1), plain()] {
        let mut picture = background.clone();
        draw_package(&mut picture, (40, 30, 560, 300));
        let found = find(&shoot(&picture, |_, _| 1.0, 4), &view(&background));
        assert_eq!((found.empty_view, found.regions.len()), (Some(EmptyViewUse::Used), 1), "{found:?}");
        assert_found(&found, (40, 30, 560, 300));
    }
}

#[test]
fn a_moved_or_covered_camera_is_noticed() {
    let background = clutter(1);
    let view = view(&background);
    let moved = |picture: &Picture, light: f32| {
        let found = find(&shoot(picture, |_, _| light, 5), &view);
        assert_eq!(found.empty_view, Some(EmptyViewUse::CameraMoved), "{found:?}");
        assert_ne!(found.method, DetectionMethod::EmptyView);
        assert!(!found.regions.is_empty() && !found.shows_empty_view);
    };
    for (right, down) in [(40, 0), (0, 30), (70, 40)] {
        let mut picture = background.clone();
        for (y, x) in (down..HEIGHT).flat_map(|y| (right..WIDTH).map(move |x| (y, x))) {
            picture[y * WIDTH + x] = background[(y - down) * WIDTH + x - right];
        }
        moved(&picture, 0.93);
        draw_package(&mut picture, (250, 90, 120, 180));
        moved(&picture, 1.0);
    }
    moved(&clutter(3), 1.0);
    moved(&background, 0.05);
    moved(&vec![[230.0, 120.0, 90.0]; WIDTH * HEIGHT], 1.0);
}

#[test]
fn a_shaking_camera_is_no_thing() {
    let background = clutter(1);
    let mut picture = background.clone();
    for pixel in (1..picture.len()).rev() {
        picture[pixel] = background[pixel - 1];
    }
    let found = find(&shoot(&picture, |_, _| 1.0, 6), &view(&background));
    assert!(found.regions.is_empty() && found.empty_view == Some(EmptyViewUse::Used), "{found:?}");
}

#[test]
fn other_proportions_are_told_and_another_resolution_is_none() {
    let view = view(&plain());
    let square = Photo::new(300, 300, vec![190; 300 * 300 * 3]).unwrap();
    let found = find(&square, &view);
    assert_eq!((found.empty_view, found.method), (Some(EmptyViewUse::OtherSize), DetectionMethod::Whole));
    let half: Vec<u8> = (0..320 * 180).flat_map(|pixel| [190 - (pixel % 320 / 10) as u8; 3]).collect();
    let found = find(&Photo::new(320, 180, half).unwrap(), &view);
    assert_eq!((found.empty_view, found.regions.len()), (Some(EmptyViewUse::Used), 0));
}

#[test]
fn the_whole_picture_needs_no_view() {
    let found = find_regions(&shoot(&plain(), |_, _| 1.0, 1), RegionMode::Whole, Some(&view(&plain())));
    assert_eq!((found.method, found.empty_view), (DetectionMethod::Whole, None));
}

/// The picture as a camera sees it that was turned by `degrees` and zoomed.
fn turn_and_zoom(picture: &Picture, degrees: f32, zoom: f32) -> Picture {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (center_x, center_y) = (WIDTH as f32 / 2.0, HEIGHT as f32 / 2.0);
    let seen = |pixel: usize| {
        let (x, y) = ((pixel % WIDTH) as f32 - center_x, (pixel / WIDTH) as f32 - center_y);
        let from_x = ((cos * x - sin * y) / zoom + center_x).clamp(0.0, WIDTH as f32 - 1.0);
        let from_y = ((sin * x + cos * y) / zoom + center_y).clamp(0.0, HEIGHT as f32 - 1.0);
        picture[from_y as usize * WIDTH + from_x as usize]
    };
    (0..WIDTH * HEIGHT).map(seen).collect()
}

#[test]
fn a_turned_or_zoomed_camera_is_noticed_and_goods_are_no_such_thing() {
    // A strong texture and a faint one.
    for contrast in [1.0, 0.25] {
        let faint = |color: [f32; 3]| color.map(|value| 130.0 + contrast * (value - 130.0));
        let table: Picture = clutter(4).into_iter().map(faint).collect();
        let view = view(&table);
        for (degrees, zoom) in [(4.0, 1.0), (-8.0, 1.0), (0.0, 1.1), (0.0, 0.9), (3.0, 1.2)] {
            let mut picture = turn_and_zoom(&table, degrees, zoom);
            draw_package(&mut picture, (250, 90, 120, 180));
            let found = find(&shoot(&picture, |_, _| 1.0, 6), &view);
            assert_eq!(found.empty_view, Some(EmptyViewUse::CameraMoved), "{contrast} {degrees} {zoom}");
        }
        let mut full = table.clone();
        for package in [(40, 60, 110, 120), (200, 40, 120, 190), (360, 120, 90, 150), (490, 80, 100, 200)] {
            draw_package(&mut full, package);
            let found = find(&shoot(&full, |_, _| 0.95, 7), &view);
            assert_eq!(found.empty_view, Some(EmptyViewUse::Used), "{contrast} {package:?}");
        }
    }
}

/// A lamp that is brighter by 15 % makes the light parts of a table white.
#[test]
fn brighter_light_on_a_colourful_table_is_no_thing() {
    let table: Picture = clutter(3).into_iter().map(|color| color.map(|value| 1.1 * value)).collect();
    let view = view(&table);
    for light in [0.85, 1.15] {
        let found = find(&shoot(&table, |_, _| light, 2), &view);
        assert_eq!((found.empty_view, found.regions.len()), (Some(EmptyViewUse::Used), 0), "{light}: {found:?}");
    }
    let mut with_package = table;
    draw_package(&mut with_package, (WIDTH / 2, HEIGHT / 3, WIDTH / 6, HEIGHT / 3));
    let found = find(&shoot(&with_package, |_, _| 1.15, 3), &view);
    assert_eq!(found.regions.len(), 1, "{found:?}");
}

#[test]
fn pictures_that_no_table_looks_like_are_no_empty_view() {
    let photo = |width: u32, height: u32, value: u8| {
        Photo::new(width, height, vec![value; (width * height * 3) as usize]).unwrap()
    };
    assert_eq!(EmptyView::from_photo(&photo(4_000, 63, 90)), Err(UnusableView::TooSmall { width: 4_000, height: 63 }));
    assert_eq!(EmptyView::from_photo(&photo(640, 100, 90)), Err(UnusableView::Strip { width: 640, height: 100 }));
    assert_eq!(EmptyView::from_photo(&photo(640, 360, 9)), Err(UnusableView::Black));
    assert_eq!(EmptyView::from_photo(&photo(640, 360, 90)), Err(UnusableView::OneColor));
    let view = view(&plain());
    let stored = EmptyView::from_stored(view.width(), view.height(), view.reduced_rgb().to_vec());
    assert_eq!(stored.as_ref(), Some(&view));
    assert_eq!(EmptyView::from_stored(640, 361, vec![1; 12]), None);
    assert_eq!(image::load_from_memory(&view.to_png().unwrap()).unwrap().into_rgb8().as_raw(), view.reduced_rgb());
}
