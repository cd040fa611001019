//! Decoding: which pictures are accepted, and which rule refuses the others.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use super::*;

/// Left half red, right half blue, green on top: every rotation and flip is visible.
fn sample(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 4) {
        (_, true) => Rgb([0, 200, 0]),
        (true, false) => Rgb([200, 0, 0]),
        (false, false) => Rgb([0, 0, 200]),
    })
}

fn encode(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn encode_with_orientation(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    // TIFF header, little endian; one entry: tag 0x0112 (orientation), type 3 (short), count 1.
    let exif = [b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.encode(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
    bytes
}

fn has_color(photo: &Photo, x: u32, y: u32, color: [u8; 3]) -> bool {
    let offset = (y as usize * photo.width() as usize + x as usize) * 3;
    photo.rgb()[offset..offset + 3].iter().zip(color).all(|(found, expected)| found.abs_diff(expected) < 40)
}

/// A PNG whose header announces `width` × `height` pixels, followed by almost no data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let body = [name.as_slice(), data].concat();
        bytes.extend(&body);
        bytes.extend(crc32(&body).to_be_bytes());
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes()[..], &[8, 2, 0, 0, 0]].concat();
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
    chunk(b"IEND", &[]);
    bytes
}

/// The checksum of PNG chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn all_three_formats_are_detected_by_their_first_bytes_and_decoded() {
    let picture = sample(40, 24);
    for (codec, format) in [
        (ImageFormat::Jpeg, PhotoFormat::Jpeg),
        (ImageFormat::Png, PhotoFormat::Png),
        (ImageFormat::WebP, PhotoFormat::WebP),
    ] {
        let bytes = encode(&picture, codec);
        let limits = DecodeLimits::default();
        assert_eq!(read_photo_header(&bytes, &limits).unwrap(), PhotoHeader { format, width: 40, height: 24 });
        let photo = decode_photo(&bytes, &limits).unwrap();
        assert_eq!((photo.width(), photo.height()), (40, 24));
        assert!(has_color(&photo, 4, 20, [200, 0, 0]) && has_color(&photo, 36, 20, [0, 0, 200]), "{format}");
    }
}

#[test]
fn the_exif_orientation_is_applied() {
    // Where the green row (stored on top) and the red half (stored on the left) end up, by the EXIF standard.
    let cases = [
        (1_u8, (64, 32), [(32, 2), (4, 28)]),
        (2, (64, 32), [(32, 2), (60, 28)]),
        (3, (64, 32), [(32, 30), (60, 4)]),
        (4, (64, 32), [(32, 30), (4, 4)]),
        (5, (32, 64), [(2, 32), (28, 4)]),
        (6, (32, 64), [(30, 32), (4, 4)]),
        (7, (32, 64), [(30, 32), (4, 60)]),
        (8, (32, 64), [(2, 32), (28, 60)]),
    ];
    for (orientation, size, [green, red]) in cases {
        let photo =
            decode_photo(&encode_with_orientation(&sample(64, 32), orientation), &DecodeLimits::default()).unwrap();
        assert_eq!((photo.width(), photo.height()), size, "orientation {orientation}");
        assert!(has_color(&photo, green.0, green.1, [0, 200, 0]), "orientation {orientation}: green");
        assert!(has_color(&photo, red.0, red.1, [200, 0, 0]), "orientation {orientation}: red");
    }
}

#[test]
fn a_large_jpeg_has_fewer_pixels_and_looks_the_same() {
    let limits = DecodeLimits::default();
    let (width, height) = (2_240, 2_160);
    let wave = |position: u32, period: f32| ((position as f32 / period).sin() * 90.0 + 128.0) as u8;
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([wave(x, 70.0), wave(y, 50.0), wave(x + y, 90.0)]));
    let photo = decode_photo(&encode(&picture, ImageFormat::Jpeg), &limits).unwrap();
    assert_eq!((photo.width(), photo.height()), (1_120, 1_080));
    assert_eq!((photo.original_width(), photo.original_height()), (width, height));
    let averaged = image::imageops::thumbnail(&picture, 1_120, 1_080);
    let difference: u64 = photo.rgb().iter().zip(averaged.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let values = photo.rgb().len() as u64;
    assert!(difference < 2 * values, "a mean difference of {difference} / {values}");
    // Below that nothing is reduced, nor is another format.
    let small = image::imageops::crop_imm(&picture, 0, 0, 2_240, 2_159).to_image();
    for (picture, format) in [(&small, ImageFormat::Jpeg), (&picture, ImageFormat::Png)] {
        let photo = decode_photo(&encode(picture, format), &limits).unwrap();
        assert_eq!((photo.width(), photo.height()), (picture.width(), picture.height()), "{format:?}");
    }
}

