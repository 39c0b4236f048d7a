"""What `imi` accepts from a node and what not; how it copes with hung, silent and lost ones."""

import contextlib
import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from imi_network import (BAD_INPUT, IMI, LOCAL, NOT_FOUND, OK, ROOT, UNVERIFIED, USAGE,
                         NetworkTest, environment, fake_node, run, wait_until)

SHOWN = "91990604104777308N"  # of the sample: a long record


def liar(address, method, change):
    """A node that forwards to a true one and changes the results of one method."""

    def answer(body):
        request = urllib.request.Request(f"http://{address}/", body,
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                status, value = reply.status, json.load(reply)
        except urllib.error.HTTPError as refusal:
            status, value = refusal.code, json.load(refusal)
        if json.loads(body)["method"] == method and "result" in value:
            change(value["result"])
        return status, value

    return fake_node(answer)


class Reads(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.load = run("--json", "demo", "load", home=cls.home, timeout=120)
        if cls.load.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(cls.load))

    def nodes(self):
        return self.imi("--json", "network", "status").json()["nodes"]

    # ---- what is accepted --------------------------------------------------------------------

    def test_a_block_is_believed_only_as_certified(self):
        height = next(h for h in range(1, 40)
                      if self.imi("--json", "block", h).json()["submissions"])
        j = self.ok(self.imi("--json", "block", height)).json()
        self.assertGreaterEqual(len(j["verified"]["signers"]), 3)
        self.assertIn("submissions.refused", j["not_verified"])
        self.assertIn("verified: signed by", self.ok(self.imi("block", height)).out)
        address = self.nodes()[0]["rpc"]
        lies = {
            "time": lambda b: b.update(time_ms=b["time_ms"] + 1),
            "id": lambda b: b.update(id="ab" * 32),
            "one left out": lambda b: b["submissions"].pop(),
            "one twice": lambda b: b["submissions"].append(b["submissions"][0]),
            "another height": lambda b: b.update(height=b["height"] + 1),
            "no certificate, and another chain": lambda b: b.update(parent="ab" * 32),
        }
        for what, lie in lies.items():
            with self.subTest(what), liar(address, "block", lie) as node:
                self.exits(UNVERIFIED, self.imi("block", height, "--node", node),
                           "does not verify")
        # A block without its own certificate is accepted under that of one which descends from it.
        with liar(address, "block", lambda b: b["height"] == height and
                  b.pop("certificate", None)) as node:
            j = self.ok(self.imi("--json", "block", height, "--node", node)).json()
            self.assertEqual(j["verified"]["height"], height + 1)
        with liar(address, "block", lambda b: b.pop("certificate", None)) as node:
            j = self.ok(self.imi("--json", "block", height, "--node", node)).json()
            self.assertIs(j["verified"], False)
            self.assertIn("not verified", self.imi("block", height, "--node", node).out)
        self.exits(BAD_INPUT, self.imi("block", "0"), "blocks begin at 1")

    def test_the_validators_are_those_of_the_genesis(self):
        j = self.ok(self.imi("--json", "validators")).json()
        self.assertEqual(len(j["validators"]), 4)
        self.assertGreaterEqual(len(j["verified"]["signers"]), 3)
        with liar(self.nodes()[0]["rpc"], "validators",
                  lambda v: v["validators"][0].update(key="ab" * 33)) as node:
            told = self.ok(self.imi("--json", "validators", "--node", node)).json()
            self.assertEqual(told["validators"], j["validators"])

    def test_what_only_a_node_says_is_marked(self):
        for words in (("status",), ("node", "peers"), ("--no-verify", "validators"),
                      ("--no-verify", "block", "1"), ("--no-verify", "enterprise", "show", SHOWN)):
            with self.subTest(words):
                self.assertIs(self.ok(self.imi("--json", *words)).json()["verified"], False)
                result = self.ok(self.imi(*words))
                self.assertIn("not verified: reported by node", result.out + result.err)
        unknown = self.imi("--json", "submission", "ab" * 32)
        self.exits(NOT_FOUND, unknown, "no submission")
        self.assertIn("signers", unknown.json()["verified"])
        saved = self.temporary / "unverified.imi"
        self.exits(USAGE, self.imi("--no-verify", "enterprise", "show", SHOWN, "--out", saved),
                   "--out needs a proof")
        self.assertFalse(saved.exists())

    def test_a_head_that_cannot_be_used_is_kept_and_told(self):
        head = self.home / "trusted-head"
        self.ok(self.imi("head"))
        good = head.read_bytes()
        head.write_bytes(b"IMIHEAD1 nonsense")
        result = self.ok(self.imi("--json", "head"))
        self.assertIn("newest head seen before is not known", result.err)
        self.assertIn("signers", result.json()["head"])
        self.assertEqual((self.home / "trusted-head.damaged").read_bytes(), b"IMIHEAD1 nonsense")
        self.assertEqual(self.ok(self.imi("head")).err, "")
        self.assertEqual(head.read_bytes()[:8], good[:8])
        # Of another network: kept beside, and taken back when that one is asked again.
        foreign = bytearray(good)
        foreign[12] ^= 1  # in its genesis id
        head.write_bytes(bytes(foreign))
        self.assertIn("of another network", self.ok(self.imi("head")).err)
        kept = [p for p in self.home.glob("trusted-head.*") if "damaged" not in p.name]
        self.assertEqual([p.read_bytes() for p in kept], [bytes(foreign)])

    # ---- how it is shown ---------------------------------------------------------------------

    def on_terminal(self, columns, *words):
        """What a command writes to a terminal of that width."""
        master, slave = pty.openpty()
        env = environment(self.home, COLUMNS=str(columns), TERM="dumb")
        with subprocess.Popen([str(IMI), *words], env=env, stdin=subprocess.DEVNULL, stdout=slave,
                              stderr=subprocess.DEVNULL) as process:
            os.close(slave)
            out = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while chunk := os.read(master, 65536):
                    out += chunk
            os.close(master)
            process.wait(timeout=60)
        return out.decode().replace("\r\n", "\n")

    def test_ids_are_whole_at_any_width_and_pipes_are_not_cut(self):
        record = self.imi("--json", "enterprise", "show", SHOWN).json()
        keys = [v["key"] for v in self.imi("--json", "validators").json()["validators"]]
        agencies = [a["id"] for a in self.imi("--json", "agency", "list").json()["agencies"]]
        wanted = {("enterprise", "show", SHOWN): [e["eid"] for e in record["events"]],
                  ("validators",): keys, ("genesis", "show"): keys, ("agency", "list"): agencies}
        for words, ids in wanted.items():
            for width in (40, 80, 100, 240):
                out = self.on_terminal(width, *words)
                for each in ids:
                    self.assertIn(each, out, f"{words} at {width}")
            piped = self.ok(self.imi(*words)).out
            for each in ids:
                self.assertIn(each, piped)
            self.assertNotIn("…", piped)

    def test_an_event_says_what_fits_its_state(self):
        events = self.imi("--json", "enterprise", "show", SHOWN).json()["events"]
        seen = set()
        for e in events:
            kind = (e["life"], e.get("published"))
            if kind in seen:
                continue
            seen.add(kind)
            out = self.ok(self.imi("event", "show", e["eid"])).out
            if e["life"] != "live":
                self.assertNotIn("publish", out)
            if e["life"] == "superseded":
                self.assertIn("corrected on", out)
                self.assertIn("superseded_on", self.imi("--json", "event", "show", e["eid"]).json())
            if "publication over" in out:
                self.assertIn("publication ended", out)
            if "not published" in out or "never published" in out:
                self.assertNotIn("published until", out)
        self.assertIn("superseded", {life for life, _ in seen})

    def test_the_sample_says_that_it_is_mapped_and_loads_as_one_document(self):
        j = self.load.json()
        self.assertIn("MAPPED", j["about"])
        self.assertEqual(len(j["imports"]), 3)
        self.assertIn("MAPPED", self.ok(self.imi("demo", "load")).out)
        tour = self.ok(self.imi("demo", "tour"))
        self.assertIn("MAPPED", tour.out)
        self.exits(USAGE, self.imi("--json", "demo", "tour"), "no JSON")

    def test_the_samples_publications_are_over_under_way_and_withdrawn(self):
        with open(ROOT / "genesis/data/sample/events.csv", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        general = sorted((r for r in rows if r["class"] == "general" and not r["outcome"]),
                         key=lambda r: r["decided"])

        def event(row):
            record = self.ok(self.imi("--json", "enterprise", "show", row["uscc"])).json()
            return next(e for e in record["events"] if e.get("doc") == row["doc"])

        oldest, newest = event(general[0]), event(general[-1])
        self.assertFalse(oldest["published"])
        self.assertTrue(newest["published"])
        self.assertLess(oldest["publish_until"], oldest["recorded"])
        withdrawn = next(r for r in rows if r["outcome"] == "withdraw")
        self.assertEqual(event(withdrawn)["life"], "withdrawn")

    def test_a_persons_record_is_saved_for_its_owner_alone(self):
        saved = self.temporary / "me.imi"
        (self.temporary / "me.imi.new").write_text("left by an interrupted run")
        self.ok(self.imi("me", "record", "--person", "wei", "--out", saved))
        self.assertEqual(saved.stat().st_mode & 0o777, 0o600)

    def test_small_things_are_said_in_words(self):
        self.exits(NOT_FOUND, self.imi("agency", "show", "nope"), "no agency 'nope'")
        self.exits(LOCAL, run("network", "status", home=self.temporary / "nothing"), "no network")
        loop = self.temporary / "loop"
        loop.symlink_to(loop)
        self.exits(LOCAL, run("network", "status", "--dir", loop / "net"), "cannot use",
                   "symbolic links")
        self.exits(LOCAL, run("enterprise", "show", SHOWN, "--dir", loop / "net"), "cannot use",
                   "symbolic links")
        # `| head -1`: the reader goes away before anything is written.
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([str(IMI), "enterprise", "show", SHOWN], env=environment(self.home),
                              stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False)
        os.close(write)
        self.assertEqual([done.returncode, done.stderr], [OK, ""])

    def test_the_readme_tour_can_be_typed(self):
        folder = self.temporary / "typed"
        folder.mkdir()
        home = self.temporary / "home"
        (home / ".imi").mkdir(parents=True)
        (home / ".imi" / "demo").symlink_to(self.home)
        env = environment(HOME=str(home), PATH=f"{IMI.parent}:{os.environ['PATH']}")
        for line in ("imi enterprise show 91990604104777308N --out answer.imi",
                     "imi proof verify answer.imi --genesis ~/.imi/demo/genesis.imi",
                     "imi proof verify answer.imi", "imi me record --person wei"):
            done = subprocess.run(line, shell=True, cwd=folder, env=env, text=True, timeout=60,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, OK, line + "\n" + done.stdout + done.stderr)

    # ---- hung, silent and lost nodes ---------------------------------------------------------

    def test_a_hung_node_does_not_take_the_whole_time(self):
        first = self.nodes()[0]
        os.kill(first["pid"], signal.SIGSTOP)
        try:
            begin = time.monotonic()
            self.ok(self.imi("enterprise", "show", SHOWN, "--max-age", "10m"))
            self.assertLess(time.monotonic() - begin, 20)
        finally:
            os.kill(first["pid"], signal.SIGCONT)
        wait_until(lambda: all(n["ready"] for n in self.nodes()), "all serve again")

    def test_a_network_is_stopped_without_its_description(self):
        file = self.home / "network.json"
        good = file.read_text()
        for text, word in (("{", "damaged"), (good.replace('"version": 1', '"version": 2'),
                                              "newer version")):
            file.write_text(text)
            self.exits(LOCAL, self.imi("network", "status"), word, "network down")
            up = self.exits(LOCAL, self.imi("network", "up"), word, "network down")
            self.assertNotIn("--fresh", up.err)
            down = self.ok(self.imi("network", "down"))
            self.assertIn("stopped 4", down.out)
            file.write_text(good)
            self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))

    def test_a_validator_that_lost_its_safety_log_does_not_count(self):
        lost = self.home / "validator-2" / "data" / "safety"
        kept = self.temporary / "safety"
        self.ok(self.imi("network", "down"))
        shutil.move(lost, kept)
        try:
            up = self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
            self.assertIn("3 of 4 validators vote", up.err)
            self.assertIn("validator-2 (signs nothing)", up.err)
            self.assertIn("no safety log", up.out)
            j = self.ok(self.imi("--json", "network", "status")).json()
            self.assertEqual([j["voting"], j["quorum"], j["serving"]], [3, 3, True])
            self.assertEqual([n["votes"] for n in j["nodes"]], [True, True, False, True])
            self.assertIn("reads only", self.imi("network", "status").out)
        finally:
            self.imi("network", "down")
            shutil.rmtree(lost, ignore_errors=True)
            shutil.move(kept, lost)
            self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))


if __name__ == "__main__":
    unittest.main(verbosity=2)
