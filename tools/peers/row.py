"""A row of a page: a stage at one size."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np


@dataclass
class Row:
    """A stage at one size. `limit` is the estimate in ms for two cores that multiply at 193 GFLOP/s (one: 98); `must` and `aim` are ratios to the best peer."""

    name: str
    threads: int
    contenders: Callable
    check: Callable = lambda peer, ours: (True, "")
    limit: float | None = None
    must: float | None = None
    aim: float | None = None
    needs_vlfeat: bool = False
    # The figure is what bowsight takes more than itself without the last step.
    on_top: bool = False
    most_runs: int = 1000
    found: dict = field(default_factory=dict)


def like_scores(limit):
    def check(peer, ours):
        difference = float(np.abs(peer - ours).max() / np.abs(peer).max())
        return difference < limit, f"to {difference:.0e} of the largest"

    return check
