"""Files of the big-ann formats: base.fbin, query.fbin (rows of f32) and truth.ibin (ids of the nearest).

    python bench/vector/big_ann.py FROM TO ROWS     the first rows of a set, with the nearest among them
"""

import os
import sys

import numpy as np

NEAREST = 100
# Queries compared with all rows at once.
TOGETHER = 200


def read_rows(path):
    """Rows of an fbin file, mapped into memory."""
    count, dim = (int(number) for number in np.fromfile(path, "<u4", 2))
    return np.memmap(path, "<f4", "r", 8, (count, dim))


def read_truth(path):
    count, k = (int(number) for number in np.fromfile(path, "<u4", 2))
    return np.fromfile(path, "<i4", count * k, offset=8).reshape(count, k)


def write_rows(path, rows):
    with open(path, "wb") as file:
        np.array(rows.shape, "<u4").tofile(file)
        np.ascontiguousarray(rows, "<f4").tofile(file)


def write_truth(path, base, queries):
    """Exact nearest by cosine, for rows and queries at length 1: products in f32 choose, f64 orders."""
    k = min(NEAREST, len(base))
    spare = min(len(base), k + 50)
    ids = np.empty((len(queries), k), "<i4")
    cosines = np.empty((len(queries), k), "<f4")
    for first in range(0, len(queries), TOGETHER):
        some = queries[first : first + TOGETHER]
        rough = some @ base.T
        likely = np.argpartition(-rough, spare - 1, axis=1)[:, :spare]
        for place, (query, rows) in enumerate(zip(some, likely), first):
            rows = np.sort(rows)
            exact = base[rows].astype("f8") @ query.astype("f8")
            order = np.argsort(-exact, kind="stable")[:k]
            ids[place], cosines[place] = rows[order], exact[order]
    with open(path, "wb") as file:
        np.array(ids.shape, "<u4").tofile(file)
        ids.tofile(file)
        cosines.tofile(file)


def write_set(folder, base, queries):
    os.makedirs(folder, exist_ok=True)
    write_rows(os.path.join(folder, "base.fbin"), base)
    write_rows(os.path.join(folder, "query.fbin"), queries)
    # Whoever finds this file finds a whole set.
    write_truth(os.path.join(folder, "truth.part"), base, queries)
    os.replace(os.path.join(folder, "truth.part"), os.path.join(folder, "truth.ibin"))


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")


if __name__ == "__main__":
    given, to, count = sys.argv[1:]
    base = np.array(read_rows(os.path.join(given, "base.fbin"))[: int(count)])
    write_set(to, unit(base), unit(np.array(read_rows(os.path.join(given, "query.fbin")))))
