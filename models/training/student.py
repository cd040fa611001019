"""The student: the network that is shipped, learning from the tutor's views.

It learns three things at once: to tell the products apart, to give the tutor's answer to a picture whatever the light,
and to see in every place what the tutor sees there. Its clock are steps, so a slow machine only takes longer.
"""

import copy
import functools
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import augment, stages
from .machine import DEVICE, mixed_precision, seed
from .network import CosineSoftmax, Embedder, Size, move, shorter_at_first
from .optimiser import MuonAndAdamW
from .recorded import Recorded
from .views import COLUMNS, Views

STAGE = 3
CHECKPOINT_SECONDS, REPORT_SECONDS = 120, 20


@dataclass(frozen=True)
class Recipe:
    """`passes` are over all views, in `rounds` equal parts. In each of those the learning rate rises and falls to nearly
    nothing, from `peak_rate` in the first, half of it in the second, a third in the third; and the pictures grow: `sides`
    are their sizes and the share of the round at which each begins, small ones first, as they teach the coarse things
    more cheaply.
    """

    passes: float = 10
    rounds: int = 2
    sides: tuple = ((0.0, 80), (0.5, 96), (0.75, 112), (0.9, 128))
    batch: int = 64
    peak_rate: float = 3e-3
    warm_up: float = 0.04
    weight_decay: float = 0.05
    # How much each loss weighs. To see as the tutor sees comes first: where the products' weighed ten times as much, a
    # student learned to tell those apart and little that serves for others, and needed five times the pictures.
    product: float = 0.1
    answer: float = 4.0
    place: float = 10.0
    # How far a view is relit.
    light: float = 0.5
    average: float = 0.998
    seed: int = 1


class Student(nn.Module):
    """The network and what it has in training only: a direction per product, and a reading of its maps in the tutor's
    terms.
    """

    TOLD = ("product", "answer", "place")

    def __init__(self, size: Size, weight: torch.Tensor, views: Views):
        super().__init__()
        self.net = Embedder(size).to(memory_format=torch.channels_last)
        self.softmax = CosineSoftmax(weight)
        self.reads_middle = nn.Conv2d(self.net.body.middle_channels, views.middle.shape[-1], 1)
        self.reads_last = nn.Conv2d(self.net.body.channels, views.last.shape[-1], 1)

    def losses(self, pictures, labels, answers, middle, last):
        """As in `TOLD`. All but the first are 1 − cosine, place summed over both maps."""
        with mixed_precision():
            seen = self.net.body(pictures)
        embedding = self.net.embed(seen[1])
        answer = (1 - (embedding * answers).sum(1)).mean()
        place = unlike(self.reads_middle, seen[0], middle) + unlike(self.reads_last, seen[1], last)
        return self.softmax(embedding, labels), answer, place


