"""The pictures to learn from, as uint8 arrays in memory, kept between runs under the work folder.

Only `train/` is ever learned from; `val/` and `iconic/` are read by `evaluation` alone.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from . import packages

# Cached pictures are larger than what the network sees, so that random crops keep their detail.
CACHE_SIDE = 192
PACKAGE_SEED = 20260


@dataclass(frozen=True)
class Photo:
    path: Path
    product: int


@dataclass(frozen=True)
class Pictures:
    """`pixels` is N × side × side × 3, `labels` counts from 0 to `products` − 1."""

    pixels: np.ndarray
    labels: np.ndarray
    products: int


def photos(data: Path, split: str) -> list[Photo]:
    """The photos of one split of the grocery set, in the order of images.csv."""
    folder = data / "grocery"
    with open(folder / "images.csv", newline="") as table:
        return [
            Photo(folder / row["path"], int(row["class_id"])) for row in csv.DictReader(table) if row["split"] == split
        ]


def grocery(data: Path) -> Pictures | None:
    """The real training photos, or nothing where the data folder is missing."""
    if not (data / "grocery" / "images.csv").is_file():
        return None
    listed = photos(data, "train")
    pixels = np.stack([np.asarray(square(photo.path, CACHE_SIDE)) for photo in listed])
    labels = np.array([photo.product for photo in listed])
    return Pictures(pixels, labels, int(labels.max()) + 1)


def square(path: Path, side: int) -> Image.Image:
    """The centre square of a photo: the manifest's `"resize": "crop"` with `"filter": "bilinear"`."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return ImageOps.fit(upright, (side, side), Image.BILINEAR)


def rendered(products: int, views: int, work: Path, progress) -> Pictures:
    """Rendered packages; rendering thousands takes a minute, so they are kept in the work folder."""
    kept = work / f"packages-{products}x{views}-{CACHE_SIDE}-{PACKAGE_SEED}.npy"
    if kept.is_file():
        pixels = np.load(kept)
        return Pictures(pixels, np.repeat(np.arange(products), views), products)
    pixels, labels = packages.catalogue(products, views, CACHE_SIDE, PACKAGE_SEED, progress)
    unfinished = kept.with_suffix(".part.npy")
    np.save(unfinished, pixels)
    unfinished.rename(kept)
    return Pictures(pixels, labels, products)
