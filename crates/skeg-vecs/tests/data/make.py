"""Makes the Parquet files beside it: `pip install pyarrow duckdb`, then `python make.py`.

Row r has the numbers r, r + 0.5 and -r, whatever column it is.
"""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).parent
rows = range(25)


def of(numbers):
    return [[number(row) for number in numbers] for row in rows]


vectors = of([lambda row: row, lambda row: row + 0.5, lambda row: -row])
whole = of([lambda row: row, lambda row: row + 1, lambda row: 200])
table = pa.table(
    {
        "key": pa.array([f"doc:{row}" for row in rows]),
        "number": pa.array([row * 7 for row in rows], pa.uint32()),
        "signed": pa.array([row - 3 for row in rows], pa.int64()),
        "embedding": pa.array(vectors, pa.list_(pa.float32(), 3)),
        "double": pa.array(vectors, pa.list_(pa.float64())),
        "half": pa.array(vectors, pa.list_(pa.float16())),
        "bytes": pa.array(whole, pa.list_(pa.uint8())),
        "holes": pa.array([None if row == 11 else vectors[row] for row in rows]),
        "hollow": pa.array([[0.5, None, 1] if row == 11 else vectors[row] for row in rows]),
        "ragged": pa.array([[1.0] if row == 11 else vectors[row] for row in rows]),
        "keys": pa.array([None if row == 11 else str(row) for row in rows]),
        "when": pa.array([row for row in rows], pa.timestamp("ms")),
        "texts": pa.array([["a", "b"] for _ in rows]),
        "pair": pa.array([{"a": row, "b": 1.5} for row in rows]),
    }
)
pq.write_table(table, here / "pyarrow.parquet", row_group_size=10, data_page_size=64)
pq.write_table(
    table, here / "pyarrow-zstd.parquet", compression="zstd", data_page_version="2.0"
)
pq.write_table(table.select(["embedding"]), here / "gzip.parquet", compression="gzip")
duckdb.sql(
    "COPY (SELECT 'doc:' || r AS key, [r, r + 0.5, -r]::FLOAT[3] AS embedding FROM range(25) t(r)) "
    f"TO '{here / 'duckdb.parquet'}' (FORMAT parquet)"
)
