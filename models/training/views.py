"""The tutor's views: thousands of reframed pictures with the tutor's answers to each, for the students to learn from.

To ask the tutor anew in every step would cost more than the student itself. So it is asked once per view; light is
varied later, and the answer to it must stay the same. Beside its embedding the tutor tells what it sees *where*: its
maps at strides 16 and 32, reduced to their principal components, are many more answers per picture, and what lets a
student learn to see from few pictures.

Others are wild: turned anyhow, from very near, relit, every second one with a piece of another picture in it. They show
no product (their label is `NO_PRODUCT`), but the tutor has an answer to them as to any picture, and a student that
knows its answers to those too does not merely know 2 640 photos by heart. Pictures of anything (`world`) are only ever
seen so.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import augment, stages
from .lessons import Lessons
from .machine import DEVICE, seed
from .network import NO_PRODUCT
from .runtime import maps_of
from .tutor import Tutor

STAGE = 2
ASKED_SIDE, KEPT_SIDE = 192, 128  # what the tutor sees; what the student gets, at most
# How many pictures the networks are asked about at once.
BATCH = 384 if DEVICE.type == "cuda" else 48
MIDDLE_GRID, LAST_GRID = 8, 4
MIDDLE_COMPONENTS, LAST_COMPONENTS = 64, 128
COMPONENT_PICTURES = 192  # that the components are found on; each has many places


@dataclass(frozen=True)
class Views:
    """`pixels` N × 128 × 128 × 3 uint8, `answers` N × 256, `middle` N × 8 × 8 × 64, `last` N × 4 × 4 × 128 (all three
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
        centred = (points - mean).double()
        variance, axes = torch.linalg.eigh(centred.T @ centred / len(points))
        deviation = variance[-count:].flip(0).clamp(min=1e-12).sqrt()
        return cls(mean, (axes[:, -count:].flip(1) / deviation.sqrt()).float())

    def of(self, maps: torch.Tensor) -> np.ndarray:
        return ((maps.permute(0, 2, 3, 1) - self.mean) @ self.directions).half().cpu().numpy()


@torch.no_grad()
def asked(tutor: Tutor, maps_of_pictures, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The tutor's embedding and its maps on the grids of the lessons."""
    maps = maps_of_pictures(pictures)
    middle = torch.cat([F.adaptive_avg_pool2d(m.float(), MIDDLE_GRID) for m, _ in maps], 1)
    last = torch.cat([F.adaptive_avg_pool2d(m.float(), LAST_GRID) for _, m in maps], 1)
    return tutor.embed(tutor.pooled(maps)), middle, last


def found_components(tutor: Tutor, maps, lessons: Lessons) -> list[Components]:
    """Found on pictures of products alone: what tells those apart is to be kept."""
    rows = mixed(lessons.product_rows(0))[:COMPONENT_PICTURES]
    said = [asked(tutor, maps, view(lessons, part, False)) for part in parts(rows)]
    _, middle, last = (torch.cat(column) for column in zip(*said, strict=True))
    return [Components.found(middle, MIDDLE_COMPONENTS), Components.found(last, LAST_COMPONENTS)]


def kept_components(kept: Path, tutor: Tutor, maps, lessons: Lessons) -> list[Components]:
    """Found once: another machine would find the same directions with other signs, and a place's answer in one pass
    would contradict that in the next.
    """
    if not kept.is_file():
        unfinished = kept.with_suffix(".part")
        torch.save([[each.mean, each.directions] for each in found_components(tutor, maps, lessons)], unfinished)
        unfinished.replace(kept)
    return [Components(*each) for each in stages.loaded(kept, stages.read_states)]


def view(lessons: Lessons, rows: np.ndarray, wild: bool) -> torch.Tensor:
    pixels, _, mirrored = lessons.taken(rows)
    if not wild:
        return augment.reframe(pixels, ASKED_SIDE, mirrored)
    turned = augment.reframe(pixels, ASKED_SIDE, torch.ones_like(mirrored), upright=1, closest=0.25)
    return augment.compose(augment.relight(turned))


def batches(lessons: Lessons, number: int) -> list[tuple[np.ndarray, bool]]:
    """Batches of a pass's rows, and whether they are for wild views. For the tame ones those that show products, in
    order; for the wild ones every fourth of them and all others, mixed so that neighbours differ.
    """
    rows, tame = lessons.rows(number), lessons.product_rows(number)
    wild = np.concatenate([mixed(tame)[::4], np.setdiff1d(rows, tame)])
    kinds = ((tame, False), (mixed(wild), True))
    return [(part, is_wild) for each, is_wild in kinds for part in parts(each)]


def parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]


def mixed(rows: np.ndarray) -> np.ndarray:
    return rows[torch.randperm(len(rows)).numpy()]


def collect(tutor: Tutor, lessons: Lessons, passes: int, run: int, folder: Path) -> Views:
    """Asks the tutor about the views of `passes` passes (`batches`). Each pass is a file in `folder`, so that a run that
    was stopped goes on with the next one; `run` is its seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tutor.to(DEVICE).eval()
    maps = components = None
    for number in range(passes):
        kept = folder / f"pass-{number:03d}.npz"
        if kept.is_file():
            continue
        if maps is None:
            seed(run, STAGE)
            maps = maps_of(tutor.backbones, ASKED_SIDE)
            components = kept_components(folder / "components.pt", tutor, maps, lessons)
        seed(run, STAGE, number)
        columns = []
        for rows, wild in batches(lessons, number):
            pictures = view(lessons, rows, wild)
            answers, *both = asked(tutor, maps, pictures)
            of_maps = [component.of(each) for component, each in zip(components, both, strict=True)]
            labels = np.full(len(rows), NO_PRODUCT) if wild else lessons.labels[rows]
            columns.append((to_keep(pictures), answers.half().cpu().numpy(), *of_maps, labels))
        print(f"views: pass {number + 1} of {passes}, {write(kept, columns)} pictures", flush=True)
    return read(folder, passes)


def to_keep(pictures: torch.Tensor) -> np.ndarray:
    small = F.interpolate(pictures, (KEPT_SIDE, KEPT_SIDE), mode="bilinear", antialias=True) * 255
    return small.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def write(kept: Path, parts: list[tuple]) -> int:
    """Keeps a pass; returns how many views it has. Each of the `parts` has the columns of `Views`."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    unfinished = kept.with_suffix(".part.npz")
    np.savez(unfinished, **dict(zip(COLUMNS, columns, strict=True)))
    unfinished.replace(kept)
    return len(columns[-1])


def read(folder: Path, passes: int) -> Views:
    files = [stages.loaded(folder / f"pass-{number:03d}.npz", np.load) for number in range(passes)]
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
