"""Networks beside PyTorch with zennit; started by compare_peers.py --networks in its environment."""

import argparse
import copy
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn
from zennit import rules
from zennit.composites import EpsilonPlusFlat, LayerMapComposite
from zennit.types import AvgPool

from . import page
from .measure import LEAST_SECONDS, MOST_TURNS, Contender, Function, matrix_product_rate, measure_row, starter
from .row import Row, like_scores

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = "torch torchvision zennit numpy".split()
LINEAR = (nn.Linear, nn.Conv2d)
REFERENCE = {1: 98.0, 2: 193.0}
# 784-400-400-10 and 784-1296-1296-1296-10: the paper's networks.
DIGITS = {"784-400-400-10": ((784, 400, 400, 10), nn.Tanh), "784-1296-1296-1296-10": ((784, 1296, 1296, 1296, 10), nn.ReLU)}
RECIPES = {"784-400-400-10": "mnist-tanh-400", "784-1296-1296-1296-10": "mnist-rect-1296"}
STEPS = (100, 600)

INTRODUCTION = """\
# Benchmarks of networks

bowsight beside PyTorch and zennit, in turns on the same inputs. Written by

    {command}

Weights are random, inputs are normal. {runs} runs of each (up to {most}, where they take less than {least:g} s together) after one that is not counted; minimum / median in ms; the ratio is the peer's minimum by bowsight's. Both on one thread. bowsight keeps the account \
of every layer and of the score; the peer does not. A training step is the difference of two runs, by the number of steps between them; batches of 25, single precision.

- **agrees**: bowsight's answer compared with the peer's. A stage whose answer is wrong has no ratio.
- **of the limit**: what the processor would need at least by an estimate from operation counts (98 GFLOP/s a core in single precision, 49 in double, scaled to this machine's rate), divided by what bowsight took.
- **must**, **aim**: the ratios that the project set itself.

"""


def equation_56():
    return single(rules.Epsilon(epsilon=1e-300))


def explained(model, composite, x):
    x = x.clone().requires_grad_()
    with composite.context(model) as changed:
        out = changed(x)
        start = torch.zeros_like(out)
        start[:, 0] = out[:, 0].detach()
        (relevance,) = torch.autograd.grad(out, x, start)
    return relevance.numpy().reshape(len(x), -1)


def single(rule):
    return LayerMapComposite([((nn.ReLU, nn.Tanh), rules.Pass()), (AvgPool, rules.Epsilon()), (LINEAR, rule)])


# Of each composite: the peer's, ours, must, aim, passes of a forward's cost.
COMPOSITES = {
    "epsilon 0.01": (lambda: single(rules.Epsilon(epsilon=0.01)), "epsilon:0.01", 2, 4, 2),
    "epsilon-plus-flat": (EpsilonPlusFlat, "epsilon-plus-flat", 2, 4, 3),
    "alpha 2, beta -1": (lambda: single(rules.AlphaBeta(alpha=2, beta=1)), "alpha-beta:2,-1", 3, 6, 5),
}


