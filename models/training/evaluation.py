"""What a model is worth, measured through ONNX Runtime with the preprocessing its manifest asks for, as the server
does it.

`val` is never trained on. The thresholds are chosen on it too, so the rates at the thresholds are a fit, not a
forecast.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

from . import packages
from .data import Photo, photos
from .ranking import Ranking, first, rank

ENROLLED = 10  # photos per product at which the thresholds are set

# Packages that the training never saw: it used another seed.
HELD_OUT_SEED, HELD_OUT_PRODUCTS, HELD_OUT_VIEWS = 777, 60, 8


class Model:
    """A manifest and its graph: picture in, unit vector out. Knows the subset of manifests that this project writes."""

    def __init__(self, manifest: Path, threads: int):
        if not manifest.is_file():
            raise SystemExit(f"{manifest} is missing: train a model first, or name another with --manifest")
        self.manifest = json.loads(manifest.read_text())
        graph = manifest.parent / self.manifest["file"]
        found = hashlib.sha256(graph.read_bytes()).hexdigest()
        if found != self.manifest["sha256"]:
            raise SystemExit(f"{graph}: SHA-256 is {found}, but {manifest.name} says {self.manifest['sha256']}")
        wanted = self.manifest["input"]
        if (wanted["color"], wanted["resize"], wanted["filter"]) != ("rgb", "crop", "bilinear"):
            raise SystemExit(f"{manifest}: only color rgb, resize crop and filter bilinear can be evaluated here")
        self.size = (wanted["width"], wanted["height"])
        self.range, self.mean, self.std = wanted["range"], np.float32(wanted["mean"]), np.float32(wanted["std"])
        self.input, self.output = wanted["name"], self.manifest["output"]["name"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(graph, options)

    def tensor(self, image: Image.Image) -> np.ndarray:
        fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), self.size, Image.BILINEAR)
        pixels = np.asarray(fitted, np.float32) / 255 * self.range
        return ((pixels - self.mean) / self.std).transpose(2, 0, 1).astype(np.float32)

    def embed(self, tensors: list[np.ndarray]) -> np.ndarray:
        batches = (np.stack(tensors[i : i + 16]) for i in range(0, len(tensors), 16))
        return np.concatenate([self.session.run([self.output], {self.input: batch})[0] for batch in batches])

    def embed_photos(self, listed: list[Photo]) -> tuple[np.ndarray, np.ndarray]:
        """The photos' embeddings and the products they show."""
        tensors = []
        for photo in listed:
            with Image.open(photo.path) as image:
                tensors.append(self.tensor(image))
        return self.embed(tensors), np.array([photo.product for photo in listed])


def grocery(model: Model, data: Path) -> dict:
    """Each split's embeddings and products."""
    return {split: model.embed_photos(photos(data, split)) for split in ("train", "val", "iconic")}


def report_grocery(splits: dict) -> Ranking:
    """Print the model card's figures on real photos; returns the ranking that the thresholds are set on."""
    (gallery, owners), (queries, truth), (clean, clean_owners) = splits["train"], splits["val"], splits["iconic"]
    print(f"val: {len(truth)} photos of {len(np.unique(truth))} products; {len(np.unique(owners))} products enrolled")
    every = rank(gallery, owners, queries, truth)
    print(f"  all {len(owners)} train photos   {hits(every)}")
    rankings = {}
    for count in (ENROLLED, 5):
        rows = first(owners, count)
        rankings[count] = rank(gallery[rows], owners[rows], queries, truth)
        print(f"  {count:2d} photos per product  {hits(rankings[count])}")
    print(f"  iconic picture only   {hits(rank(clean, clean_owners, queries, truth))}")
    return rankings[ENROLLED]


def report_packages(model: Model) -> None:
    """Print how well rendered packages of another seed are told apart when one or four of their views are enrolled."""
    pixels, owners = packages.catalogue(HELD_OUT_PRODUCTS, HELD_OUT_VIEWS, 192, HELD_OUT_SEED)
    vectors = model.embed([model.tensor(Image.fromarray(p)) for p in pixels])
    view = np.arange(len(owners)) % HELD_OUT_VIEWS
    asked = view >= 4
    print(f"rendered packages not trained on: {asked.sum()} views of {HELD_OUT_PRODUCTS} products in families of three")
    for enrolled in (4, 1):
        known = view < enrolled
        found = rank(vectors[known], owners[known], vectors[asked], owners[asked])
        print(f"  {enrolled} views per product    {hits(found)}")


def hits(ranking: Ranking) -> str:
    return f"top-1 {ranking.top(1):6.1%}  top-5 {ranking.top(5):6.1%}"
