"""What the training keeps and writes down beside the networks: drawn products, notes of stages, manifests, its work
folder.

    python tests/training/bookkeeping.py MODELS_FOLDER WORK_FOLDER FIGURES_RS

FIGURES_RS is the test of `tillsight model evaluate --unseen`: what it draws must be what the training left out.
"""

import argparse
import copy
import json
import re
import sys
from pathlib import Path

import numpy as np

MODELS, WORK, FIGURES = map(Path, sys.argv[1:])
sys.path.insert(0, str(MODELS))

from checks import check, told_by  # noqa: E402
import train  # noqa: E402
from training import data, export, faults, imported, options, scene, stages  # noqa: E402


# Drawn products. The program's test names three of the products a to f, drawn with seed 7, in the order drawn.
drawn_there = re.search(r'DRAWN_BY_PYTHON: &str = "(\w+)"', FIGURES.read_text()).group(1)
drawn_here = data.held_out(np.array(list("abcdef")), len(drawn_there), 7)
check("the draw of letters", "".join(drawn_here) == "".join(sorted(drawn_there)))
numbers = re.search(r"DRAWN_NUMBERS: \[&str; \d+\] = \[(.*?)\];", FIGURES.read_text(), re.S).group(1)
numbers = sorted(int(number) for number in re.findall(r'"(\d+)"', numbers))
# As they come from images.csv: several photos of each, in any order.
products = np.random.default_rng(0).permutation(np.repeat(np.arange(81), 3))
check("the draw of numbers", data.held_out(products, len(numbers), 1).tolist() == numbers)
kept = data.without(data.Pictures(np.zeros((243, 1, 1, 3), np.uint8), products), np.array(numbers))
check("what is left", sorted(set(kept.products.tolist()) | set(numbers)) == list(range(81)) and len(kept.pixels) == 183)
train.list_held_out(np.array(numbers), "draw-1", WORK)
listed = (WORK / "held-out.txt").read_text().splitlines()
check("the list of them", listed[0].startswith("#") and listed[1:] == [str(number) for number in numbers])

# Notes of stages.
facts = {"tutor": {"recipe": {"epochs": 4}, "left_out": [], "imported_files": {"v1.onnx": "aa"}}, "tutor_file": "bb"}


def refused(facts: dict) -> bool:
    try:
        stages.made_from(WORK / "views", facts)
    except faults.Fault as refusal:
        return "--work" in str(refusal)
    return False


def fault_of(work) -> str:
    try:
        work()
    except faults.Fault as fault:
        return str(fault)
    return ""


note = WORK / "views.made-from.json"
check("a stage that is not there yet", not refused(facts) and note.is_file())
(WORK / "views").mkdir()
text = note.read_text()
check("a note that agrees", not refused(facts) and note.read_text() == text)
for path, value in (
    (("tutor", "recipe", "epochs"), 5),
    (("tutor", "left_out"), [3]),
    (("tutor", "imported_files", "v1.onnx"), "cc"),
    (("tutor_file",), "cc"),
    (("passes",), 8),
):
    other = copy.deepcopy(facts)
    place = other
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    check(f"a note of another {path[-1]}", refused(other))
now, stages.FORMAT = stages.FORMAT, stages.FORMAT - 1
check("a note of another version of the training", refused(facts))
stages.FORMAT = now
other = {**facts, "tutor": {**facts["tutor"], "recipe": {"epochs": 9}}}
told = fault_of(lambda: stages.made_from(WORK / "views", other))
check("what differs is told", "tutor.recipe.epochs: 4 then, 9 now" in told)
note.write_text(text[:20])
check("a damaged note", "damaged" in fault_of(lambda: stages.made_from(WORK / "views", facts)))
note.unlink()
check("a stage without a note", refused(facts))
(WORK / "cut.pt").write_bytes(b"PK")
for read in (stages.read_states, np.load):
    told = fault_of(lambda: stages.loaded(WORK / "cut.pt", read))
    check("a damaged stage", "cut.pt is damaged" in told and "\n" not in told)
check(
    "a stage that is gone",
    "gone.pt cannot be read: No such file" in fault_of(lambda: stages.loaded(WORK / "gone.pt", np.load)),
)
check("a folder that is none", "--out" in fault_of(lambda: faults.writable(WORK / "cut.pt" / "models", "--out")))

