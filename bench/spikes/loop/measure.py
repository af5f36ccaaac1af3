#!/usr/bin/env python3
"""Alternating rounds of redis-benchmark against each loop and redis-server: best ops/s in total and per server CPU s.

measure.py <loop-spike binary> [rounds] [log path]
"""
import os, socket, subprocess, sys, time

BINARY, ROUNDS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
LOG = sys.argv[3] if len(sys.argv) > 3 else None
MODES = (sys.argv[4] if len(sys.argv) > 4 else "redis,tokio-now,tokio,mio-now,mio,mio2").split(",")
COUNTS = {1: 300_000, 16: 2_000_000, 64: 4_000_000}
HZ = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def start(mode, port):
    if mode == "redis":
        args = ["redis-server", "--port", str(port), "--save", "", "--daemonize", "no"]
        if LOG:
            args += ["--appendonly", "yes", "--appendfsync", "no", "--dir", os.path.dirname(LOG)]
    else:
        args = [BINARY, mode, str(port)] + ([LOG] if LOG else [])
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            time.sleep(0.05)


def measure(process, port, command, pipeline):
    used, began = cpu_seconds(process.pid), time.monotonic()
    count = COUNTS[pipeline]
    subprocess.run(["redis-benchmark", "-p", str(port), "-t", command, "-c", "50", "-P", str(pipeline), "-n",
                    str(count), "-r", "1000000", "-d", "64", "-q"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return count / (time.monotonic() - began), count / (cpu_seconds(process.pid) - used)


servers = {mode: (start(mode, 7700 + i), 7700 + i) for i, mode in enumerate(MODES)}
best = {}
for process, port in servers.values():  # load the keys
    measure(process, port, "set", 16)
for _ in range(ROUNDS):
    for command in ("get", "set"):
        for pipeline in COUNTS:
            for mode, (process, port) in servers.items():
                result = measure(process, port, command, pipeline)
                key = (command, pipeline, mode)
                best[key] = tuple(map(max, best.get(key, (0, 0)), result))
for (command, pipeline, mode), (total, per_cpu) in best.items():
    print(f"{command} P={pipeline:<3} {mode:<10} {total / 1000:8.0f} K/s {per_cpu / 1000:8.0f} K per server CPU s")
for process, _ in servers.values():
    process.terminate()
    process.wait()
