//! `tillsight render`: writes rendered photos in a folder per product, for tests and trials of `tillsight model`.

use std::path::Path;

use super::CliError;
use crate::demo::packages::{catalogue, encode_jpeg, render_photo};

/// Writes `out/NNNN/VV.jpg`: `views` photos of `side` pixels of each of `products` products.
pub(super) fn write_photos(products: usize, views: u64, seed: u64, side: u32, out: &Path) -> Result<(), CliError> {
    for (package, number) in catalogue(seed, products).iter().zip(0_u32..) {
        let folder = out.join(format!("{number:04}"));
        std::fs::create_dir_all(&folder).map_err(|error| CliError::File(folder.clone(), error))?;
        for view in 0..views {
            let file = folder.join(format!("{view:02}.jpg"));
            let bytes = encode_jpeg(&render_photo(package, view, side)).map_err(std::io::Error::other);
            bytes
                .and_then(|bytes| std::fs::write(&file, bytes))
                .map_err(|error| CliError::File(file.clone(), error))?;
        }
    }
    Ok(())
}
