"""Rendered packages: products that exist nowhere, in as many views as wanted.

The real photos are mostly of fruit and vegetables. A till sees boxes, cans, bottles and pouches too, so the network
also learns to tell hundreds of made-up packages apart. Everything follows from a seed: the same seed gives the
same pictures. Products come in families of three that share a brand, a layout and a shape and differ in the
flavour, as on a real shelf; telling those apart is the hard part.
"""

import colorsys
import functools
import math
import multiprocessing
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .scene import background, finish
from .solids import Product, solid

FAMILY = 3
SHAPES = ("box", "carton", "can", "bottle", "cup", "pouch")
# Width : height of the front, before the product's own variation.
ASPECT = {"box": 0.72, "carton": 0.48, "can": 0.6, "bottle": 0.36, "cup": 0.95, "pouch": 0.75}
SYLLABLES = (
    "ba bel bo ca cor da del fa fri ga gro ha jo ka kel la lin ma mel mo na nor o pa pri ra ri "
    "sa sol ta ti u va vel wi za"
).split()
FLAVOURS = (
    "APPLE BERRY CHERRY CLASSIC COCOA CREAM DARK FRESH HONEY LEMON LIGHT MILD MILK "
    "MINT NUT OAT ORANGE PEACH PLAIN RICE SALT SPICY TOMATO VANILLA"
).split()


