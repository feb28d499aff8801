#!/usr/bin/env python3
"""Measures how well C is chosen on small sets, beside every C of the grid, and prints a table for docs/accuracy.md.

    cargo build --release
    python3 tools/small_sets.py --data VOC2012 --work DIR

Each set is drawn from the pictures of `trainval` that have exactly one label, so many of each category, and judged on all such pictures of
`test`. It is trained as a person would, with no flag but the data and the model, and once with each C of the grid.
"""

import argparse
import csv
import json
import random
import statistics
from pathlib import Path

from program import run

ROOT = Path(__file__).resolve().parent.parent
GRID = [10 ** (half / 2) for half in range(-4, 7)]
SETS = [(["cat", "dog"], 5), (["cat", "dog"], 12), (["bus", "bird"], 12), (["cat", "bird", "bus", "person"], 12), (["cat", "bird", "bus", "person"], 40)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/bowsight", metavar="FILE", help="bowsight [default: target/release/bowsight]")
    parser.add_argument("--other", type=Path, metavar="FILE", help="another version of the program, trained without flags beside it")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder in VOC layout with the splits trainval and test")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for lists, models and results; what is there is used again")
    parser.add_argument("--draws", type=int, default=6, metavar="N", help="draws of each set [default: 6]")
    return parser.parse_args()


def single_labels(data, split):
    """The picture files of each category of a split that have this label alone."""
    labels = {}
    for list_file in sorted((data / "ImageSets/Main").glob(f"*_{split}.txt")):
        category = list_file.name[: -len(f"_{split}.txt")]
        for line in list_file.read_text().splitlines():
            name, label = line.split()
            if label != "-1":
                labels.setdefault(name, []).append((category, label))
    found = {}
    for name, held in sorted(labels.items()):
        if len(held) == 1 and held[0][1] == "1":
            found.setdefault(held[0][0], []).append(data.resolve() / "JPEGImages" / f"{name}.jpg")
    return found


def write_list(path, pictures):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows(pictures)


def judge(program, folder, name, flags):
    """Balanced accuracy, mean AP and the largest share (decisions of a category over its pictures) on the test list; and C."""
    result = folder / f"{name}.json"
    if not result.exists():
        model = folder / f"{name}.bowsight"
        train = [program, "--quiet", "--format", "json", "train", "--data", folder / "train.csv", "--model", model, "--cache", folder / "cache", *flags]
        trained = run(train)
        found = run([program, "--quiet", "--format", "json", "evaluate", "--data", folder / "test.csv", "--model", model])
        found["c"] = trained["training"]["solvers"][0]["c"]
        result.write_text(json.dumps(found))
        model.unlink()
    found = json.loads(result.read_text())
    confusion = found["one_label"]["confusion"]["pictures"]
    share = max(sum(row[k] for row in confusion) / sum(confusion[k]) for k in range(len(confusion)))
    return found["one_label"]["balanced_accuracy"], found["mean"]["voc2010"], share, found["c"]


def main():
    options = arguments()
    train, test = single_labels(options.data, "trainval"), single_labels(options.data, "test")
    print("| set | C | balanced accuracy | least | mean AP | largest share | C chosen |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for categories, count in SETS:
        columns = {}
        for draw in range(options.draws):
            folder = options.work / f"{'-'.join(categories)}-{count}-{draw}"
            folder.mkdir(parents=True, exist_ok=True)
            chance = random.Random(f"{categories} {count} {draw}")
            write_list(folder / "train.csv", [(path, k) for k in categories for path in chance.sample(train[k], min(count, len(train[k])))])
            write_list(folder / "test.csv", [(path, k) for k in categories for path in test[k]])
            columns.setdefault("chosen", []).append(judge(options.program, folder, "chosen", []))
            if options.other:
                columns.setdefault("chosen by the other version", []).append(judge(options.other, folder, "other", []))
            for c in GRID:
                columns.setdefault(f"{c:.3g}", []).append(judge(options.program, folder, f"c{c:.3g}", ["--c", str(c)]))
        best = max((name for name in columns if "chosen" not in name), key=lambda name: statistics.mean(row[0] for row in columns[name]))
        for name, label in [(name, name) for name in columns if "chosen" in name] + [(best, f"the best one for all draws, {best}")]:
            accuracy, precision, share, cost = zip(*columns[name])
            print(
                f"| {count} each of {', '.join(categories)} | {label} | {100 * statistics.mean(accuracy):.1f} | {100 * min(accuracy):.1f} "
                f"| {100 * statistics.mean(precision):.1f} | {max(share):.2f} | {', '.join(f'{c:.3g}' for c in sorted(set(cost)))} |",
                flush=True,
            )


main()
