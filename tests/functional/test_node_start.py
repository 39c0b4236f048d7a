"""What a node refuses to start on, and with which words: keys, ports, stores, a full disk. Every
refusal ends the process with exit code 7 and one sentence that says what, where and what to do;
nothing in the folder is changed, and the node starts again once the cause is gone."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

from imi_network import IMID, LOCAL, NetworkTest, call, environment, run, wait_until
from test_cli_network import DIVISION, FOOD, MARKET, events_csv, uscc

NODE = 3


def can_mount():
    """True if this process may create its own mount namespace."""
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return probe.returncode == 0


class NodeStart(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.home / f"validator-{NODE}"
        cls.config = cls.folder / "imid.toml"
        cls.register(0)
        cls.stop_node()

    @classmethod
    def register(cls, number):
        done = run("enterprise", "register", uscc(number), "--name", f"店铺 {number}", "--division",
                   DIVISION, "--as", MARKET, home=cls.home)
        assert done.code == 0, str(done)

    @classmethod
    def nodes(cls):
        return json.loads(run("--json", "network", "status", home=cls.home).out)["nodes"]

    @classmethod
    def stop_node(cls):
        pid = cls.nodes()[NODE].get("pid")
        if not pid:
            return
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the node ends")

    def setUp(self):
        # The folder as it was: each test may damage it.
        self.kept = self.temporary / "kept"
        shutil.copytree(self.folder, self.kept, symlinks=True)

    def tearDown(self):
        self.stop_node()
        shutil.rmtree(self.folder)
        shutil.move(self.kept, self.folder)

    def refused(self, *words, code=LOCAL, command=None):
        """Starting the node ends with `code`, and its last words have all of `words`."""
        done = subprocess.run(command or [str(IMID), "--config", str(self.config)],
                              env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)
        self.assertNotIn("terminate called", done.stdout)
        return done.stdout

    def starts(self):
        self.ok(run("network", "up", "--tie-to-parent", home=self.home, timeout=120))
        return self.nodes()[NODE]

    # ---- keys ------------------------------------------------------------------------------------

    def test_a_key_that_others_can_read(self):
        key = self.folder / "keys" / "validator.key"
        key.chmod(0o644)
        self.refused("validator.key", "600")
        key.chmod(0o600)
        self.starts()

    def test_a_key_that_is_missing(self):
        (self.folder / "keys" / "validator.key").unlink()
        self.refused("validator.key")

    def test_a_key_of_nobody(self):
        key = self.folder / "keys" / "validator.key"
        key.unlink()
        self.ok(run("key", "new", key, "--purpose", "validator", "--no-passphrase"))
        self.refused("is not the key of a validator", "genesis")

    def test_another_tls_key(self):
        for name in ("tls.key", "tls.crt"):
            shutil.copy(self.home / "validator-0" / "keys" / name, self.folder / "keys" / name)
        self.refused("TLS key", "restore the right key")

    # ---- one process per folder, one per port ----------------------------------------------------

    def test_a_second_node_on_the_same_folder(self):
        self.starts()
        self.refused("another imid runs on", "stop it first")

    def test_a_port_in_use(self):
        text = self.config.read_text(encoding="utf-8")
        rpc = text.rsplit('listen = "127.0.0.1:', 1)[1].split('"')[0]
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", int(rpc)))
            taken.listen()
            self.refused("in use", rpc)
        self.starts()

    # ---- stores ----------------------------------------------------------------------------------

    def replace_store(self):
        store = self.folder / "data" / "ledger"
        shutil.rmtree(store)
        store.mkdir()
        return store

    def test_a_folder_of_another_program(self):
        (self.replace_store() / "letters.txt").write_text("dear", encoding="utf-8")
        self.refused("foreign-store", "ledger", "check the path")
        self.assertEqual(os.listdir(self.folder / "data" / "ledger"), ["letters.txt"])

    def test_a_store_of_another_chain(self):
        other = self.temporary / "other"
        self.ok(run("network", "up", "--dir", other, "--tie-to-parent", timeout=120))
        self.ok(run("network", "down", "--dir", other))
        shutil.rmtree(self.folder / "data" / "ledger")
        shutil.copytree(other / f"validator-{NODE}" / "data" / "ledger",
                        self.folder / "data" / "ledger")
        shutil.rmtree(other)
        self.refused("foreign", "genesis file")

    def test_a_store_of_another_format(self):
        marker = self.folder / "data" / "ledger" / "STORE"
        text = marker.read_text(encoding="utf-8")
        marker.write_text(text.replace("format 1", "format 0"), encoding="utf-8")
        self.refused("older-format", "use the program that wrote it")
        marker.write_text(text.replace("format 1", "format 9"), encoding="utf-8")
        self.refused("newer-format", "update this program")
        marker.write_text(text, encoding="utf-8")
        self.starts()

    def test_a_damaged_store(self):
        # The newest log has the newest rows; a byte in its middle is changed.
        logs = sorted((self.folder / "data" / "ledger" / "db").glob("*.log"))
        bytes_of = logs[-1].stat().st_size
        self.assertGreater(bytes_of, 1000)
        with logs[-1].open("r+b") as file:
            file.seek(bytes_of // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x55]))
        said = self.refused("data")
        self.assertTrue("corruption" in said or "damaged" in said, said)
        # What the operator is told to do: an empty ledger folder, and it catches up.
        shutil.rmtree(self.folder / "data" / "ledger")
        node = self.starts()
        height = call(self.nodes()[0]["rpc"], "head")["head"]["height"]
        wait_until(lambda: call(node["rpc"], "head")["head"]["height"] >= height, "it catches up")

    def test_a_lost_safety_log(self):
        # It serves and follows, and signs nothing: it could contradict a vote it has forgotten.
        shutil.rmtree(self.folder / "data" / "safety")
        self.starts()
        node = self.nodes()[NODE]
        status = json.dumps(call(node["rpc"], "status"))
        self.assertIn("safety", status)
        self.register(50)
        height = call(self.nodes()[0]["rpc"], "head")["head"]["height"]
        wait_until(lambda: call(node["rpc"], "head")["head"]["height"] >= height, "it follows")

    # ---- few open files --------------------------------------------------------------------------

    def limited(self, files):
        """The command that starts the node where at most `files` may be open."""
        return ["bash", "-c",
                f"ulimit -n {files} && exec '{IMID}' --config '{self.config}'"]

    def test_too_few_open_files(self):
        self.refused("only 300 files", "this node needs", "LimitNOFILE", command=self.limited(300))
        self.starts()

    def test_idle_clients_do_not_take_the_files_that_the_node_needs(self):
        limit = 400
        ports = self.folder / "data" / "run" / "ports.json"
        ports.unlink(missing_ok=True)
        node = subprocess.Popen(self.limited(limit), env=environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        idle = []
        asking = None
        try:
            wait_until(lambda: ports.exists() or node.poll() is not None, "it listens")
            self.assertIsNone(node.poll())
            rpc = json.loads(ports.read_text(encoding="utf-8"))["rpc"]
            # One connection that exists before the others, to ask over.
            asking = http.client.HTTPConnection("127.0.0.1", rpc, timeout=20)

            def height():
                asking.request("GET", "/v1/head")
                answer = json.load(asking.getresponse())
                return answer["head"]["height"] if "head" in answer else 0

            height()
            # From many addresses: each has a share of its own.
            for n in range(limit):
                idle.append(socket.create_connection(("127.0.0.1", rpc), timeout=20,
                                                     source_address=(f"127.0.1.{n % 16 + 1}", 0)))
            # The last one was seen, accepted or refused: a refusal is reported.
            self.assertIn(b"server-busy", idle[-1].recv(4096))
            opened = len(os.listdir(f"/proc/{node.pid}/fd"))
            self.assertLess(opened, limit - 256, "the ledger's files are left")
            self.register(60)
            certified = call(self.nodes()[0]["rpc"], "head")["head"]["height"]
            wait_until(lambda: height() >= certified, "it goes on committing")
            self.assertIsNone(node.poll())
        finally:
            for connection in idle:
                connection.close()
            if asking is not None:
                asking.close()
            node.terminate()
            said = node.communicate(timeout=60)[0]
        self.assertEqual(node.returncode, 0, said)
        self.assertIn("RPC connections at a time instead of", said)

    # ---- a full disk -----------------------------------------------------------------------------

    @unittest.skipUnless(can_mount(), "needs permission to mount (root)")
    def test_a_full_disk_halts_the_node_by_name_and_loses_nothing(self):
        # The node's data on a small file system of its own; the other three go on without it.
        data = self.folder / "data"
        script = (f"mount -t tmpfs -o size=12m none '{self.kept}' && cp -a '{data}/.' '{self.kept}'"
                  f" && mount --bind '{self.kept}' '{data}' && exec '{IMID}' --config "
                  f"'{self.config}'")
        node = subprocess.Popen(["unshare", "-m", "--propagation", "private", "bash", "-c", script],
                                env=environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        try:
            path = self.file("fill.csv", events_csv(12_000, first=90_000))
            self.ok(self.imi("import", "events", path, "--as", FOOD, timeout=240))
            said = node.communicate(timeout=120)[0]
        finally:
            node.kill()
        self.assertNotEqual(node.returncode, 0, said)
        self.assertTrue("no-space" in said or "full" in said, said)
        self.assertNotIn("terminate called", said)
        # Its own folder was never written to: it starts there and catches up.
        again = self.starts()
        height = call(self.nodes()[0]["rpc"], "head")["head"]["height"]
        wait_until(lambda: call(again["rpc"], "head")["head"]["height"] >= height, "it catches up")


class BadRequests(NetworkTest):
    """Requests that none of this project's clients makes."""

    def post(self, body, **headers):
        address = json.loads(self.imi("--json", "network", "status").out)["nodes"][0]["rpc"]
        request = urllib.request.Request(f"http://{address}/", body,
                                         {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            return error.code, json.loads(text) if text.startswith("{") else text

    def test_json_too_deep_or_broken(self):
        for body in (b"[" * 100_000, b'{"jsonrpc":', b"\xff\xfe", b""):
            status, answer = self.post(body)
            text = json.dumps(answer)
            self.assertTrue(status == 400 or "-32700" in text or "-32600" in text,
                            f"{status} {text}")

    def test_a_method_and_a_parameter_that_are_not_there(self):
        ask = {"jsonrpc": "2.0", "id": 1, "method": "heed"}
        self.assertEqual(self.post(json.dumps(ask).encode())[1]["error"]["code"], -32601)
        ask |= {"method": "enterprise", "params": {"usc": "x"}}
        self.assertEqual(self.post(json.dumps(ask).encode())[1]["error"]["code"], -32602)

    def test_a_host_that_is_not_ours(self):
        # A web page that resolves its own name to this machine (DNS rebinding).
        status, _ = self.post(b'{"jsonrpc":"2.0","id":1,"method":"head"}', Host="evil.example")
        self.assertIn(status, (403, 421))

    def test_a_body_that_is_too_large(self):
        try:
            status, _ = self.post(b" " * (64 << 20))
            self.assertEqual(status, 413)
        except (ConnectionError, urllib.error.URLError):
            pass  # cut off while it was still sending: refused too
        self.ok(self.imi("head"))

    def test_a_submission_that_is_none(self):
        ask = {"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"submission": "AAAA"}}
        answer = self.post(json.dumps(ask).encode())[1]
        self.assertIn("damaged", answer["error"]["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
