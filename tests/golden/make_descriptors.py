#!/usr/bin/env python3
"""Writes descriptors.json: quantiles and dense SIFT of several planes, upright and turned, of a part of data/chelsea.png, in float64.

Written from docs/descriptors.md and docs/dense-sift.md as plain sums over all pixels of the part. Needs NumPy and Pillow.
"""
import json
import pathlib

import numpy as np
from PIL import Image

here = pathlib.Path(__file__).parent
CROP = (140, 90, 64, 56)  # x, y, width, height
STEP = 7
x, y, width, height = CROP
rgb = np.asarray(Image.open(here / "../../data/chelsea.png").convert("RGB"))[y:y + height, x:x + width].astype(float) / 255
R, G, B = np.moveaxis(rgb, 2, 0)
grey = 0.299 * R + 0.587 * G + 0.114 * B
PLANES = {
    "grey": [grey],
    "rgb": [R, G, B],
    "opponent": [(R - G) / 2 ** 0.5, (R + G - 2 * B) / 6 ** 0.5, (R + G + B) / 3 ** 0.5],
    "grey+blue": [grey, (R + G - 2 * B + 2) / 4],
}


def grid(sizes):
    """(s, x0, y0) of every feature, in order."""
    for s in sizes:
        off = 3 * (max(sizes) - s) // 2
        for y0 in range(off, height - 3 * s, STEP):
            for x0 in range(off, width - 3 * s, STEP):
                yield s, x0, y0


def quantiles(planes, s, x0, y0, region):
    """The support in full, then what of it lies in the picture."""
    corner_x, corner_y = int(np.ceil(x0 + 1.5 * s - 2 * s)), int(np.ceil(y0 + 1.5 * s - 2 * s))
    middle_x, middle_y = corner_x + 2 * s - 0.5, corner_y + 2 * s - 0.5
    yy, xx = np.mgrid[0:height, 0:width]
    if region == "square":
        masks = [(xx >= corner_x) & (xx < corner_x + 4 * s) & (yy >= corner_y) & (yy < corner_y + 4 * s)]
    else:
        disc = (xx - middle_x) ** 2 + (yy - middle_y) ** 2 < (2 * s) ** 2
        masks = [disc & (xx < middle_x), disc & (xx > middle_x)]
    q = np.arange(1, 10) / 10
    return np.concatenate([np.quantile(plane[mask], q, method="linear") for plane in planes for mask in masks])


def gradients(plane, s):
    """Modulus and angle of the smoothed plane, with a border wide enough for any turn."""
    w = -(-2 * s // 3)
    tap = np.exp(-0.5 * (np.arange(-w, w + 1) / (s / 6)) ** 2)
    tap /= tap.sum()
    for axis in (0, 1):
        pad = [(w, w) if a == axis else (0, 0) for a in (0, 1)]
        plane = np.apply_along_axis(np.convolve, axis, np.pad(plane, pad, mode="edge"), tap, "valid")
    gy, gx = np.gradient(plane)
    margin = 4 * s
    return [np.pad(a, margin, mode="edge") for a in (np.hypot(gx, gy), np.arctan2(gy, gx) % (2 * np.pi))], margin


def share(angle, bins):
    """The two nearest of `bins` directions and the second one's part."""
    nu = angle * bins / (2 * np.pi)
    low = np.floor(nu).astype(int)
    return low % bins, (low + 1) % bins, nu - low


def sift(planes, s, x0, y0, window, orientation):
    """(mass, 128 values a plane); grey decides on mass and turn."""
    parts = [gradients(plane, s) for plane in [grey] + planes]
    margin = parts[0][1]
    yy, xx = np.mgrid[-margin:height + margin, -margin:width + margin]
    dx, dy = xx - (x0 + 1.5 * s), yy - (y0 + 1.5 * s)
    gauss = np.exp(-0.5 * (dx ** 2 + dy ** 2) / (1.5 * s) ** 2) if window == "gaussian" else np.ones(dx.shape)
    phi = 0.0
    if orientation == "dominant":
        modulus, angle = parts[0][0]
        disc = dx ** 2 + dy ** 2 < (2 * s) ** 2
        low, high, rest = share(angle[disc], 36)
        value = (gauss * modulus)[disc]
        h = np.bincount(low, (1 - rest) * value, 36) + np.bincount(high, rest * value, 36)
        for _ in range(6):
            h = (np.roll(h, 1) + h + np.roll(h, -1)) / 3
        k = int(np.argmax(h))
        a, b, c = h[k - 1], h[k], h[(k + 1) % 36]
        phi = 2 * np.pi / 36 * (k + 0.5 * (a - c) / (a - 2 * b + c))
    u, v = dx * np.cos(phi) + dy * np.sin(phi), dy * np.cos(phi) - dx * np.sin(phi)
    inside = np.arange(1 - s, s)
    mean = [np.exp(-0.5 * ((inside - s * (b - 1.5)) / (1.5 * s)) ** 2).mean() for b in range(4)] if window == "flat" else [1.0] * 4
    raw = []
    for (modulus, angle), _ in parts:
        low, high, rest = share((angle - phi) % (2 * np.pi), 8)
        h = np.zeros((4, 4, 8))
        for by in range(4):
            for bx in range(4):
                weight = mean[bx] * mean[by] * np.maximum(0, 1 - abs(u - s * (bx - 1.5)) / s) * np.maximum(0, 1 - abs(v - s * (by - 1.5)) / s)
                value = (weight * gauss * modulus).ravel()
                h[by, bx] = np.bincount(low.ravel(), (1 - rest).ravel() * value, 8) + np.bincount(high.ravel(), rest.ravel() * value, 8)
        raw.append(h.ravel())
    unit = lambda h: h / np.linalg.norm(h) if h.any() else h
    return raw[0].sum() / (3 * s + 1) ** 2, np.concatenate([unit(np.minimum(unit(h), 0.2)) for h in raw[1:]])


def text(values):
    return [round(float(v), 6) for v in values]


if __name__ == "__main__":
    sizes = [4, 5]
    places = list(grid(sizes))
    n = len(places)
    chosen = [0, n // 5, n // 2, n - 1]
    golden = {"crop": CROP, "sizes": sizes, "step": STEP, "features": n, "quantiles": [], "sift": []}
    for region in ("half-circles", "square"):
        for planes in ("rgb", "opponent"):
            rows = [{"index": i, "descriptor": text(quantiles(PLANES[planes], *places[i], region))} for i in chosen]
            golden["quantiles"].append({"region": region, "planes": planes, "rows": rows})
    for orientation, window, planes in (("upright", "flat", "rgb"), ("upright", "gaussian", "opponent"), ("upright", "flat", "grey+blue"),
                                        ("dominant", "flat", "grey"), ("dominant", "gaussian", "grey+blue")):
        rows = []
        for i in chosen:
            mass, values = sift(PLANES[planes], *places[i], window, orientation)
            rows.append({"index": i, "mass": round(float(mass), 9), "descriptor": text(values)})
        golden["sift"].append({"orientation": orientation, "window": window, "planes": planes, "rows": rows})
    (here / "descriptors.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
