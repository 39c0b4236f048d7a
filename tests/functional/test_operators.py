"""What operators are told; and that a command that fails changes nothing."""

import contextlib
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

from imi_network import (BAD_INPUT, IMID, LOCAL, UNVERIFIED, NetworkTest, call, environment, run,
                         wait_until)

HERE = pathlib.Path(__file__).resolve().parent
NODE = 3
OBSERVER = f'\n[[peers.observers]]\nname = "watch-1"\npin = "{"ab" * 32}"\n'


def get(address, path):
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextlib.contextmanager
def listening(port):
    """Another program has that port."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yield


class Operators(NetworkTest):
    def status(self):
        return json.loads(self.imi("--json", "network", "status").out)

    def nodes(self):
        return self.status()["nodes"]

    def folder(self, number=NODE):
        return self.home / f"validator-{number}"

    def up(self, *args, **more):
        return self.imi("network", "up", "--tie-to-parent", *args, timeout=120, **more)

    def files(self):
        """All that a failed command must leave as it is."""
        names = [self.home / "network.json", self.home / "genesis.imi"]
        names += [self.folder(n) / "imid.toml" for n in range(4)]
        return {name: name.read_bytes() for name in names}

    def stop(self, number=NODE):
        pid = self.nodes()[number].get("pid")
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the node ends")

    def setUp(self):
        self.ok(self.up())

    # ---- imi network looks at processes, not at files -------------------------------------------

    def test_nodes_are_found_without_their_pid_files(self):
        before = self.nodes()
        files = self.files()
        for number in range(4):
            (self.folder(number) / "imid.pid").unlink()
        self.assertEqual([n["pid"] for n in self.nodes()], [n["pid"] for n in before])
        self.ok(self.up())
        self.assertEqual([n["pid"] for n in self.nodes()], [n["pid"] for n in before])
        self.assertEqual(self.files(), files)
        self.assertIn("stopped 4", self.ok(self.imi("network", "down")).out)
        for node in before:
            wait_until(lambda pid=node["pid"]: not pathlib.Path(f"/proc/{pid}").exists(), "it ends")

    def test_the_pid_file_of_a_copied_folder_names_no_node_of_the_copy(self):
        copy = self.temporary / "copy"
        shutil.copytree(self.home, copy)
        nodes = json.loads(run("--json", "network", "status", home=copy).out)["nodes"]
        self.assertEqual([n["running"] for n in nodes], [False] * 4)
        self.assertIn("already down", self.ok(run("network", "down", home=copy)).out)
        self.assertEqual([n["running"] for n in self.nodes()], [True] * 4)
        shutil.rmtree(copy)

    def test_up_keeps_what_an_operator_wrote_and_moves_only_ports(self):
        config = self.folder() / "imid.toml"
        config.write_text(config.read_text(encoding="utf-8") + OBSERVER, encoding="utf-8")
        files = self.files()
        self.ok(self.up())
        self.assertEqual(self.files(), files)
        self.ok(self.imi("network", "down"))
        port = json.loads((self.home / "network.json").read_bytes())["nodes"][NODE]["rpc_port"]
        with listening(port):
            self.ok(self.up())
        moved = config.read_text(encoding="utf-8")
        self.assertIn(OBSERVER, moved)
        self.assertNotIn(f":{port}\"", moved)
        self.assertEqual(moved.count("\n"), files[config].decode().count("\n"))

    def test_a_failed_up_changes_nothing(self):
        self.ok(self.imi("network", "down"))
        files = self.files()
        port = json.loads(files[self.home / "network.json"])["nodes"][1]["rpc_port"]
        # The first is found before anything is written, the second when the node has started.
        for name in ("validator.key", "tls.key"):
            key = self.folder() / "keys" / name
            key.chmod(0o644)
            try:
                with listening(port):
                    self.exits(LOCAL, self.up(), name, "can be read by others")
            finally:
                key.chmod(0o600)
            self.assertEqual(self.files(), files)
            self.assertEqual([n["running"] for n in self.nodes()], [False] * 4)

    def test_a_node_program_that_does_not_run_is_found_out_before_anything_is_removed(self):
        pids = [n["pid"] for n in self.nodes()]
        files = self.files()
        self.exits(LOCAL, self.up("--fresh", "--imid", "/bin/false"), "/bin/false")
        self.assertEqual(self.files(), files)
        self.assertEqual([n["pid"] for n in self.nodes()], pids)

    # ---- configuration --------------------------------------------------------------------------

    def refused(self, change, *words):
        """A node with its configuration changed like this does not start, and says why."""
        config = self.folder() / "changed.toml"
        text = (self.folder() / "imid.toml").read_text(encoding="utf-8")
        changed = change(text)
        self.assertNotEqual(changed, text)
        config.write_text(changed, encoding="utf-8")
        done = subprocess.run([str(IMID), "--config", str(config)], env=environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)
        config.unlink()
        self.assertEqual(done.returncode, BAD_INPUT, done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)

    def test_settings_without_effect_on_this_chain_are_refused(self):
        self.refused(lambda t: t.replace("validator-1 =", "validator_1 ="),
                     "peers.addresses: 'validator_1' is not a validator of this chain",
                     "validator-0, validator-1")
        self.refused(lambda t: t + 'hosts = ["*"]\n', "rpc.hosts: '*'", "wildcard")
        self.refused(lambda t: t.replace('name = "validator-3"', 'name = "validator-1"'),
                     "node.name: 'validator-1' is another validator's name")
        self.refused(lambda t: t + OBSERVER.replace("watch-1", "validator-2"),
                     "peers.observers: 'validator-2' is the name of a validator")
        pin = (self.folder(0) / "keys" / "tls.pin").read_text(encoding="utf-8").strip()
        self.refused(lambda t: t + OBSERVER.replace("ab" * 32, pin), "the pin of validator-0")
        empty = self.folder() / "token"
        empty.write_text("\n", encoding="utf-8")
        empty.chmod(0o600)
        self.refused(lambda t: t + 'token_file = "token"\n', "token", "is empty")
        empty.write_text("two words\n", encoding="utf-8")
        self.refused(lambda t: t + 'token_file = "token"\n', "rpc.token_file", "blanks")

    def test_a_byte_order_mark_is_taken(self):
        self.stop()
        config = self.folder() / "imid.toml"
        text = config.read_bytes()
        config.write_bytes(b"\xef\xbb\xbf" + text)
        self.ok(self.up())
        self.stop()
        config.write_bytes(text)

    # ---- peers ----------------------------------------------------------------------------------

    def test_peers_say_why_one_is_not_connected(self):
        self.stop()
        address = self.nodes()[0]["rpc"]

        def row():
            return {p["name"]: p for p in call(address, "peers")}[f"validator-{NODE}"]

        wait_until(lambda: row().get("last_end") == "connection-refused", "it is dialled again")
        shown = self.ok(self.imi("node", "peers", "--node", address)).out
        self.assertIn("validator-3: nothing listens there", shown)
        self.assertIn("no connection with validator-3",
                      (self.folder(0) / "imid.log").read_text(encoding="utf-8"))
        metrics = get(address, "/metrics")[1]
        self.assertIn('imi_peer_connected{peer="validator-3",reason="connection-refused"} 0',
                      metrics)

    # ---- readiness and silence ------------------------------------------------------------------

    def test_a_silent_validator_says_why_everywhere_and_after_restarts(self):
        self.stop()
        safety = self.folder() / "data" / "safety"
        kept = self.temporary / "safety"
        shutil.move(safety, kept)
        for _ in range(2):
            up = self.ok(self.up())
            self.assertIn("validator-3 (signs nothing)", up.err)
            self.assertIn("A validator that signs nothing", up.err)
            self.assertNotIn("starts those that are down", up.err)
            address = self.nodes()[NODE]["rpc"]
            code, body = get(address, "/readyz")
            self.assertEqual(code, 503)
            self.assertIn("signs nothing", json.loads(body)["why"])
            status = call(address, "status")
            self.assertFalse(status["ready"])
            self.assertTrue(status["answers"])
            self.assertIn("safety log", status["silent_because"])
            self.assertIn('imi_silent{reason="', get(address, "/metrics")[1])
            self.assertIn("this validator signs nothing: ",
                          (self.folder() / "imid.log").read_text(encoding="utf-8"))
            self.stop()
        shutil.rmtree(safety, ignore_errors=True)
        shutil.move(kept, safety)
        guide = (HERE.parent.parent / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
        self.assertIn("## A validator that signs nothing", guide)

    def test_readyz_is_true_only_where_a_quorum_is_connected(self):
        address = self.nodes()[0]["rpc"]
        wait_until(lambda: get(address, "/readyz")[0] == 200, "it is ready")
        self.stop(NODE)
        self.stop(NODE - 1)
        wait_until(lambda: get(address, "/readyz")[0] == 503, "it notices")
        self.assertIn("needs 2", get(address, "/readyz")[1])
        self.assertEqual(get(address, "/healthz")[0], 200)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool_accepts_the_metrics(self):
        text = get(self.nodes()[0]["rpc"], "/metrics")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_a_node_that_halted_on_a_full_disk_is_named_so_and_restarted(self):
        full = self.temporary / "full"
        address = self.nodes()[NODE]["rpc"]
        with self.node_with(self.preloaded("full_disk") | {"FULL_WHEN": str(full)}) as node:
            def ready():
                try:
                    return get(address, "/readyz")[0] == 200
                except OSError:
                    return False

            wait_until(ready, "it takes part")
            full.touch()
            wait_until(lambda: not ready(), "the next block halts it")
            shown = self.ok(self.imi("network", "status"))
            self.assertIn("halted: disk full", shown.out)
            self.assertIn("imi network up restarts the halted nodes", shown.err)
            self.assertEqual(self.nodes()[NODE]["pid"], node.pid)
            self.assertIn("halted (", get(address, "/readyz")[1])
            self.assertRegex(get(address, "/metrics")[1], r'imi_halted\{reason="[a-z-]+-full"\} 1')
            self.assertIn("head", call(address, "head"))  # reads go on
            full.unlink()
            self.ok(self.up())
            self.assertNotEqual(self.nodes()[NODE]["pid"], node.pid)
            self.assertTrue(self.nodes()[NODE]["votes"])

    # ---- clocks ---------------------------------------------------------------------------------

    def preloaded(self, name):
        """The environment of a process with one of the libraries beside this file."""
        library = self.temporary / f"{name}.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(HERE / f"{name}.c"),
                        "-ldl"], check=True)
        return {"LD_PRELOAD": str(library)}

    def skewed(self, seconds):
        """The environment of a process whose clock is ahead."""
        return self.preloaded("skewed_clock") | {"SKEW": str(seconds)}

    @contextlib.contextmanager
    def node_with(self, env):
        """NODE, started by hand: no pid file names it."""
        self.stop()
        node = subprocess.Popen([str(IMID), "--config", str(self.folder() / "imid.toml")],
                                env=environment(**env), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            yield node
        finally:
            node.terminate()
            node.wait(timeout=60)

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_a_wrong_clock_is_named_by_the_node_and_by_its_peers(self):
        rpc = [n["rpc"] for n in self.nodes()]

        def problem(number):
            try:
                return call(rpc[number], "status")["clock"].get("problem", "")
            except OSError:
                return ""

        with self.node_with(self.skewed(3630)) as node:
            wait_until(lambda: "this node's clock is 1 h 0 min ahead of" in problem(NODE),
                       "it names its own clock")
            wait_until(lambda: "the clock of validator-3 is wrong" in problem(0),
                       "others name its clock")
            code, body = get(rpc[NODE], "/readyz")
            self.assertEqual(code, 503)
            self.assertIn("this node's clock", body)
            self.assertEqual(get(rpc[0], "/readyz")[0], 200)
            shown = self.nodes()[NODE]
            self.assertEqual(shown["pid"], node.pid)
            self.assertGreater(shown["clock_ahead_ms"], 3_590_000)
            told = self.ok(self.imi("network", "status")).err
            self.assertIn("validator-3 reports: this node's clock", told)

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_the_command_line_names_its_own_wrong_clock(self):
        for seconds, words in ((3630, ("clock is fast", "ahead of")),
                               (-3630, ("this clock is slow", "behind"))):
            told = self.exits(UNVERIFIED, self.imi("head", **self.skewed(seconds)),
                              "this machine's clock is", *words)
            self.assertNotIn("another node", told.err)

    # ---- a home that cannot be written -----------------------------------------------------------

    def test_a_trusted_head_that_cannot_be_kept_is_told(self):
        client = self.temporary / "client"
        client.mkdir()
        shutil.copy(self.home / "genesis.imi", client)
        (client / "trusted-head.new").mkdir()  # in the way of the file, also for root
        done = self.ok(run("head", "--node", self.nodes()[0]["rpc"], home=client))
        self.assertIn("cannot be kept", done.err)
        self.assertEqual(done.err.count("cannot be kept"), 1)
        shutil.rmtree(client)


if __name__ == "__main__":
    unittest.main(verbosity=2)