#[test]
fn a_large_jpeg_is_turned_upright_with_its_original_and_may_be_grey() {
    let limits = DecodeLimits::default();
    let photo = decode_photo(&encode_with_orientation(&sample(2_400, 2_200), 6), &limits).unwrap();
    assert_eq!((photo.width(), photo.height()), (1_100, 1_200));
    assert_eq!((photo.original_width(), photo.original_height()), (2_200, 2_400));
    assert!(has_color(&photo, 1_090, 600, [0, 200, 0]) && has_color(&photo, 100, 100, [200, 0, 0]));
    let mut grey = Vec::new();
    let pixels = vec![90; 2_200 * 2_200];
    JpegEncoder::new(&mut grey).encode(&pixels, 2_200, 2_200, ExtendedColorType::L8).unwrap();
    let photo = decode_photo(&grey, &limits).unwrap();
    assert!(photo.width() == 1_100 && has_color(&photo, 500, 500, [90; 3]));
    let error = decode_photo(&grey[..grey.len() / 2], &limits).unwrap_err();
    assert!(matches!(error, DecodeError::Broken { .. }), "{error}");
}

#[test]
fn a_picture_cut_off_anywhere_is_an_error() {
    let picture = sample(96, 64);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let bytes = encode(&picture, format);
        // A PNG's last chunk (12 bytes) holds nothing of the picture.
        for length in [bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4, bytes.len() - 13] {
            let error = decode_photo(&bytes[..length], &DecodeLimits::default()).unwrap_err();
            assert!(matches!(error, DecodeError::Broken { .. }), "{format:?} cut to {length}: {error}");
        }
    }
}

#[test]
fn each_kind_of_bad_input_has_its_own_error() {
    let limits = DecodeLimits { max_bytes: 100, max_pixels: 1_000 };
    assert_eq!(decode_photo(b"", &limits), Err(DecodeError::Empty));
    assert_eq!(decode_photo(&[0; 101], &limits), Err(DecodeError::TooManyBytes { len: 101, limit: 100 }));
    for bytes in
        [&b"GIF89a......"[..], b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", b"\xFF", b"BM......", b"RIFF....WAVE"]
    {
        assert_eq!(decode_photo(bytes, &limits), Err(DecodeError::UnknownFormat));
    }
    let heic = decode_photo(b"\0\0\0\x18ftypheic\0\0\0\0", &limits).unwrap_err();
    assert!(heic == DecodeError::Heic && heic.to_string().contains("Most Compatible"), "{heic}");
    for bytes in [&b"\xFF\xD8\xFF"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x04\0\0\0WEBP"] {
        assert!(matches!(decode_photo(bytes, &limits), Err(DecodeError::Broken { .. })));
    }
}

#[test]
fn a_huge_picture_is_refused_by_its_header() {
    let bytes = png_header(30_000, 30_000);
    let refused = DecodeError::TooManyPixels { width: 30_000, height: 30_000, limit: 32_000_000 };
    assert_eq!(read_photo_header(&bytes, &DecodeLimits::default()), Err(refused.clone()));
    assert_eq!(decode_photo(&bytes, &DecodeLimits::default()), Err(refused));
    // The header is valid: the rule refused the picture, not the damage.
    let allowed = DecodeLimits { max_pixels: u64::from(u32::MAX), ..DecodeLimits::default() };
    assert_eq!(read_photo_header(&bytes, &allowed).unwrap().width, 30_000);
}

#[test]
fn a_deep_picture_within_the_limit_of_pixels_is_decoded_or_refused_for_its_memory() {
    let mut bytes = Cursor::new(Vec::new());
    let deep = image::ImageBuffer::from_pixel(700, 700, image::Rgba([0x8000_u16; 4]));
    DynamicImage::ImageRgba16(deep).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let bytes = bytes.into_inner();
    let limits = DecodeLimits { max_pixels: 490_000, ..DecodeLimits::default() };
    assert!(has_color(&decode_photo(&bytes, &limits).unwrap(), 4, 4, [191; 3]));
    let refused = refuse(PhotoFormat::Png, too_little_memory(&bytes), &limits);
    assert_eq!(refused, DecodeError::TooMuchMemory { limit_bytes: 490_000 * 8 + (16 << 20) });
    assert!(refused.to_string().contains("more than 19 MiB"), "{refused}");
    assert!(matches!(PhotoFault::from(refused), PhotoFault::TooLarge(_)));
}

fn too_little_memory(png: &[u8]) -> ImageError {
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(100_000);
    reader.limits(limits);
    reader.decode().unwrap_err()
}

/// A webcam's frame: without the tables that the encoder wrote, which are those of the standard.
#[test]
fn a_jpeg_without_huffman_tables_is_decoded_with_those_of_the_standard() {
    let whole = encode(&sample(64, 48), ImageFormat::Jpeg);
    let mut bare = whole.clone();
    while let Some(start) = bare.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
        let length = usize::from(u16::from_be_bytes([bare[start + 2], bare[start + 3]]));
        bare.drain(start..start + 2 + length);
    }
    assert!(bare.len() < whole.len());
    let limits = DecodeLimits::default();
    assert_eq!(decode_photo(&bare, &limits).unwrap(), decode_photo(&whole, &limits).unwrap());
    let large = encode(&sample(2_400, 2_200), ImageFormat::Jpeg);
    assert_eq!(decode_photo(&large, &limits).unwrap().width(), 1_200);
}