def product(number: int, seed: int) -> Product:
    """The product with this number; its neighbours in the family of three differ only in flavour and colours."""
    family, own = np.random.default_rng([seed, 1, number // FAMILY]), np.random.default_rng([seed, 2, number])
    shape = SHAPES[family.integers(len(SHAPES))]
    aspect = ASPECT[shape] * family.uniform(0.85, 1.15)
    brand = "".join(family.choice(SYLLABLES, family.integers(2, 4))).upper()
    base, accent = family.random(), own.random()
    # Half the families keep one ground colour for all flavours (milk cartons), half change it (crisps).
    ground = colour(base if family.random() < 0.5 else accent, family.uniform(0.05, 0.95), family.uniform(0.35, 1.0))
    second = colour(accent, own.uniform(0.5, 1), own.uniform(0.4, 1))
    third = colour(family.random(), family.uniform(0, 1), family.uniform(0.2, 1))
    label = Label(
        ground,
        second,
        third,
        brand,
        str(own.choice(FLAVOURS)),
        layout_seed=int(family.integers(1 << 30)),
        own_seed=int(own.integers(1 << 30)),
    )
    # A cylinder's label goes all the way round, so it is three fronts wide.
    width = 3 if shape in ("can", "bottle", "cup") else 1
    height = 256
    front = label.draw(max(64, int(height * aspect * width)), height, repeat=width)
    side = label.flank(int(height * 0.35), height)
    return Product(
        shape,
        aspect,
        family.uniform(0.25, 0.6),
        front,
        side,
        colour(family.random(), family.uniform(0, 0.6), family.uniform(0.25, 1)),
    )


def colour(hue: float, saturation: float, value: float) -> tuple:
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


@dataclass(frozen=True)
class Label:
    """The print on a package. `layout_seed` is the family's, `own_seed` the flavour's."""

    ground: tuple
    second: tuple
    third: tuple
    brand: str
    flavour: str
    layout_seed: int
    own_seed: int

    def draw(self, width: int, height: int, repeat: int) -> Image.Image:
        picture = Image.new("RGB", (width, height), self.ground)
        panel = width // repeat
        for k in range(repeat):
            picture.paste(self.panel(panel, height), (k * panel, 0))
        return picture

    def panel(self, w: int, h: int) -> Image.Image:
        layout, own = np.random.default_rng(self.layout_seed), np.random.default_rng(self.own_seed)
        picture = Image.new("RGB", (w, h), self.ground)
        pen = ImageDraw.Draw(picture)
        self.pattern(pen, w, h, layout)
        cx, cy = w * layout.uniform(0.35, 0.65), h * layout.uniform(0.55, 0.75)
        r = min(w, h) * layout.uniform(0.15, 0.35)
        for _ in range(int(own.integers(1, 6))):  # the picture on the pack: a few round or pointed things
            x, y, s = cx + own.uniform(-r, r), cy + own.uniform(-r, r), r * own.uniform(0.3, 0.9)
            fill = self.second if own.random() < 0.7 else colour(own.random(), 0.8, own.uniform(0.3, 1))
            if own.random() < 0.6:
                pen.ellipse((x - s, y - s * own.uniform(0.6, 1), x + s, y + s), fill=fill)
            else:
                turn = own.uniform(0, math.tau)
                corners = int(own.integers(3, 7))
                angles = [turn + math.tau * k / corners for k in range(corners)]
                pen.polygon([(x + s * math.cos(a), y + s * math.sin(a)) for a in angles], fill=fill)
        top = h * layout.uniform(0.06, 0.3)
        plate = layout.random()
        if plate < 0.5:
            pen.rectangle((w * 0.06, top - h * 0.02, w * 0.94, top + h * 0.17), fill=self.third)
        ink = contrast(self.third if plate < 0.5 else self.ground)
        write(pen, self.brand, w / 2, top + h * 0.07, w * 0.84, h * 0.15, ink)
        write(pen, self.flavour, w / 2, h * layout.uniform(0.42, 0.5), w * 0.75, h * 0.09, contrast(self.ground))
        write(pen, f"{int(own.integers(1, 10)) * 100} g", w / 2, h * 0.93, w * 0.4, h * 0.06, contrast(self.ground))
        return picture

    def pattern(self, pen: ImageDraw.ImageDraw, w: int, h: int, layout) -> None:
        kind, n = layout.integers(6), int(layout.integers(2, 9))
        if kind == 0:
            for k in range(0, 2 * n, 2):
                pen.rectangle((w * k / (2 * n), 0, w * (k + 1) / (2 * n), h), fill=self.second)
        elif kind == 1:
            pen.rectangle((0, h * layout.uniform(0.5, 0.8), w, h), fill=self.second)
        elif kind == 2:
            pen.polygon(
                [(0, h * layout.uniform(0.2, 0.9)), (w, h * layout.uniform(0.2, 0.9)), (w, h), (0, h)], fill=self.second
            )
        elif kind == 3:
            for _ in range(6 * n):
                x, y, s = layout.uniform(0, w), layout.uniform(0, h), layout.uniform(0.01, 0.05) * h
                pen.ellipse((x - s, y - s, x + s, y + s), fill=self.third)
        elif kind == 4:
            s = min(w, h) * layout.uniform(0.3, 0.7)
            pen.ellipse((w / 2 - s, h / 2 - s, w / 2 + s, h / 2 + s), fill=self.second)

    def flank(self, w: int, h: int) -> Image.Image:
        """The side of a box: the ground colour, small print and a bar code."""
        own = np.random.default_rng([self.own_seed, 9])
        picture = Image.new("RGB", (w, h), self.ground)
        pen = ImageDraw.Draw(picture)
        pen.rectangle((0, 0, w, h * 0.12), fill=self.second)
        for k in range(12):
            pen.line(
                (w * 0.12, h * (0.2 + 0.03 * k), w * own.uniform(0.5, 0.9), h * (0.2 + 0.03 * k)),
                fill=contrast(self.ground),
                width=2,
            )
        pen.rectangle((w * 0.1, h * 0.7, w * 0.9, h * 0.92), fill=(250, 250, 250))
        for x in np.arange(0.15, 0.85, 0.035):
            pen.line((w * x, h * 0.73, w * x, h * 0.89), fill=(10, 10, 10), width=int(own.integers(1, 4)))
        return picture


def contrast(ground: tuple) -> tuple:
    return (20, 20, 25) if ground[0] * 0.3 + ground[1] * 0.6 + ground[2] * 0.1 > 130 else (250, 250, 245)


def write(pen: ImageDraw.ImageDraw, text: str, x: float, y: float, width: float, height: float, ink: tuple) -> None:
    """Text centred on (x, y), as large as the given width and height allow. Pillow's own font, so every machine
    renders the same.
    """
    size = max(6, int(min(height, width / max(1, len(text)) * 1.6)))
    pen.text((x, y), text, fill=ink, font=ImageFont.load_default(size), anchor="mm")


def view(item: Product, number: int, index: int, seed: int, side: int) -> Image.Image:
    """View `index` of the product as a camera would see it: a square RGB picture with `side` pixels."""
    rng = np.random.default_rng([seed, 3, number, index])
    thing = solid(item, rng, int(side * rng.uniform(0.6, 1.05)))
    turn = rng.normal(0, 8) if rng.random() < 0.85 else rng.uniform(-180, 180)
    thing = thing.rotate(turn, Image.BICUBIC, expand=True)
    scene = background(rng, side)
    x = (side - thing.width) // 2 + int(rng.normal(0, 0.05) * side)
    y = (side - thing.height) // 2 + int(rng.normal(0, 0.05) * side)
    shadow = Image.new("L", (side, side))
    shadow.paste(
        thing.getchannel("A").point(lambda a: a * 0.55),
        (x + int(side * rng.uniform(-0.05, 0.05)), y + int(side * 0.03)),
    )
    scene.paste((0, 0, 0), (0, 0), shadow.filter(ImageFilter.GaussianBlur(side * 0.03)))
    scene.paste(thing.convert("RGB"), (x, y), thing.getchannel("A"))
    return finish(scene, rng)


def catalogue(products: int, views: int, side: int, seed: int, progress=lambda done, total: None):
    """All views of all products: uint8 pictures (products × views, side, side, 3) and the product number of each."""
    pictures = np.empty((products, views, side, side, 3), np.uint8)
    with multiprocessing.Pool() as pool:
        of_product = functools.partial(all_views, views=views, side=side, seed=seed)
        for number, found in enumerate(pool.imap(of_product, range(products))):
            pictures[number] = found
            progress(number + 1, products)
    return pictures.reshape(-1, side, side, 3), np.repeat(np.arange(products), views)


def all_views(number: int, views: int, side: int, seed: int) -> np.ndarray:
    item = product(number, seed)
    return np.stack([np.asarray(view(item, number, index, seed, side)) for index in range(views)])
