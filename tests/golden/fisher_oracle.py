#!/usr/bin/env python3
"""Recomputes explanations of Fisher-vector models, both ways, in float64 NumPy, and says where the program's trace differs.

    bowsight explain photo.jpg --model fisher.bowsight --category horse --trace-descriptors
    fisher_oracle.py fisher.bowsight photo.horse.trace.safetensors …

Takes from the trace the descriptors, places and cells, and from the model its numbers; everything else is computed anew from the definitions: reduction, posteriors,
derivatives, pooling, power and L2, score; then the linear kernel's shares, the features' shares, the pixels' and the ledger. Needs NumPy and safetensors.
Exit code 1 where anything differs.
"""
import json
import sys

import numpy as np
from safetensors import safe_open


def open_file(path):
    with safe_open(path, "numpy") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}


class Report:
    def __init__(self):
        self.lines, self.failed = [], False

    def compare(self, what, found, expected, allowed):
        """The largest difference, as a share of the largest expected magnitude."""
        found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        if found.shape != expected.shape:
            error = np.inf
        else:
            error = np.abs(found - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-300)
        bad = not error <= allowed
        self.failed |= bad
        self.lines.append(f"  {'FAIL' if bad else 'ok  '} {what}: {error:.1e} (allowed {allowed:.0e})")


def forward(part, config, descriptors):
    """Reduced descriptors (n×P'), kept components and posteriors (n×k) of every feature."""
    x = descriptors.astype(np.float64)
    if config["reduced"]:
        x = (x - part("principal_mean").astype(np.float64)) @ part("principal_axes").astype(np.float64).T
    x = x.astype(np.float32)
    mean, variance, weight = part("mixture_means"), part("mixture_variances"), part("mixture_weights")
    log = np.empty((len(x), len(weight)))
    for k in range(len(weight)):
        u2 = (x.astype(np.float64) - mean[k]) ** 2 / variance[k]
        log[:, k] = np.log(weight[k]) - 0.5 * (np.log(2 * np.pi * variance[k]) + u2).sum(1)
    kept = np.argsort(-log, axis=1, kind="stable")[:, : config["neighbours"]]
    best = np.take_along_axis(log, kept, 1)
    gamma = np.exp(best - best[:, :1])
    return x, kept, gamma / gamma.sum(1, keepdims=True), log


def derivatives(x, kept, gamma, part, config, k):
    """The dimensions of component k, one row a feature."""
    mean, variance, weight = part("mixture_means")[k], part("mixture_variances")[k], part("mixture_weights")[k]
    g = (gamma * (kept == k)).sum(1)[:, None]
    u = (x - mean) / np.sqrt(variance)
    columns = [g * u / np.sqrt(weight), g * (u * u - 1) / np.sqrt(2 * weight)]
    if config["fisher_weights"]:
        columns.append((g - weight) / np.sqrt(weight))
    return np.hstack(columns)