def exported(model, x, folder, name, bowsight):
    """The network as bowsight's file."""
    file = folder / f"{name}.onnx"
    torch.onnx.export(model, x[:1], str(file), dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
    ours = folder / f"{name}.bowsight"
    command = [bowsight, "net", "import", file, "--preparation", "none", "--model", ours, "--quiet"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return ours


def pooled(relevance, channels):
    """Relevance by pixel."""
    return relevance.reshape(len(relevance), channels, -1).sum(1)


def networks(folder, bowsight):
    """Name, model, inputs, channels, our file, GFLOP of a forward pass of all inputs."""
    torch.manual_seed(0)
    squeezenet = torchvision.models.squeezenet1_1(weights=None).eval()
    x = torch.randn(1, 3, 224, 224)
    yield "SqueezeNet 1.1", squeezenet, x, 3, exported(squeezenet, x, folder, "squeezenet", bowsight), 0.70
    for name, (widths, activation) in DIGITS.items():
        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.Linear(inputs, outputs), activation()]
        model = nn.Sequential(*layers[:-1]).eval()
        x = torch.randn(1000, widths[0])
        work = 2e-9 * len(x) * sum(a * b for a, b in zip(widths, widths[1:]))
        yield f"{name}, 1,000 digits", model, x, 1, exported(model, x, folder, name, bowsight), work


class Training:
    """So many steps of bowsight, as a whole process."""

    def __init__(self, bowsight, recipe, steps, data, model):
        self.command = [bowsight, "--threads", 1, "--quiet", "net", "train", "--recipe", recipe, "--set", f"iterations={steps}"]
        self.command += ["--data", data, "--model", model]
        self.run()

    def run(self):
        began = time.perf_counter()
        subprocess.run(list(map(str, self.command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    def finish(self):
        return None


def idx(folder):
    """Random digits as idx files, enough that no batch repeats another."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    count = 5000
    pictures, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint8)
    for kind, values in (("images-idx3", pictures), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, values.ndim]) + b"".join(int(length).to_bytes(4, "big") for length in values.shape)
        (folder / f"train-{kind}-ubyte").write_bytes(head + values.tobytes())
    return folder


def peers_step(widths, activation, steps):
    """So many training steps in PyTorch: batches of 25 with noise, soft-max and cross-entropy, SGD."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    data, labels = torch.rand(5000, widths[0]), torch.randint(0, 10, (5000,))
    loss = nn.CrossEntropyLoss()

    def run():
        for _ in range(steps):
            batch = torch.randint(0, 5000, (25,))
            x = data[batch] + 0.3 * torch.randn(25, widths[0])
            optimizer.zero_grad()
            loss(model(x), labels[batch]).backward()
            optimizer.step()

    return Function(run)


def rows(program, folder, bowsight):
    for name, model, x, channels, file, work in networks(folder, bowsight):
        for precision, dtype, rate in (("single", torch.float32, 1), ("double", torch.float64, 2)):
            model, given = model.to(dtype), x.to(dtype)
            inputs = x.reshape(len(x), -1).numpy()
            close = like_scores(1e-4 if precision == "single" else 1e-5)

            def ours(stage, rules="gradient", precision=precision, file=file, inputs=inputs):
                return Contender("bowsight", program(stage, 1, model=file, rows=inputs, rules=rules, precision=precision))

            # Its own copy: the same module changes its precision for later rows.
            own = copy.deepcopy(model)

            def forward(own=own, given=given):
                with torch.inference_mode():
                    return own(given).numpy()

            limit = 1000 * work / 98 * rate
            build = lambda forward=forward, ours=ours: [Contender("PyTorch", Function(forward)), ours("forward")]
            is_picture = channels == 3
            yield Row(f"{name}, {precision}: forward", 1, build, close, limit, 1 if is_picture else None, 2 if is_picture else None)
            chosen = COMPOSITES if is_picture else {"Eq 56": (equation_56, "zero", 2, 5, 2), "alpha 2, beta -1": COMPOSITES["alpha 2, beta -1"]}
            for composite, (make, text, must, aim, passes) in chosen.items():
                peer = lambda own=own, given=given, make=make, channels=channels: pooled(explained(own, make(), given), channels)
                build = lambda peer=peer, ours=ours, text=text: [Contender("zennit", Function(peer)), ours("relevance", text)]
                # Small denominators make zero and the sides of alpha-beta differ where zennit has its own stabiliser.
                check = like_scores(5e-2)
                goals = (must, aim) if is_picture or composite == "Eq 56" else (None, None)
                yield Row(f"{name}, {precision}: {composite}", 1, build, check, limit * passes, *goals)
    data = idx(folder / "digits")
    for name, (widths, activation) in DIGITS.items():
        difference = dict(combine=lambda times: times[1] - times[0], items=STEPS[1] - STEPS[0])
        model = folder / "trained.bowsight"
        recipe = RECIPES[name]
        build = lambda: [
            Contender("PyTorch", *(peers_step(widths, activation, steps) for steps in STEPS), **difference),
            Contender("bowsight", *(Training(bowsight, recipe, steps, data, model) for steps in STEPS), **difference),
        ]
        work = 3 * 2e-9 * 25 * sum(a * b for a, b in zip(widths, widths[1:]))
        yield Row(f"{name}: a training step", 1, build, limit=1000 * work / 98, must=1.3, aim=2, most_runs=5)


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "bowsight", "out", "work"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--command")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    rate = matrix_product_rate(1, torch.set_num_threads)
    found, busiest = [], None
    for row in rows(starter(given.program, given.work), given.work, given.bowsight):
        if given.only not in row.name:
            continue
        found.append(row)
        others = measure_row(row, given.runs)
        busiest = others if busiest is None else max(busiest, others or 0.0)
        print(" | ".join(page.line(row, rate / REFERENCE[1])), flush=True)
        for file in given.work.glob("*.npy"):
            file.unlink()
    head = page.machine(1, {1: rate}, busiest) + page.versions(PACKAGES, "both on one thread", ROOT)
    introduction = INTRODUCTION.format(command=given.command, runs=given.runs, most=MOST_TURNS, least=LEAST_SECONDS)
    text = introduction + page.table(found, {1: rate / REFERENCE[1]}, head)
    if given.only:
        print(text)
    else:
        given.out.write_text(text + page.notes(given.out))
    return 0 if all(row.found.get("agrees", True) for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