def unlike(read: nn.Conv2d, own: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """1 − cosine between what is read off the own maps and what the maps that were told say, place by place."""
    return (1 - F.cosine_similarity(read(on_grid(own.float(), told.shape[-1])), told)).mean()


def on_grid(maps: torch.Tensor, side: int) -> torch.Tensor:
    """The maps' means over the cells of a grid of `side` × `side`, or what lies between them where they are coarser."""
    onto = means_of_cells(maps.shape[-1], side, maps.device)
    return onto @ maps @ onto.T


@functools.cache
def means_of_cells(places: int, cells: int, device: torch.device) -> torch.Tensor:
    """Cells × places. As matrices, since on a GPU the gradient of PyTorch's own pooling is another in every run."""
    one_by_one = torch.eye(places, device=device).unsqueeze(0)
    if places >= cells:
        return F.adaptive_avg_pool1d(one_by_one, cells)[0].T
    return F.interpolate(one_by_one, cells, mode="linear", align_corners=False)[0].T


def scaled(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """From uint8 N × 3 × S × S to float N × 3 × side × side in 0..1. Processors scale bytes three times as fast as floats,
    for a rounding of half a level; GPUs cannot.
    """
    if pixels.device.type == "cuda":
        pixels = pixels.float()
    small = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return small.contiguous().float() / 255


def at_hand(views: Views) -> list[torch.Tensor]:
    """The columns on the device, where they take less than half of what is free there, else in memory."""
    columns = [torch.from_numpy(column) for column in (getattr(views, name) for name in COLUMNS)]
    if DEVICE.type == "cuda" and 2 * sum(column.nbytes for column in columns) < torch.cuda.mem_get_info()[0]:
        return [column.to(DEVICE) for column in columns]
    return columns


class Course:
    """A student with its running average, optimiser and clock."""

    def __init__(self, size: Size, views: Views, weight: torch.Tensor, recipe: Recipe, kept: Path):
        seed(recipe.seed, STAGE)
        self.views, self.recipe, self.kept = at_hand(views), recipe, kept
        self.student = Student(size, weight, views).to(DEVICE)
        self.average = copy.deepcopy(self.student.net)
        body = self.student.net.body
        self.optimiser = MuonAndAdamW(
            self.student, [body.to_sixteenth, body.to_last], recipe.peak_rate, recipe.weight_decay
        )
        self.step, self.a_pass = 0, max(1, len(views.labels) // recipe.batch)
        self.order, self.shuffled = None, -1
        self.steps = max(1, round(recipe.passes * self.a_pass))
        # What a step works on, always in the same places, so that it can be recorded: a batch, how far the average
        # moves, and the sum of the losses since the last report.
        self.given = [column[: recipe.batch].to(DEVICE, copy=True) for column in self.views]
        self.toward, self.losses = torch.ones((), device=DEVICE), torch.zeros(len(self.student.TOLD), device=DEVICE)
        self.recorded, self.recorded_side = None, None
        if kept.is_file():
            self.step, *states = stages.loaded(kept, stages.read_states)
            for part, state in zip(self.parts(), states, strict=True):
                part.load_state_dict(state)

    def parts(self) -> tuple:
        return self.student, self.average, self.optimiser

    def save(self) -> None:
        unfinished = self.kept.with_suffix(".part")
        torch.save((self.step, *(part.state_dict() for part in self.parts())), unfinished)
        unfinished.replace(self.kept)

    def in_round(self, step: int) -> tuple[int, float]:
        """The round that a step is in, from 0, and the share of that round which is behind it."""
        number, done = divmod(step * self.recipe.rounds, self.steps)
        return number, done / self.steps

    def rate(self, step: int) -> float:
        """Share of the peak learning rate: in each round a short rise, then a half cosine that ends at a 500th of what
        the round rose to.
        """
        (number, done), warm = self.in_round(step), self.recipe.warm_up
        risen = 1 / (1 + number)
        if done < warm:
            return (0.05 + 0.95 * done / warm) * risen
        return (0.002 + 0.998 * (1 + math.cos(math.pi * (done - warm) / (1 - warm))) / 2) * risen

    def side(self, step: int) -> int:
        return [side for begins, side in self.recipe.sides if begins <= self.in_round(step)[1]][-1]

    def give(self) -> None:
        """Puts the next views where a step takes them. Their order follows from seed and step."""
        at, number = self.step % self.a_pass, self.step // self.a_pass
        if self.shuffled != number:
            rng = np.random.default_rng([self.recipe.seed, STAGE, number])
            self.order, self.shuffled = rng.permutation(len(self.views[0])), number
        rows = torch.from_numpy(np.sort(self.order[at * self.recipe.batch : (at + 1) * self.recipe.batch]))
        rows = rows.to(self.views[0].device)
        for place, column in zip(self.given, self.views, strict=True):
            place[: len(rows)].copy_(column[rows])

    def batch(self) -> tuple:
        """The views that were given: relit, and every second one mirrored, its maps too."""
        pixels, answers, middle, last, labels = self.given
        mirrored = augment.between(0, 1, len(pixels), 1, 1, 1) < 0.5
        pictures = scaled(pixels.permute(0, 3, 1, 2), self.side(self.step))
        maps = (each.permute(0, 3, 1, 2).float() for each in (middle, last))
        pictures, middle, last = (torch.where(mirrored, each.flip(3), each) for each in (pictures, *maps))
        return augment.relight(pictures, self.recipe.light), labels, answers.float(), middle, last

    def learn(self) -> None:
        """What a step does on the device."""
        losses = torch.stack(self.student.losses(*self.batch()))
        recipe = self.recipe
        self.optimiser.zero_grad()
        weights = (recipe.product, recipe.answer, recipe.place)
        sum(weight * loss for weight, loss in zip(weights, losses, strict=True)).backward()
        self.optimiser.step()
        move(self.average, self.student.net, self.toward)
        self.losses += losses.detach()

    def one_step(self) -> None:
        if self.recorded_side != self.side(self.step):
            self.recorded, self.recorded_side = Recorded(self.learn), self.side(self.step)
        self.give()
        self.optimiser.set_rate(self.rate(self.step))
        self.toward.fill_(1 - shorter_at_first(self.recipe.average, self.step + 1))
        self.recorded()
        self.step += 1

    def fit(self) -> Embedder:
        """Trains to the end; returns the running average."""
        self.student.train()
        told, saved, before = time.monotonic(), time.monotonic(), self.step
        while self.step < self.steps:
            if self.step % 64 == 0:
                seed(self.recipe.seed, STAGE, self.step)
            self.one_step()
            now = time.monotonic()
            if now - told > REPORT_SECONDS or self.step == self.steps:
                self.report(self.step - before, now - told)
                told, before = now, self.step
            if now - saved > CHECKPOINT_SECONDS and self.step % 64 == 0:
                self.save()
                saved = now
        self.save()
        return self.average.eval()

    def report(self, steps: int, seconds: float) -> None:
        losses = (self.losses / steps).tolist()
        self.losses.zero_()
        side, number = self.side(self.step - 1), self.in_round(self.step - 1)[0]
        # A step takes about as long as its pictures have pixels.
        left = seconds / steps * sum((self.side(step) / side) ** 2 for step in range(self.step, self.steps)) / 60
        print(
            f"student: {self.step / self.steps:6.1%}  round {number + 1} of {self.recipe.rounds}  {left:5.1f} min left  "
            f"{steps * self.recipe.batch / max(seconds, 1e-9):.0f} pictures/s  {side} px  "
            + "  ".join(map("{} {:.3f}".format, self.student.TOLD, losses)),
            flush=True,
        )
