"""Every command that writes, past nodes that lie about what became of it.

Whatever a node reports: nothing is applied twice, what was signed stays in pending/ while it can
still take effect, nothing is called proved that is not, and no text of a node acts on a terminal.
"""

import concurrent.futures
import contextlib
import json
import unittest

from imi_network import OK, REFUSED, UNREACHABLE, UNVERIFIED, NetworkTest, run
from lying_node import ESCAPES, PASSED_ON, LyingNode
from test_cli_lying_node import DIVISION, FOOD, MARKET, uscc

COUNCIL, REGISTRAR = "council-440600", "registrar-a"
PASSED_ON_ANSWERED = [lie for lie in PASSED_ON if lie not in ("stall-writes", "drown-writes")]


class LyingWrites(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.number = 0
        status = run("--json", "network", "status", home=cls.home).json()
        cls.nodes = [n["rpc"] for n in status["nodes"]]
        cls.shop = uscc(1)
        done = run("--json", "enterprise", "register", cls.shop, "--name", "店铺", "--division",
                   DIVISION, "--as", MARKET, home=cls.home)
        if done.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(done))
        cls.receipt = done.json()["id"]

    def tearDown(self):
        self.assertEqual(self.pending(), [], "settled")

    # ---- commands ----------------------------------------------------------------------------

    @classmethod
    def fresh(cls):
        cls.number += 1
        return cls.number

    def record(self, doc, *more):
        return ("event", "record", self.shop, "--code", "food.premises-unsanitary", "--class",
                "minor", "--occurred", "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7",
                "--doc", doc, "--as", FOOD, *more)

    def recorded(self):
        done = self.ok(self.imi("--json", *self.record(f"of {self.fresh()}"))).json()
        return done["outcomes"][0]["id"]

    def key(self):
        path = self.temporary / f"holder-{self.fresh()}.key"
        self.ok(self.imi("key", "new", path, "--no-passphrase"))
        return path

    def issue(self):
        claims = self.file("claims.json", json.dumps({"name": "x"}))
        n = self.fresh()
        return ("attest", "issue", "--holder-key", self.key(), "--claims", claims, "--out",
                self.temporary / f"{n}.att", "--as", REGISTRAR)

    def issued(self):
        return self.ok(self.imi("--json", *self.issue())).json()["outcomes"][0]["id"]

    def agency(self, short_name):
        made = self.ok(self.imi("--json", "key", "show", self.key())).json()
        return {"kind": "agency.register", "short_name": short_name, "title": "晚",
                "uscc": uscc(500 + self.fresh()), "roles": ["market"],
                "divisions": [DIVISION[:6] + "000000"], "fields": ["food"],
                "keys": [made["public_key"]], "tier": "district", "source_class": "state-organ"}

    def submit(self, name, *entries):
        return ("submit", self.file(name, json.dumps(entries)), "--as", COUNCIL)

    def commands(self):
        """Each kind of write, and a check, after it, that it took effect exactly once."""
        def shows(words, **fields):
            def check():
                shown = self.ok(self.imi("--json", *words)).json()
                for name, value in fields.items():
                    self.assertEqual(shown[name], value, json.dumps(shown, ensure_ascii=False))
            return check

        def transitions():
            shown = self.ok(self.imi("--json", "enterprise", "show", self.shop)).json()
            return shown["transitions"]

        def adds(count):
            before = transitions()

            def check():
                self.assertEqual(transitions(), before + count)
            return check

        corrected, withdrawn = self.recorded(), self.recorded()
        yield ("event record", self.record(f"doc {self.fresh()}"), adds(1))
        yield ("event record, with a key",
               self.record("with a key", "--source-key", f"k {self.fresh()}"), adds(1))
        yield ("event correct", ("event", "correct", corrected, "--doc", "other", "--reason",
                                 "typo", "--as", FOOD), adds(1))
        yield ("event withdraw", ("event", "withdraw", withdrawn, "--as", FOOD), adds(1))
        code = uscc(100 + self.fresh())
        yield ("enterprise register",
               ("enterprise", "register", code, "--name", "新", "--division", DIVISION, "--as",
                MARKET), shows(("enterprise", "show", code), found=True, transitions=0))
        person = f"wei-{self.fresh()}"
        key = self.ok(self.imi("--json", "wallet", "init", person, "--no-passphrase")).json()
        yield ("person register",
               ("person", "register", person, "--public-key", key["public_key"], "--as",
                REGISTRAR), shows(("person", "show", person), found=True))
        yield ("attest issue", self.issue(), lambda: None)
        aid = self.issued()
        for verb, life in (("suspend", "suspended"), ("reinstate", "active"),
                           ("revoke", "revoked")):
            yield (f"attest {verb}", ("attest", verb, aid, "--as", REGISTRAR),
                   lambda life=life: self.assertIn(
                       life, self.imi("--json", "attestation", "check", aid).out))
        name = f"late-{self.fresh()}"
        register = self.agency(name)
        yield ("agency.register", self.submit("register.json", register),
               lambda: self.assertIn(name, self.ok(self.imi("agency", "list")).out))

    # ---- helpers -----------------------------------------------------------------------------

    def liar(self, lie, node=0, **options):
        return LyingNode(self.nodes[node], lie, receipt=self.receipt, **options)

    def pending(self):
        return list((self.home / "pending").iterdir())

    def transitions(self):
        return self.ok(self.imi("--json", "enterprise", "show", self.shop)).json()["transitions"]

    @contextlib.contextmanager
    def liars(self, lie, **options):
        """All four nodes tell this lie about writes, and prove nothing about submissions."""
        with contextlib.ExitStack() as stack:
            nodes = [stack.enter_context(self.liar(lie, n, **options)) for n in range(4)]
            for node in nodes:
                node.lied = self.proving_no_fate(node.lied)
            yield ",".join(n.address for n in nodes)

    @staticmethod
    def proving_no_fate(lied):
        def without(lie, call, body):
            value = lied(lie, call, body)
            if call["method"] == "submission":
                holder = value.get("result", value.get("error", {}).get("data"))
                if isinstance(holder, dict):
                    holder.pop("proof", None)
            return value
        return without

    def settled(self, words):
        """Run past honest nodes: the result, which is proved."""
        done = self.ok(self.imi("--json", *words)).json()
        self.assertTrue(done["verified"], done)
        self.assertTrue(all(o["ok"] for o in done["outcomes"]), done)
        self.assertEqual(self.pending(), [])
        return done

    def stays_open(self, words, nodes, timeout="1s"):
        """Fails, names the submission, and keeps it."""
        done = self.imi("--json", "--timeout", timeout, *words, "--node", nodes)
        self.assertIn(done.code, (REFUSED, UNREACHABLE, UNVERIFIED, 2, 3, 6), str(done))
        self.assertNotEqual(done.code, OK, str(done))
        self.assertTrue(done.error()["data"]["fate_open"], str(done))
        self.assertEqual(len(self.pending()), 1, str(done))
        self.shows_no_escapes(done)
        return done.error()["data"]["submission"]

    def shows_no_escapes(self, result):
        for text in (result.out, result.err):
            for bad in ("\x1b", "\r", "\u009b", "\u202e", "\u2028"):
                self.assertNotIn(bad, text, repr(str(result)))
            for line in text.splitlines():
                self.assertFalse(line.startswith("verified"), repr(str(result)))

    # ---- tests -------------------------------------------------------------------------------

    def test_no_command_applies_twice_what_all_nodes_pass_on_and_deny(self):
        for what, words, check in self.commands():
            with self.subTest(what):
                with self.liars("refuse-writes") as nodes:
                    first = self.stays_open(words, nodes)
                    again = self.stays_open(words, nodes)
                self.assertEqual(first, again, "the same bytes each time")
                self.assertEqual(self.settled(words)["id"], first)
                check()

    def test_a_lie_about_a_fate_beside_an_honest_node_changes_nothing(self):
        before = self.transitions()
        lies = ("another-receipt", *PASSED_ON)
        for n, lie in enumerate(lies):
            with self.subTest(lie), self.liar(lie, error=("bad-signature", 1009)) as node:
                done = self.ok(self.imi("--json", "--timeout", "9s", *self.record(f"{lie} {n}"),
                                        "--node", f"{node.address},{self.nodes[1]}"))
                self.assertTrue(done.json()["verified"])
                self.assertNotEqual(done.json()["id"], self.receipt)
                self.assertTrue(done.json()["outcomes"][0]["ok"], str(done))
                self.shows_no_escapes(done)
                self.assertEqual(self.pending(), [])
        self.assertEqual(self.transitions(), before + len(lies))

    def test_a_lie_about_a_fate_alone_leaves_the_submission_open(self):
        before = self.transitions()
        lies = ("another-receipt", *PASSED_ON)
        for n, lie in enumerate(lies):
            words = self.record(f"alone {lie} {n}")
            with self.subTest(lie), self.liars(lie, error=("bad-signature", 1009)) as nodes:
                first = self.stays_open(words, nodes)
                self.assertEqual(self.stays_open(words, nodes), first)
            self.assertEqual(self.settled(words)["id"], first)
        self.assertEqual(self.transitions(), before + len(lies))

    def test_a_weaker_wait_reports_without_proof_and_keeps_what_was_signed(self):
        before = self.transitions()
        lies = ("another-receipt", *PASSED_ON_ANSWERED)
        for n, lie in enumerate(lies):
            for wait in ("accepted", "committed"):
                words = self.record(f"{wait} {lie} {n}")
                with self.subTest(lie, wait=wait), self.liar(lie, error=("pool-full", 1014)) as one:
                    one.lied = self.proving_no_fate(one.lied)
                    done = self.imi("--timeout", "2s", *words, "--wait", wait, "--node",
                                    one.address)
                    self.shows_no_escapes(done)
                    self.assertNotIn(": verified", done.out)
                    self.assertEqual(len(self.pending()), 1, str(done))
                self.settled(words)
        self.assertEqual(self.transitions(), before + 2 * len(lies))

    def test_a_report_of_expiry_before_the_time_is_not_believed_without_proofs_either(self):
        before = self.transitions()
        for n, (lie, error) in enumerate((("say-expired", None),
                                          ("report-error", ("submission-expired", 1007)))):
            words = self.record(f"too early {n}")
            with self.subTest(lie), self.liars(lie, error=error) as nodes:
                for _ in range(2):
                    done = self.imi("--json", "--no-verify", "--timeout", "1s", *words, "--node",
                                    nodes)
                    self.exits(UNREACHABLE, done, "by this machine's clock")
                    self.assertEqual(len(self.pending()), 1, str(done))
            self.assertEqual(self.settled(words)["id"], done.error()["data"]["submission"])
        self.assertEqual(self.transitions(), before + 2)

    def test_a_refusal_that_is_only_reported_does_not_cost_an_attestation_its_salts(self):
        words = self.issue()
        out = self.temporary / words[words.index("--out") + 1]
        with self.liar("say-refused") as node:
            done = self.imi("--no-verify", *words, "--node", node.address)
            self.exits(REFUSED, done, "without proof")
        self.assertTrue(out.with_name(out.name + ".pending").exists())
        self.assertFalse(out.exists())

    def test_the_sample_city_past_a_lying_node_is_loaded_once(self):
        with self.liar("refuse-writes") as one, self.liar("say-expired", 1) as two:
            nodes = f"{one.address},{two.address},{self.nodes[2]}"
            self.ok(self.imi("--timeout", "30s", "demo", "load", "--node", nodes, timeout=240))
        again = self.ok(self.imi("demo", "load", timeout=240))
        self.assertIn("already", again.out)
        shown = self.ok(self.imi("--json", "person", "show", "wei")).json()
        self.assertEqual(shown["transitions"], 1)

    def test_every_error_that_a_node_reports_of_a_write_leaves_its_fate_open(self):
        table = self.ok(self.imi("rpc", "rpc.discover")).json()["components"]["errors"]
        errors = {e["data"]["name"] if "data" in e else name: e["code"]
                  for name, e in table.items()}
        self.assertGreater(len(errors), 30)
        before = self.transitions()

        def stays_open(error):
            words = self.record(f"error {error[1]}")
            with self.liars("report-error", error=error) as nodes:
                done = self.imi("--json", "--timeout", "500ms", *words, "--node", nodes)
            self.assertNotEqual(done.code, OK, str(done))
            self.assertTrue(done.error()["data"]["fate_open"], str(done))
            return words, done.error()["data"]["submission"]

        with concurrent.futures.ThreadPoolExecutor(4) as several:
            kept = list(several.map(stays_open, errors.items()))
        self.assertEqual(len(self.pending()), len(errors))
        for words, submission in kept:
            self.assertEqual(self.ok(self.imi("--json", *words)).json()["id"], submission)
        self.assertEqual(self.transitions(), before + len(errors))

    def test_an_import_past_lies_about_fates_adds_each_row_once(self):
        before = self.transitions()
        for lie in PASSED_ON:
            rows = ["source_key,uscc,code,class,occurred,decided,doc,basis"]
            rows += [f"{lie}-{i},{self.shop},food.premises-unsanitary,minor,2026-01-05,2026-01-06,"
                     f"d {i},s. 7" for i in range(4)]
            words = ("--timeout", "9s", "import", "events",
                     self.file(f"{lie}.csv", "\n".join(rows) + "\n"), "--as", FOOD, "--batch", "2")
            with self.subTest(lie), self.liar(lie, error=("bad-signature", 1009)) as node:
                self.shows_no_escapes(self.ok(self.imi(
                    *words, "--node", f"{node.address},{self.nodes[1]}")))
            lines = self.ok(self.imi("--json", *words)).json()
            self.assertEqual(lines["already_imported"], 4)
        self.assertEqual(self.transitions(), before + 4 * len(PASSED_ON))

    def test_an_import_that_all_nodes_deny_goes_on_with_the_same_bytes(self):
        before = self.transitions()
        rows = ["source_key,uscc,code,class,occurred,decided,doc,basis"]
        rows += [f"deny-{i},{self.shop},food.premises-unsanitary,minor,2026-01-05,2026-01-06,"
                 f"d {i},s. 7" for i in range(4)]
        words = ("--timeout", "2s", "import", "events",
                 self.file("deny.csv", "\n".join(rows) + "\n"), "--as", FOOD, "--batch", "2")
        for lie in ("refuse-writes", "say-expired", "say-refused", "another-receipt"):
            with self.liars(lie) as nodes:
                self.assertNotEqual(self.imi(*words, "--node", nodes).code, OK)
        done = self.ok(self.imi("--json", *words)).json()
        self.assertEqual((done["added"], done["already_on_ledger"]), (4, 0), done)
        self.assertEqual(self.transitions(), before + 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
