"""The pictures to learn from, as uint8 arrays in memory.

Only `train/` and the catalogue pictures in `iconic/` are ever learned from; `val/` is read by `glance` alone. A product
that is held out is left out of everything: its photos and its catalogue picture.
"""

import csv
import functools
import hashlib
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from . import packages, scene, solids
from .faults import Fault
from .stages import loaded

# Pictures are kept larger than what a network sees while it learns, so that random crops keep their detail.
SIDE = 224
PACKAGE_SEED = 20260


@dataclass(frozen=True)
class Photo:
    path: Path
    product: int


@dataclass(frozen=True)
class Pictures:
    """`pixels` is N × side × side × 3; `products` are numbers that need not be consecutive."""

    pixels: np.ndarray
    products: np.ndarray


def photos(data: Path, split: str) -> list[Photo]:
    """The photos of one split of the grocery set, in the order of images.csv."""
    table = data / "grocery" / "images.csv"
    try:
        with open(table, newline="", encoding="utf-8-sig") as lines:
            found = listed(table, csv.DictReader(lines), split)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Fault(f"{table} cannot be read: {error}") from None
    if not found:
        raise Fault(f'{table}: no photo of the split "{split}"')
    return found


def listed(table: Path, rows: csv.DictReader, split: str) -> list[Photo]:
    columns = rows.fieldnames or []
    missing = [column for column in ("split", "path", "class_id") if column not in columns]
    if missing:
        raise Fault(f"{table}: no column {missing[0]}; its columns: {', '.join(columns) or 'none'}")
    found = []
    for row in rows:
        if row["split"] == split:
            path, product = row["path"], row["class_id"] or ""
            if not path:
                raise Fault(f"{table}, line {rows.line_num}: the path is empty")
            if not product.isdecimal():
                raise Fault(f'{table}, line {rows.line_num}: class_id "{product}" is no number')
            found.append(Photo(table.parent / path, int(product)))
    return found


def present(data: Path) -> bool:
    return (data / "grocery" / "images.csv").is_file()


@functools.cache
def grocery(data: Path, split: str) -> Pictures:
    """All pictures of a split; read once."""
    listed = photos(data, split)
    with ThreadPool() as pool:
        pixels = np.stack(pool.map(lambda photo: np.asarray(square(photo.path, SIDE)), listed))
    return Pictures(pixels, np.array([photo.product for photo in listed]))


def square(path: Path, side: int) -> Image.Image:
    """The centre square of a photo, by `"filter": "bilinear"` of the manifest. The server letterboxes a region instead; on
    photos as square as these the difference is small.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise Fault(f"the photo {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return ImageOps.fit(upright, (side, side), Image.BILINEAR)


def held_out(products: np.ndarray, count: int, draw: int) -> np.ndarray:
    """The products that a draw leaves out: the first `count` by the SHA-256 of "draw:product", as in
    `tillsight model evaluate --unseen`.
    """
    by_hash = sorted(set(products.tolist()), key=lambda p: hashlib.sha256(f"{draw}:{p}".encode()).hexdigest())
    return np.array(sorted(by_hash[:count]))


def without(pictures: Pictures, left_out: np.ndarray) -> Pictures:
    kept = ~np.isin(pictures.products, left_out)
    return Pictures(pictures.pixels[kept], pictures.products[kept])


def renderer() -> str:
    """What decides the pictures beside seed and sizes: the first digits of the SHA-256 of the renderer's sources and
    Pillow's version.
    """
    digest = hashlib.sha256(PIL.__version__.encode())
    for module in (packages, scene, solids):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:12]


def rendered(products: int, views: int, work: Path, progress) -> Pictures:
    """Rendered packages; rendering thousands takes a minute, so they are kept in the work folder, under a name that
    another renderer does not find.
    """
    kept = work / f"packages-{products}x{views}-{SIDE}-{PACKAGE_SEED}-{renderer()}.npy"
    owners = np.repeat(np.arange(products), views)
    if kept.is_file():
        return Pictures(loaded(kept, np.load), owners)
    pixels, _ = packages.catalogue(products, views, SIDE, PACKAGE_SEED, progress)
    unfinished = kept.with_suffix(".part.npy")
    np.save(unfinished, pixels)
    unfinished.rename(kept)
    return Pictures(pixels, owners)
