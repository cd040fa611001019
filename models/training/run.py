"""The training loop. Its clock is the budget in minutes: learning rate and picture size follow the share of it that
is used up, so a run ends in time on a fast machine and on a busy one. A checkpoint every minute or two lets a
stopped run go on where it was.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import augment
from .data import Pictures
from .network import WIDTHS, CosineSoftmax, Embedder

CHECKPOINT_SECONDS = 90
REPORT_SECONDS = 20
# What a checkpoint keeps of a trainer, besides its clock.
STATEFUL = ("net", "average", "heads", "to_teacher", "optimiser")


@dataclass(frozen=True)
class Recipe:
    minutes: float
    # Picture sizes and the share of the budget at which each begins: small pictures first, as they teach the coarse
    # things more cheaply.
    sizes: tuple = ((0.0, 96), (0.3, 112), (0.65, 128))
    batch_photos: int = 48
    batch_packages: int = 16
    peak_rate: float = 3e-3
    warm_up: float = 0.06
    weight_decay: float = 0.05
    teacher_weight: float = 2.0
    relation_weight: float = 1.0
    package_weight: float = 0.3
    average: float = 0.998
    seed: int = 1


class Shuffled:
    """Endless batches of row numbers: pass after pass in a new order, without the few rows that do not fill a batch."""

    def __init__(self, rows: int, batch: int, rng: np.random.Generator):
        self.rows, self.batch, self.rng = rows, min(batch, rows), rng
        self.order, self.epochs = np.empty(0, int), -1

    def next(self) -> np.ndarray:
        if len(self.order) < self.batch:
            self.order, self.epochs = self.rng.permutation(self.rows), self.epochs + 1
        taken, self.order = self.order[: self.batch], self.order[self.batch :]
        return taken


@dataclass(frozen=True)
class Source:
    """One kind of pictures in every batch. `first` is the teacher's row of its first picture."""

    pictures: Pictures
    order: Shuffled
    first: int
    weight: float
    mirrored: bool


