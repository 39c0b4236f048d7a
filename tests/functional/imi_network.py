"""A real network for tests: `imi network up` in a temporary folder, commands against it.

Nothing outlives the test: `--tie-to-parent` leaves a guard that kills the validators as soon as
this Python process is gone, however it went; tearDown stops them in order.

Environment: IMI_BINARY_DIR (the build folder; its bin/ holds imi and imid).
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY_DIR = pathlib.Path(os.environ.get("IMI_BINARY_DIR", ROOT / "build"))
IMI = BINARY_DIR / "bin" / "imi"
IMID = BINARY_DIR / "bin" / "imid"

# Exit codes, as `imi --help` lists them.
OK, REFUSED, USAGE, BAD_INPUT, UNREACHABLE, UNVERIFIED, NOT_FOUND, LOCAL = range(8)
INTERRUPTED = 130
DEADLINE_S = 60
# Of unified social credit codes.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(number):
    """A test code: 91, division 990698, a number."""
    first = f"91990698{number:08}0"
    total = sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(first))
    return first + ALPHABET[(31 - total % 31) % 31]


def events_csv(count, first=0, subject=0):
    rows = ["source_key,uscc,code,class,polarity,occurred,decided,amount_yuan,doc,basis,outcome,"
            "note"]
    for i in range(first, first + count):
        rows.append(f"case-{i},{uscc(subject)},food.premises-unsanitary,minor,negative,2026-01-05,"
                    f"2026-01-06,,doc {i},\"s. 7, clause {i}\",,卫生")
    return "\n".join(rows) + "\n"


class Result:
    """What a command printed and how it ended."""

    def __init__(self, args, done):
        self.args = args
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __str__(self):
        return (f"$ imi {' '.join(map(str, self.args))}\nexit {self.code}\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}")

    def json(self):
        return json.loads(self.out)

    def error(self):
        """The error object that --json writes to standard error."""
        return json.loads(self.err.strip().splitlines()[-1])["error"]


def environment(home=None, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("IMI_") and k != "COLUMNS"}
    if home is not None:
        env["IMI_HOME"] = str(home)
    env.update(more)
    return env


def run(*args, home=None, timeout=60, stdin=subprocess.DEVNULL, **env):
    """Runs `imi` with these words and waits for it."""
    done = subprocess.run([str(IMI), *map(str, args)], env=environment(home, **env), stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, check=False)
    return Result(args, done)


def call(address, method, **params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(f"http://{address}/", body,
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["result"]


def height_of(address):
    try:
        return call(address, "head")["head"]["height"]
    except (OSError, KeyError, TypeError):
        return None


def wait_until(condition, what):
    """Seconds until `condition()` holds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > DEADLINE_S:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - start


@contextlib.contextmanager
def fake_node(answer):
    """Yields the address of a server that answers each POST with answer(body): (status, JSON)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            status, value = answer(self.rfile.read(int(self.headers["Content-Length"])))
            text = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class ImiTest(unittest.TestCase):
    """Checks of exit codes that show the whole output where they fail."""

    def ok(self, result):
        self.assertEqual(result.code, OK, str(result))
        return result

    def exits(self, code, result, *words):
        """The command ended with `code`, and its error says all of `words`."""
        self.assertEqual(result.code, code, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        self.assertNotIn("Traceback", result.err)
        self.assertNotIn("terminate called", result.err)
        return result


class NetworkTest(ImiTest):
    """One four-validator network for all tests of the class."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = pathlib.Path(tempfile.mkdtemp(prefix="imi-test-"))
        cls.home = cls.temporary / "net"
        up = run("network", "up", "--tie-to-parent", home=cls.home, timeout=120)
        if up.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(up))

    @classmethod
    def tearDownClass(cls):
        run("network", "down", home=cls.home, timeout=60)
        shutil.rmtree(cls.temporary, ignore_errors=True)

    def imi(self, *args, **more):
        return run(*args, home=self.home, **more)

    def file(self, name, text, encoding="utf-8"):
        path = self.temporary / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path
