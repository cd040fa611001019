"""Measure a model on the real photos and on rendered packages.

    python models/evaluate.py [--data ../shared/data] [--calibrate]

Reads the model through its manifest. `--calibrate` chooses new thresholds on `val` and writes them into the manifest.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from training import evaluation, ranking
from training.export import NAME, write_manifest

HERE = Path(__file__).resolve().parent


def main() -> None:
    options = argparse.ArgumentParser(description="Measure a model; nothing is trained.")
    options.add_argument("--manifest", type=Path, default=HERE / f"{NAME}.json")
    options.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with grocery/ (default ../shared/data)"
    )
    options.add_argument("--threads", type=int, default=2)
    options.add_argument(
        "--calibrate", action="store_true", help="choose the thresholds anew and write them into the manifest"
    )
    chosen = options.parse_args()
    measure(chosen.manifest, chosen.data, chosen.threads, chosen.calibrate)


def measure(manifest: Path, data: Path, threads: int, calibrate: bool) -> None:
    """Print every figure of the model card."""
    model = evaluation.Model(manifest, threads)
    report_speed(manifest)
    evaluation.report_packages(model)
    if not (data / "grocery" / "images.csv").is_file():
        print(
            f"{data / 'grocery' / 'images.csv'} is missing: no figures on real photos; the thresholds stay as they are"
        )
        return
    splits = evaluation.grocery(model, data)
    ranked = evaluation.report_grocery(splits)
    if calibrate:
        found = ranking.calibrate(ranked)
        graph = manifest.parent / model.manifest["file"]
        write_manifest(
            manifest, graph, model.size[0], found.score, found.margin, operating_point(found, splits, ranked)
        )
        model = evaluation.Model(manifest, threads)
    limits = model.manifest["thresholds"]
    now = ranking.verdicts(ranked.correct(), ranked.best(), ranked.lead(), limits["score"], limits["margin"])
    print(f"thresholds: score {now.score}, margin {now.margin}")
    print(f"  {rates(now)}")
    gallery, owners = splits["train"]
    rows = ranking.first(owners, evaluation.ENROLLED)
    auroc, passing = ranking.strangers(gallery[rows], owners[rows], *splits["val"], limits["score"])
    print(f"products not enrolled: AUROC of the first score {auroc:.3f}; {passing:.1%} reach the score threshold")


def operating_point(found: ranking.Thresholds, splits: dict, ranked: ranking.Ranking) -> dict:
    """As the server's manifest has it; see src/embedding/thresholds.rs."""
    gallery, owners = splits["train"]
    rows = ranking.first(owners, evaluation.ENROLLED)
    accepted, matched = ranking.strangers_at(gallery[rows], owners[rows], *splits["val"], found.score, found.margin)
    shares = {
        "matched": found.matched,
        "matched_correct": found.right_when_matched,
        "ambiguous": found.ambiguous,
        "unknown": found.unknown,
        "unknown_accepted": accepted,
        "unknown_matched": matched,
    }
    return {
        "data": "grocery/images.csv",
        "photos": len(ranked.truth),
        "products": len(np.unique(ranked.truth)),
        "enrolled_products": len(np.unique(owners)),
        "photos_per_product": evaluation.ENROLLED,
        "accept_known": ranking.KEEP,
        "correct": ranking.WANTED,
        **{name: round(share, 4) for name, share in shares.items()},
    }


def rates(found: ranking.Thresholds) -> str:
    return (
        f"{found.matched:.1%} matched ({found.right_when_matched:.1%} of them correctly), "
        f"{found.ambiguous:.1%} ambiguous, {found.unknown:.1%} unknown"
    )


def report_speed(manifest: Path) -> None:
    """One picture at a time on one thread, without decoding."""
    model = evaluation.Model(manifest, threads=1)
    picture = np.random.default_rng(0).random((3, *model.size), np.float32)
    times = []
    for _ in range(60):
        begin = time.perf_counter()
        model.embed([picture])
        times.append(time.perf_counter() - begin)
    print(f"one embedding on one thread: median {np.median(times) * 1e3:.1f} ms, fastest {min(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
