"""The tutor: networks that others trained, taught our products, whose answers the student then learns to give.

2 640 photos are too few to learn to see from nothing; fine-tuned, what the imported networks know of the world becomes
an embedding of products. First its linear layer alone learns (`neck`), then everything, gently. The tutor is three to
ten times as slow as the student and is not part of what is shipped.
"""

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from . import augment, neck, stages
from .lessons import Lessons
from .machine import DEVICE, mixed_precision, seed
from .network import DIM, CosineSoftmax, move, shorter_at_first

STAGE = 1


@dataclass(frozen=True)
class Recipe:
    neck_passes: int = 3
    neck_epochs: int = 12
    neck_rate: float = 5e-4
    epochs: int = 2
    side: int = 160
    batch: int = 48
    # The imported layers are moved gently: what they know of things that are not in our photos is worth keeping. Of both
    # rates 0.63 are reached: two epochs of the shipped model's pictures are 144 steps, and as the warm-up ends the cosine
    # has fallen that far.
    rate_imported: float = 1.5e-4
    rate_new: float = 3e-4
    weight_decay: float = 0.05
    warm_up_steps: int = 60
    average: float = 0.995
    seed: int = 1


class Tutor(nn.Module):
    """Several backbones side by side: their pooled features, each of unit length, around their mean, then one linear
    layer to the embedding.
    """

    def __init__(self, backbones: list[nn.Module]):
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        features = sum(backbone.channels for backbone in backbones)
        self.register_buffer("centre", torch.zeros(features))
        self.dropout, self.neck = nn.Dropout(0.3), nn.Linear(features, DIM, bias=False)

    def maps(self, image):
        """Each backbone's maps at strides 16 and 32."""
        with mixed_precision():
            return [backbone(image) for backbone in self.backbones]

    def pooled(self, maps):
        return torch.cat([F.normalize(last.float().mean((2, 3))) for _, last in maps], 1)

    def embed(self, pooled):
        return F.normalize(self.neck(self.dropout(F.normalize(pooled - self.centre))))

    def forward(self, image):
        return self.embed(self.pooled(self.maps(image)))


def fit(tutor: Tutor, lessons: Lessons, recipe: Recipe, kept: Path) -> Tutor:
    """Teaches the tutor; its running average is what is returned. `kept` holds the state after every epoch."""
    tutor.to(DEVICE)
    seed(recipe.seed, STAGE)
    softmax = CosineSoftmax(lessons.weight()).to(DEVICE)
    groups = (
        {"params": [*tutor.backbones.parameters()], "peak": recipe.rate_imported},
        {"params": [*tutor.neck.parameters(), *softmax.parameters()], "peak": recipe.rate_new},
    )
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate_new, weight_decay=recipe.weight_decay)
    begin, average = 0, copy.deepcopy(tutor)
    parts = (tutor, average, softmax, optimiser)
    if kept.is_file():
        begin, *states = stages.loaded(kept, stages.read_states)
        for part, state in zip(parts, states, strict=True):
            part.load_state_dict(state)
    else:
        neck.fit(tutor, softmax, lessons, recipe.neck_passes, recipe.neck_epochs, recipe.side, recipe.neck_rate)
        average.load_state_dict(tutor.state_dict())
    steps = recipe.epochs * lessons.batches(recipe.batch)
    step, told, losses = begin * lessons.batches(recipe.batch), time.monotonic(), []
    for epoch in range(begin, recipe.epochs):
        tutor.train()
        seed(recipe.seed, STAGE, epoch)
        for pixels, labels, mirrored in lessons.epoch(recipe.batch, epoch):
            for group in optimiser.param_groups:
                rise, fall = min(1, step / recipe.warm_up_steps), (1 + math.cos(math.pi * step / steps)) / 2
                group["lr"] = group["peak"] * rise * fall
            x = augment.relight(augment.reframe(pixels, recipe.side, mirrored))
            loss = softmax(tutor(x), labels.to(DEVICE))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(tutor.parameters(), 5.0)
            optimiser.step()
            step += 1
            move(average, tutor, 1 - shorter_at_first(recipe.average, step))
            losses.append(float(loss.detach()))
            if time.monotonic() - told > 20 or step == steps:
                print(f"tutor: {step / steps:6.1%}  loss {sum(losses) / len(losses):.3f}", flush=True)
                told, losses = time.monotonic(), []
        unfinished = kept.with_suffix(".part")
        torch.save((epoch + 1, *(part.state_dict() for part in parts)), unfinished)
        unfinished.replace(kept)
    return average.eval()
