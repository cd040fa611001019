"""Pictures of anything: drawings, textures, landscapes and things, out of packages of the Debian archive.

2 640 photos of 81 products show too little of the world to learn to see from. These pictures carry no label (some show
fruit); only the student's wild views take them (`views`), for what the tutor says of them. They are fetched by `apt-get
download`, unpacked in the work folder and not installed; what was chosen of them is kept there, the packages are not.
Each package's licence (all are free software or free art, as Debian's main archive asks) is in its own `copyright`
file.
"""

import hashlib
import io
import multiprocessing
import shutil
import subprocess
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image

from .data import SIDE
from .faults import Fault
from .stages import compare_with_shipped, loaded, sha256

# 3.6 GB to fetch. Chosen for having hundreds of different pictures that are no diagrams.
PACKAGES = (
    "endless-sky-data",
    "extremetuxracer-data",
    "gcompris-qt-data",
    "mate-backgrounds",
    "megaglest-data",
    "naev-data",
    "openclipart-png",
    "plasma-workspace-wallpapers",
    "redeclipse-data",
    "stellarium-data",
    "supertuxkart-data",
    "torcs-data",
    "trigger-rally-data",
    "tuxpaint-stamps-default",
    "ukui-wallpapers",
    "unknown-horizons",
)
# To be raised when another choice is made from the same packages, or it is kept in another way.
CHOICE = 2
# SHA-256 of the file that this gave for the shipped model (Debian 12, the Pillow of requirements.txt). Other releases
# have other pictures, and another WebP encoder writes other bytes.
SHIPPED = "d73154a11420b64e65835e1e9efca5de53509267c34132c2caa15313d4c2c7d0"
# Kept as WebP of this quality: some 4 KB a picture, so that the file can be brought to a machine without the archive.
QUALITY = 70
SMALLEST_SIDE, LARGEST_RATIO, MOST_PIXELS = 96, 4, 40_000_000
# From this width and height on a picture has room for four more, each half as wide and high.
PIECES_FROM = 1000
# What a square must have to be looked at twice: this many bytes as a JPEG of half its side, as much difference between
# its strongest and weakest colour in the mean, and in a thumbnail of 8 × 8 as much deviation from every one before it.
FEWEST_BYTES, LEAST_COLOUR, LEAST_DIFFERENCE = 2000, 6, 6
THUMBNAIL = 8
# Parts of a path that tell of symbols, and of maps that give a surface its relief and are no pictures of anything.
NOT_PICTURES = (
    "icon",
    "symbol",
    "normal",
    "_n.",
    "_nm.",
    "spec",
    "_s.",
    "gloss",
    "_mask",
    "heightmap",
    "screenshots",
    "font",
)
SUFFIXES = (".png", ".jpg", ".jpeg")


def pictures(work: Path, progress) -> np.ndarray:
    """N × SIDE × SIDE × 3 uint8, in an order that follows from the packages' contents; kept in `work`."""
    kept = work / f"world-{SIDE}-{CHOICE}.npz"
    if not kept.is_file():
        unpacked, unfinished = work / "world-unpacked", kept.with_suffix(".part.npz")
        unpacked.mkdir(parents=True, exist_ok=True)
        fetch(unpacked)
        encoded = [as_webp(square) for square in chosen(unpacked, progress)]
        np.savez(unfinished, encoded=np.frombuffer(b"".join(encoded), np.uint8), lengths=[len(e) for e in encoded])
        unfinished.replace(kept)
        shutil.rmtree(unpacked)
    compare_with_shipped(str(kept), sha256(kept), SHIPPED)
    return decoded(kept)


def decoded(kept: Path) -> np.ndarray:
    file = loaded(kept, np.load)
    ends = np.cumsum(file["lengths"])
    encoded = np.split(file["encoded"], ends[:-1])
    with ThreadPool() as pool:
        return np.stack(pool.map(lambda each: np.asarray(Image.open(io.BytesIO(each)).convert("RGB")), encoded))


