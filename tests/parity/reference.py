"""What Python makes of a photo: the yardstick of tests/parity.rs.

Pillow and onnxruntime alone, written after what each family of networks publishes and not after tillsight's code or
manifests, so that a mistake there is not repeated here. Two commands:

    reference.py prepare FOLDER            a vision transformer with random weights, vit.onnx; each NAME.jpg once more as
                                           NAME-420.jpg (colours at half the resolution, as cameras write) and, decoded by
                                           Pillow, as NAME-420.png
    reference.py embed MODEL FED READ FOLDER    prints JSON: for each picture in FOLDER the embedding, of length 1

FED is a way of feeding from FEEDS, READ is OUTPUT:none, OUTPUT:cls or OUTPUT:mean-K (K tokens skipped).
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageOps

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR


# --- Feeding: a Pillow picture in, 3 x H x W out.


def torchvision(picture, to, side, resample):
    """Resize(to) and CenterCrop(side) of torchvision, on a Pillow picture."""
    width, height = picture.size
    size = (to, int(to * height / width)) if width <= height else (int(to * width / height), to)
    picture = picture.resize(size, resample)
    left, top = (int(round((length - side) / 2.0)) for length in picture.size)
    return picture.crop((left, top, left + side, top + side))


def middle(picture, side, resample):
    """The middle square, as large as fits."""
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    return picture.resize((side, side), resample, box=(left, top, left + short, top + short))


def letterboxed(picture, side, resample):
    """All of the picture, between borders of black."""
    longer = max(picture.size)
    width, height = (max(1, (length * side + longer // 2) // longer) for length in picture.size)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(picture.resize((width, height), resample), ((side - width) // 2, (side - height) // 2))
    return canvas


def normalised(picture, mean, std):
    """ToTensor and Normalize of torchvision."""
    values = np.asarray(picture, np.float32) / 255
    return ((values - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)


def bytewise(picture, mean, std):
    """TensorFlow's way: no division by 255."""
    return ((np.asarray(picture, np.float32) - mean) / std).transpose(2, 0, 1)


def fractions(picture):
    """ToTensor of torchvision alone: the network does the rest."""
    return (np.asarray(picture, np.float32) / 255).transpose(2, 0, 1)


FEEDS = {
    "tillsight": lambda p: fractions(letterboxed(p, 256, BILINEAR)),
    "dinov2": lambda p: normalised(torchvision(p, 256, 224, BICUBIC), *IMAGENET),
    "clip": lambda p: normalised(torchvision(p, 224, 224, BICUBIC), *CLIP),
    "siglip": lambda p: normalised(p.resize((224, 224), BICUBIC), 0.5, 0.5),
    "siglip2": lambda p: normalised(p.resize((224, 224), BILINEAR), 0.5, 0.5),
    "mobileclip": lambda p: normalised(torchvision(p, 224, 224, BILINEAR), 0.0, 1.0),
    "timm": lambda p: normalised(torchvision(p, 256, 224, BICUBIC), *IMAGENET),
    "mobilenet-v1": lambda p: bytewise(middle(p, 224, BILINEAR), 128.0, 128.0),
    "mobilenet-v2": lambda p: bytewise(middle(p, 224, BILINEAR), 127.0, 127.5),
}


def embed(model, fed, read, folder):
    output, _, pooling = read.partition(":")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    embeddings = {}
    for path in sorted(pathlib.Path(folder).glob("*")):
        if path.suffix not in (".jpg", ".png"):
            continue
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        batch = np.ascontiguousarray(FEEDS[fed](picture)[None], np.float32)
        (values,) = session.run([output], {session.get_inputs()[0].name: batch})
        if pooling == "cls":
            values = values[:, 0]
        elif pooling.startswith("mean-"):
            values = values[:, int(pooling.removeprefix("mean-")) :].mean(axis=1)
        vector = values.reshape(-1).astype(np.float64)
        embeddings[path.name] = (vector / np.linalg.norm(vector)).tolist()
    json.dump(embeddings, sys.stdout)


# --- A vision transformer: patches of 16 pixels, a class token, four blocks, as in "An Image is Worth 16x16 Words" (2021).

SIDE, PATCH, WIDTH, HEADS, BLOCKS, SEED = 224, 16, 128, 4, 4, 20


