"""Answers ranked per product, and the thresholds that turn a ranking into a verdict: matched, ambiguous or unknown.

A product's score is that of its best enrolled photo, as in the server.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """For each query the products from best to worst, their scores, and the truth."""

    products: np.ndarray
    scores: np.ndarray
    truth: np.ndarray

    def top(self, k: int) -> float:
        return float((self.products[:, :k] == self.truth[:, None]).any(1).mean())

    def correct(self) -> np.ndarray:
        return self.products[:, 0] == self.truth

    def best(self) -> np.ndarray:
        return self.scores[:, 0]

    def lead(self) -> np.ndarray:
        """How far the first product is ahead of the second."""
        return self.scores[:, 0] - self.scores[:, 1]


def rank(gallery: np.ndarray, owners: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> Ranking:
    """`owners` names the product of each gallery row, `truth` that of each query."""
    products = np.unique(owners)
    similarity = queries @ gallery.T
    scores = np.stack([similarity[:, owners == p].max(1) for p in products], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return Ranking(products[order], np.take_along_axis(scores, order, 1), truth)


def first(owners: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of the first `count` photos of each product, in the table's order."""
    return np.sort(np.concatenate([np.flatnonzero(owners == p)[:count] for p in np.unique(owners)]))


@dataclass(frozen=True)
class Thresholds:
    """A score and a margin, and the verdicts they gave on the photos they were chosen on."""

    score: float
    margin: float
    matched: float
    ambiguous: float
    unknown: float
    right_when_matched: float


KEEP, WANTED = 0.95, 0.90


def calibrate(ranking: Ranking, keep: float = KEEP, wanted: float = WANTED) -> Thresholds:
    """The score that `keep` of the correct first answers reach, then the smallest margin from which on `wanted` of
    the answers above both are correct. Where no margin gives that, the margin with the largest share of correct
    ones is taken.
    """
    right, best, lead = ranking.correct(), ranking.best(), ranking.lead()
    score = float(np.floor(np.quantile(best[right], 1 - keep) * 1000) / 1000)
    outcomes = []
    for margin in np.arange(0, 0.5, 0.005):
        found = verdicts(right, best, lead, score, round(float(margin), 3))
        if found.right_when_matched >= wanted:
            return found
        outcomes.append(found)
    return max(outcomes, key=lambda found: found.right_when_matched)


def verdicts(right: np.ndarray, best: np.ndarray, lead: np.ndarray, score: float, margin: float) -> Thresholds:
    passed = best >= score
    matched = passed & (lead >= margin)
    sure = float(right[matched].mean()) if matched.any() else 0.0
    share = (float(part.mean()) for part in (matched, passed & ~matched, ~passed))
    return Thresholds(round(score, 3), margin, *share, sure)


def strangers(gallery, owners, queries, truth, score: float) -> tuple[float, float]:
    """Each query once more as if its product were not enrolled: the AUROC of the best score for known against
    unknown, and the share of unknown ones that reach the score threshold.
    """
    known = rank(gallery, owners, queries, truth).best()
    similarity = queries @ gallery.T
    similarity[owners[None, :] == truth[:, None]] = -1
    unknown = similarity.max(1)
    above, equal = known[:, None] > unknown[None, :], known[:, None] == unknown[None, :]
    return float(above.mean() + equal.mean() / 2), float((unknown >= score).mean())


def strangers_at(gallery, owners, queries, truth, score: float, margin: float) -> tuple[float, float]:
    """Each query once more as if its product were not enrolled: the share that reach the score, and the share that
    would be matched.
    """
    similarity = queries @ gallery.T
    similarity[owners[None, :] == truth[:, None]] = -1
    best = np.sort(np.stack([similarity[:, owners == p].max(1) for p in np.unique(owners)], axis=1), axis=1)
    passed = best[:, -1] >= score
    return float(passed.mean()), float((passed & (best[:, -1] - best[:, -2] >= margin)).mean())
