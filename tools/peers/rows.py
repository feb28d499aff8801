"""The stages: who runs them, what the answers have to agree in, and what is aimed at."""

import threading
from concurrent.futures import ThreadPoolExecutor

import faiss
import numba
import numpy as np
import threadpoolctl
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.svm import SVC

from . import kernels
from .measure import Contender, Function
from .row import Row, like_scores
from .vlfeat import DenseSift

WORDS, PASSES, CATEGORIES, PICTURES = 1000, 5, 20, 8


def set_threads(count):
    threadpoolctl.threadpool_limits(count)
    faiss.omp_set_num_threads(count)
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def histograms(pictures, dimensions, seed=0):
    """Dense histograms of length 1 in which 1 to 3 categories show, and labels of +-1 (categories x pictures)."""
    rng = np.random.default_rng(seed)
    typical = 0.5 + rng.gamma(0.5, 1, (CATEGORIES, dimensions))
    base = rng.gamma(1, 1, dimensions)
    labels = -np.ones((CATEGORIES, pictures))
    rows = np.empty((pictures, dimensions), np.float32)
    for picture, row in enumerate(rows):
        shown = rng.choice(CATEGORIES, rng.integers(1, 4), replace=False)
        labels[shown, picture] = 1
        values = (base + 0.6 * typical[shown].mean(0)) * rng.gamma(2, 0.5, dimensions)
        row[:] = values / values.sum()
    return rows, labels


def within(limit, what):
    """A check that the largest difference is at most `limit`."""

    def check(peer, ours):
        difference = float(np.abs(np.asarray(peer, np.float64) - ours).max())
        return difference <= limit, f"{what} to {difference:.0e}"

    return check


def like_descriptors(peer, ours):
    """VLFeat rounds angles: its values are good to 1e-2 where there is contrast, and bowsight has zeros where there is none."""
    descriptors, masses = peer
    seen = masses >= 0.0052
    difference = float(np.abs(descriptors[seen] - ours[seen]).max())
    return difference < 2e-2 and not ours[masses < 0.0048].any(), f"values to {difference:.0e}"


def like_words(rows, words):
    """Other words may be named only where both are as near, to rounding in f32."""

    def check(peer, ours):
        ours = ours.astype(np.int64)
        row, rank = np.nonzero(ours != peer)
        distance = lambda found: ((rows[row].astype(np.float64) - words[found[row, rank]]) ** 2).sum(1)
        worst = float(np.abs(distance(ours) - distance(peer)).max(initial=0))
        return worst < 1e-5, f"{len(row)} of {ours.size} differ, in distance by {worst:.0e}"

    return check


def objective(rows, words):
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(words, np.float32))
    return float(index.search(rows, 1)[0].mean())


def as_good_words(rows):
    """The start is another, so the words are: what counts is the mean squared distance."""

    def check(peer, ours):
        theirs, mine = objective(rows, peer), objective(rows, ours)
        return mine < 1.01 * theirs, f"mean squared distance {mine:.4f}, peer's {theirs:.4f}"

    return check


def as_low_objective(gram):
    """All machines' objectives, which are to be minimised."""

    def check(peer, ours):
        def value(machine):
            dual = np.zeros(len(gram))
            dual[machine.support_] = machine.dual_coef_[0]
            return 0.5 * dual @ gram @ dual - np.abs(dual).sum()

        theirs = np.array([value(machine) for machine in peer])
        worst = float((ours[:, -1] / theirs).min())
        return worst > 0.999, f"objectives at least {worst:.5f} of the peer's"

    return check


