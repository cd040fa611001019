"""What is learned in one pass, of which kind of picture how much: the same for the tutor and for its views.

Products of different kinds never share a label, and labels are consecutive, whatever was held out. Pictures of a kind
that shows no products are labelled `NO_PRODUCT` and weigh nothing.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from .data import Pictures
from .network import NO_PRODUCT


@dataclass(frozen=True)
class Kind:
    """One kind of pictures. In every pass each `every`-th of them is taken, `repeats` times; the next pass takes the
    next ones. `weight` is how much its products count beside others; `mirrored` whether a mirror image still shows the
    same product (print does not).
    """

    pictures: Pictures
    every: int = 1
    repeats: int = 1
    weight: float = 1.0
    mirrored: bool = True


def of_grocery(photos: Pictures, catalogue: Pictures) -> list[Pictures]:
    """Photos and catalogue pictures with one numbering of their products: they show the same ones."""
    products = np.unique(np.concatenate([photos.products, catalogue.products]))
    return [Pictures(p.pixels, np.searchsorted(products, p.products)) for p in (photos, catalogue)]


class Lessons:
    """All pictures of all kinds. `groups` are lists of kinds that share one numbering of products, counted from 0."""

    def __init__(self, groups: list[list[Kind]]):
        kinds = [kind for group in groups for kind in group]
        first, offsets = 0, []
        for group in groups:
            offsets += [first] * len(group)
            first += 1 + max(int(kind.pictures.products.max()) for kind in group)
        self.kinds, self.products = kinds, first
        parts = [
            np.where(kind.pictures.products == NO_PRODUCT, NO_PRODUCT, kind.pictures.products + offset)
            for kind, offset in zip(kinds, offsets, strict=True)
        ]
        self.labels = np.concatenate(parts)
        self.mirrored = np.concatenate([np.full(len(k.pictures.products), k.mirrored) for k in kinds])
        self.kind_weight = np.concatenate([np.full(len(k.pictures.products), k.weight) for k in kinds])

    def digest(self) -> str:
        """SHA-256 over all pictures and their labels."""
        digest = hashlib.sha256()
        for kind in self.kinds:
            digest.update(np.ascontiguousarray(kind.pictures.pixels))
        digest.update(np.ascontiguousarray(self.labels))
        return digest.hexdigest()

    def rows(self, number: int) -> np.ndarray:
        """Row numbers of pass `number`, in order."""
        found, first = [], 0
        for kind in self.kinds:
            count = len(kind.pictures.products)
            found.append(np.repeat(np.arange(first + number % kind.every, first + count, kind.every), kind.repeats))
            first += count
        return np.concatenate(found)

    def product_rows(self, number: int) -> np.ndarray:
        """Those of `rows` that show a product."""
        rows = self.rows(number)
        return rows[self.labels[rows] != NO_PRODUCT]

    def pixels(self, rows: np.ndarray) -> np.ndarray:
        """Out of the kinds' own memory: all pictures of anything in one array would take it twice."""
        found, first = np.empty((len(rows), *self.kinds[0].pictures.pixels.shape[1:]), np.uint8), 0
        for kind in self.kinds:
            inside = (rows >= first) & (rows < first + len(kind.pictures.pixels))
            found[inside] = kind.pictures.pixels[rows[inside] - first]
            first += len(kind.pictures.pixels)
        return found

    def some(self, count: int, first: int = 0) -> np.ndarray:
        """Pixels of `count` pictures (or all, if there are fewer), spread evenly over a pass from its picture `first`
        on to its last ones: every kind is among them, by its share.
        """
        rows = self.rows(0)
        count = min(count, len(rows))
        places = first + np.arange(count) * len(rows) // count
        return self.pixels(rows[places[places < len(rows)]])

    def batches(self, batch: int) -> int:
        """Batches in a pass: a few rows that do not fill one are left out."""
        return max(1, min(len(self.rows(number)) for number in range(max(k.every for k in self.kinds))) // batch)

    def taken(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels, labels, and which may be mirrored."""
        return tuple(map(torch.from_numpy, (self.pixels(rows), self.labels[rows], self.mirrored[rows])))

    def epoch(self, batch: int, number: int):
        """The batches of a pass in a random order that follows from PyTorch's seed."""
        rows = self.rows(number)
        rows = rows[torch.randperm(len(rows)).numpy()]
        for at in range(self.batches(batch)):
            yield self.taken(rows[at * batch : (at + 1) * batch])

    def weight(self) -> torch.Tensor:
        """Per product: those with few pictures count more, by the square root, times their kind's weight; the mean over
        all pictures' products is 1.
        """
        shows = self.labels != NO_PRODUCT
        count = np.bincount(self.labels[shows], minlength=self.products).clip(min=1)
        kind = np.zeros(self.products)
        kind[self.labels[shows]] = self.kind_weight[shows]
        weight = torch.from_numpy(kind / np.sqrt(count)).float()
        return weight / weight.mean()
