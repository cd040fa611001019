"""The tutor's views: thousands of reframed pictures with the tutor's answers to each, for the students to learn from.

To ask the tutor anew in every step would cost more than the student itself. So it is asked once per view; light is
varied later, and the answer to it must stay the same. Beside its embedding the tutor tells what it sees *where*: its
maps at strides 16 and 32, reduced to their principal components, are many more answers per picture, and what lets a
student learn to see from few pictures.

An answer has two halves (`network`): the tutor's embedding, and the pooled features of one imported network as it is,
both reduced to their leading directions. Those are neither centred nor scaled: inner products are to stay what they
were.

Others are wild: turned anyhow, from very near, relit, every second one with a piece of another picture in it. They show
no product (their label is `NO_PRODUCT`), but the tutor has an answer to them as to any picture, and a student that
knows its answers to those too does not merely know 2 640 photos by heart. Pictures of anything (`world`) are only ever
seen so.
"""

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import augment
from .lessons import Lessons
from .machine import DEVICE, seed
from .network import LOOK_DIM, NO_PRODUCT, PRODUCT_DIM, joined
from .runtime import maps_of
from .tutor import Tutor

STAGE = 2
ASKED_SIDE, KEPT_SIDE = 192, 144  # what the tutor sees; what the student gets, at most
MIDDLE_GRID, LAST_GRID = 8, 4
MIDDLE_COMPONENTS, LAST_COMPONENTS = 64, 128
# On how many pictures the directions of the answers are found, and the components of the maps: those have many places
# each.
DIRECTION_PICTURES, COMPONENT_PICTURES = 960, 192


@dataclass(frozen=True)
class Views:
    """`pixels` N × 144 × 144 × 3 uint8, `answers` N × 256, `middle` N × 8 × 8 × 64, `last` N × 4 × 4 × 128 (all three
    float16), `labels` N.
    """

    pixels: np.ndarray
    answers: np.ndarray
    middle: np.ndarray
    last: np.ndarray
    labels: np.ndarray


COLUMNS = [field.name for field in fields(Views)]


class Components:
    """Principal components of maps, each scaled by the root of its deviation: strong ones lead, weak ones are heard."""

    def __init__(self, mean: torch.Tensor, directions: torch.Tensor):
        self.mean, self.directions = mean, directions

    @classmethod
    def found(cls, maps: torch.Tensor, count: int) -> "Components":
        points = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
        mean = points.mean(0)
        _, strength, directions = torch.linalg.svd(points - mean, full_matrices=False)
        deviation = (strength[:count] / len(points) ** 0.5).clamp(min=1e-6)
        return cls(mean, directions[:count].T / deviation.sqrt())

    def of(self, maps: torch.Tensor) -> np.ndarray:
        return ((maps.permute(0, 2, 3, 1) - self.mean) @ self.directions).half().cpu().numpy()


class Reduction:
    """From what the networks say to what is kept of it: components of both maps, directions of both halves."""

    def __init__(self, middle: Components, last: Components, product: torch.Tensor, look: torch.Tensor):
        self.middle, self.last, self.product, self.look = middle, last, product, look

    def answers(self, said: "Said") -> np.ndarray:
        return joined(said.product @ self.product, said.look @ self.look).half().cpu().numpy()


def directions(vectors: torch.Tensor, count: int) -> torch.Tensor:
    """Channels × `count`: the subspace that keeps most of the vectors' inner products. Of fewer vectors or channels
    than that the rest is zero: the smoke run.
    """
    found = torch.linalg.svd(vectors, full_matrices=False)[2][:count].T
    return F.pad(found, (0, count - found.shape[1]))


@dataclass(frozen=True)
class Said:
    """What the networks say of pictures: the tutor's embedding, the look, and the tutor's maps on the grids of the
    lessons."""

    product: torch.Tensor
    look: torch.Tensor
    middle: torch.Tensor
    last: torch.Tensor


@torch.no_grad()
def asked(tutor: Tutor, maps_of_pictures, pictures: torch.Tensor) -> Said:
    """The last of the maps is the look's."""
    *maps, look = maps_of_pictures(pictures)
    middle = torch.cat([F.adaptive_avg_pool2d(m.float(), MIDDLE_GRID) for m, _ in maps], 1)
    last = torch.cat([F.adaptive_avg_pool2d(m.float(), LAST_GRID) for _, m in maps], 1)
    return Said(tutor.embed(tutor.pooled(maps)), tutor.pooled([look]), middle, last)


