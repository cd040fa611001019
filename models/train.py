"""Train tillsight-small, export it, set its thresholds and measure it.

    python models/train.py [--minutes 60] [--data ../shared/data]

A run that was stopped goes on from its checkpoint when started again with `--resume`. `--smoke` runs the whole way
in about a minute on a few rendered packages, without the data folder, and leaves its worthless model in the work
folder.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from evaluate import measure
from training import data as pictures
from training import teachers
from training.export import NAME, write_graph, write_manifest
from training.network import Embedder
from training.run import Recipe, Trainer

HERE = Path(__file__).resolve().parent
FINAL_SIDE = 160  # a little larger than the last training size: crops showed the network its products enlarged
CHECKPOINT = "checkpoint.pt"


def main() -> None:
    options = argparse.ArgumentParser(description="Train, export, calibrate and measure tillsight-small.")
    options.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data"),
        help="folder with grocery/ and teachers/ (default ../shared/data)",
    )
    options.add_argument(
        "--work", type=Path, default=HERE / "work", help="caches and checkpoints (default models/work)"
    )
    options.add_argument("--out", type=Path, default=HERE, help="where the model and its manifest go (default models/)")
    options.add_argument(
        "--minutes", type=float, default=60, help="wall-clock budget of the training loop (default 60)"
    )
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--products", type=int, default=300, help="rendered products (default 300)")
    options.add_argument("--views", type=int, default=10, help="views per rendered product (default 10)")
    options.add_argument("--resume", action="store_true", help="go on from the checkpoint in the work folder")
    options.add_argument("--export", action="store_true", help="no training: publish the checkpoint as it is")
    options.add_argument(
        "--smoke", action="store_true", help="a short run on rendered packages alone, to see that everything works"
    )
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.smoke:
        chosen.work = chosen.out = chosen.work / "smoke"
        chosen.minutes, chosen.products, chosen.views, chosen.data = 0.2, 24, 6, Path("no-data-in-a-smoke-run")
    chosen.work.mkdir(parents=True, exist_ok=True)
    net = saved(chosen.work / CHECKPOINT) if chosen.export else trained(chosen)
    publish(net, chosen)


def trained(chosen: argparse.Namespace) -> Embedder:
    photos = pictures.grocery(chosen.data)
    if photos is None and not chosen.smoke:
        sys.exit(
            f"{chosen.data / 'grocery' / 'images.csv'} is missing: name the data folder with --data, or try --smoke"
        )
    packs = pictures.rendered(chosen.products, chosen.views, chosen.work, bar("rendering packages"))
    teacher = None
    if photos is not None and teachers.present(chosen.data):
        pixels = np.concatenate([photos.pixels, packs.pixels])
        teacher = teachers.embeddings(chosen.data, pixels, chosen.work, chosen.threads, bar("asking the teachers"))
    elif photos is not None:
        print(f"no networks in {chosen.data / 'teachers'}: training without teachers")
    trainer = Trainer(Recipe(minutes=chosen.minutes), photos, packs, teacher)
    if chosen.resume:
        trainer.restore(existing(chosen.work / CHECKPOINT))
    trainer.fit(chosen.work / CHECKPOINT)
    return trainer.average


def saved(checkpoint: Path) -> Embedder:
    net = Embedder()
    net.load_state_dict(torch.load(existing(checkpoint), map_location="cpu", weights_only=True)["average"])
    return net


def existing(checkpoint: Path) -> Path:
    if not checkpoint.is_file():
        sys.exit(f"{checkpoint} is missing: start without --resume and --export")
    return checkpoint


def publish(net: Embedder, chosen: argparse.Namespace) -> None:
    graph, manifest = chosen.out / f"{NAME}.onnx", chosen.out / f"{NAME}.json"
    write_graph(net, FINAL_SIDE, graph)
    write_manifest(manifest, graph, FINAL_SIDE, score=0.5, margin=0.05, operating_point=None)
    measure(manifest, chosen.data, chosen.threads, calibrate=True)


def bar(what: str):
    """A progress line that is rewritten in a terminal and told every few seconds in a log."""
    told = 0.0

    def show(done: int, total: int) -> None:
        nonlocal told
        if done < total and time.monotonic() - told < (0.2 if sys.stdout.isatty() else 10):
            return
        told = time.monotonic()
        ending = "\r" if sys.stdout.isatty() and done < total else "\n"
        print(f"{what}: {done} of {total}", end=ending, flush=True)

    return show


if __name__ == "__main__":
    main()