def check(model_path, trace_path):
    report = Report()
    (about, model), (said, trace) = open_file(model_path), open_file(trace_path)
    settings, categories = json.loads(about["config"]), json.loads(about["training"])["categories"]
    row = categories.index(said["category"])
    dual, bias = model["dual"][row].copy(), float(model["bias"][row])
    if said["against"]:
        other = categories.index(said["against"])
        dual, bias = dual - model["dual"][other], bias - float(model["bias"][other])
    channels = range(len(settings["channel"]))
    total = sum(trace[f"channels.{u}.histogram"].size for u in channels)
    share = bias / total if said["bias"] == "spread" else 0.0
    score, no_features = bias, 0.0
    height, width = trace["relevance"].shape
    # Four corners a support, summed over rows and columns at the end.
    corners = np.zeros((height + 1, width + 1))
    for u in channels:
        config, channel = settings["channel"][u]["mapping"], settings["channel"][u]
        assert config["kind"] == "fisher" and channel["kernel"]["kind"] == "linear" and channel["pooling"]["kind"] == "mean"
        part = lambda name: model[f"channels.{u}.{name}"]
        seen = lambda name: trace[f"channels.{u}.{name}"]
        x, kept, gamma, log = forward(part, config, seen("descriptors"))
        report.compare(f"channel {u}: reduced", seen("reduced"), x, 1e-6)
        # The program's components may differ where two are equally likely to rounding.
        theirs = np.take_along_axis(log, seen("words").astype(int), 1)
        report.compare(f"channel {u}: components' log-densities", theirs, np.take_along_axis(log, kept, 1), 1e-6)
        report.compare(f"channel {u}: posteriors", seen("weights"), gamma, 1e-6)
        x, kept, gamma = seen("reduced").astype(np.float64), seen("words").astype(int), seen("weights").astype(np.float64)

        centres, cells, count = seen("centres"), seen("cells").astype(int), len(part("mixture_weights"))
        inside = [
            (centres[:, 0] >= x0) & (centres[:, 0] < x1) & (centres[:, 1] >= y0) & (centres[:, 1] < y1) for x0, y0, x1, y1 in cells
        ]
        block = derivatives(x[:1], kept[:1], gamma[:1], part, config, 0).shape[1]
        pooled = np.zeros((len(cells), count, block))
        magnitude = np.zeros_like(pooled)
        for k in range(count):
            m = derivatives(x, kept, gamma, part, config, k)
            for c, members in enumerate(inside):
                pooled[c, k], magnitude[c, k] = m[members].sum(0), np.abs(m[members]).sum(0)
        sizes = np.array([members.sum() for members in inside])
        histogram = (pooled / np.maximum(sizes, 1)[:, None, None]).ravel()
        histogram = np.sign(histogram) * np.abs(histogram) ** channel["power"]
        length = np.sqrt((histogram**2).sum())
        histogram = histogram / length if length > 0 else histogram
        report.compare(f"channel {u}: histogram", seen("histogram"), histogram, 1e-6)

        # The score, and the linear kernel's shares of it.
        z, train = seen("histogram").astype(np.float64), part("histograms").astype(np.float64)
        factor = float(part("beta")[0] / part("kernel_scale")[0])
        score += factor * dual @ (train @ z)
        r3 = factor * (dual @ train) * z + share
        report.compare(f"channel {u}: R3", seen("r3"), r3, 1e-12)

        # R3 → R2.
        r3 = seen("r3").reshape(pooled.shape)
        empty = np.abs(pooled) <= 1e-9 * magnitude
        per_share = np.divide(r3, pooled, out=np.zeros_like(r3), where=~empty)
        n = len(x)
        r2 = np.zeros(n)
        for k in range(count):
            m = derivatives(x, kept, gamma, part, config, k)
            for c, members in enumerate(inside):
                r2[members] += m[members] @ per_share[c, k]
        for c, members in enumerate(inside):
            homeless = r3[c][empty[c]].sum()
            if sizes[c] > 0:
                r2[members] += homeless / sizes[c]
            elif n > 0:
                r2 += homeless / n
        if n == 0:
            no_features += r3.sum()
        report.compare(f"channel {u}: R2", seen("r2"), r2, 1e-9)

        # R2 → R1.
        x0, y0, x1, y1 = seen("supports").astype(int).T
        density = seen("r2") / ((x1 - x0) * (y1 - y0))
        for ys, xs, sign in [(y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)]:
            np.add.at(corners, (ys, xs), sign * density)
    relevance = corners.cumsum(0).cumsum(1)[:height, :width]
    report.compare("R1", trace["relevance"], relevance, 1e-11)
    ledger = json.loads(said["ledger"])
    sink = bias if said["bias"] == "sink" else 0.0
    report.compare("score", trace["score"], [score], 1e-9)
    report.compare("ledger: bias kept apart, no features", [1 + ledger["bias_sink"], 1 + ledger["no_features"]], [1 + sink, 1 + no_features], 1e-9)
    off = abs(trace["relevance"].sum() + sink + no_features - score) / max(1, abs(score))
    report.compare("conservation", [1 + off], [1.0], 1e-9)
    print(f"{trace_path}: {'differs' if report.failed else 'agrees'}")
    print("\n".join(report.lines))
    return not report.failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    results = [check(sys.argv[1], path) for path in sys.argv[2:]]
    sys.exit(0 if all(results) else 1)
