"""Train a model of tillsight from the photos and export it.

    python models/train.py [small|base] [--data ../shared/data]

(`base` is a wider network that was only trained with earlier recipes.)

Three stages (the card's five: neck and tutor are one, the integers are made at the end), each kept in the work folder,
so that a run that was stopped goes on where it was: the tutor (imported networks, taught our products), its views
(what it answers to thousands of pictures), and the student (the network that is shipped). Pictures of anything are
fetched from the Debian archive (3.6 GB, once). Afterwards `tillsight model calibrate` sets the thresholds and `tillsight
model evaluate` measures. `--smoke` goes the whole way in about a minute on a few rendered packages, without the data
folder, and leaves its worthless model in the work folder; unless --work was given it begins anew each time.
`--hold-out DRAW` leaves 20 of the products out of everything, to measure how well products are told apart that no
training saw, and lists them in `held-out.txt` beside the model, for `tillsight model evaluate --held-out`.
"""

import argparse
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from training import data, export, glance, imported, lessons, student, tutor, views, world
from training.faults import Fault, writable
from training.machine import DEVICE, BFLOAT16
from training.network import INPUT, NO_PRODUCT, SIZES, Body, Framed, Size
from training.options import above_zero, at_least_one
from training.stages import compare_with_shipped, made_from, sha256

HERE = Path(__file__).resolve().parent
HELD_OUT_PRODUCTS = 20
VIEW_PASSES = 6
AXES_PICTURES = 2048
NO_PRODUCTS = np.empty(0, int)
# SHA-256 over the pictures, and their labels, of all products: what `Lessons.digest` gives.
SHIPPED_LESSONS = "ddb6700633a84469797bd25002c03ed636282fdb8be9cdf802d053b4486ea6ed"


def main() -> None:
    options = argparse.ArgumentParser(
        description="Train a model of tillsight and export it.", epilog="models/README.md is the model card."
    )
    options.add_argument(
        "size",
        nargs="?",
        choices=sorted(SIZES),
        default="small",
        help="small is what is shipped; base was only trained with earlier recipes",
    )
    options.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder with grocery/ and teachers/ (%(default)s)"
    )
    options.add_argument("--work", type=Path, help="what is kept between runs (models/work)")
    options.add_argument("--out", type=Path, help="where the model and its manifest go (models/, with --hold-out work)")
    options.add_argument("--tutor-epochs", type=at_least_one, default=tutor.Recipe.epochs, help="(%(default)s)")
    options.add_argument(
        "--view-passes", type=at_least_one, default=VIEW_PASSES, help="views of every photo (%(default)s)"
    )
    options.add_argument(
        "--passes", type=above_zero, default=student.Recipe.passes, help="over all views, in all rounds (%(default)s)"
    )
    options.add_argument(
        "--rounds", type=at_least_one, default=student.Recipe.rounds, help="of the learning rate (%(default)s)"
    )
    options.add_argument("--threads", type=at_least_one, default=2)
    options.add_argument("--hold-out", type=at_least_one, metavar="DRAW", help="leave 20 products out; DRAW says which")
    options.add_argument("--smoke", action="store_true", help="a short run, to see that everything works")
    chosen = options.parse_args()
    if chosen.smoke and (chosen.out or chosen.hold_out):
        options.error(
            "--smoke leaves its worthless model in the work folder and holds nothing out: no --out, no --hold-out"
        )
    torch.set_num_threads(chosen.threads)
    print(f"training on {DEVICE.type}, {'bfloat16' if BFLOAT16 else 'float32'}", flush=True)
    try:
        if chosen.smoke:
            smoke(smoke_folder(chosen.work))
        else:
            chosen.work = chosen.work or HERE / "work"
            train(chosen)
    except Fault as why:
        sys.exit(f"train.py: {why}")
    except KeyboardInterrupt:
        sys.exit(
            "train.py: stopped" if chosen.smoke else "train.py: stopped; with the same options it goes on where it was"
        )


def smoke_folder(work: Path | None) -> Path:
    """Below a folder that was named the run goes on where it was; otherwise it begins anew, or it would show
    nothing.
    """
    folder = (work or HERE / "work") / "smoke"
    if work is None and folder.exists():
        shutil.rmtree(folder)
    return folder


