"""The student: the network that is shipped, learning from the tutor's views.

It learns three things at once: to tell the products apart, to give the tutor's embedding of a picture whatever the
light, and to see in every place what the tutor sees there. Its clock are steps, so a slow machine only takes longer.
"""

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import augment
from .machine import DEVICE, mixed_precision, seed
from .network import CosineSoftmax, Embedder, follow
from .optimiser import MuonAndAdamW
from .views import Views

STAGE = 3
CHECKPOINT_SECONDS, REPORT_SECONDS = 120, 20


@dataclass(frozen=True)
class Recipe:
    """`passes` are over all views. `sides` are picture sizes and the share of the way at which each begins: small
    pictures first, as they teach the coarse things more cheaply.
    """

    passes: float = 5
    sides: tuple = ((0.0, 96), (0.45, 112), (0.75, 128), (0.9, 144))
    batch: int = 64
    peak_rate: float = 3e-3
    warm_up: float = 0.04
    weight_decay: float = 0.05
    answer_weight: float = 4.0
    place_weight: float = 1.0
    average: float = 0.998
    seed: int = 1


class Student(nn.Module):
    """The network and what it has in training only: a direction per product, and a reading of its maps in the tutor's
    terms.
    """

    def __init__(self, widths, weight: torch.Tensor, views: Views):
        super().__init__()
        self.net = Embedder(widths).to(memory_format=torch.channels_last)
        self.softmax = CosineSoftmax(weight)
        self.reads_middle = nn.Conv2d(self.net.body.middle_channels, views.middle.shape[-1], 1)
        self.reads_last = nn.Conv2d(self.net.body.channels, views.last.shape[-1], 1)

    def losses(self, pictures, labels, answers, middle, last):
        """Product, answer and place, in this order. Answer and place are 1 − cosine, place summed over both maps."""
        with mixed_precision():
            seen = self.net.body(pictures)
        embedding = self.net.embed(seen[1])
        answer = (1 - (embedding * answers).sum(1)).mean()
        place = sum(
            (1 - F.cosine_similarity(read(on_grid(own.float(), told.shape[-1])), told)).mean()
            for read, own, told in ((self.reads_middle, seen[0], middle), (self.reads_last, seen[1], last))
        )
        return self.softmax(embedding, labels), answer, place


def on_grid(maps: torch.Tensor, side: int) -> torch.Tensor:
    if maps.shape[-1] >= side:
        return F.adaptive_avg_pool2d(maps, side)
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=False)


class Course:
    """A student with its running average, optimiser and clock."""

    def __init__(self, widths, views: Views, weight: torch.Tensor, recipe: Recipe, kept: Path):
        seed(recipe.seed, STAGE)
        self.views, self.recipe, self.kept = views, recipe, kept
        self.student = Student(widths, weight, views).to(DEVICE)
        self.average = copy.deepcopy(self.student.net)
        body = self.student.net.body
        self.optimiser = MuonAndAdamW(
            self.student, [body.to_sixteenth, body.to_last], recipe.peak_rate, recipe.weight_decay
        )
        self.step, self.a_pass = 0, max(1, len(views.labels) // recipe.batch)
        self.order, self.shuffled = None, -1
        self.steps = max(1, round(recipe.passes * self.a_pass))
        if kept.is_file():
            self.step, *states = torch.load(kept, map_location=DEVICE, weights_only=True)
            for part, state in zip(self.parts(), states, strict=True):
                part.load_state_dict(state)

    def parts(self) -> tuple:
        return self.student, self.average, self.optimiser

    def save(self) -> None:
        unfinished = self.kept.with_suffix(".part")
        torch.save((self.step, *(part.state_dict() for part in self.parts())), unfinished)
        unfinished.replace(self.kept)

    def rate(self) -> float:
        """Share of the peak learning rate: a short rise, then a half cosine that ends at a 500th."""
        done, warm = self.step / self.steps, self.recipe.warm_up
        if done < warm:
            return 0.05 + 0.95 * done / warm
        return 0.002 + 0.998 * (1 + math.cos(math.pi * (done - warm) / (1 - warm))) / 2

    def side(self) -> int:
        return [side for begins, side in self.recipe.sides if begins <= self.step / self.steps][-1]

    def batch(self) -> tuple:
        """The next views: relit, every second batch mirrored, maps too. The order follows from seed and step."""
        at, number = self.step % self.a_pass, self.step // self.a_pass
        if self.shuffled != number:
            rng = np.random.default_rng([self.recipe.seed, STAGE, number])
            self.order, self.shuffled = rng.permutation(len(self.views.labels)), number
        rows = np.sort(self.order[at * self.recipe.batch : (at + 1) * self.recipe.batch])
        v = self.views
        pixels, answers, middle, last, labels = (
            torch.from_numpy(part[rows]).to(DEVICE) for part in (v.pixels, v.answers, v.middle, v.last, v.labels)
        )
        pixels, middle, last = (maps.permute(0, 3, 1, 2).float() for maps in (pixels, middle, last))
        if self.step % 2:
            pixels, middle, last = pixels.flip(3), middle.flip(3), last.flip(3)
        side = self.side()
        pictures = F.interpolate(pixels / 255, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return augment.relight(pictures), labels, answers.float(), middle, last

    def one_step(self) -> list[float]:
        self.optimiser.set_rate(self.rate())
        product, answer, place = self.student.losses(*self.batch())
        loss = product + self.recipe.answer_weight * answer + self.recipe.place_weight * place
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1
        follow(self.average, self.student.net, self.step, self.recipe.average)
        return [float(part.detach()) for part in (product, answer, place)]

    def fit(self) -> Embedder:
        """Trains to the end; returns the running average."""
        self.student.train()
        told = saved = time.monotonic()
        losses: list[list[float]] = []
        while self.step < self.steps:
            if self.step % 64 == 0:
                seed(self.recipe.seed, STAGE, self.step)
            losses.append(self.one_step())
            now = time.monotonic()
            if now - told > REPORT_SECONDS or self.step == self.steps:
                product, answer, place = np.mean(losses, axis=0)
                speed = len(losses) * self.recipe.batch / max(now - told, 1e-9)
                left = (self.steps - self.step) * self.recipe.batch / speed / 60
                print(
                    f"student: {self.step / self.steps:6.1%}  {left:5.1f} min left  {speed:.0f} pictures/s  "
                    f"{self.side()} px  product {product:.3f}  answer {answer:.3f}  place {place:.3f}",
                    flush=True,
                )
                told, losses = now, []
            if now - saved > CHECKPOINT_SECONDS and self.step % 64 == 0:
                self.save()
                saved = now
        self.save()
        return self.average.eval()
