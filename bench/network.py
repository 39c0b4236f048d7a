#!/usr/bin/env python3
"""Two figures of a running network that `imi bench` does not give: how long a proved read takes
over one kept connection, and what an idle validator costs.

    imi network up --dir net && imi demo load --dir net
    bench/network.py --dir net [--uscc CODE] [--reads 2000] [--idle-seconds 10]

Standard library only. Nothing is written to the ledger.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


def status(directory):
    imi = os.environ.get("IMI", str(ROOT / "build" / "bin" / "imi"))
    done = subprocess.run([imi, "--json", "network", "status", "--dir", directory],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["nodes"]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def proved_reads(address, uscc, count):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port))
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "enterprise",
                       "params": {"uscc": uscc, "prove": True}})
    took, size = [], 0
    for _ in range(count):
        begin = time.perf_counter()
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        took.append(1e3 * (time.perf_counter() - begin))
        size = len(answer)
        if b'"error"' in answer[:200]:
            sys.exit(f"the node refused: {answer[:300]!r}")
    took.sort()
    print(f"proved read of {uscc}: p50 {statistics.median(took):.2f} ms, "
          f"p99 {took[len(took) * 99 // 100]:.2f} ms over {count}; {size:,} bytes")


def idle(nodes, seconds):
    before = [cpu_seconds(n["pid"]) for n in nodes]
    time.sleep(seconds)
    shares = [100 * (cpu_seconds(n["pid"]) - b) / seconds for n, b in zip(nodes, before)]
    print("idle: " + ", ".join(f"{s:.1f} %" for s in shares) + " of a core")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--dir", required=True)
    parser.add_argument("--uscc", default="91990604104777308N")
    parser.add_argument("--reads", type=int, default=2000)
    parser.add_argument("--idle-seconds", type=int, default=10)
    options = parser.parse_args()
    nodes = status(options.dir)
    proved_reads(nodes[0]["rpc"], options.uscc, options.reads)
    idle(nodes, options.idle_seconds)


if __name__ == "__main__":
    main()
