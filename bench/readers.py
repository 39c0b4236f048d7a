#!/usr/bin/env python3
"""What one reader of small answers waits while others read, or are refused, on the same node.

    bench/readers.py --bin build/bin            # a network of its own in a temporary folder

A light reader asks for one agency with its proof, once every few milliseconds, on one connection.
Beside it, on other connections and from other addresses of this machine (127.0.1.1 and up), run:

  alone      nobody
  light      readers of the same small answer, as fast as they are served (the control: whoever
             reads at all uses the processor)
  heavy      readers of one enterprise's record with all its events and their proofs (about 41 kB)
  refused K  calls that are refused, at --rate per second, of the kinds below

Kinds of refusals: method (no such method), params (a parameter of the wrong type), json (not JSON),
path (no such path), signature (a submission whose signature is wrong), rate (reads beyond the limit
of calls: as many as the node takes in), reconnect (as rate, over a new connection each).
Python's standard library only. The load runs in processes of its own.
"""

import argparse
import base64
import json
import multiprocessing
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "functional"))
from lying_node import LyingNode  # noqa: E402

SHOP, DIVISION = "91990697000000010M", "440604010001"
LIGHT_PAUSE_S = 0.004
KINDS = ("method", "params", "json", "path", "signature", "rate", "reconnect")


