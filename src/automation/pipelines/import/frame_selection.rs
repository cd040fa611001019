//! Which frames of a clip are enrolled: sharp ones that differ from each other.
//!
//! Frames come one after the other. Of each few the sharpest is kept, as a JPEG, so that a minute of clip takes some tens of
//! megabytes. At the end the frame that differs most from those already picked is picked next.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};

use crate::domain::Photo;
use crate::photo_quality::sharpness_of;
use crate::regions::reduce;

/// Frames of which one is kept.
const WINDOW: usize = 2;
/// Frames with less than this part of the median sharpness are blurred by the motion. A side with little print has about half.
const SHARPNESS_SHARE_MIN: f32 = 0.25;
/// The side of the small picture by which frames are compared.
const SMALL_SIDE: usize = 16;
/// The least mean difference of two small pictures, of 255. The noise of a clip that shows the same all the time is below it.
const DIFFERENCE_MIN: f32 = 1.0;
const JPEG_QUALITY: u8 = 92;

/// A frame that may be picked.
struct Candidate {
    jpeg: Vec<u8>,
    sharpness: f32,
    small: Vec<[u8; 3]>,
}

/// The frames so far.
#[derive(Default)]
pub(super) struct FrameSelection {
    /// The sharpest frame of those that came since the last candidate, and their number.
    sharpest: Option<(Photo, f32)>,
    in_window: usize,
    candidates: Vec<Candidate>,
}

impl FrameSelection {
    /// Takes the next frame of the clip. Encoding blocks for some milliseconds.
    pub(super) fn add(&mut self, frame: Photo) -> Result<(), ImageError> {
        let sharpness = sharpness_of(&frame).unwrap_or(0.0);
        if self.sharpest.as_ref().is_none_or(|(_, best)| sharpness > *best) {
            self.sharpest = Some((frame, sharpness));
        }
        self.in_window += 1;
        if self.in_window == WINDOW { self.close_window() } else { Ok(()) }
    }

    /// The picked frames as JPEGs, in the order of the clip, and the number of those they were picked from.
    pub(super) fn finish(mut self, frames_max: usize) -> Result<(Vec<Vec<u8>>, usize), ImageError> {
        self.close_window()?;
        let picked = pick(&self.candidates, frames_max);
        let count = self.candidates.len();
        let mut jpegs: Vec<Option<Vec<u8>>> =
            self.candidates.into_iter().map(|candidate| Some(candidate.jpeg)).collect();
        Ok((picked.into_iter().filter_map(|index| jpegs[index].take()).collect(), count))
    }

    fn close_window(&mut self) -> Result<(), ImageError> {
        self.in_window = 0;
        let Some((frame, sharpness)) = self.sharpest.take() else { return Ok(()) };
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY);
        encoder.encode(frame.rgb(), frame.width(), frame.height(), ExtendedColorType::Rgb8)?;
        let small = reduce(&frame, SMALL_SIDE, SMALL_SIDE);
        self.candidates.push(Candidate { jpeg, sharpness, small });
        Ok(())
    }
}

/// Indices of the picked candidates, rising. The first is the sharpest; each next one differs most from those picked before
/// (farthest-first traversal, Gonzalez 1985).
fn pick(candidates: &[Candidate], frames_max: usize) -> Vec<usize> {
    let mut sharpnesses: Vec<f32> = candidates.iter().map(|candidate| candidate.sharpness).collect();
    sharpnesses.sort_unstable_by(f32::total_cmp);
    let Some(median) = sharpnesses.get(sharpnesses.len() / 2) else { return Vec::new() };
    let is_sharp = |index: &usize| candidates[*index].sharpness >= median * SHARPNESS_SHARE_MIN;
    let sharp: Vec<usize> = (0..candidates.len()).filter(is_sharp).collect();
    let by_sharpness = |a: &&usize, b: &&usize| candidates[**a].sharpness.total_cmp(&candidates[**b].sharpness);
    let mut next = sharp.iter().max_by(by_sharpness).copied();
    let mut picked = Vec::new();
    // Of each candidate, the difference to the nearest picked one.
    let mut differences = vec![f32::INFINITY; candidates.len()];
    while let Some(index) = next.filter(|_| picked.len() < frames_max) {
        picked.push(index);
        for other in &sharp {
            differences[*other] =
                differences[*other].min(difference(&candidates[index].small, &candidates[*other].small));
        }
        let farthest = sharp.iter().max_by(|a, b| differences[**a].total_cmp(&differences[**b])).copied();
        next = farthest.filter(|farthest| differences[*farthest] >= DIFFERENCE_MIN);
    }
    picked.sort_unstable();
    picked
}

/// The mean difference of the values of two pictures of the same size.
fn difference(a: &[[u8; 3]], b: &[[u8; 3]]) -> f32 {
    let values = a.as_flattened().iter().zip(b.as_flattened());
    let sum: u32 = values.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    sum as f32 / a.as_flattened().len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes of a width, at a place; a blurred frame has soft ones.
    fn frame(place: u32, is_blurred: bool) -> Photo {
        let (width, height) = (96, 64);
        let pixels = (0..height).flat_map(|_| (0..width).map(|x| (x + place) % 24));
        let value = |x: u32| if is_blurred { (x.abs_diff(12) * 10) as u8 + 60 } else { [40, 200][(x / 12) as usize] };
        Photo::new(width, height, pixels.flat_map(|x| [value(x); 3]).collect()).unwrap()
    }

    fn select(frames: &[(u32, bool)], frames_max: usize) -> usize {
        let mut selection = FrameSelection::default();
        for (place, is_blurred) in frames {
            selection.add(frame(*place, *is_blurred)).unwrap();
        }
        let (jpegs, _) = selection.finish(frames_max).unwrap();
        assert!(jpegs.iter().all(|jpeg| jpeg.starts_with(&[0xFF, 0xD8])));
        jpegs.len()
    }

    #[test]
    fn frames_that_show_the_same_are_picked_once() {
        assert_eq!(select(&[(0, false); 40], 24), 1);
        assert_eq!(select(&[], 24), 0);
    }

    #[test]
    fn no_more_than_wanted_are_picked_and_they_differ() {
        let turning: Vec<(u32, bool)> = (0..24).flat_map(|place| [(place, false); WINDOW]).collect();
        assert_eq!(select(&turning, 6), 6);
        assert_eq!(select(&turning, 100), 24);
    }

    #[test]
    fn blurred_frames_are_left_out() {
        // Of each window the sharp one is kept, and a window of blurred ones is not picked from.
        let mut frames: Vec<(u32, bool)> = (0..4).flat_map(|n| [(n * 5, false), (n * 5 + 1, true)]).collect();
        assert_eq!(select(&frames, 24), 4);
        frames.extend([(3, true); 2 * WINDOW]);
        assert_eq!(select(&frames, 24), 4);
    }

    #[test]
    fn the_picked_frames_are_far_apart() {
        let candidate =
            |value: u8, sharpness: f32| Candidate { jpeg: Vec::new(), sharpness, small: vec![[value; 3]; 4] };
        let candidates =
            [candidate(100, 1.0), candidate(104, 0.9), candidate(160, 0.9), candidate(20, 0.8), candidate(0, 0.1)];
        assert_eq!(pick(&candidates, 3), [0, 2, 3], "the sharpest, then the most different; not the blurred one");
        assert_eq!(pick(&candidates, 10), [0, 1, 2, 3]);
    }
}
