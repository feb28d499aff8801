"""Runs contenders in turns and notes how long each took, and how busy the rest of the machine was."""

import json
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

# Threads of other runtimes spin for a while after their work; nobody's time is to hold another's spinning.
PAUSE = 0.05
# Stages that are over in no time are run on until they have taken so many seconds or turns: what disturbs a machine lasts longer than a few of them.
LEAST_SECONDS, MOST_TURNS = 2.0, 40


class Program:
    """bowsight at one stage: a process that runs it once whenever it is asked to."""

    def __init__(self, executable, arguments, result):
        self.result = Path(result)
        command = [executable, *arguments, "--result", result]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"bowsight's stage failed with {self.process.wait()}")
        return json.loads(line)

    def run(self):
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self._read()["seconds"]

    def finish(self):
        """What its last run found."""
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError("bowsight could not write its result")
        return np.load(self.result)


class Function:
    """A peer at one stage: a function of this process."""

    def __init__(self, function):
        self.function = function
        self.found = function()

    def run(self):
        began = time.perf_counter()
        self.found = self.function()
        return time.perf_counter() - began

    def finish(self):
        return self.found


class Contender:
    """One or several parts that are run one after the other. What counts is made of the parts' minima, or medians, by `combine`, and is of `items` items:
    the minimum of a difference would be that of the run whose subtrahend was disturbed most."""

    def __init__(self, name, *parts, combine=sum, items=1):
        self.name, self.parts, self.combine, self.items = name, parts, combine, items
        self.times = [[] for _ in parts]

    def run(self):
        for part, times in zip(self.parts, self.times, strict=True):
            time.sleep(PAUSE)
            times.append(part.run())

    def _of(self, statistic):
        return float(self.combine([statistic(times) for times in self.times])) / self.items

    @property
    def best(self):
        return self._of(min)

    def finish(self):
        """What the last part found."""
        return [part.finish() for part in self.parts][-1]

    def summary(self):
        """Its name and the minimum and median of its times."""
        return SimpleNamespace(name=self.name, best=self.best, median=self._of(np.median))


def _busy():
    """Seconds of all processors so far, and of this process and its children that ended."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return None
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def _own(contenders):
    """Processor seconds of this process and of the contenders' processes."""
    times = os.times()
    # Children that ended, such as whole trainings, are its own work, too.
    seconds = times.user + times.system + times.children_user + times.children_system
    for contender in contenders:
        for part in contender.parts:
            if isinstance(part, Program):
                fields = Path(f"/proc/{part.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def alternate(contenders, runs):
    """Runs all contenders in turns, short ones more than `runs` times; returns how many processors others kept busy meanwhile, none where the system does not say."""
    before, own, began = _busy(), None, time.time()
    if before is not None:
        own = _own(contenders)
    turns, spent = 0, 0.0
    while turns < runs or (turns < MOST_TURNS and spent < LEAST_SECONDS):
        for contender in contenders:
            contender.run()
            spent += sum(times[-1] for times in contender.times)
        turns += 1
    if before is None:
        return None
    others = (_busy() - before) - (_own(contenders) - own)
    return max(0.0, others / (time.time() - began))


def starter(executable, folder):
    """A function that starts bowsight at a stage; arrays among the arguments are put into files."""
    count = 0

    def start(stage, threads, **arguments):
        nonlocal count
        count += 1
        command = [stage, "--threads", threads]
        for name, value in arguments.items():
            if isinstance(value, np.ndarray):
                file = folder / f"{count}.{name}.npy"
                np.save(file, np.ascontiguousarray(value))
                value = file
            command += [f"--{name}", value]
        return Program(executable, command, folder / f"{count}.result.npy")

    return start


def measure_row(row, runs):
    """Fills what was found in a row; returns how busy others were."""
    *peers, ours = contenders = row.contenders()
    others = alternate(contenders, min(runs, row.most_runs))
    answers = [contender.finish() for contender in contenders]
    best = min(range(len(peers)), key=lambda peer: peers[peer].best)
    agrees, said = row.check(answers[best], answers[-1])
    # Only the times are kept: the answers are large.
    row.found = dict(peers=[peer.summary() for peer in peers], ours=ours.summary(), agrees=agrees, said=said)
    return others


def matrix_product_rate(threads, limit):
    """GFLOP/s of the matrix product of OpenBLAS, the yardstick of the limits."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((2048, 2048), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    limit(threads)
    product = Contender("product", Function(lambda: np.matmul(a, b, out=out)))
    alternate([product], 9)
    return 2 * 2048**3 / product.best / 1e9
