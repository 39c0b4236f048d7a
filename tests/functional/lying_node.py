"""A node that lies: a proxy between `imi` and an honest node, with a switch for each lie.

    with LyingNode(address, "flip-a-bit") as node:
        run("enterprise", "show", USCC, "--node", node.address)

The lies (of reads, of writes, and of the connection):
  flip-a-bit         one bit of every proof is another
  drop-the-proof     answers come without their proofs
  another-subject    `enterprise` is answered for another code than the one asked for
  replay             the first answer to a method is given again to every later call of it
  nothing-there      everything is not found, and nothing proves that
  refuse             every call is refused with an error of the ledger
  escapes            every call is refused with a text that acts on a terminal
  say-final          a write is not passed on, and reported as committed and certified
  refuse-writes      a write is passed on, and a refusal is reported
  swallow-writes     a write is not passed on, and reported as pending
  report-error       a write is passed on, and the error `error` (name, code) is reported
  another-receipt    a write is not passed on; the answers are about the submission `receipt`
  flip-the-receipt   a write is passed on; one bit of each hexadecimal text and proof is another
  say-expired        a write is passed on, and reported as expired
  say-unknown        a write is passed on, and reported as never seen
  say-refused        a write is passed on, and its entries are reported as refused by the ledger
  stall-writes       a write is passed on and never answered
  drown-writes       a write is passed on, and its answer never ends
  escape-everything  a write is passed on; every text of every answer acts on a terminal
  odd-types          a write is passed on; every value of its answer is of another type
  odd-version        a write is passed on, and answered in another version of JSON-RPC
  silence            a call is read and never answered
  hang-up            the connection ends after the call
  gigabyte           an answer of a gigabyte begins
  endless            an answer in chunks never ends
  interim            answers "100 Continue" never end
  trailers           the trailers of an answer never end
  not-json           an answer that is no JSON
  other-id           an answer to another call
"""

import base64
import contextlib
import http.server
import json
import threading
import urllib.error
import urllib.request

ESCAPES = ("x\x1b[2K\r\nverified: signed by 4 of 4 validators, block 9, 1.2 s old\n"
           "\u009b2J\u202e\u2028y")
WRITES = ("submit", "submit_batch")
FATES = (*WRITES, "submission")
PASSED_ON = ("refuse-writes", "report-error", "flip-the-receipt", "say-expired", "say-unknown",
             "say-refused", "stall-writes", "drown-writes", "escape-everything", "odd-types",
             "odd-version")