class Trainer:
    """Network, heads, optimiser and the clock. `photos` and `teacher` may be missing (a smoke run has neither)."""

    def __init__(self, recipe: Recipe, photos: Pictures | None, packs: Pictures, teacher: np.ndarray | None):
        torch.manual_seed(recipe.seed)
        self.recipe, self.elapsed, self.step = recipe, 0.0, 0
        self.net = Embedder().to(memory_format=torch.channels_last)
        self.average = Embedder().to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.net.state_dict())
        self.sources = sources(recipe, photos, packs)
        self.heads = nn.ModuleList(CosineSoftmax(s.pictures.products, rarity(s.pictures)) for s in self.sources)
        self.teacher = None if teacher is None else self.centred(teacher)
        self.to_teacher = nn.Linear(WIDTHS[-1], 1 if teacher is None else teacher.shape[1])
        parameters = [*self.net.parameters(), *self.heads.parameters(), *self.to_teacher.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=recipe.peak_rate, weight_decay=recipe.weight_decay)

    def centred(self, teacher: np.ndarray) -> torch.Tensor:
        """Photos and packages each around their own mean: what all photos share would make every pair of them alike."""
        parts = [teacher[s.first : s.first + len(s.pictures.labels)] for s in self.sources]
        return F.normalize(torch.from_numpy(np.concatenate([part - part.mean(0) for part in parts])))

    def progress(self) -> float:
        return self.elapsed / (self.recipe.minutes * 60)

    def rate(self) -> float:
        """Learning rate: a short rise, then a half cosine that ends at a 500th of the peak."""
        done, warm = self.progress(), self.recipe.warm_up
        if done < warm:
            return self.recipe.peak_rate * (0.05 + 0.95 * done / warm)
        falling = (1 + math.cos(math.pi * min(1, (done - warm) / (1 - warm)))) / 2
        return self.recipe.peak_rate * (0.002 + 0.998 * falling)

    def side(self) -> int:
        return [side for begins, side in self.recipe.sizes if begins <= self.progress()][-1]

    def one_step(self) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        rows = [source.order.next() for source in self.sources]
        lengths = [len(r) for r in rows]
        pixels = np.concatenate([s.pictures.pixels[r] for s, r in zip(self.sources, rows, strict=True)])
        mirrored = torch.tensor([s.mirrored for s in self.sources]).repeat_interleave(torch.tensor(lengths))
        pooled = self.net.pooled(augment.views(torch.from_numpy(pixels), self.side(), mirrored))
        embedding = self.net.head(pooled)
        loss = self.teacher_loss(pooled, embedding, rows)
        for source, head, r, part in zip(self.sources, self.heads, rows, embedding.split(lengths), strict=True):
            loss = loss + source.weight * head(part, torch.from_numpy(source.pictures.labels[r]))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step += 1
        self.follow()
        return float(loss.detach())

    def teacher_loss(self, pooled, embedding, rows: list[np.ndarray]) -> torch.Tensor:
        """Pooled features must predict the teachers' embeddings, and photos be as alike as the teachers find them."""
        if self.teacher is None:
            return torch.zeros(())
        target = self.teacher[np.concatenate([r + s.first for s, r in zip(self.sources, rows, strict=True)])]
        predicted = (1 - F.cosine_similarity(self.to_teacher(pooled), target)).mean()
        seen, meant = embedding[: len(rows[0])], target[: len(rows[0])]
        alike = ((seen @ seen.T - meant @ meant.T) ** 2).mean()
        return self.recipe.teacher_weight * predicted + self.recipe.relation_weight * alike

    @torch.no_grad()
    def follow(self) -> None:
        """The exported network is a running average of the trained one; early on the average is short, or it would
        remember the start.
        """
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for slow, fast in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if slow.dtype.is_floating_point:
                slow.lerp_(fast, 1 - keep)
            else:
                slow.copy_(fast)

    def save(self, path: Path) -> None:
        kept = {name: getattr(self, name).state_dict() for name in STATEFUL}
        unfinished = path.with_suffix(".part")
        torch.save({**kept, "elapsed": self.elapsed, "step": self.step}, unfinished)
        unfinished.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint: the same networks, optimiser and clock, another order of the pictures."""
        kept = torch.load(path, map_location="cpu", weights_only=True)
        for name in STATEFUL:
            getattr(self, name).load_state_dict(kept[name])
        self.elapsed, self.step = kept["elapsed"], kept["step"]
        torch.manual_seed(self.recipe.seed + self.step)
        for source in self.sources:
            source.order.rng = np.random.default_rng([self.recipe.seed, self.step, source.first])

    def fit(self, checkpoint: Path) -> None:
        """Train until the budget is used up."""
        self.net.train()
        last = saved = told = time.monotonic()
        losses: list[float] = []
        while self.progress() < 1:
            losses.append(self.one_step())
            now = time.monotonic()
            self.elapsed, last = self.elapsed + now - last, now
            if now - told > REPORT_SECONDS:
                self.tell(losses, now - told)
                losses, told = [], now
            if now - saved > CHECKPOINT_SECONDS:
                self.save(checkpoint)
                saved = now
        self.save(checkpoint)

    def tell(self, losses: list[float], seconds: float) -> None:
        remaining = self.recipe.minutes - self.elapsed / 60
        print(
            f"{self.progress():6.1%}  {remaining:5.1f} min left  epoch {self.sources[0].order.epochs:3d}  "
            f"{len(losses) / seconds:.2f} steps/s  {self.side()} px  loss {np.mean(losses):.3f}",
            flush=True,
        )


def sources(recipe: Recipe, photos: Pictures | None, packs: Pictures) -> list[Source]:
    """Photos first, packages after them, as in the teacher's rows. Print is never mirrored, an apple may be."""
    rng, found, first = np.random.default_rng(recipe.seed), [], 0
    for pictures, batch, weight, mirrored in (
        (photos, recipe.batch_photos, 1.0, True),
        (packs, recipe.batch_packages, recipe.package_weight, False),
    ):
        if pictures is not None:
            order = Shuffled(len(pictures.labels), batch, rng)
            found.append(Source(pictures, order, first, weight, mirrored))
            first += len(pictures.labels)
    return found


def rarity(pictures: Pictures) -> torch.Tensor:
    """Products with few pictures count more, by the square root; the mean weight is 1."""
    count = torch.bincount(torch.from_numpy(pictures.labels), minlength=pictures.products)
    weight = count.clamp(min=1).float().rsqrt()
    return weight / weight.mean()
