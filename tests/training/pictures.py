"""Which pictures of anything are chosen, how they are shown, and what the tutor's answers to them are made of.

python tests/training/pictures.py MODELS_FOLDER WORK_FOLDER
"""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

MODELS, WORK = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(MODELS))

from checks import check, told_by  # noqa: E402
from training import data, faults, lessons, network, stages, views, world  # noqa: E402

random = np.random.default_rng(1)


def noise(width: int, height: int) -> np.ndarray:
    """Coloured patches: something to see at any scale."""
    patches = random.integers(0, 256, (8, 8, 3), np.uint8)
    large = np.asarray(Image.fromarray(patches).resize((width, height), Image.NEAREST)).astype(int)
    return (large + random.integers(-40, 40, large.shape)).clip(0, 255).astype(np.uint8)


def put(name: str, pixels: np.ndarray) -> np.ndarray:
    path = WORK / "unpacked" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def chosen() -> np.ndarray:
    return world.chosen(WORK / "unpacked", lambda *_: None)


# What is chosen: one picture is; what is small, long, empty, grey, a map of normals, a symbol, broken or much like it
# is not.
thing = put("a/thing.png", noise(300, 300))
put("a/small.png", noise(95, 300))
put("a/long.png", noise(500, 100))
put("a/empty.png", np.full((300, 300, 3), 200, np.uint8))
put("a/grey.png", np.repeat(noise(300, 300)[:, :, :1], 3, 2))
put("a/surface.png", (noise(300, 300) // 8 + np.array([112, 112, 220])).clip(0, 255).astype(np.uint8))
put("a/icons/thing.png", noise(300, 300))
put("a/wall_normal.png", noise(300, 300))
put("b/again.png", (thing.astype(int) + 2).clip(0, 255).astype(np.uint8))
(WORK / "unpacked" / "b" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
(WORK / "unpacked" / "b" / "text.txt").write_text("no picture")
(WORK / "unpacked" / "b" / "link.png").symlink_to("nowhere.png")
found = chosen()
check("one picture of many files", found.shape == (1, data.SIDE, data.SIDE, 3) and found.dtype == np.uint8)
put("c/large.png", noise(world.PIECES_FROM, world.PIECES_FROM + 200))
check("a large picture and its quarters", len(chosen()) == 6)
clear = np.dstack([noise(300, 300), np.zeros((300, 300), np.uint8)])
clear[100:200, 100:200, 3] = 255
put("c/clear.png", clear)
before = world.before_a_colour(Image.open(WORK / "unpacked" / "c" / "clear.png"), "clear.png")
corner, other = before.getpixel((0, 0)), before.getpixel((299, 0))
check("what is transparent has one colour behind it", corner == other and corner != tuple(clear[0, 0, :3]))
check("the same choice again", np.array_equal(chosen(), chosen()))

# Where they are from.
there = os.environ["PATH"]
os.environ["PATH"] = str(WORK)
try:
    world.pictures(WORK, lambda *_: None)
except faults.Fault as why:
    check("a machine without apt", "apt-get" in str(why) and "Debian" in str(why))
else:
    sys.exit("pictures from nowhere")
# In place of the archive: a program that gives all packages but one, and one that unpacks all but another; each does what
# it refused when it is asked again.
tools, fetched = WORK / "tools", WORK / "fetched"
tools.mkdir()
fetched.mkdir()
gone, broken = world.PACKAGES[2], world.PACKAGES[4]
again = '{ [ -e "$0-again" ] || { : > "$0-again"; echo refused >&2; exit 1; }; }'
give = f'echo "$5" >> "{WORK}/asked"; [ "$5" != "{gone}" ] || {again}; : > "$5_1_all.deb"'
unpack = f'/bin/mkdir "$3"; [ "$2" != "{broken}_1_all.deb" ] || {again}; : > "$3/whole"'
for tool, does in (("apt-get", give), ("dpkg-deb", unpack)):
    (tools / tool).write_text(f"#!/bin/sh\n{does}\n")
    (tools / tool).chmod(0o755)
os.environ["PATH"] = str(tools)
for name, what in ((gone, "Debian archive"), (broken, "unpacked")):
    try:
        world.fetch(fetched)
    except faults.Fault as why:
        check(f"{name} is refused", name in str(why) and what in str(why) and "refused" in str(why))
    else:
        sys.exit(f"{name} was fetched")
world.fetch(fetched)
asked = (WORK / "asked").read_text().split()
check("what was fetched stays", asked == [*world.PACKAGES[:3], *world.PACKAGES[2:5], *world.PACKAGES[4:]])
check("every package, whole", sorted(each.parent.name for each in fetched.glob("*/whole")) == sorted(world.PACKAGES))
check("and nothing else", len(list(fetched.iterdir())) == len(world.PACKAGES))
os.environ["PATH"] = there
encoded = [world.as_webp(square) for square in found]
kept = WORK / f"world-{data.SIDE}-{world.CHOICE}.npz"
np.savez(kept, encoded=np.frombuffer(b"".join(encoded), np.uint8), lengths=[len(each) for each in encoded])
taken, told = told_by(lambda: world.pictures(WORK, lambda *_: None))
check("a file of other pictures is told of", str(kept) in told)
world.SHIPPED = stages.sha256(kept)
check("the shipped model's is not", told_by(lambda: world.pictures(WORK, lambda *_: None))[1] == "")
check("pictures that are kept", taken.shape == found.shape and np.abs(taken.astype(int) - found).mean() < 12)

# How they are shown: labels, weights, batches.
photos = data.Pictures(np.zeros((12, 4, 4, 3), np.uint8), np.repeat([0, 1, 2], 4))
anything = data.Pictures(np.zeros((7, 4, 4, 3), np.uint8), np.full(7, network.NO_PRODUCT))
without = lessons.Lessons([[lessons.Kind(photos)], [lessons.Kind(photos)]])
shown = lessons.Lessons([[lessons.Kind(photos)], [lessons.Kind(photos)], [lessons.Kind(anything, every=2)]])
check("labels", shown.labels.tolist() == [*without.labels.tolist(), *[network.NO_PRODUCT] * 7])
check("products and their weights", shown.products == 6 and torch.equal(shown.weight(), without.weight()))
for number, count in ((0, 4), (1, 3)):
    tame, wild = (
        np.concatenate([rows for rows, is_wild in views.batches(shown, number) if is_wild == which])
        for which in (False, True)
    )
    check("every product's picture tame", tame.tolist() == list(range(24)))
    check("a quarter of them wild", len(wild) == 6 + count and (wild < 24).sum() == 6)
    check("others wild alone", sorted(wild[wild >= 24].tolist()) == list(range(24 + number, 31, 2)))

# A few of them, for what is fitted on some: to the last kind, whatever their count.
numbered = [
    data.Pictures(np.full((count, 1, 1, 3), kind, np.uint8), np.zeros(count, int)) for kind, count in ((1, 60), (2, 24))
]
taught = lessons.Lessons([[lessons.Kind(kind)] for kind in numbered])
for count, first in ((7, 0), (30, 0), (50, 1), (84, 0), (200, 1)):
    kinds = taught.some(count, first)[:, 0, 0, 0]
    check(f"{count} of some", len(kinds) == min(count, 84 - first) and abs((kinds == 2).mean() - 24 / 84) < 0.1)

print("all as it must be")
