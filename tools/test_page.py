"""The page of results, made of times that are known."""

import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from peers import page


def contender(name, *times):
    return SimpleNamespace(name=name, best=min(times), median=sorted(times)[len(times) // 2])


def row(name="stage", threads=2, limit=None, must=None, aim=None, on_top=False, **found):
    return SimpleNamespace(name=name, threads=threads, limit=limit, must=must, aim=aim, on_top=on_top, found=found)


class Page(unittest.TestCase):
    def test_the_best_peer_counts_and_a_missed_goal_is_named(self):
        peers = [contender("slow", 0.3, 0.4, 0.5), contender("fast", 0.1, 0.2, 0.3)]
        stage = row(limit=10, must=1.5, aim=3, peers=peers, ours=contender("bowsight", 0.05, 0.06, 0.07), agrees=True, said="to 0")
        self.assertEqual(
            page.line(stage, 0.5),
            ["stage", "fast", "100 / 200", "50.0 / 60.0", "**2.00 ×**", "40 %", "1.5 ×", "3 × (missed)", "to 0"],
        )

    def test_what_a_step_adds_is_a_share(self):
        without, whole = contender("predict alone", 0.010), contender("bowsight", 0.012)
        stage = row(must=0.3, aim=0.1, on_top=True, peers=[without], ours=whole, agrees=True, said="")
        self.assertEqual(page.line(stage, 1)[4:8], ["**+20 %**", "–", "+ 30 %", "+ 10 % (missed)"])

    def test_a_wrong_answer_has_no_ratio(self):
        stage = row(must=1, peers=[contender("peer", 1.0)], ours=contender("bowsight", 0.001), agrees=False, said="entries to 1")
        cells = page.line(stage, 1)
        self.assertEqual((cells[4], cells[8]), ("**wrong**", "no: entries to 1"))

    def test_a_missing_peer_is_said_and_the_table_keeps_its_shape(self):
        both = [contender("one", 0.2), contender("two", 0.1)]
        rows = [row("sift", 1, must=6), row("sums", peers=both, ours=contender("bowsight", 0.1), agrees=True, said="")]
        text = page.page(rows, {2: 1.0}, ["- a machine"], command="C", picture="P", categories=20, runs=7, threads=2, most=40, least=2.0)
        table = [line for line in text.splitlines() if line.startswith("|")]
        self.assertEqual(len(table), 4)
        self.assertEqual({line.count("|") for line in table}, {10})
        self.assertIn("| sift, 1 thread | VLFeat is missing |", text)
        self.assertIn("- sums: one 200 / 200; two 100 / 100", text)
        self.assertIn("- a machine", text)

    def test_figures_of_a_busy_machine_are_not_passed_off_as_good(self):
        self.assertNotIn("not quiet", page.neighbours(0.04))
        self.assertIn("not quiet", page.neighbours(1.89))

    def test_what_people_wrote_below_the_mark_is_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.md"
            self.assertEqual(page.notes(path).strip(), page.MARK)
            path.write_text(f"old table\n{page.MARK}\n\nWhy it is so.\n")
            path.write_text("new table\n" + page.notes(path))
            self.assertEqual(path.read_text(), f"new table\n\n{page.MARK}\n\nWhy it is so.\n")


if __name__ == "__main__":
    unittest.main()
