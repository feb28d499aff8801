#!/usr/bin/env python3
"""Measures what the longer side of pictures (`--max-side`) does to average precision and time, and prints a table for docs/accuracy.md.

    cargo build --release
    python3 tools/picture_sizes.py --data VOC2012 --work DIR --enlarge 4

Trains with the defaults on `trainval` at each longer side, as the pictures are or enlarged by a factor, and judges on `test`. "val" is the
mean AP on the pictures that chose C; only it may choose a side.
"""

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from program import run

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/bowsight", metavar="FILE", help="bowsight [default: target/release/bowsight]")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder in VOC layout with the splits trainval and test")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for pictures, models and results; what is there is used again")
    parser.add_argument("--enlarge", type=int, default=1, metavar="N", help="enlarge every picture N times first [default: 1]")
    parser.add_argument("--sides", type=int, nargs="+", default=[320, 400, 500, 640, 800, 1000, 1280], metavar="PIXELS")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N")
    parser.add_argument("--test-split", default="test", metavar="NAME")
    return parser.parse_args()


def enlarged(data, times, folder):
    """A copy of the data whose pictures are `times` as wide and high."""
    pictures = folder / "JPEGImages"
    if not (folder / "done").exists():
        pictures.mkdir(parents=True, exist_ok=True)
        for name in ["ImageSets", "Annotations"]:
            if (data / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to((data / name).resolve())

        def enlarge(path):
            with Image.open(path) as picture:
                size = (picture.width * times, picture.height * times)
                picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(pictures / path.name, quality=90)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(enlarge, sorted((data / "JPEGImages").glob("*.jpg"))))
        (folder / "done").touch()
    return folder


def judge(program, data, side, seed, test_split, folder):
    """Mean AP by area on the validation pictures and on the test split, seconds of the training, longest side."""
    result = folder / f"{side}.{seed}.json"
    if not result.exists():
        model = folder / f"{side}.{seed}.bowsight"
        began = time.monotonic()
        trained = run([program, "--seed", seed, "--quiet", "--format", "json", "train", "--data", data, "--split", "trainval", "--max-side", side, "--model", model])
        seconds = time.monotonic() - began
        found = run([program, "--quiet", "--format", "json", "evaluate", "--data", data, "--split", test_split, "--model", model])
        values = {"val": trained["training"]["validation"]["mean_average_precision"], "test": found["mean"]["voc2010"], "seconds": seconds}
        result.write_text(json.dumps(values))
        model.unlink()
    return json.loads(result.read_text())


def main():
    given = arguments()
    folder = given.work / f"{given.data.name}.x{given.enlarge}"
    folder.mkdir(parents=True, exist_ok=True)
    data = enlarged(given.data, given.enlarge, folder / "data") if given.enlarge > 1 else given.data
    print("| longer side | val (%) | test (%) | training (s) |\n| --- | --- | --- | --- |")
    for side in given.sides:
        found = [judge(given.program, data, side, seed, given.test_split, folder) for seed in given.seeds]
        cells = []
        for key in ["val", "test"]:
            values = [100 * one[key] for one in found]
            each = f" ({', '.join(f'{value:.1f}' for value in values)})" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{each}")
        seconds = min(one["seconds"] for one in found)
        print(f"| {side or 'as they are'} | {cells[0]} | {cells[1]} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
