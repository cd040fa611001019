"""What is around and between a rendered package and the picture: the background, the light and the camera's faults."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter


def background(rng, side: int) -> Image.Image:
    """A blurred shelf, a table, a wall or a belt: anything a package may stand before."""
    kind = rng.integers(4)
    first, second = rng.uniform(20, 240, 3), rng.uniform(20, 240, 3)
    if rng.random() < 0.5:  # most tables and belts are grey
        first, second = np.full(3, first.mean()) + rng.normal(0, 8, 3), np.full(3, second.mean()) + rng.normal(0, 8, 3)
    ramp = np.linspace(0, 1, side)[:, None, None]
    field = np.broadcast_to(first + (second - first) * ramp, (side, side, 3)).copy()
    if kind == 1:  # grain, as of wood
        lines = np.convolve(rng.normal(0, 1, side + 8), np.ones(9) / 9, "valid")[:side]
        field += lines[:, None, None] * rng.uniform(10, 60)
    if kind == 2:  # mottled
        coarse = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).resize((side, side), Image.BICUBIC)
        field = field * 0.6 + np.asarray(coarse) * 0.4
    scene = Image.fromarray(field.clip(0, 255).astype(np.uint8))
    if kind == 3:  # neighbours on the shelf
        pen = ImageDraw.Draw(scene)
        for _ in range(int(rng.integers(4, 12))):
            x, y, w, h = rng.uniform(-0.2, 1, 4) * side
            pen.rectangle(
                (x, y, x + abs(w) * 0.4 + 4, y + abs(h) * 0.6 + 4), fill=tuple(int(c) for c in rng.integers(0, 255, 3))
            )
        scene = scene.filter(ImageFilter.GaussianBlur(side * rng.uniform(0.005, 0.03)))
    return scene.rotate(90) if rng.random() < 0.3 else scene


def finish(scene: Image.Image, rng) -> Image.Image:
    """Uneven light, a tint, exposure, a hand or a neighbour in the way, blur, sensor noise and JPEG."""
    side = scene.width
    if rng.random() < 0.2:
        x, y = rng.choice([rng.uniform(-0.1, 0.15), rng.uniform(0.8, 1)]) * side, rng.uniform(0, 0.8) * side
        ImageDraw.Draw(scene).ellipse(
            (x, y, x + side * 0.3, y + side * 0.5), fill=tuple(int(c) for c in rng.integers(30, 230, 3))
        )
    scene = ImageEnhance.Color(scene).enhance(rng.uniform(0.6, 1.2))
    pixels = np.asarray(scene, np.float32)
    across, down = np.linspace(-1, 1, side)[None, :, None], np.linspace(-1, 1, side)[:, None, None]
    light = 1 + rng.uniform(-0.3, 0.3) * across + rng.uniform(-0.3, 0.3) * down
    pixels = pixels * light * rng.uniform(0.6, 1.25) * rng.uniform(0.9, 1.1, 3)
    if rng.random() < 0.3:  # a lamp's reflection
        x, y, s = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), rng.uniform(0.02, 0.15)
        pixels = pixels + 160 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / s)
    pixels = pixels + rng.normal(0, rng.uniform(0, 7), pixels.shape)
    scene = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2)))
    stored = io.BytesIO()
    scene.save(stored, "JPEG", quality=int(rng.integers(55, 95)))
    return Image.open(stored).convert("RGB")