class Stages:
    """All rows on one picture; `program(stage, threads, **arguments)` starts bowsight at a stage."""

    def __init__(self, program, picture, library, threads):
        self.program, self.picture, self.library, self.threads = program, picture, library, threads
        self.pixels = np.asarray(Image.open(picture).convert("RGB"))
        start = program("sift-flat", 1, picture=picture)
        self.described = start.finish()
        self.rng = np.random.default_rng(1)

    def descriptors(self, count):
        """As many as asked for, from the picture's own, with a little noise on every value."""
        drawn = self.described[self.rng.integers(0, len(self.described), count)]
        return np.abs(drawn + 0.01 * self.rng.standard_normal(drawn.shape, dtype=np.float32))

    def grey(self):
        return np.ascontiguousarray(self.pixels @ np.array([0.299, 0.587, 0.114]) / 255, np.float32)

    def ours(self, stage, threads=None, **arguments):
        return Contender("bowsight", self.program(stage, threads or self.threads, **arguments))

    def rows(self):
        one, n = 1, self.threads
        yield Row("decode a JPEG", one, self.decode, within(16, "samples"))
        for window, limit, must, aim in (("flat", 5, 6, 10), ("gaussian", 8, 50, 100)):
            build = lambda window=window: self.dense_sift(window)
            yield Row(f"dense SIFT, {window} window", one, build, like_descriptors, limit, must, aim, needs_vlfeat=True)
        for count, limit in ((1000, 55), (4000, 221)):
            words = self.descriptors(count)
            for k, must, aim in ((1, 1.5, 3), (8, 1.7, 3.5)):
                build = lambda words=words, k=k: self.nearest(words, k)
                name = f"{k} nearest of {count} words" if k > 1 else f"nearest of {count} words"
                yield Row(name, n, build, like_words(self.described, words), limit, must, aim)
        sample = self.descriptors(200_000)
        yield Row("k-means 200,000 x 128 to 1000, a pass", n, lambda: self.kmeans_pass(sample), as_good_words(sample), 266, 1.2, most_runs=5)
        yield Row("k-means, the same, 25 passes at most", n, lambda: self.kmeans(sample), as_good_words(sample), 25 * 266, None, 3, most_runs=5)
        for dimensions, limit in ((1000, 5), (4000, 20), (8000, 40)):
            x, _ = histograms(1000, dimensions)
            build = lambda x=x: self.intersection(x)
            yield Row(f"HIK Gram, n = 1000, D = {dimensions}", n, build, within(2e-6, "entries"), limit, 1.7, 2.3)
        for dimensions, limit in ((1000, 18), (4000, 71), (8000, 143)):
            x, _ = histograms(1000, dimensions)
            build = lambda x=x: self.chi2(x)
            yield Row(f"exponential chi2 Gram, n = 1000, D = {dimensions}", n, build, within(1e-5, "entries"), limit, 1.3, 1.8)
        for pictures, limit in ((1000, 6), (2000, 20)):
            x, labels = histograms(pictures, 1000)
            gram = kernels.intersection_gram(x)()
            gram = (gram / (np.diag(gram).mean() - gram.mean())).astype(np.float32)
            for c in (1.0, 10.0, 100.0):
                build = lambda gram=gram, labels=labels, c=c: self.machines(gram, labels, c)
                wide = gram.astype(np.float64)
                yield Row(f"20 SVMs, n = {pictures}, C = {c:g}", n, build, as_low_objective(wide), limit, 2, 4)
        for dimensions, limit, must, aim in ((1000, 0.01, 1.5, 2.5), (8000, 0.08, 3, 6)):
            build = lambda dimensions=dimensions: self.scores(dimensions)
            yield Row(f"HIK scores of 20 categories a picture, n = 1000, D = {dimensions}", n, build, like_scores(1e-5), limit, must, aim)
        yield Row("whole chain a picture, 1000 words", n, self.chain, like_scores(5e-2), 60, 2.5, 4, needs_vlfeat=True)
        yield Row("explain a picture, on top of predict", n, self.explain, must=0.30, aim=0.10, on_top=True)

    def decode(self):
        peer = Function(lambda: np.asarray(Image.open(self.picture).convert("RGB")))
        flat = Function(lambda: peer.function().reshape(len(self.pixels), -1))
        return [Contender("Pillow", flat), self.ours("decode", 1, picture=self.picture)]

    def dense_sift(self, window):
        filters = DenseSift(self.library, self.pixels.shape[1], self.pixels.shape[0], window == "flat")
        grey = self.grey()
        peer = Function(lambda: filters.process(grey))
        peer.finish = lambda: tuple(map(np.concatenate, filters.read()[1:]))
        return [Contender("VLFeat", peer), self.ours(f"sift-{window}", 1, picture=self.picture)]

    def nearest(self, words, k):
        index = faiss.IndexFlatL2(words.shape[1])
        index.add(words)
        peer = Function(lambda: index.search(self.described, k)[1])
        return [Contender("faiss", peer), self.ours("nearest", rows=self.described, words=words, neighbours=k)]

    def _faiss(self, sample, start, passes):
        def run():
            means = faiss.Kmeans(sample.shape[1], WORDS, niter=passes, max_points_per_centroid=len(sample), min_points_per_centroid=1)
            means.train(sample, init_centroids=start)
            return means.centroids

        return Function(run)

    def kmeans_pass(self, sample):
        start = sample[self.rng.choice(len(sample), WORDS, replace=False)]

        def learnt(passes):
            means = KMeans(WORDS, init=start, n_init=1, max_iter=passes, tol=0, algorithm="lloyd")
            return Function(lambda: means.fit(sample).cluster_centers_)

        difference = dict(combine=lambda times: times[1] - times[0], items=PASSES - 1)
        ours = [self.program("kmeans", self.threads, rows=sample, passes=passes) for passes in (1, PASSES)]
        return [
            Contender("faiss", *(self._faiss(sample, start, passes) for passes in (1, PASSES)), **difference),
            Contender("scikit-learn", *(learnt(passes) for passes in (1, PASSES)), **difference),
            Contender("bowsight", *ours, **difference),
        ]

    def kmeans(self, sample):
        start = sample[self.rng.choice(len(sample), WORDS, replace=False)]
        return [Contender("faiss", self._faiss(sample, start, 25)), self.ours("kmeans", rows=sample, passes=25)]

    def intersection(self, x):
        return [Contender("numba", Function(kernels.intersection_gram(x))), self.ours("hik", rows=x)]

    def chi2(self, x):
        peers = [("numba, tiles", kernels.DEPTH), ("numba, whole rows", x.shape[1])]
        peers = [Contender(name, Function(kernels.exponential_chi2_gram(x, depth))) for name, depth in peers]
        return [*peers, self.ours("chi2", rows=x)]

    def machines(self, gram, labels, c):
        wide = gram.astype(np.float64)
        one = lambda y: SVC(C=c, kernel="precomputed", tol=1e-3, cache_size=1000).fit(wide, y)
        pool = ThreadPoolExecutor(self.threads)
        peer = Function(lambda: list(pool.map(one, labels)))
        return [Contender("scikit-learn", peer), self.ours("svm", rows=gram, labels=labels, c=c)]

    def scores(self, dimensions):
        train, _ = histograms(1000, dimensions)
        test, _ = histograms(400, dimensions, seed=5)
        dual = self.rng.standard_normal((CATEGORIES, len(train)))
        out, narrow = np.empty((len(test), len(train)), np.float32), dual.T.astype(np.float32)

        def peer():
            kernels.kernel_rows(train, test, out)
            return out @ narrow

        ours = self.program("scores", self.threads, rows=test, histograms=train, dual=dual, count=WORDS)
        return [Contender("numba + BLAS", Function(peer), items=len(test)), Contender("bowsight", ours, items=len(test))]

    def chain_data(self):
        train, _ = histograms(579, 8 * WORDS)
        rng = np.random.default_rng(7)
        words = self.described[rng.choice(len(self.described), WORDS, replace=False)]
        return dict(words=words, histograms=train, dual=rng.standard_normal((15, len(train))))

    def chain(self):
        data = self.chain_data()
        index = faiss.IndexFlatL2(data["words"].shape[1])
        index.add(data["words"])
        train, narrow = data["histograms"], data["dual"].T.astype(np.float32)
        height, width, _ = self.pixels.shape
        own = threading.local()

        def start():
            faiss.omp_set_num_threads(1)
            own.filters = DenseSift(self.library, width, height)

        def one(_):
            pixels = np.asarray(Image.open(self.picture).convert("RGB")).astype(np.float32)
            red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
            grey = (red * np.float32(0.299) + green * np.float32(0.587) + blue * np.float32(0.114)) / np.float32(255)
            own.filters.process(grey)
            centres, descriptors, masses = map(np.concatenate, own.filters.read())
            descriptors[masses < 0.005] = 0
            words = index.search(descriptors, 1)[1][:, 0]
            histogram = kernels.pyramid(words, centres, width, height, WORDS)
            return kernels.kernel_row(train, histogram) @ narrow

        pool = ThreadPoolExecutor(self.threads, initializer=start)
        peer = Function(lambda: np.stack(list(pool.map(one, range(PICTURES)))))
        ours = self.program("chain", self.threads, picture=self.picture, pictures=PICTURES, **data)
        name = "Pillow + VLFeat + faiss + numba"
        return [Contender(name, peer, items=PICTURES), Contender("bowsight", ours, items=PICTURES)]

    def explain(self):
        data = dict(picture=self.picture, pictures=PICTURES, **self.chain_data())
        start = lambda stage: self.program(stage, self.threads, **data)
        without, whole = (Contender(name, start(stage), items=PICTURES) for name, stage in (("predict alone", "chain"), ("bowsight", "explain")))
        return [without, whole]