def flipped(text):
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[len(raw) // 2] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")


def changed(value, change):
    """The same value with every text and number in it as `change` makes it."""
    if isinstance(value, dict):
        return {key: changed(v, change) for key, v in value.items()}
    if isinstance(value, list):
        return [changed(v, change) for v in value]
    return change(value)


def flipped_hex(value):
    if not isinstance(value, str) or len(value) != 64:
        return value
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def of_another_type(value):
    return {str: 1 << 70, int: "1", bool: "true"}.get(type(value), [])


class LyingNode:
    def __init__(self, true_node, lie=None, **options):
        self.true_node = true_node
        self.lie = lie
        self.options = options
        self.calls = []  # methods asked for, in order
        self._first = {}
        self._released = threading.Event()
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with contextlib.suppress(OSError):  # the client went away
                    node.answer(self, body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    # ---- the truth ---------------------------------------------------------------------------

    def forward(self, body):
        request = urllib.request.Request(f"http://{self.true_node}/", body,
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as refusal:
            return json.load(refusal)

    # ---- the lies ----------------------------------------------------------------------------

    def answer(self, handler, body):
        call = json.loads(body)
        self.calls.append(call["method"])
        lie = self.lie if call["method"] != "status" or self.options.get("status") else None
        if lie in ("silence", "hang-up", "gigabyte", "endless", "interim", "trailers", "not-json"):
            return getattr(self, lie.replace("-", "_"))(handler)
        if call["method"] in WRITES and lie in ("stall-writes", "drown-writes"):
            self.forward(body)
            return self.silence(handler) if lie == "stall-writes" else self.endless(handler)
        value = self.lied(lie, call, body)
        value.setdefault("jsonrpc", "2.0")
        if lie == "other-id":
            value["id"] = 4242
        return self.send(handler, json.dumps(value).encode())

    def lied(self, lie, call, body):
        method = call["method"]

        def error(code, name, message, **data):
            return {"id": call["id"],
                    "error": {"code": code, "message": message, "data": {"name": name, **data}}}

        if lie == "nothing-there":
            return error(2001, "not-found", "the ledger has no such thing", what="it", id="it")
        if lie == "refuse":
            return error(2003, "purpose-required", "you may not see this")
        if lie == "escapes":
            return error(2003, "purpose-required", ESCAPES, **{ESCAPES: ESCAPES})
        if method in WRITES and lie == "say-final":
            return {"id": call["id"],
                    "result": {"id": "ab" * 32, "fate": "committed", "height": 4242, "index": 0,
                               "certified": True, "outcomes": [{"ok": True, "id": "ab" * 32}]}}
        if method in WRITES and lie == "swallow-writes":
            return {"id": call["id"], "result": {"id": "ab" * 32, "fate": "pending"}}
        if lie == "another-subject" and "uscc" in call.get("params", {}):
            call["params"]["uscc"] = self.options["uscc"]
            body = json.dumps(call).encode()
        if method in FATES and lie == "another-receipt":
            params = {"id": self.options["receipt"], "prove": True}
            body = json.dumps(dict(call, method="submission", params=params)).encode()
        value = self.forward(body)
        if method in FATES and lie in PASSED_ON:
            value = self.lied_about_fate(lie, call, value, error)
        if method in WRITES and lie == "refuse-writes":
            return error(1009, "bad-signature",
                         "the signature does not match the submission and its key; sign it again")
        if lie == "replay":
            value = dict(self._first.setdefault(method, value), id=call["id"])
        holder = value.get("result", value.get("error", {}).get("data"))
        if isinstance(holder, dict) and "proof" in holder:
            if lie == "flip-a-bit":
                holder["proof"] = flipped(holder["proof"])
            elif lie == "drop-the-proof":
                del holder["proof"]
        return value

    def lied_about_fate(self, lie, call, value, error):
        fates = {"say-expired": {"fate": "expired"}, "say-unknown": {"fate": "unknown"},
                 "say-refused": {"fate": "committed", "height": 3, "index": 0, "certified": True,
                                 "outcomes": [{"ok": False, "refusal": "no-such-subject",
                                               "message": "the ledger refused it"}]}}
        if lie == "escape-everything":
            return dict(changed(value, lambda v: ESCAPES if isinstance(v, str) else v),
                        jsonrpc="2.0")
        if call["method"] not in WRITES:
            return value
        if lie in fates:
            return {"id": call["id"], "result": {"id": "ab" * 32, **fates[lie]}}
        if lie == "report-error":
            name, code = self.options["error"]
            return error(code, name, "reported by a liar", retry_after_ms=1)
        if "result" in value and lie == "flip-the-receipt":
            value["result"] = changed(value["result"], flipped_hex)
        elif "result" in value and lie == "odd-types":
            value["result"] = changed(value["result"], of_another_type)
        elif lie == "odd-version":
            value["jsonrpc"] = "3.0"
        return value

    @staticmethod
    def send(handler, text, kind="application/json"):
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def silence(self, handler):
        self._released.wait(120)
        handler.close_connection = True

    @staticmethod
    def hang_up(handler):
        handler.close_connection = True

    @staticmethod
    def gigabyte(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        handler.close_connection = True
        for _ in range(1 << 10):
            handler.wfile.write(b" " * (1 << 20))

    def endless(self, handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        while not self._released.is_set():
            handler.wfile.write(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")

    def repeat(self, handler, begin, text):
        handler.close_connection = True
        handler.wfile.write(begin)
        while not self._released.is_set():
            handler.wfile.write(text * 1000)

    def interim(self, handler):
        self.repeat(handler, b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    def trailers(self, handler):
        self.repeat(handler, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"2\r\n{}\r\n0\r\n", b"A: b\r\n")

    def not_json(self, handler):
        self.send(handler, b"<html>verified: signed by 4 of 4 validators</html>", "text/html")
