"""The page of results."""

import os
import platform
import subprocess
from pathlib import Path

INTRODUCTION = """\
# Benchmarks

bowsight beside the strongest other programs for each of its stages, in turns on the same data (networks have [a page of their own](benchmarks-networks.md)). Written by

    {command}

Picture: {picture}. Histograms, labels and Gram matrices are generated (dense, of length 1, {categories} categories, 1 to 3 a picture); descriptors are the picture's own, \
with a little noise where more are needed. {runs} runs of each (5 of k-means; up to {most}, where they take less than {least:g} s together) after one that is not counted; minimum / median in ms; the ratio is the peer's minimum by bowsight's, of the best peer \
where there are several. Threads: {threads}, except where 1 is said. Times of the whole chain, of `explain` and of the scores are per picture, many pictures at once.

- **agrees**: bowsight's answer compared with the peer's. A stage whose answer is wrong has no ratio.
- **of the limit**: what the processor would need at least by an estimate from operation counts, divided by what bowsight took. The estimates are for f32 without leaving anything out, on two cores whose matrix \
product runs at 193 GFLOP/s (one at 98), scaled to this machine's rate; more than 100 % means that work was left out.
- **must**, **aim**: the ratios that the project set itself.

"""

# Cores that others may keep busy.
QUIET = 0.15
MARK = "<!-- What stands below is kept when the page is written anew. -->"


def machine(threads, rates, others):
    def first(path, key):
        try:
            lines = Path(path).read_text().splitlines()
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
        except (OSError, StopIteration):
            return "unknown"

    flags = first("/proc/cpuinfo", "flags").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16") if flag in flags]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = first("/proc/cpuinfo", "model name")
    model += f" (family {first('/proc/cpuinfo', 'cpu family')}, model {first('/proc/cpuinfo', 'model')})"
    rate = ", ".join(f"{value:.0f} GFLOP/s on {count}" for count, value in rates.items())
    return [
        f"- Machine: {model}, {os.cpu_count()} processors, {gigabytes:.0f} GB, {platform.system()} {platform.release()}; {', '.join(known)}",
        f"- Matrix product 2048 x 2048 (OpenBLAS): {rate} {'thread' if threads == 1 else 'threads'}",
        f"- Others on the machine: {neighbours(others)}",
    ]


def neighbours(others):
    """How busy others were, and what that means for the figures."""
    if others is None:
        return "unknown"
    said = f"at most {others:.2f} of a core during a stage"
    return said if others < QUIET else f"{said}. **The machine was not quiet: the figures say that the tool works, and no more.**"


def versions(names, vlfeat, root):
    from importlib.metadata import version

    said = lambda *command: subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    commit = said("git", "describe", "--always", "--dirty")
    peers = ", ".join(f"{name} {version(name)}" for name in names)
    return [
        f"- bowsight {commit}, {said('rustc', '--version').split(' (')[0]}",
        f"- Peers: {peers}; Python {platform.python_version()}; {vlfeat}",
    ]


def milliseconds(seconds):
    value = 1000 * seconds
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def times(contender):
    return f"{milliseconds(contender.best)} / {milliseconds(contender.median)}"


def goal(value, on_top):
    if value is None:
        return "–"
    return f"+ {100 * value:.0f} %" if on_top else f"{value:g} ×"


def line(row, scale):
    """One row of the table: cells. `scale`: this machine's rate by the one that the limits are for."""
    name = row.name + (", 1 thread" if row.threads == 1 else "")
    if not row.found:
        return [name, "VLFeat is missing", "–", "–", "–", "–", goal(row.must, row.on_top), goal(row.aim, row.on_top), ""]
    peers, ours, agrees, said = (row.found[key] for key in ("peers", "ours", "agrees", "said"))
    best = min(peers, key=lambda peer: peer.best)
    ratio = ours.best / best.best - 1 if row.on_top else best.best / ours.best
    missed = lambda wanted: wanted is not None and (ratio > wanted if row.on_top else ratio < wanted)
    figure = f"{100 * ratio:+.0f} %" if row.on_top else f"{ratio:.2f} ×"
    mark = lambda wanted: f"{goal(wanted, row.on_top)}{' (missed)' if missed(wanted) and agrees else ''}"
    limit = "–" if row.limit is None else f"{100 * row.limit / scale / (1000 * ours.best):.0f} %"
    return [
        name,
        best.name,
        times(best),
        times(ours),
        f"**{figure}**" if agrees else "**wrong**",
        limit,
        mark(row.must),
        mark(row.aim),
        said if agrees else f"no: {said}",
    ]


def notes(path):
    """What people wrote below the mark of a page that is about to be written anew."""
    before = path.read_text() if path.exists() else ""
    return "\n" + MARK + before.partition(MARK)[2].rstrip() + "\n"


def page(rows, scales, head, **words):
    return INTRODUCTION.format(**words) + table(rows, scales, head)


def table(rows, scales, head):
    """Machine, versions and what was measured."""
    titles = ["stage", "best peer", "peer (ms)", "bowsight (ms)", "ratio", "of the limit", "must", "aim", "agrees"]
    cells = [titles, ["---"] * len(titles), *(line(row, scales.get(row.threads, 1.0)) for row in rows)]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in cells)
    several = [
        f"{row.name}: " + "; ".join(f"{peer.name} {times(peer)}" for peer in row.found["peers"])
        for row in rows
        if row.found and len(row.found["peers"]) > 1
    ]
    rest = ["", "Stages with several peers, minimum / median in ms:", "", *(f"- {text}" for text in several)] if several else []
    return "\n".join([*head, "", lines, *rest]) + "\n"
