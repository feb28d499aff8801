#!/usr/bin/env python3
"""Measures how time and memory grow, one size at a time, and writes docs/growth.md.

    cargo build --release
    python3 tools/growth.py --work DIR

Pictures are generated (`bowsight shapes`), so that the measurement needs no data. Each figure is one run of the whole program, on all
processors; needs a quiet machine, 4 GiB of memory and 12 GiB of disk for the largest sizes and about twenty minutes. Linux only: memory is what
the kernel reports.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = [250, 500, 1000, 2000, 4000, 8000, 16000]
LINEAR = [1000, 4000, 16000, 100000]
WORDS = [500, 1000, 2000, 4000, 8000, 16000]
MEGAPIXELS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
SMALL = (160, 120)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/bowsight", metavar="FILE", help="bowsight [default: target/release/bowsight]")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for pictures and models; what is there is used again")
    parser.add_argument("--largest-training", type=int, default=LINEAR[-1], metavar="N", help=f"no more pictures than this [default: {LINEAR[-1]}]")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/growth.md", metavar="FILE", help="the page [default: docs/growth.md]")
    return parser.parse_args()


def measure(command, own=None):
    """Seconds and peak MiB of a command; to the list `own` is added the peak MiB without pages of files, which the system may take back."""
    began = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    stopped, anonymous = threading.Event(), []
    watch = threading.Thread(target=lambda: watch_anonymous(process.pid, stopped, anonymous))
    if own is not None:
        watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    stopped.set()
    if status != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    if own is not None:
        watch.join()
        own.append(max(anonymous))
    return seconds, usage.ru_maxrss / 1024


def watch_anonymous(process, stopped, found):
    while not stopped.wait(0.02):
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            return
        found += [int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")]


def shapes(program, folder, count, size):
    if not (folder / "JPEGImages").is_dir():
        width, height = size
        subprocess.run([program, "shapes", "--out", folder, "--pictures", str(count), "--width", str(width), "--height", str(height), "--quiet"], check=True)
    return sorted((folder / "JPEGImages").iterdir())


def labelled_list(folder, count):
    """A CSV list of the first pictures of a generated set, by their categories."""
    main = folder / "ImageSets" / "Main"
    categories = {}
    for name in ("circle", "polygon"):
        for split in ("trainval", "test"):
            for line in (main / f"{name}_{split}.txt").read_text().splitlines():
                picture, label = line.split()
                if label == "1":
                    categories.setdefault(picture, []).append(name)
    path = folder / f"first-{count}.csv"
    pictures = sorted((folder / "JPEGImages").iterdir())[:count]
    rows = [f"JPEGImages/{picture.name},{';'.join(categories.get(picture.stem, []))}" for picture in pictures]
    path.write_text("\n".join(["path,category", *rows]) + "\n")
    return path


def stages(model):
    """What the log beside a model says of its stages, in seconds."""
    log = json.loads(model.with_suffix(".log.json").read_text())
    return {stage["stage"]: stage["seconds"] for stage in log["stages"]}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def training(program, work, sizes, solver="smo"):
    count = max(max(size["pictures"] for size in sizes), 1000)
    folder = work / ("many" if count > PICTURES[-1] else "pictures")
    shapes(program, folder, count, SMALL)
    rows = []
    for size in sizes:
        model = work / "growth.bowsight"
        data = labelled_list(folder, size["pictures"])
        command = [program, "train", "--quiet", "--data", data, "--model", model, "--words", size["words"], "--c", "10", "--solver", solver]
        own = []
        seconds, memory = measure(command, own)
        if solver == "linear":
            histograms_on_disk = size["pictures"] * 8 * size["words"] * 4 / 2**20
            memory = f"{number(own[0])} | {number(histograms_on_disk)}"
        else:
            memory = number(memory)
        spent = stages(model)
        names = ("sampling descriptors", "learning words", "histograms", "kernels", "classifiers")
        size_on_disk = model.stat().st_size / 2**20
        rows.append([f"{size['pictures']:,}", f"{size['words']:,}", number(seconds), *(number(spent.get(name, 0.0)) for name in names), memory, number(size_on_disk)])
        print("  ".join(rows[-1]), flush=True)
    memory = ["own MiB", "on disk MiB"] if solver == "linear" else ["peak MiB"]
    return table(["pictures", "words", "s", "sample", "vocabulary", "histograms", "kernels", "classifiers", *memory, "model MiB"], rows)


def explaining(program, work):
    model = work / "explain.bowsight"
    command = [program, "train", "--quiet", "--data", labelled_list(work / "pictures", 1000), "--model", model, "--words", "1000", "--c", "10"]
    if not model.exists():
        measure(command)
    rows = []
    for megapixels in MEGAPIXELS:
        height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        width = round(megapixels * 1e6 / height)
        picture = shapes(program, work / f"large-{megapixels}", 10, (width, height))[0]
        found = []
        for more in (["--no-heatmap"], []):
            command = [program, "explain", picture, "--model", model, "--category", "circle", "--out", work / "maps", "--quiet", *more]
            runs = [measure(command) for _ in range(3 if megapixels <= 5 else 1)]
            found += [min(seconds for seconds, _ in runs), max(memory for _, memory in runs)]
        rows.append([f"{megapixels:g}", f"{width}×{height}", *map(number, found)])
        print("  ".join(rows[-1]), flush=True)
    return table(["megapixels", "pixels", "map: s", "peak MiB", "map and pictures: s", "peak MiB"], rows)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([given.program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    pictures = training(given.program, given.work, [{"pictures": n, "words": 1000} for n in PICTURES if n <= given.largest_training])
    linear = training(given.program, given.work, [{"pictures": n, "words": 1000} for n in LINEAR if n <= given.largest_training], "linear")
    words = training(given.program, given.work, [{"pictures": 1000, "words": k} for k in WORDS])
    sizes = explaining(given.program, given.work)
    given.out.write_text(f"""# How cost grows

Written by `tools/growth.py`: {version}, {os.cpu_count()} processors of {processor()}, load {load:.1f} at the beginning; one run each (the fastest of three for pictures up to 5 megapixels). Other machines have other seconds,
but the same growth.

## Training: the number of pictures
Generated pictures of {SMALL[0]}×{SMALL[1]} (`bowsight shapes`), two categories, 1,000 words, hard mapping, pyramid (8,000 dimensions), histogram intersection, `--c 10`. Stages in seconds of the wall clock. Histograms grow with n·D, the Gram matrix with n² in memory
and n²·D in time.

{pictures}
The same by linear machines on feature maps of order 1 (`--solver linear`, 24,000 features), whose histograms are on disk. Own memory leaves out the pages of files, which the system gives to whoever needs them: it is what must be there.

{linear}
Classifiers grow a little faster than n: more pictures need more passes. A kernel machine on 100,000 pictures would need 40 GB for its Gram matrix alone.

## Training: the number of words
1,000 of the same pictures.

{words}
## Explaining: the size of the picture
The model of 1,000 pictures and 1,000 words, one explanation from start to written files. Descriptors are never held: a strip is mapped to words and forgotten.

{sizes}""")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