def train(chosen: argparse.Namespace) -> None:
    if not data.present(chosen.data):
        raise Fault(
            f"{chosen.data / 'grocery' / 'images.csv'} is missing: name the data folder with --data, or try --smoke"
        )
    if not imported.present(chosen.data):
        raise Fault(f"{chosen.data / 'teachers'} lacks the networks that the tutor is made of: see models/README.md")
    # Before anything is rendered or fetched: whatever can be refused.
    files = imported.files(chosen.data)
    with torch.random.fork_rng():
        for source in imported.SOURCES:
            imported.Imported(chosen.data, source)
    label = "all" if chosen.hold_out is None else f"draw-{chosen.hold_out}"
    work = writable(chosen.work / label, "--work")
    out = writable(chosen.out or (HERE if chosen.hold_out is None else work), "--out")
    photos, catalogue, _ = (data.grocery(chosen.data, split) for split in ("train", "iconic", "val"))
    left_out = NO_PRODUCTS
    if chosen.hold_out is not None:
        left_out = data.held_out(photos.products, HELD_OUT_PRODUCTS, chosen.hold_out)
        photos, catalogue = data.without(photos, left_out), data.without(catalogue, left_out)
        if not len(photos.products) or not len(catalogue.products):
            raise Fault(
                f"--hold-out leaves {len(left_out)} products out, and then no photo or no catalogue picture is left"
            )
    packages = data.rendered(300, 10, chosen.work, bar("rendering packages"))
    photos, catalogue = lessons.of_grocery(photos, catalogue)
    products = [
        [lessons.Kind(photos), lessons.Kind(catalogue, repeats=3)],
        [lessons.Kind(packages, every=5, weight=0.3, mirrored=False)],
    ]
    anything = world.pictures(chosen.work, bar("choosing pictures of anything"))
    learned, shown = lessons.Lessons(products), lessons.Lessons([*products, [of_no_product(anything, every=8)]])
    if not len(left_out):
        compare_with_shipped("the set of photos and rendered packages", learned.digest(), SHIPPED_LESSONS)
    size = SIZES[chosen.size]
    plan = Plan(
        tutor.Recipe(epochs=chosen.tutor_epochs),
        chosen.view_passes,
        student.Recipe(passes=chosen.passes, rounds=chosen.rounds),
        size,
        left_out,
    )
    if len(left_out):
        list_held_out(left_out, label, out)
    teacher = tutor.Tutor([imported.Imported(chosen.data, source) for source in imported.SOURCES])
    name = f"tillsight-{chosen.size}"
    net = learn(
        plan, teacher, files, learned, shown, work, name, lambda *seen: glance.report(*seen, chosen.data, left_out)
    )
    finish(net, name, out, learned)


def smoke(work: Path) -> None:
    """Every stage on little: rendered packages, a tutor that knows nothing, a tiny student."""
    tiny, started = Size((8, 8, 16, 16), (1, 1, 2, 1), 64), time.monotonic()
    writable(work, "--work")
    packages = data.rendered(12, 4, work, bar("rendering packages"))
    products = [lessons.Kind(packages, mirrored=False)]
    learned = lessons.Lessons([products])
    shown = lessons.Lessons([products, [of_no_product(packages.pixels[::3], every=2)]])
    plan = Plan(
        tutor.Recipe(epochs=2, side=64, batch=12),
        2,
        student.Recipe(passes=3, sides=((0.0, 48), (0.5, 64)), batch=16),
        tiny,
        NO_PRODUCTS,
    )
    teacher = tutor.Tutor([Body(tiny), Body(tiny)])
    net = learn(plan, teacher, {}, learned, shown, work, "tillsight-smoke", lambda *_: None)
    finish(net, "tillsight-smoke", work, learned)
    print(f"smoke run: the whole way in {time.monotonic() - started:.0f} s")


@dataclass(frozen=True)
class Plan:
    tutor: tutor.Recipe
    view_passes: int
    student: student.Recipe
    size: Size
    left_out: np.ndarray


def of_no_product(pixels: np.ndarray, every: int) -> lessons.Kind:
    return lessons.Kind(data.Pictures(pixels, np.full(len(pixels), NO_PRODUCT)), every=every)


def learn(
    plan: Plan,
    untaught: tutor.Tutor,
    files: dict[str, str],
    learned: lessons.Lessons,
    shown: lessons.Lessons,
    work: Path,
    name: str,
    glance_at,
) -> Framed:
    """Tutor, views, student: each goes on from what `work` keeps of it, and refuses what was made from something else.
    `files` are the SHA-256s of what the tutor was read from. It is taught what is `learned`; views are taken of what is
    `shown`, which begins with the same products. `glance_at` is given the tutor and what is to be exported, with the side
    of the pictures that they take.
    """
    facts = {"recipe": asdict(plan.tutor), "left_out": plan.left_out.tolist(), "pictures": learned.digest()}
    facts = {"tutor": made_from(work / "tutor.pt", {**facts, "imported_files": files})}
    teacher = tutor.fit(untaught, learned, plan.tutor, work / "tutor.pt")
    facts = {**facts, "tutor_file": sha256(work / "tutor.pt"), "pictures": shown.digest()}
    glance_at("tutor", teacher, views.ASKED_SIDE)
    facts = {"views": made_from(work / "views", facts), "passes": plan.view_passes}
    made_from(work / f"{name}.pt", {**facts, "recipe": asdict(plan.student), "size": asdict(plan.size)})
    # Not held on to here: where the course takes the views to a GPU, their memory is free again.
    course = student.Course(
        plan.size,
        views.collect(teacher, shown, plan.view_passes, run=1, folder=work / "views"),
        learned.weight(),
        plan.student,
        work / f"{name}.pt",
    )
    framed = Framed(course.fit(), plan.size).to(DEVICE)
    framed.find_axes(glance.batches(shown.some(AXES_PICTURES), INPUT))
    glance_at(name, framed, INPUT)
    return framed


def finish(net: Framed, name: str, folder: Path, learned: lessons.Lessons) -> None:
    # The second ones lie half a step behind the first ones: others.
    pictures = [glance.plain(learned.some(240, first), INPUT).cpu().numpy() for first in (0, 7)]
    export.publish(net.cpu(), INPUT, name, folder, (pictures[0], pictures[1]))
    print(f"{folder / name}.onnx written. Now: tillsight model calibrate, then evaluate (models/README.md)")


def list_held_out(products: np.ndarray, label: str, folder: Path) -> None:
    """An id per line, as `tillsight model evaluate --held-out` takes them."""
    lines = [
        f"# Left out of the training of the models in this folder ({label}).",
        *(str(p) for p in products.tolist()),
    ]
    (folder / "held-out.txt").write_text("\n".join(lines) + "\n")


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
