"""A training that was stopped goes on as it would have, in every stage: to the last bit, on one thread.

python tests/training/resume.py MODELS_FOLDER WORK_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch

MODELS, WORK = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(MODELS))

from checks import check  # noqa: E402
from training import data, lessons, student, tutor, views  # noqa: E402
from training.faults import Fault  # noqa: E402
from training.network import NO_PRODUCT, Body, Size  # noqa: E402
from training.stages import made_from  # noqa: E402

SIZE = Size((8, 8, 16, 16), (1, 1, 2, 1), 48)
TUTOR = tutor.Recipe(neck_passes=1, neck_epochs=1, epochs=2, side=32, batch=12)
STUDENT = student.Recipe(passes=24, rounds=2, sides=((0.0, 32), (0.5, 48)), batch=8)


class Stopped(Exception):
    pass


class Interrupted(lessons.Lessons):
    """Stops the second epoch."""

    def epoch(self, batch, number):
        if number == 1:
            raise Stopped
        return super().epoch(batch, number)


class StoppedCourse(student.Course):
    at = 0

    def one_step(self):
        if self.step == self.at:
            raise Stopped
        return super().one_step()


def fresh_tutor():
    torch.manual_seed(5)
    return tutor.Tutor([Body(SIZE), Body(SIZE)])


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def stopped(work) -> None:
    try:
        work()
    except Stopped:
        return
    raise SystemExit("it was not stopped")


torch.set_num_threads(1)
student.CHECKPOINT_SECONDS = 0
packages = data.rendered(6, 4, WORK, lambda *_: None)
kinds = [[lessons.Kind(packages, mirrored=False)]]
learned = lessons.Lessons(kinds)
anything = data.Pictures(packages.pixels[::3], np.full(len(packages.pixels[::3]), NO_PRODUCT))
shown = lessons.Lessons([*kinds, [lessons.Kind(anything, every=2)]])

straight = tutor.fit(fresh_tutor(), learned, TUTOR, WORK / "straight.pt")
stopped(lambda: tutor.fit(fresh_tutor(), Interrupted(kinds), TUTOR, WORK / "stopped.pt"))
check("tutor", same(straight, tutor.fit(fresh_tutor(), learned, TUTOR, WORK / "stopped.pt")), "the same")

seen = views.collect(straight, shown, 2, run=1, folder=WORK / "views")
(WORK / "views" / "pass-001.npz").unlink()
again = views.collect(straight, shown, 2, run=1, folder=WORK / "views")
check("views", all(np.array_equal(getattr(seen, c), getattr(again, c)) for c in views.COLUMNS), "the same")

once = student.Course(SIZE, seen, learned.weight(), STUDENT, WORK / "once.pt").fit()
twice = (SIZE, seen, learned.weight(), STUDENT, WORK / "twice.pt")
# In the first round, and again in the second, which begins with step 96.
for StoppedCourse.at, place in ((70, 64), (140, 128)):
    stopped(StoppedCourse(*twice).fit)
    check("student's place", place == student.Course(*twice).step, "the same")
check("student", same(once, student.Course(*twice).fit()), "the same")

made_from(WORK / "stage.pt", {"recipe": {"epochs": 2}})
(WORK / "stage.pt").touch()
made_from(WORK / "stage.pt", {"recipe": {"epochs": 2}})
try:
    made_from(WORK / "stage.pt", {"recipe": {"epochs": 3}})
except Fault as refusal:
    check("the refusal of another recipe", "--work" in str(refusal), "the same")
else:
    sys.exit("another recipe was not refused")
