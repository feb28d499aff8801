"""Kernels between histograms, a pyramid of words, and the row of kernels of one picture, compiled by numba."""

import numba
import numpy as np

SIDE, DEPTH = 64, 512


def _tiles(pictures):
    """Pairs of blocks of pictures in the upper triangle."""
    assert pictures % 4 == 0, "four rows are taken at a time"
    starts = range(0, pictures, SIDE)
    return np.array([(a, b) for a in starts for b in starts if a <= b])


@numba.njit(parallel=True, fastmath=True)
def _intersections(x, tiles, out):
    pictures, dimensions = x.shape
    for tile in numba.prange(len(tiles)):
        top, left = tiles[tile, 0], tiles[tile, 1]
        bottom, right = min(top + SIDE, pictures), min(left + SIDE, pictures)
        sums = np.zeros((SIDE, SIDE), np.float32)
        for low in range(0, dimensions, DEPTH):
            high = min(low + DEPTH, dimensions)
            for i in range(top, bottom, 4):
                p, q, r, s = x[i, low:high], x[i + 1, low:high], x[i + 2, low:high], x[i + 3, low:high]
                for j in range(left, right):
                    z = x[j, low:high]
                    a = b = c = e = np.float32(0)
                    for d in range(high - low):
                        a += min(p[d], z[d])
                        b += min(q[d], z[d])
                        c += min(r[d], z[d])
                        e += min(s[d], z[d])
                    sums[i - top, j - left] += a
                    sums[i - top + 1, j - left] += b
                    sums[i - top + 2, j - left] += c
                    sums[i - top + 3, j - left] += e
        for i in range(top, bottom):
            for j in range(left, right):
                out[i, j] = out[j, i] = sums[i - top, j - left]


@numba.njit(parallel=True, fastmath=True)
def _distances(x, tiles, depth, out):
    pictures, dimensions = x.shape
    small = np.float32(1e-30)
    for tile in numba.prange(len(tiles)):
        top, left = tiles[tile, 0], tiles[tile, 1]
        bottom, right = min(top + SIDE, pictures), min(left + SIDE, pictures)
        sums = np.zeros((SIDE, SIDE), np.float32)
        for low in range(0, dimensions, depth):
            high = min(low + depth, dimensions)
            for i in range(top, bottom):
                y = x[i, low:high]
                for j in range(left, right):
                    z = x[j, low:high]
                    total = np.float32(0)
                    for d in range(high - low):
                        difference = y[d] - z[d]
                        total += difference * difference / (y[d] + z[d] + small)
                    sums[i - top, j - left] += total
        for i in range(top, bottom):
            for j in range(left, right):
                out[i, j] = out[j, i] = sums[i - top, j - left]


def intersection_gram(x):
    """A function that computes the Gram matrix of histogram intersection."""
    tiles, out = _tiles(len(x)), np.zeros((len(x), len(x)), np.float32)

    def compute():
        _intersections(x, tiles, out)
        return out

    return compute


def exponential_chi2_gram(x, depth):
    """A function that computes exp(-distance / mean distance), summing `depth` dimensions of a tile at a time."""
    tiles, out = _tiles(len(x)), np.zeros((len(x), len(x)), np.float32)

    def compute():
        _distances(x, tiles, depth, out)
        width = out.sum() / (len(x) * (len(x) - 1))
        np.multiply(out, np.float32(-1 / width), out=out)
        return np.exp(out, out=out)

    return compute


@numba.njit(parallel=True, fastmath=True)
def kernel_rows(train, pictures, out):
    """The intersections of many pictures with all training pictures."""
    for j in numba.prange(len(pictures)):
        for i in range(len(train)):
            total = np.float32(0)
            for d in range(train.shape[1]):
                total += min(train[i, d], pictures[j, d])
            out[j, i] = total


@numba.njit(nogil=True, fastmath=True)
def kernel_row(train, histogram):
    """The intersections of one picture with all training pictures, on one thread."""
    row = np.empty(len(train), np.float32)
    for i in range(len(train)):
        total = np.float32(0)
        for d in range(train.shape[1]):
            total += min(train[i, d], histogram[d])
        row[i] = total
    return row


@numba.njit(nogil=True)
def pyramid(words, centres, width, height, count):
    """The histogram of length 1 over one cell, four quarters and three bands of words."""
    cells = np.zeros((8, count), np.float32)
    for i in range(len(words)):
        x, y, word = centres[i, 0], centres[i, 1], words[i]
        quarter = 2 * (y >= height // 2) + (x >= width // 2)
        band = 0 + (y >= height // 3) + (y >= 2 * height // 3)
        cells[0, word] += 1
        cells[1 + quarter, word] += 1
        cells[5 + band, word] += 1
    for cell in range(8):
        total = cells[cell].sum()
        if total > 0:
            cells[cell] /= total
    return cells.ravel() / cells.sum()