# Photos that are listed wrongly, or are none.
(WORK / "grocery").mkdir()
table = WORK / "grocery" / "images.csv"
for text, told in (
    ("", "no column split; its columns: none"),
    ("split,file,class_id\n", "no column path; its columns: split, file, class_id"),
    ("split,path,class_id\n", 'no photo of the split "train"'),
    ("split,path,class_id\ntrain,a.jpg,3\ntrain,b.jpg,Apple\n", 'line 3: class_id "Apple" is no number'),
    ("split,path,class_id\ntrain,a.jpg\n", 'line 2: class_id "" is no number'),
    ("split,class_id,path\ntrain,3\n", "line 2: the path is empty"),
    ("\ufeffsplit,path,class_id\n", 'no photo of the split "train"'),
    ("split,path,class_id\ntrain,a.jpg,3\n", "a.jpg cannot be read: No such file"),
    ("split,path,class_id\ntrain,images.csv,3\n", "images.csv cannot be read: cannot identify image file"),
):
    table.write_text(text)
    check(f"refused: {told}", told in fault_of(lambda: data.grocery.__wrapped__(WORK, "train")))
(WORK / "none.onnx").write_bytes(b"")
check("a file without a network", "none.onnx holds no network" in fault_of(lambda: imported.read(WORK / "none.onnx")))
(WORK / "cut.onnx").write_bytes(b"\x08\x08\x3a\xff")
check(
    "a network that is cut off", "cut.onnx cannot be read as ONNX" in fault_of(lambda: imported.read(WORK / "cut.onnx"))
)
(WORK / "file").write_bytes(b"abc")
abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
check("the SHA-256 of a file", stages.sha256(WORK / "file") == abc)

# Imported networks other than those that the shipped model's tutor was made of.
(WORK / "teachers").mkdir()
for source in imported.SOURCES:
    (WORK / "teachers" / source.file).write_bytes(b"abc")
found, told = told_by(lambda: imported.files(WORK))
check("files of networks", found == {source.file: abc for source in imported.SOURCES})
check(
    "others are told of",
    [source.file in line for source, line in zip(imported.SOURCES, told.splitlines())] == [True] * 2,
)
check("the shipped model's are not", told_by(lambda: stages.compare_with_shipped("it", abc, abc))[1] == "")

# Manifests.
graph, manifest = WORK / "net.onnx", WORK / "net.json"
graph.write_bytes(b"a network")
export.write_manifest(manifest, "net", graph, 192)
guess = json.loads(manifest.read_text())
check("a guess", guess["thresholds"] == {"score": 0.8, "margin": 0.05})
calibrated = {"score": 0.7, "margin": 0.1, "operating_point": {"data": "shelf"}}
manifest.write_text(json.dumps({**guess, "thresholds": calibrated}))
export.write_manifest(manifest, "net", graph, 192)
check("a calibration of the same graph", json.loads(manifest.read_text())["thresholds"] == calibrated)
graph.write_bytes(b"another network")
export.write_manifest(manifest, "net", graph, 192)
check("a calibration of another graph", json.loads(manifest.read_text())["thresholds"] == guess["thresholds"])

# Pictures that another renderer made are not found.
first = data.rendered(3, 1, WORK, lambda *_: None)
(stored,) = WORK.glob("packages-3x1-*.npy")
np.save(stored, first.pixels + 1)
check("kept pictures", np.array_equal(data.rendered(3, 1, WORK, lambda *_: None).pixels, first.pixels + 1))
changed = WORK / "scene.py"
changed.write_text(Path(scene.__file__).read_text() + "# another renderer\n")
scene.__file__ = str(changed)
check("another renderer", np.array_equal(data.rendered(3, 1, WORK, lambda *_: None).pixels, first.pixels))

# The work folder of a smoke run.
train.HERE = WORK / "models"
for work, stays in ((None, False), (WORK / "models" / "work", True)):
    left = WORK / "models" / "work" / "smoke" / "tutor.pt"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"of a run before")
    check("the smoke run's folder", train.smoke_folder(work) == left.parent and left.exists() == stays)
refusals = [(options.at_least_one, text, f"{text} is less than 1") for text in ("0", "-1")]
refusals += [(options.above_zero, text, f"{text} is no number above 0") for text in ("0", "-1", "nan", "inf")]
refusals += [(options.at_least_one, "1.5", "'1.5' is no whole number"), (options.above_zero, "x", "'x' is no number")]
refusals += [(options.at_least_one, "4000000000", "4000000000 is too large")]
for taken, text, why in refusals:
    try:
        taken(text)
    except argparse.ArgumentTypeError as error:
        check(f"{text} passes", str(error) == why)
    else:
        sys.exit(f"{text} was taken")
