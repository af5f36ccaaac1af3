#!/usr/bin/env python3
"""Vectors in any number, recombined from real ones, for measurements of large indexes.

Real rows are what a search has to cope with, but there are 100,000 of them. A new row is a real one plus a
part of another, in the first dimensions, at length 1: `unit(a + w·b)`, w from 0.3 to 0.9. So rows keep the
spectrum of real ones and each has near neighbours (rows of the same a or b). Queries are made
the same way from a real row and a real query, which is in no row.

Files are those of the big-ann formats: base.fbin, query.fbin, and truth.ibin with the exact 100 nearest.

    python bench/graph/recombine.py FROM TO ROWS DIM [SEED]
"""
import os
import sys

import numpy as np

QUERIES = 1000
NEAREST = 100
PORTION = 50_000


def read(path, dim):
    rows, width = np.fromfile(path, "<u4", 2)
    return np.array(np.memmap(path, "<f4", "r", 8, (rows, width))[:, :dim])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def recombined(random, a, b, count):
    one = a[random.integers(len(a), size=count)]
    other = b[random.integers(len(b), size=count)]
    return unit(one + random.uniform(0.3, 0.9, (count, 1)).astype("f4") * other).astype("f4")


def main(given, to, rows, dim, seed=1):
    rows, dim = int(rows), int(dim)
    random = np.random.default_rng(int(seed))
    base = unit(read(os.path.join(given, "base.fbin"), dim))
    queries = unit(read(os.path.join(given, "query.fbin"), dim))
    asked = recombined(random, queries, base, QUERIES)
    os.makedirs(to, exist_ok=True)
    with open(os.path.join(to, "query.fbin"), "wb") as file:
        np.array([QUERIES, dim], "<u4").tofile(file)
        asked.tofile(file)
    nearest = np.zeros((QUERIES, 0), "<i4")
    cosines = np.zeros((QUERIES, 0), "<f4")
    with open(os.path.join(to, "base.fbin"), "wb") as file:
        np.array([rows, dim], "<u4").tofile(file)
        for first in range(0, rows, PORTION):
            made = recombined(random, base, base, min(PORTION, rows - first))
            made.tofile(file)
            places = np.arange(first, first + len(made), dtype="<i4")
            nearest = np.hstack([nearest, np.broadcast_to(places, (QUERIES, len(made)))])
            cosines = np.hstack([cosines, asked @ made.T])
            best = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAREST]
            nearest = np.take_along_axis(nearest, best, 1)
            cosines = np.take_along_axis(cosines, best, 1)
    with open(os.path.join(to, "truth.ibin"), "wb") as file:
        np.array([QUERIES, NEAREST], "<u4").tofile(file)
        nearest.astype("<i4").tofile(file)
        cosines.astype("<f4").tofile(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
