//! The paths of files in a ZIP, however the program that packed it writes them.
//!
//! Windows may write `\` and the code page of its language, macOS letters in parts (NFD: `u` and two dots, a syllable of Hangul as
//! three jamo), and other programs `./` in front. Here a path is UTF-8, composed (NFC), with `/` between its parts, as tables name
//! it and people type it.

use encoding_rs::EUC_KR;
use unicode_normalization::UnicodeNormalization;

/// The path of a file. `raw` is what the ZIP holds; `decoded` the same as UTF-8, or else as code page 437.
pub(super) fn normalize_entry(raw: &[u8], decoded: &str) -> String {
    decode_korean(raw).map_or_else(|| normalize_path(decoded), |name| normalize_path(&name))
}

/// A path that somebody wrote.
pub(super) fn normalize_path(path: &str) -> String {
    let path: String = path.nfc().map(|c| if c == '\\' { '/' } else { c }).collect();
    path.split('/').filter(|part| *part != ".").collect::<Vec<_>>().join("/")
}

/// A name in the code page of Korean Windows (949). ZIPs do not tell the code page; but a syllable of the standard KS X 1001 is two
/// bytes that are lines of a box in the western code pages, which no file is named with.
fn decode_korean(raw: &[u8]) -> Option<String> {
    if std::str::from_utf8(raw).is_ok() || !has_standard_syllable(raw) {
        return None;
    }
    let (name, has_errors) = EUC_KR.decode_without_bom_handling(raw);
    (!has_errors).then(|| name.into_owned())
}

fn has_standard_syllable(raw: &[u8]) -> bool {
    let mut bytes = raw.iter();
    while let Some(first) = bytes.next() {
        if first.is_ascii() {
            continue;
        }
        let second = bytes.next().copied().unwrap_or_default();
        if (0xB0..=0xC8).contains(first) && second >= 0xA1 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_all_systems_become_the_same() {
        assert_eq!(normalize_path("./shop\\images\\./milk.jpg"), "shop/images/milk.jpg");
        assert_eq!(normalize_path("a\\..\\up.jpg"), "a/../up.jpg", "whether it is inside is checked afterwards");
        assert_eq!(normalize_path("/etc/passwd"), "/etc/passwd");
        assert_eq!(normalize_path("Mu\u{308}sli/1.jpg"), "M\u{FC}sli/1.jpg");
        assert_eq!(normalize_path("\u{110B}\u{116E}\u{110B}\u{1172}/1.jpg"), "우유/1.jpg");
    }

    #[test]
    fn korean_code_page_is_told_from_western_ones() {
        let korean = b"\xBF\xEC\xC0\xAF/\xBE\xD51.jpg";
        assert_eq!(normalize_entry(korean, "unused"), "우유/앞1.jpg");
        // Beyond the standard: the code page's own syllable first.
        assert_eq!(normalize_entry(b"\x8C\x63\xBE\xE4\xB2\xE1.jpg", "unused"), "똠얌꿍.jpg");
        for western in [&b"M\x81sli/1.jpg"[..], b"Gr\x94\xE1e.jpg", b"S\xC6o.jpg", b"caf\x82", b"gr\xF6\xDFe"] {
            assert_eq!(normalize_entry(western, "as decoded"), "as decoded", "{western:?}");
        }
        assert_eq!(normalize_entry("우유".as_bytes(), "우유"), "우유");
    }
}
