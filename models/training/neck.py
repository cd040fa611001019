"""The tutor's linear layer, learned before its backbones are moved: gradients from a random layer would spoil what the
imported networks know.

It begins as linear discriminant analysis: directions in which pictures of one product differ are shrunk, whatever
product they show. Then a cosine softmax trains it on the features, which are computed only once.
"""

import math

import torch
import torch.nn.functional as F

from . import augment
from .lessons import Lessons
from .network import DIM, CosineSoftmax
from .runtime import maps_of

BATCH = 128
# Shrinkage of the scatter within products, as a share of its mean variance.
SHRINKAGE = 0.3


@torch.no_grad()
def features(tutor, lessons: Lessons, passes: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled features N × channels of reframed and relit pictures, and their labels."""
    maps, parts, labels = maps_of(tutor.backbones, side), [], []
    for number in range(passes):
        for pixels, products, mirrored in lessons.epoch(48, number):
            pictures = augment.relight(augment.reframe(pixels, side, mirrored))
            parts.append(tutor.pooled(maps(pictures)))
            labels.append(products)
        print(f"neck: features of pass {number + 1} of {passes}", flush=True)
    return torch.cat(parts), torch.cat(labels).to(parts[0].device)


def discriminant(centred: torch.Tensor, labels: torch.Tensor, products: int) -> torch.Tensor:
    """DIM × channels: linear discriminant analysis (Fisher 1936) with shrinkage, then the principal components of what
    it gives.
    """
    means = torch.zeros(products, centred.shape[1], device=centred.device).index_add_(0, labels, centred)
    means /= torch.bincount(labels, minlength=products).clamp(min=1).unsqueeze(1)
    # In double precision: channels that never answer are many equal eigenvalues, which single precision cannot part.
    centred, within = centred.double(), (centred - means[labels]).double()
    variance, axes = torch.linalg.eigh(within.T @ within / len(within))
    variance = variance.clamp(min=0)
    whitening = axes / (variance + SHRINKAGE * variance.mean()).sqrt()
    white = centred @ whitening
    _, leading = torch.linalg.eigh(white.T @ white)
    projection = whitening @ leading[:, -DIM:].flip(1)
    projection = (projection / (centred @ projection).norm(dim=1).mean()).T.float()
    return F.pad(projection, (0, 0, 0, DIM - len(projection)))  # fewer channels than DIM: the smoke run


def fit(tutor, softmax: CosineSoftmax, lessons: Lessons, passes: int, epochs: int, side: int, rate: float) -> None:
    """Sets the tutor's centre and neck, and the softmax's directions."""
    found, labels = features(tutor, lessons, passes, side)
    tutor.centre.copy_(found.mean(0))
    centred = F.normalize(found - tutor.centre)
    products = len(softmax.directions)
    tutor.neck.weight.data = discriminant(centred, labels, products)
    with torch.no_grad():
        start = torch.zeros_like(softmax.directions).index_add_(0, labels, F.normalize(tutor.neck(centred)))
        softmax.directions.copy_(F.normalize(start))
    learned = [*tutor.neck.parameters(), *softmax.parameters()]
    optimiser = torch.optim.AdamW(learned, lr=rate, weight_decay=0.0)
    tutor.train()
    step, steps = 0, max(1, epochs * (len(found) // BATCH))
    for epoch in range(epochs):
        losses = []
        for rows in torch.randperm(len(found)).split(BATCH)[: len(found) // BATCH or 1]:
            for group in optimiser.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            rows = rows.to(found.device)
            embedding = F.normalize(tutor.neck(tutor.dropout(centred[rows])))
            loss = softmax(embedding, labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            step += 1
            losses.append(float(loss.detach()))
        print(f"neck: epoch {epoch + 1} of {epochs}  loss {sum(losses) / len(losses):.3f}", flush=True)
