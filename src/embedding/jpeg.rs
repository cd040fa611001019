//! A walk over the segments of a JPEG file, before any of it is decoded.
//!
//! JPEG decoders forgive: one that runs out of data fills the rest of the picture with grey, and one that is handed a
//! thousand scans decodes them all. A till must not take half a photo for a whole one, nor spend minutes on a small file,
//! so this finds out that the file has an end and not too many scans. Markers are those of ITU-T T.81, table B.1.

/// Progressive files of common encoders have about ten scans; each costs a pass over the whole picture.
const MOST_SCANS: usize = 64;

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Follows the segments from the first to the end-of-image marker. What comes after that is ignored, as cameras append
/// previews and other data there.
///
/// # Errors
/// What is wrong, as half a sentence.
pub(super) fn check_structure(bytes: &[u8]) -> Result<(), String> {
    let mut at = 2; // behind the start-of-image marker, by which the format was told
    let mut scans = 0;
    loop {
        let marker = marker_at(bytes, &mut at)?;
        match marker {
            END_OF_IMAGE if scans > 0 => return Ok(()),
            END_OF_IMAGE => return Err("it holds no picture".to_owned()),
            // Restart markers and TEM stand alone.
            0x01 | 0xD0..=0xD7 => continue,
            _ => {}
        }
        let length = bytes.get(at..at + 2).ok_or_else(cut_off)?;
        at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        if marker == START_OF_SCAN {
            scans += 1;
            if scans > MOST_SCANS {
                return Err(format!("it has more than {MOST_SCANS} scans"));
            }
            at = end_of_scan(bytes, at)?;
        }
    }
}

/// Reads the marker at `at` and moves behind it. A marker may be preceded by any number of fill bytes.
fn marker_at(bytes: &[u8], at: &mut usize) -> Result<u8, String> {
    if bytes.get(*at).ok_or_else(cut_off)? != &0xFF {
        return Err(format!("there is no segment at byte {at}, where one should begin"));
    }
    while bytes.get(*at).ok_or_else(cut_off)? == &0xFF {
        *at += 1;
    }
    let marker = bytes[*at];
    *at += 1;
    Ok(marker)
}

/// Skips entropy-coded data: there, 0xFF is followed by 0x00 (a stuffed byte) or a restart marker until the scan ends.
fn end_of_scan(bytes: &[u8], start: usize) -> Result<usize, String> {
    let data = bytes.get(start..).ok_or_else(cut_off)?;
    let end = data.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | 0xD0..=0xD7));
    end.map(|offset| start + offset).ok_or_else(cut_off)
}

fn cut_off() -> String {
    "it ends before the picture does".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start of image, a comment, `scans` scans with a stuffed byte and a restart marker in them, end of image.
    fn file(scans: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xFE, 0, 4, 0xFF, 0xD9];
        for _ in 0..scans {
            bytes.extend([0xFF, 0xDA, 0, 3, 9, 1, 0xFF, 0x00, 2, 0xFF, 0xD3, 4]);
        }
        bytes.extend([0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn a_whole_file_is_followed_to_its_end_and_what_follows_is_ignored() {
        check_structure(&file(3)).unwrap();
        check_structure(&[file(1), b"trailer".to_vec()].concat()).unwrap();
    }

    #[test]
    fn every_shorter_prefix_is_cut_off() {
        let whole = file(2);
        for length in 2..whole.len() {
            assert!(check_structure(&whole[..length]).is_err(), "a prefix of {length} bytes passes");
        }
    }

    #[test]
    fn too_many_scans_and_files_without_a_picture_are_refused() {
        assert!(check_structure(&file(MOST_SCANS)).is_ok());
        assert!(check_structure(&file(MOST_SCANS + 1)).unwrap_err().contains("64 scans"));
        assert!(check_structure(&file(0)).unwrap_err().contains("no picture"));
        assert!(check_structure(&[0xFF, 0xD8, 1, 2]).unwrap_err().contains("byte 2"));
    }
}
