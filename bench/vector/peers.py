"""The peers that come from PyPI, one in a process: hnswlib, usearch, faiss.

    python bench/vector/peers.py PEER SET CACHE

Builds the index or reads the one that CACHE has, and says in a line of JSON what that took. Then each line of
standard input asks for a measurement, `{"k", "point", "threads", "seconds"}`, and is answered by one.
"""

import json
import os
import resource
import sys
import time

import numpy as np
from big_ann import read_rows, read_truth

BUILD_THREADS = 2


class Hnswlib:
    """M 16, efConstruction 200; a point is ef."""

    def build(self, base):
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
        self.index.add_items(base, num_threads=BUILD_THREADS)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, dim):
        import hnswlib

        self.index = hnswlib.Index("ip", dim)
        self.index.load_index(path)

    def search(self, queries, k, point, threads):
        self.index.set_ef(max(point, k))
        return self.index.knn_query(queries, k, num_threads=threads)[0]


class Usearch:
    """int8 rows, scaled so that the largest number is 127; connectivity 16; a point is the expansion."""

    scale = None

    def build(self, base):
        from usearch.index import Index

        self.index = Index(ndim=base.shape[1], metric="cos", dtype="i8", connectivity=16, expansion_add=200)
        self.index.add(np.arange(len(base)), self.scaled(base), threads=BUILD_THREADS)

    def scaled(self, rows):
        return np.round(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))).astype("i1")

    def save(self, path):
        self.index.save(path)

    def load(self, path, dim):
        from usearch.index import Index

        self.index = Index(ndim=dim, metric="cos", dtype="i8", connectivity=16, expansion_add=200)
        self.index.load(path)

    def search(self, queries, k, point, threads):
        self.index.expansion_search = max(point, k)
        keys = self.index.search(self.scaled(queries), k, threads=threads).keys
        return keys.reshape(len(queries), -1)


class Faiss:
    """What the factory makes of a name."""

    def __init__(self, factory):
        import faiss

        self.faiss, self.factory = faiss, factory

    def build(self, base):
        faiss = self.faiss
        faiss.omp_set_num_threads(BUILD_THREADS)
        self.index = faiss.index_factory(base.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
        if self.factory.startswith("HNSW"):
            self.index.hnsw.efConstruction = 200
        else:
            self.index.train(base[: min(len(base), 65_536)])
        self.index.add(base)

    def save(self, path):
        self.faiss.write_index(self.index, path)

    def load(self, path, dim):
        self.index = self.faiss.read_index(path)

    def search(self, queries, k, point, threads):
        faiss = self.faiss
        faiss.omp_set_num_threads(threads)
        if self.factory.startswith("HNSW"):
            parameters = faiss.SearchParametersHNSW(efSearch=max(point, k))
        else:
            parameters = faiss.IndexRefineSearchParameters(k_factor=point)
        return self.index.search(queries, k, params=parameters)[1]


def peer(name, dim):
    if name == "hnswlib":
        return Hnswlib()
    if name == "usearch":
        return Usearch()
    return Faiss({"faiss-flat": f"PQ{dim // 4}x4fs,RFlat", "faiss-hnsw": "HNSW32"}[name])


def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def share(found, truth, k):
    """How many of the k nearest are among the first k found, over all queries."""
    k = min(k, truth.shape[1])
    hits = sum(len(np.intersect1d(a[:k], b[:k])) for a, b in zip(found, truth))
    return hits / (k * len(truth))


def measure(it, queries, truth, k, point, threads, seconds):
    found = it.search(queries, k, point, threads)
    figures = {f"recall_{n}": share(found, truth, n) for n in (1, 10, 100) if n <= k}
    done, start, used = 0, time.perf_counter(), time.process_time()
    while (spent := time.perf_counter() - start) < seconds:
        it.search(queries, k, point, threads)
        done += len(queries)
    figures |= {"per_second": done / spent, "per_cpu_second": done / (time.process_time() - used)}
    if threads == 1:
        times, end = [], time.perf_counter() + seconds
        for query in np.resize(np.arange(len(queries)), 100_000):
            start = time.perf_counter()
            it.search(queries[query : query + 1], k, point, 1)
            times.append((time.perf_counter() - start) * 1e3)
            if start > end:
                break
        p50, p95, p99 = np.percentile(times, [50, 95, 99])
        one = 1e3 / np.mean(times)
        figures |= {"one_a_call_per_second": one, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
    figures["resident_mib"] = resident_mib()
    return figures


def prepare(it, folder, cache):
    """The index, from the cache or built, and what building it took then."""
    noted = cache + ".json"
    base = read_rows(os.path.join(folder, "base.fbin"))
    if not os.path.exists(noted):
        rows = np.array(base)
        start, used = time.perf_counter(), time.process_time()
        it.build(rows)
        figures = {"build_s": time.perf_counter() - start, "build_cpu_s": time.process_time() - used}
        it.save(cache)
        # Without the rows as they were given.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - rows.nbytes / 2**20
        figures |= {"peak_mib": peak, "disk_mib": os.path.getsize(cache) / 2**20}
        with open(noted, "w") as file:
            json.dump(figures, file)
        # Another process reads it, so that what building left behind does not count.
        os.execv(sys.executable, [sys.executable, *sys.argv])
    with open(noted) as file:
        figures = json.load(file)
    start = time.perf_counter()
    it.load(cache, base.shape[1])
    return figures | {"open_ms": (time.perf_counter() - start) * 1e3}


def main(name, folder, cache):
    queries = np.array(read_rows(os.path.join(folder, "query.fbin")))
    truth = read_truth(os.path.join(folder, "truth.ibin"))
    it = peer(name, queries.shape[1])
    print(json.dumps(prepare(it, folder, cache)), flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(it, queries, truth, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