def write_vit(path):
    random = np.random.default_rng(SEED)
    nodes, constants = [], []

    def constant(name, values, dtype=np.float32):
        constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weights(name, *shape, fan_in):
        return constant(name, random.normal(0.0, fan_in**-0.5, shape))

    def node(operator, *inputs, output, **attributes):
        nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def linear(x, name, inside, outside):
        product = node("MatMul", x, weights(f"{name}.w", inside, outside, fan_in=inside), output=f"{name}.xw")
        return node("Add", product, weights(f"{name}.b", outside, fan_in=outside), output=name)

    def layer_norm(x, name):
        scale, bias = constant(f"{name}.scale", np.ones(WIDTH)), constant(f"{name}.bias", np.zeros(WIDTH))
        return node("LayerNormalization", x, scale, bias, output=name, axis=-1, epsilon=1e-6)

    def heads(x, name, order):
        shape = constant(f"{name}.shape", [0, 0, HEADS, WIDTH // HEADS], np.int64)
        return node("Transpose", node("Reshape", x, shape, output=f"{name}.split"), output=name, perm=order)

    tokens = (SIDE // PATCH) ** 2
    kernel = weights("patch.w", WIDTH, 3, PATCH, PATCH, fan_in=3 * PATCH * PATCH)
    maps = node("Conv", "image", kernel, output="patches", strides=[PATCH, PATCH])
    flat = node("Reshape", maps, constant("flat.shape", [0, WIDTH, tokens], np.int64), output="flat")
    rows = node("Transpose", flat, output="rows", perm=[0, 2, 1])
    batch = node("Shape", "image", output="batch", start=0, end=1)
    sides = node("Concat", batch, constant("token.sides", [1, WIDTH], np.int64), output="sides", axis=0)
    token = node("Expand", weights("token", 1, 1, WIDTH, fan_in=1), sides, output="tokens")
    x = node("Concat", token, rows, output="sequence", axis=1)
    x = node("Add", x, weights("place", 1, tokens + 1, WIDTH, fan_in=25), output="placed")
    for block in range(BLOCKS):
        name = f"block{block}"
        y = layer_norm(x, f"{name}.norm1")
        q = heads(linear(y, f"{name}.q", WIDTH, WIDTH), f"{name}.qh", [0, 2, 1, 3])
        k = heads(linear(y, f"{name}.k", WIDTH, WIDTH), f"{name}.kh", [0, 2, 3, 1])
        v = heads(linear(y, f"{name}.v", WIDTH, WIDTH), f"{name}.vh", [0, 2, 1, 3])
        scale = constant(f"{name}.temperature", (WIDTH // HEADS) ** -0.5)
        scores = node("Mul", node("MatMul", q, k, output=f"{name}.qk"), scale, output=f"{name}.scores")
        mixed = node("MatMul", node("Softmax", scores, output=f"{name}.soft", axis=-1), v, output=f"{name}.mixed")
        mixed = node("Transpose", mixed, output=f"{name}.back", perm=[0, 2, 1, 3])
        mixed = node("Reshape", mixed, constant(f"{name}.join", [0, 0, WIDTH], np.int64), output=f"{name}.joined")
        x = node("Add", x, linear(mixed, f"{name}.proj", WIDTH, WIDTH), output=f"{name}.attended")
        y = linear(layer_norm(x, f"{name}.norm2"), f"{name}.up", WIDTH, 4 * WIDTH)
        gate = node("Erf", node("Mul", y, constant(f"{name}.half", 0.5**0.5), output=f"{name}.r"), output=f"{name}.erf")
        gate = node("Add", gate, constant(f"{name}.one", 1.0), output=f"{name}.plus")
        y = node("Mul", node("Mul", y, gate, output=f"{name}.gated"), constant(f"{name}.h", 0.5), output=f"{name}.gelu")
        x = node("Add", x, linear(y, f"{name}.down", 4 * WIDTH, WIDTH), output=f"{name}.out")
    x = layer_norm(x, "last_hidden_state")
    node("Gather", x, constant("first", 0, np.int64), output="pooler_output", axis=1)
    graph = helper.make_graph(
        nodes,
        "vit",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["N", tokens + 1, WIDTH]),
            helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["N", WIDTH]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def prepare(folder):
    folder = pathlib.Path(folder)
    write_vit(folder / "vit.onnx")
    for path in sorted((folder / "photos").glob("*.jpg")):
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        again = path.with_name(f"{path.stem}-420.jpg")
        picture.save(again, quality=90, subsampling="4:2:0")
        Image.open(again).convert("RGB").save(again.with_suffix(".png"), compress_level=1)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"prepare": prepare, "embed": embed}[command](*arguments)