def reduction(tutor: Tutor, maps, lessons: Lessons) -> Reduction:
    """Found on pictures of products alone: what tells those apart is to be kept."""
    rows = lessons.product_rows(0)
    rows = rows[torch.randperm(len(rows)).numpy()][:DIRECTION_PICTURES]
    parts = [rows[at : at + 48] for at in range(0, len(rows), 48)]
    said = [asked(tutor, maps, view(lessons, part, False)) for part in parts]
    middle, last = (
        torch.cat([getattr(each, name) for each in said[: COMPONENT_PICTURES // 48]]) for name in ("middle", "last")
    )
    product, look = (torch.cat([getattr(each, name) for each in said]) for name in ("product", "look"))
    return Reduction(
        Components.found(middle, MIDDLE_COMPONENTS),
        Components.found(last, LAST_COMPONENTS),
        directions(product, PRODUCT_DIM),
        directions(look, LOOK_DIM),
    )


def kept_reduction(kept: Path, tutor: Tutor, maps, lessons: Lessons) -> Reduction:
    """Found once: another machine would find the same directions with other signs, and a place's answer in one pass
    would contradict that in the next.
    """
    if not kept.is_file():
        found, unfinished = reduction(tutor, maps, lessons), kept.with_suffix(".part")
        components = [[each.mean, each.directions] for each in (found.middle, found.last)]
        torch.save([*components, found.product, found.look], unfinished)
        unfinished.replace(kept)
    middle, last, product, look = torch.load(kept, map_location=DEVICE, weights_only=True)
    return Reduction(Components(*middle), Components(*last), product, look)


def view(lessons: Lessons, rows: np.ndarray, wild: bool) -> torch.Tensor:
    pixels, _, mirrored = lessons.taken(rows)
    if not wild:
        return augment.reframe(pixels, ASKED_SIDE, mirrored)
    turned = augment.reframe(pixels, ASKED_SIDE, torch.ones_like(mirrored), turn=math.pi, closest=0.25)
    return augment.compose(augment.relight(turned))


def batches(lessons: Lessons, number: int) -> list[tuple[np.ndarray, bool]]:
    """Batches of a pass's rows, and whether they are for wild views. For the tame ones those that show products, in
    order; for the wild ones every fourth of them and all others, mixed so that neighbours differ.
    """
    rows, tame = lessons.rows(number), lessons.product_rows(number)
    wild = np.concatenate([mixed(tame)[::4], np.setdiff1d(rows, tame)])
    kinds = ((tame, False), (mixed(wild), True))
    return [(each[at : at + 48], is_wild) for each, is_wild in kinds for at in range(0, len(each), 48)]


def mixed(rows: np.ndarray) -> np.ndarray:
    return rows[torch.randperm(len(rows)).numpy()]


def collect(tutor: Tutor, look: nn.Module, lessons: Lessons, passes: int, run: int, folder: Path) -> Views:
    """Asks the tutor and `look` about the views of `passes` passes (`batches`). Each pass is a file in `folder`, so
    that a run that was stopped goes on with the next one; `run` is its seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tutor.to(DEVICE).eval()
    look.to(DEVICE).eval()
    maps = reduce = None
    for number in range(passes):
        kept = folder / f"pass-{number:03d}.npz"
        if kept.is_file():
            continue
        if reduce is None:
            seed(run, STAGE)
            maps = maps_of(nn.ModuleList([*tutor.backbones, look]), ASKED_SIDE)
            reduce = kept_reduction(folder / "components.pt", tutor, maps, lessons)
        seed(run, STAGE, number)
        parts = []
        for some, wild in batches(lessons, number):
            pictures = view(lessons, some, wild)
            said = asked(tutor, maps, pictures)
            small = F.interpolate(pictures, (KEPT_SIDE, KEPT_SIDE), mode="bilinear", antialias=True) * 255
            pixels = small.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
            found = (pixels, reduce.answers(said), reduce.middle.of(said.middle), reduce.last.of(said.last))
            parts.append((*found, np.full(len(some), NO_PRODUCT) if wild else lessons.labels[some]))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        labels = columns[-1]
        unfinished = kept.with_suffix(".part.npz")
        np.savez(unfinished, **dict(zip(COLUMNS, columns, strict=True)))
        unfinished.replace(kept)
        print(f"views: pass {number + 1} of {passes}, {len(labels)} pictures", flush=True)
    files = [np.load(folder / f"pass-{number:03d}.npz") for number in range(passes)]
    return Views(*(gathered(files, column) for column in COLUMNS))


def gathered(files: list, column: str) -> np.ndarray:
    """One column of all passes, without ever holding it twice: it may be most of the memory."""
    whole, at = None, 0
    for file in files:
        part = file[column]
        if whole is None:
            rows = sum(len(each["labels"]) for each in files)
            whole = np.empty((rows, *part.shape[1:]), part.dtype)
        whole[at : at + len(part)] = part
        at += len(part)
    return whole