def connect(node, source):
    host, port = node.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 10, (source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def post(body):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def call(method, **params):
    return post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def answer(s, kept=b""):
    """One answer's status and body."""
    while b"\r\n\r\n" not in kept:
        more = s.recv(1 << 16)
        if not more:
            raise ConnectionError("closed")
        kept += more
    head, rest = kept.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    parts, have = [rest], len(rest)
    while have < length:
        parts.append(s.recv(1 << 18))
        if not parts[-1]:
            raise ConnectionError("closed")
        have += len(parts[-1])
    return int(head.split()[1]), b"".join(parts)


def ask(node, method, **params):
    with connect(node, "127.0.0.1") as s:
        s.sendall(call(method, **params))
        return json.loads(answer(s)[1])


# ---- load ----------------------------------------------------------------------------------------


def read_all_the_time(node, source, request, count):
    s = connect(node, source)
    while True:
        s.sendall(request)
        answer(s)
        count.value += 1


def be_refused(node, source, request, rate, count):
    """Requests at a rate, many in flight; whoever is not read from waits."""
    s = connect(node, source)
    s.setblocking(False)
    begin, sent, left = time.monotonic(), 0, b""
    while True:
        due = int((time.monotonic() - begin) * rate) - sent
        if due > 0 and not left:
            n = min(due, 256)
            left, sent = request * n, sent + n
        try:
            if left:
                left = left[s.send(left):]
        except BlockingIOError:
            sent = int((time.monotonic() - begin) * rate)  # what was not taken is not made up for
        except OSError:
            s, left = connect(node, source), b""
            s.setblocking(False)
        try:
            while got := s.recv(1 << 18):
                count.value += got.count(b"HTTP/1.1 ")
        except OSError:
            pass
        time.sleep(0.002)


def reconnect(node, source, request, count):
    while True:
        with connect(node, source) as s:
            s.sendall(request)
            try:
                answer(s)
                count.value += 1
            except OSError:
                pass


# ---- the measurement -----------------------------------------------------------------------------


def quantile(times, q):
    return sorted(times)[min(len(times) - 1, int(len(times) * q))]


def light_reader(node, request, seconds):
    times, failed = [], 0
    s = connect(node, "127.0.0.1")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        s.sendall(request)
        status, _ = answer(s)
        times.append((time.monotonic() - begin) * 1000)
        failed += status != 200
        time.sleep(LIGHT_PAUSE_S)
    return times, failed


def measure(name, node, request, seconds, load):
    """`load`: (function, arguments) of each process that runs beside it."""
    counts = [multiprocessing.Value("Q", 0) for _ in load]
    processes = [multiprocessing.Process(target=f, args=(*args, count), daemon=True)
                 for (f, args), count in zip(load, counts)]
    for p in processes:
        p.start()
    time.sleep(1.5 if processes else 0.2)
    before, begin = sum(c.value for c in counts), time.monotonic()
    times, failed = light_reader(node, request, seconds)
    answers = (sum(c.value for c in counts) - before) / (time.monotonic() - begin)
    for p in processes:
        p.terminate()
        p.join()
    print(f"{name:20} p50 {statistics.median(times):7.2f} ms   p90 {quantile(times, .9):7.2f}   "
          f"p99 {quantile(times, .99):7.2f}   reads {len(times):5} failed {failed:3}   "
          f"others {answers:8.0f}/s", flush=True)
    return {"name": name, "p50_ms": statistics.median(times), "p90_ms": quantile(times, .9),
            "p99_ms": quantile(times, .99), "others_per_s": answers}


def refusals(node, kind, a):
    light = call("agency", id="ab" * 32)
    source = "127.0.2.1"
    if kind == "reconnect":
        return [(reconnect, (node, source, light))] * 2
    request = {"method": call("no_such_method"), "params": call("agency", id=7),
               "json": post(b"{" * 40), "rate": light,
               "path": b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
               "signature": call("submit", submission=a.submission)}[kind]
    rate = a.rate if kind != "rate" else 10 * a.rate
    return [(be_refused, (node, source, request, rate))]


# ---- a network of its own ------------------------------------------------------------------------


def imi(a, *words):
    done = subprocess.run([a.bin / "imi", *map(str, words)], env=dict(os.environ, IMI_HOME=a.home),
                          stdout=subprocess.PIPE, check=True, timeout=300)
    return done.stdout.decode()


def prepare(a):
    """One enterprise with as many events as make an answer of about 41 kB."""
    path = pathlib.Path(a.home) / "events.csv"
    imi(a, "enterprise", "register", SHOP, "--name", "店铺", "--division", DIVISION, "--as",
        "market-440604")
    rows = ["source_key,uscc,code,class,occurred,decided,doc,basis"]
    rows += [f"b-{i},{SHOP},food.premises-unsanitary,minor,2026-01-05,2026-01-06,d {i},s. 7"
             for i in range(a.events)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    imi(a, "import", "events", path, "--as", "food-440604")
    a.node = json.loads(imi(a, "--json", "network", "status"))["nodes"][0]["rpc"]
    a.uscc = SHOP
    a.agency = json.loads(imi(a, "--json", "agency", "list"))["agencies"][0]["id"]
    a.submission = wrong_submission(a)


def wrong_submission(a):
    """What `imi` would send, with another signature."""
    sent = []
    with LyingNode(a.node, "swallow-writes") as node:
        true = node.lied

        def lied(lie, call, body):
            if call["method"] == "submit":
                sent.append(call["params"]["submission"])
            return true(lie, call, body)

        node.lied = lied
        subprocess.run([a.bin / "imi", "--node", node.address, "--timeout", "1s", "event", "record",
                        SHOP, "--code", "food.premises-unsanitary", "--class", "minor",
                        "--occurred", "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7",
                        "--doc", "d", "--as", "food-440604"],
                       env=dict(os.environ, IMI_HOME=a.home), check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    raw = bytearray(base64.urlsafe_b64decode(sent[0] + "=" * (-len(sent[0]) % 4)))
    raw[-1] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")


def run(a):
    light = call("agency", id=a.agency, prove=True)
    heavy = call("enterprise", uscc=a.uscc, prove=True, limit=a.events)
    with connect(a.node, "127.0.0.1") as s:
        for name, request in (("light", light), ("heavy", heavy)):
            s.sendall(request)
            status, body = answer(s)
            print(f"{name} answer: {len(body)} bytes, status {status}")
    others = [f"127.0.1.{k + 1}" for k in range(a.readers)]
    out = [measure("alone", a.node, light, a.seconds, [])]
    for name, request in (("light", light), ("heavy", heavy)):
        load = [(read_all_the_time, (a.node, source, request)) for source in others]
        out.append(measure(f"{a.readers} {name} readers", a.node, light, a.seconds, load))
    for kind in a.refused:
        out.append(measure(f"refused {kind}", a.node, light, a.seconds,
                           refusals(a.node, kind, a)))
    if a.json:
        print(json.dumps(out))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"))
    p.add_argument("--events", type=int, default=100, help="of the enterprise that is read")
    p.add_argument("--readers", type=int, default=8)
    p.add_argument("--seconds", type=float, default=8)
    p.add_argument("--rate", type=int, default=5_000, help="refused calls per second")
    p.add_argument("--refused", nargs="*", choices=KINDS, default=KINDS)
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="imi-bench-") as home:
        a.home = home
        imi(a, "network", "up", "--tie-to-parent")
        try:
            prepare(a)
            run(a)
        finally:
            imi(a, "network", "down")


if __name__ == "__main__":
    main()
