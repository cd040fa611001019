"""A product's body in one pose: an RGBA cut-out of a box, a cylinder (can, bottle, cup) or a pouch, lit from one
side.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class Product:
    """What every view of one product has in common. Textures are RGB: `front` faces the camera, `side` is the box's
    flank.
    """

    shape: str
    aspect: float
    depth: float
    front: Image.Image
    side: Image.Image
    body: tuple  # colour of the parts without a label (a bottle's glass, a lid)


def solid(item: Product, rng, height: int) -> Image.Image:
    """The package about `height` pixels tall, turned a little as the `rng` says."""
    if item.shape in ("box", "carton"):
        return box(item, rng, height)
    if item.shape == "pouch":
        return pouch(item, rng, height)
    return cylinder(item, rng, height)


def box(item: Product, rng, height: int) -> Image.Image:
    """A cuboid seen in perspective: the front, the flank that is turned to us, and the top or nothing."""
    yaw, pitch, distance = rng.uniform(-0.75, 0.75), rng.uniform(-0.15, 0.45), rng.uniform(3, 7)
    w, h, d = item.aspect, 1.0, item.depth * item.aspect * 1.4
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])

    def project(corner):
        x, y, z = nod @ turn @ (np.array(corner) / 2 * (w, h, d))
        return np.array([x, y]) * distance / (distance + z)

    # Corners in the order upper left, upper right, lower right, lower left, as seen from outside; y points down, z
    # away.
    faces = [([(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1)], item.front, 1.0)]
    edge = 1 if yaw > 0 else -1
    flank = [(edge, -1, -edge), (edge, -1, edge), (edge, 1, edge), (edge, 1, -edge)]
    faces.append((flank, item.side, rng.uniform(0.55, 0.95)))
    top = [(-1, -1, 1), (1, -1, 1), (1, -1, -1), (-1, -1, -1)]
    faces.append((top, Image.new("RGB", (64, 64), item.front.getpixel((2, 2))), rng.uniform(0.8, 1.2)))
    outlines = [np.array([project(c) for c in corners]) for corners, _, _ in faces]
    low, high = np.concatenate(outlines).min(0), np.concatenate(outlines).max(0)
    scale = height / (high[1] - low[1])
    size = tuple(int(v) + 2 for v in (high - low) * scale)
    canvas = Image.new("RGBA", size)
    for (_, texture, light), outline in zip(faces, outlines, strict=True):
        points = (outline - low) * scale + 1
        if area(points) > 4:  # clockwise on the screen: turned to us
            face = texture.point(lambda c, light=light: min(255, int(c * light)))
            canvas.alpha_composite(warp(face, points, size))
    return canvas


def area(points) -> float:
    x, y = points[:, 0], points[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def warp(texture: Image.Image, points, size) -> Image.Image:
    """The texture drawn into the quadrilateral (upper left first, clockwise), transparent outside."""
    w, h = texture.size
    rows, goal = [], []
    for (x, y), (u, v) in zip(points, ((0, 0), (w, 0), (w, h), (0, h)), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        goal += [u, v]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(goal, float))
    return texture.convert("RGBA").transform(size, Image.PERSPECTIVE, tuple(coefficients), Image.BILINEAR)


def outline(shape: str, v):
    """Radius at height v (0 top, 1 bottom), as a share of the widest one, and where the label begins and ends."""
    if shape == "bottle":
        neck = 0.38 + 0.62 / (1 + np.exp(-(v - 0.3) * 28))
        return neck, 0.42, 0.9
    if shape == "cup":
        return 1 - 0.22 * v, 0.08, 1.0
    return np.where(v < 0.04, 0.9, np.where(v > 0.96, 0.92, 1.0)), 0.05, 0.95


def cylinder(item: Product, rng, height: int) -> Image.Image:
    """A can, bottle or cup: the label wraps round, rings bend with the camera's height, one side is lit."""
    width = int(height * item.aspect)
    yaw, bend = rng.uniform(0, 1), rng.uniform(-0.02, 0.09)
    v, x = np.mgrid[0 : 1 : height * 1j, -1 : 1 : width * 1j]
    radius, label_top, label_end = outline(item.shape, v)
    s = (x / radius).clip(-1, 1)
    round_ = np.sqrt(1 - s * s)
    bent = v - bend * round_ * item.aspect
    texture = np.asarray(item.front, np.float32)
    u = ((np.arcsin(s) / math.tau + yaw) % 1 * (texture.shape[1] - 1)).astype(int)
    t = ((bent - label_top) / (label_end - label_top)).clip(0, 1)
    pixels = texture[(t * (texture.shape[0] - 1)).astype(int), u]
    bare = (bent < label_top) | (bent > label_end)
    pixels[bare] = item.body
    lamp = rng.uniform(-0.7, 0.7)
    light = 0.45 + 0.6 * np.clip(round_ * math.cos(lamp) + s * math.sin(lamp), 0, 1)
    gloss = rng.uniform(0, 110) * np.exp(-((s - rng.uniform(-0.6, 0.6)) ** 2) / 0.012)
    pixels = pixels * light[..., None] + gloss[..., None]
    alpha = np.where(np.abs(x) <= radius, 255, 0)
    alpha[(v + bend * (1 - round_) * 2 > 1) | (v < bend * (1 - round_))] = 0
    image = np.dstack([pixels.clip(0, 255), alpha]).astype(np.uint8)
    return Image.fromarray(image, "RGBA")


def pouch(item: Product, rng, height: int) -> Image.Image:
    """A soft bag: the front bulges and creases, its edges are wavy and its light uneven."""
    width = int(height * item.aspect)
    v, u = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [(rng.uniform(2, 9), rng.uniform(0, math.tau), rng.uniform(0.002, 0.012)) for _ in range(4)]
    du = sum(a * np.sin(f * v * math.pi + p) for f, p, a in waves)
    dv = sum(a * np.sin(f * u * math.pi + p) for f, p, a in waves[::-1])
    texture = np.asarray(item.front, np.float32)
    pick_v, pick_u = (
        ((v + dv).clip(0, 1) * (texture.shape[0] - 1)).astype(int),
        ((u + du).clip(0, 1) * (texture.shape[1] - 1)).astype(int),
    )
    crease = Image.fromarray(rng.integers(60, 200, (9, 7), np.uint8)).resize((width, height), Image.BICUBIC)
    light = 0.55 + np.asarray(crease, np.float32) / 255 * 0.75
    light[(v < 0.05) | (v > 0.96)] *= 0.8  # the sealed seams
    pixels = texture[pick_v, pick_u] * light[..., None]
    belly = 0.02 + 0.03 * np.abs(np.cos(v * math.pi)) + du
    alpha = np.where((u > belly) & (u < 1 - belly), 255, 0)
    return Image.fromarray(np.dstack([pixels.clip(0, 255), alpha]).astype(np.uint8), "RGBA").filter(ImageFilter.SMOOTH)