/// Some cameras write zeros, fill bytes or their own data between segments; decoders skip up to the next marker.
#[test]
fn bytes_between_the_segments_of_a_jpeg_are_skipped() {
    let limits = DecodeLimits::default();
    for whole in [encode(&sample(64, 48), ImageFormat::Jpeg), encode(&sample(2_400, 2_200), ImageFormat::Jpeg)] {
        let photo = decode_photo(&whole, &limits).unwrap();
        let mut segments = vec![2];
        while whole[segments[segments.len() - 1] + 1] != 0xDA {
            let start = segments[segments.len() - 1];
            segments.push(start + 2 + usize::from(u16::from_be_bytes([whole[start + 2], whole[start + 3]])));
        }
        assert!(segments.len() > 5);
        for junk in [&[0; 3][..], &[0xFF; 3], b"camera 7", &[1, 0xFF, 0, 2], &[0xFF, 0, 0xFF, 0], &[0; 5_000]] {
            // A JPEG is known by the marker right after its start.
            for start in &segments[1..] {
                let file = [&whole[..*start], junk, &whole[*start..]].concat();
                let decoded = decode_photo(&file, &limits).unwrap_or_else(|error| panic!("{start} {junk:?}: {error}"));
                assert!(decoded == photo, "{start} {junk:?}");
            }
        }
    }
}

#[test]
fn grey_and_deep_pictures_become_rgb_and_transparent_parts_white() {
    let mut bytes = Cursor::new(Vec::new());
    let grey = image::ImageBuffer::from_pixel(9, 9, image::Luma([0x8000_u16]));
    DynamicImage::ImageLuma16(grey).write_to(&mut bytes, ImageFormat::Png).unwrap();
    assert!(has_color(&decode_photo(&bytes.into_inner(), &DecodeLimits::default()).unwrap(), 4, 4, [128; 3]));

    let mut bytes = Vec::new();
    let pixels = [[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 128], [255, 0, 0, 128]].concat();
    image::codecs::png::PngEncoder::new(&mut bytes).write_image(&pixels, 4, 1, ExtendedColorType::Rgba8).unwrap();
    let photo = decode_photo(&bytes, &DecodeLimits::default()).unwrap();
    assert_eq!(photo.rgb(), [255, 255, 255, 10, 20, 30, 127, 127, 127, 255, 127, 127]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Damage may go unnoticed (a changed pixel is still a picture), but it must never crash the process.
    #[test]
    fn damaged_pictures_never_crash_the_process(format in 0..3, hits in proptest::collection::vec((0_usize..4_000, 0_u8..), 1..12)) {
        let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP][format as usize];
        let mut bytes = encode(&sample(48, 32), format);
        for (offset, value) in hits {
            let offset = offset % bytes.len();
            bytes[offset] = value;
        }
        let limits = DecodeLimits { max_pixels: 1_000_000, ..DecodeLimits::default() };
        let outcome = std::panic::catch_unwind(|| decode_photo(&bytes, &limits));
        if let Ok(Ok(photo)) = outcome {
            proptest::prop_assert_eq!(photo.rgb().len(), photo.width() as usize * photo.height() as usize * 3);
        }
    }
}
