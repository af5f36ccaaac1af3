"""What the device of a file gives: random reads of 4 KiB a second, past the page cache, by so many at once.

    python bench/vector/device.py FILE

Says in a line of JSON what one reader and what 32 of them reach: cold searches cannot read more.
"""

import json
import mmap
import os
import random
import sys
import threading
import time

PAGE = 4096
READS = 2_000
DEPTHS = (1, 32)


def rate(path, readers):
    pages = os.path.getsize(path) // PAGE

    def read():
        file = os.open(path, os.O_RDONLY | os.O_DIRECT)
        # Such reads need memory at a page's beginning.
        memory = mmap.mmap(-1, PAGE)
        for _ in range(READS // readers):
            os.preadv(file, [memory], random.randrange(pages) * PAGE)
        os.close(file)

    threads = [threading.Thread(target=read) for _ in range(readers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return READS / (time.perf_counter() - start)


if __name__ == "__main__":
    print(json.dumps({f"device_reads_per_second_{depth}": rate(sys.argv[1], depth) for depth in DEPTHS}))
