//! QR codes as one SVG path: a square per dark module. No markup, so that a template decides how it looks.

use qrcode::{Color, EcLevel, QrCode};

pub use qrcode::types::QrError;

/// White modules around a QR code (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A QR code to be drawn.
#[derive(Debug, Clone)]
pub struct QrPath {
    /// Width and height of the view box, the quiet zone included.
    pub side: usize,
    /// The `d` of a path.
    pub path: String,
}

impl QrPath {
    /// # Errors
    /// The text is too long for a QR code.
    pub fn draw(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
        let width = code.width();
        let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
        let path = dark
            .map(|(index, _)| format!("M{} {}h1v1h-1z", index % width + QUIET_ZONE, index / width + QUIET_ZONE))
            .collect();
        Ok(Self { side: width + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_qr_code_has_its_three_corners() {
        let code = QrPath::draw("7K2M9-QX4TD-0H5VN-WB8CR").unwrap();
        // Version 2: 25 modules and the quiet zone on both sides.
        assert_eq!(code.side, 33);
        for corner in ["M4 4h", "M28 4h", "M4 28h"] {
            assert!(code.path.contains(corner), "{corner}");
        }
    }
}
