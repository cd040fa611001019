//! A camera for Chromium: a file of one picture that it reads again and again. A test shows another picture by writing it
//! into the file.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, resize};

pub const WIDTH: u32 = 960;
pub const HEIGHT: u32 = 540;
/// Pictures in a second.
const RATE: u32 = 10;

pub struct FakeCamera {
    folder: tempfile::TempDir,
}

impl FakeCamera {
    /// A camera that sees `picture`.
    pub fn new(picture: &RgbImage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::create(folder.path().join("camera.y4m")).unwrap();
        // A YUV4MPEG2 file: a header, then each picture after a line of its own.
        file.write_all(header().as_bytes()).unwrap();
        file.write_all(&encode_yuv420(picture)).unwrap();
        Self { folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("camera.y4m")
    }

    pub fn show(&self, picture: &RgbImage) {
        overwrite(&self.file(), &encode_yuv420(picture));
    }
}

fn header() -> String {
    format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420mpeg2\nFRAME\n")
}

fn overwrite(path: &Path, picture: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(header().len() as u64)).unwrap();
    file.write_all(picture).unwrap();
}

/// BT.601 in the studio's range; colours at half the resolution.
fn encode_yuv420(picture: &RgbImage) -> Vec<u8> {
    let picture = resize(picture, WIDTH, HEIGHT, FilterType::Triangle);
    let half = resize(&picture, WIDTH / 2, HEIGHT / 2, FilterType::Triangle);
    let plane = |picture: &RgbImage, offset: f32, weights: [f32; 3]| -> Vec<u8> {
        let value = |rgb: [u8; 3]| offset + (0..3).map(|i| weights[i] * f32::from(rgb[i])).sum::<f32>();
        picture.pixels().map(|pixel| value(pixel.0).round() as u8).collect()
    };
    let mut bytes = plane(&picture, 16.0, [0.257, 0.504, 0.098]);
    bytes.extend(plane(&half, 128.0, [-0.148, -0.291, 0.439]));
    bytes.extend(plane(&half, 128.0, [0.439, -0.368, -0.071]));
    bytes
}
