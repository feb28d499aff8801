"""Measures every stage and writes the page; started by compare_peers.py in its environment."""

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageOps

from . import page
from .measure import LEAST_SECONDS, MOST_TURNS, matrix_product_rate, measure_row, starter
from .rows import CATEGORIES, Stages, set_threads

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = (500, 375)
PACKAGES = "faiss-cpu numba numpy pillow scikit-learn scipy".split()
# GFLOP/s of the matrix product on the machine that the limits are estimates for, by threads.
REFERENCE = {1: 98.0, 2: 193.0}


def usual_picture(folder):
    """A photograph of PASCAL VOC where there is one, or else the cat that comes along, cut to the same size."""
    photograph = ROOT.parent / "shared" / "data" / "voc2012" / "JPEGImages" / "2007_000068.jpg"
    if photograph.exists():
        return photograph, "2007_000068 of PASCAL VOC, a progressive JPEG of 500x375 pixels"
    cat = folder / "chelsea.jpg"
    ImageOps.fit(Image.open(ROOT / "data" / "chelsea.png").convert("RGB"), SIZE).save(cat, quality=90)
    return cat, "data/chelsea.png, scaled and cut to 500x375 pixels, as a baseline JPEG"


def products(threads):
    """The rate of the matrix product on one thread, and on all."""
    return {count: matrix_product_rate(count, set_threads) for count in sorted({1, threads})}


def scales(rates):
    """This machine's rates by those of the one that the limits are estimates for."""
    return {count: rate / (REFERENCE[1] if count == 1 else REFERENCE[2] * count / 2) for count, rate in rates.items()}


def measure(row, runs):
    """Fills what was found in a row; returns how busy others were."""
    set_threads(row.threads)
    return measure_row(row, runs)


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "out", "work", "library", "picture"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--command")
    parser.add_argument("--vlfeat", default="without VLFeat, which was not given")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    picture, picture_words = (given.picture, given.picture.name) if given.picture else usual_picture(given.work)
    rates = products(given.threads)
    rows, busiest = [], None
    for row in Stages(starter(given.program, given.work), picture, given.library, given.threads).rows():
        if given.only not in row.name:
            continue
        rows.append(row)
        if row.needs_vlfeat and not given.library:
            print(f"{row.name}: left out, VLFeat is missing", file=sys.stderr)
            continue
        others = measure(row, given.runs)
        busiest = others if busiest is None else max(busiest, others or 0.0)
        print(" | ".join(page.line(row, scales(rates)[row.threads])), flush=True)
        for file in given.work.glob("*.npy"):
            file.unlink()
    # A neighbour may have disturbed the one or the other.
    rates = {count: max(rate, rates[count]) for count, rate in products(given.threads).items()}
    head = page.machine(given.threads, rates, busiest) + page.versions(PACKAGES, given.vlfeat, ROOT)
    words = dict(command=given.command, picture=picture_words, categories=CATEGORIES, runs=given.runs, threads=given.threads, most=MOST_TURNS, least=LEAST_SECONDS)
    text = page.page(rows, scales(rates), head, **words)
    if given.only:
        print(text)
    else:
        given.out.write_text(text + page.notes(given.out))
    return 0 if all(row.found.get("agrees", True) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