def as_webp(square: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(square).save(encoded, "WEBP", quality=QUALITY)
    return encoded.getvalue()


def fetch(folder: Path) -> None:
    """Unpacks each package into a folder of its name; those that are there already, from a run that was stopped, stay."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Fault(
                f"{tool} is not here, which brings {len(PACKAGES)} packages of pictures from the Debian archive: "
                "train on Debian or Ubuntu, or bring world-*.npz of another machine's work folder"
            )
    for name in PACKAGES:
        if not (folder / name).is_dir():
            print(f"pictures of anything: fetching {name}", flush=True)
            fetch_one(name, folder)


def fetch_one(name: str, folder: Path) -> None:
    unfinished = folder / f"{name}.part"
    for left in folder.glob(f"{name}_*.deb"):
        left.unlink()
    shutil.rmtree(unfinished, ignore_errors=True)
    # As root, apt would fetch as a user who cannot write here, and warn.
    told = run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name, folder=folder)
    package = next(folder.glob(f"{name}_*.deb"), None)
    if told.returncode != 0 or package is None:
        raise Fault(f"{name} cannot be had from the Debian archive (try 'apt-get update'): {told.stderr.strip()}")
    told = run("dpkg-deb", "-x", package.name, unfinished.name, folder=folder)
    if told.returncode != 0:
        raise Fault(f"{package} cannot be unpacked (is there room for it?): {told.stderr.strip()}")
    package.unlink()
    unfinished.rename(folder / name)


def run(*command: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def chosen(folder: Path, progress) -> np.ndarray:
    """The squares of all pictures below `folder` that show something, no two nearly alike."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and is_picture(file, folder))
    found, thumbnails = [], np.empty((0, THUMBNAIL * THUMBNAIL * 3), np.float32)
    with multiprocessing.Pool() as pool:
        for number, shown in enumerate(pool.imap(worthwhile, files, chunksize=8), 1):
            for square, small in shown:
                if differs(small, thumbnails[: len(found)]):
                    if len(found) == len(thumbnails):  # room for twice as many
                        room = np.empty((max(1, len(found)), small.size), np.float32)
                        thumbnails = np.concatenate([thumbnails, room])
                    thumbnails[len(found)] = small
                    found.append(square)
            progress(number, len(files))
    if not found:
        raise Fault(f"{folder} holds no picture")
    return np.stack(found)


def worthwhile(file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The squares of a file that show something, with their thumbnails."""
    return [(square, thumbnail(square)) for square in squares(file) if shows_something(square)]


def thumbnail(square: np.ndarray) -> np.ndarray:
    cell = SIDE // THUMBNAIL
    return square.reshape(THUMBNAIL, cell, THUMBNAIL, cell, 3).mean((1, 3)).ravel().astype(np.float32)


def differs(small: np.ndarray, others: np.ndarray) -> bool:
    return not len(others) or float(np.square(others - small).mean(1).min()) >= LEAST_DIFFERENCE**2


def shows_something(square: np.ndarray) -> bool:
    """Coloured, not nearly empty, and no map of a surface's normals, which lie around (128, 128, 255)."""
    red, green, blue = square.mean((0, 1))
    if abs(red - 128) < 30 and abs(green - 128) < 30 and blue > 170:
        return False
    if np.ptp(square[::4, ::4].astype(int), axis=2).mean() < LEAST_COLOUR:
        return False
    half, encoded = Image.fromarray(square).resize((SIDE // 2, SIDE // 2)), io.BytesIO()
    half.save(encoded, "JPEG", quality=80)
    return encoded.tell() >= FEWEST_BYTES


def is_picture(file: Path, folder: Path) -> bool:
    path = str(file.relative_to(folder)).lower()
    return file.is_file() and not file.is_symlink() and not any(part in path for part in NOT_PICTURES)


def squares(file: Path) -> list[np.ndarray]:
    """The centre square and, of a large picture, its four quarters' squares. A transparent one lies before a colour
    that follows from its name. None of what Pillow cannot read.
    """
    try:
        with Image.open(file) as image:
            width, height = image.size
            shorter, longer = sorted((width, height))
            if shorter < SMALLEST_SIDE or longer > LARGEST_RATIO * shorter or width * height > MOST_PIXELS:
                return []
            picture = before_a_colour(image, file.name)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return []
    return [np.asarray(part.resize((SIDE, SIDE), Image.BILINEAR)) for part in parts(picture)]


def before_a_colour(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB":
        return image.copy()
    colour = tuple(hashlib.sha256(name.encode()).digest()[:3])
    transparent = image.convert("RGBA")
    ground = Image.new("RGBA", transparent.size, (*colour, 255))
    return Image.alpha_composite(ground, transparent).convert("RGB")


def parts(picture: Image.Image) -> list[Image.Image]:
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    whole = picture.crop((left, top, left + side, top + side))
    if side < PIECES_FROM:
        return [whole]
    half = side // 2
    corners = [(x, y) for y in (0, height - half) for x in (0, width - half)]
    return [whole, *(picture.crop((x, y, x + half, y + half)) for x, y in corners)]
