"""The tutor's views: thousands of reframed pictures with the tutor's answers to each, for the students to learn from.

To ask the tutor anew in every step would cost more than the student itself. So it is asked once per view; light is
varied later, and the answer to it must stay the same. Beside its embedding the tutor tells what it sees *where*: its
maps at strides 16 and 32, reduced to their principal components, are many more answers per picture, and what lets a
student learn to see from few pictures.

A fifth of the views are wild: turned anyhow, from very near, relit, every second one with a piece of another picture in
it. They show no product (their label is `NO_PRODUCT`), but the tutor has an answer to them as to any picture, and a
student that knows its answers to those too does not merely know 2 640 photos by heart.
"""

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import augment
from .lessons import Lessons
from .machine import DEVICE, seed
from .network import NO_PRODUCT
from .runtime import maps_of
from .tutor import Tutor

STAGE = 2
ASKED_SIDE, KEPT_SIDE = 192, 144  # what the tutor sees; what the student gets, at most
MIDDLE_GRID, LAST_GRID = 8, 4
MIDDLE_COMPONENTS, LAST_COMPONENTS = 64, 128


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


@torch.no_grad()
def asked(tutor: Tutor, maps_of_pictures, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The tutor's embedding and its backbones' maps side by side, on the grids of the lessons."""
    maps = maps_of_pictures(pictures)
    middle = torch.cat([F.adaptive_avg_pool2d(m.float(), MIDDLE_GRID) for m, _ in maps], 1)
    last = torch.cat([F.adaptive_avg_pool2d(m.float(), LAST_GRID) for _, m in maps], 1)
    return tutor.embed(tutor.pooled(maps)), middle, last


def components(tutor: Tutor, maps, lessons: Lessons) -> tuple[Components, Components]:
    """Found on 192 pictures: 12 000 and 3 000 places."""
    rows = lessons.rows(0)
    rows = rows[torch.randperm(len(rows)).numpy()][:192]
    found = [asked(tutor, maps, view(lessons, part, False)) for part in np.array_split(rows, max(1, len(rows) // 48))]
    middle, last = (torch.cat([answer[at] for answer in found]) for at in (1, 2))
    return Components.found(middle, MIDDLE_COMPONENTS), Components.found(last, LAST_COMPONENTS)


def kept_components(kept: Path, tutor: Tutor, maps, lessons: Lessons) -> tuple[Components, Components]:
    """Found once: another machine would find the same directions with other signs, and a place's answer in one pass would
    contradict that in the next.
    """
    if not kept.is_file():
        unfinished = kept.with_suffix(".part")
        torch.save([[each.mean, each.directions] for each in components(tutor, maps, lessons)], unfinished)
        unfinished.replace(kept)
    middle, last = torch.load(kept, map_location=DEVICE, weights_only=True)
    return Components(*middle), Components(*last)


def view(lessons: Lessons, rows: np.ndarray, wild: bool) -> torch.Tensor:
    pixels, _, mirrored = lessons.taken(rows)
    if not wild:
        return augment.reframe(pixels, ASKED_SIDE, mirrored)
    turned = augment.reframe(pixels, ASKED_SIDE, torch.ones_like(mirrored), turn=math.pi, closest=0.25)
    return augment.compose(augment.relight(turned))


def batches(rows: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Batches of rows, and whether they are for wild views. For the tame ones the rows in order; for the wild ones every
    fourth row, mixed so that neighbours differ.
    """
    mixed = rows[torch.randperm(len(rows)).numpy()][::4]
    return [(each[at : at + 48], each is mixed) for each in (rows, mixed) for at in range(0, len(each), 48)]


def collect(tutor: Tutor, lessons: Lessons, passes: int, run: int, folder: Path) -> Views:
    """Asks the tutor about every picture of `passes` passes once tame, and about every fourth one once more, wild. Each
    pass is a file in `folder`, so that a run that was stopped goes on with the next one; `run` is its seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tutor.to(DEVICE).eval()
    maps = reduce = None
    for number in range(passes):
        kept = folder / f"pass-{number:03d}.npz"
        if kept.is_file():
            continue
        if reduce is None:
            seed(run, STAGE)
            maps = maps_of(tutor.backbones, ASKED_SIDE)
            reduce = kept_components(folder / "components.pt", tutor, maps, lessons)
        seed(run, STAGE, number)
        rows, parts = lessons.rows(number), []
        for some, wild in batches(rows):
            pictures = view(lessons, some, wild)
            answers, middle, last = asked(tutor, maps, pictures)
            small = F.interpolate(pictures, (KEPT_SIDE, KEPT_SIDE), mode="bilinear", antialias=True) * 255
            pixels = small.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
            found = (pixels, answers.half().cpu().numpy(), reduce[0].of(middle), reduce[1].of(last))
            parts.append((*found, np.full(len(some), NO_PRODUCT) if wild else lessons.labels[some]))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        labels = columns[-1]
        unfinished = kept.with_suffix(".part.npz")
        np.savez(unfinished, **dict(zip(COLUMNS, columns, strict=True)))
        unfinished.replace(kept)
        print(f"views: pass {number + 1} of {passes}, {len(labels)} pictures", flush=True)
    files = [np.load(folder / f"pass-{number:03d}.npz") for number in range(passes)]
    return Views(*(joined(files, column) for column in COLUMNS))


def joined(files: list, column: str) -> np.ndarray:
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
