//! A decoded picture, and why a received one is refused.

/// Why a picture is refused. The text is for people; the variant is what a client's program can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoFault {
    /// Too many bytes or pixels.
    #[error("{0}")]
    TooLarge(String),
    /// No JPEG, PNG or WebP.
    #[error("{0}")]
    NotAnImage(String),
    /// Empty, damaged or cut off.
    #[error("{0}")]
    Broken(String),
}

/// A decoded picture: upright, 8 bits each of red, green and blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl std::fmt::Debug for Photo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Photo({} × {})", self.width, self.height)
    }
}

impl Photo {
    /// From the `rgb` values of its pixels, row by row; `None` if their number does not match or a side is zero.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let values = u64::from(width).checked_mul(u64::from(height))?.checked_mul(3)?;
        (values > 0 && values == rgb.len() as u64).then_some(Self { width, height, rgb })
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// Red, green and blue of each pixel, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}
