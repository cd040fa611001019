//! File names in bytes of an encoding that nobody names: programs write them in that of their system.

use encoding_rs::{EUC_KR, WINDOWS_1252};

/// The first byte of a Hangul syllable in EUC-KR, and its second, are at least this.
const EUC_KR_BYTE_MIN: u8 = 0xA1;

/// UTF-8; or EUC-KR, if all beyond ASCII is Hangul; or Windows-1252, which contains Latin-1.
pub fn decode_file_name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => {
            decode_euc_kr(bytes).unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
        }
    }
}

/// The name, if it is ASCII and Hangul in EUC-KR. Names in Latin-1 have Hangul's bytes only in pairs of capitals with accents.
fn decode_euc_kr(bytes: &[u8]) -> Option<String> {
    if bytes.iter().any(|byte| (0x80..EUC_KR_BYTE_MIN).contains(byte)) {
        return None;
    }
    let name = EUC_KR.decode_without_bom_handling_and_without_replacement(bytes)?;
    name.chars().all(|c| c.is_ascii() || ('가'..='힣').contains(&c)).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_the_encoding_of_the_system_that_wrote_it() {
        assert_eq!(decode_file_name("우유 café.jpg".as_bytes()), "우유 café.jpg");
        assert_eq!(decode_file_name(b"\xbf\xec\xc0\xaf 1.jpg"), "우유 1.jpg");
        assert_eq!(decode_file_name(b"caf\xe9.jpg"), "café.jpg");
        assert_eq!(decode_file_name(b"\xc4pfel und K\xe4se.jpg"), "Äpfel und Käse.jpg");
        assert_eq!(decode_file_name(b"cr\xe8me br\xfbl\xe9e \x80 3.jpg"), "crème brûlée € 3.jpg");
    }
}
