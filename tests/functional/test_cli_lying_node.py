"""`imi` trusts no node: what a lying one can do to reads, to writes and to the terminal."""

import contextlib
import json
import os
import pty
import subprocess
import unittest

from imi_network import (IMI, LOCAL, NOT_FOUND, OK, REFUSED, UNREACHABLE, UNVERIFIED, NetworkTest,
                         environment, run, uscc)
from lying_node import ESCAPES, LyingNode

MARKET, FOOD = "market-440604", "food-440604"
DIVISION = "440604010001"
PROOF_LIES = ("flip-a-bit", "drop-the-proof", "another-subject", "nothing-there")
OTHER_LIES = ("refuse", "escapes", "silence", "hang-up", "gigabyte", "endless", "interim",
              "trailers", "not-json", "other-id")


class LyingNodes(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shops = cls.temporary / "shops.csv"
        shops.write_text("uscc,name,division,status\n" + "".join(
            f"{uscc(i)},店铺 {i},{DIVISION},active\n" for i in range(8)), encoding="utf-8")
        done = run("import", "enterprises", shops, "--as", MARKET, home=cls.home)
        if done.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(done))
        status = run("--json", "network", "status", home=cls.home).json()
        cls.nodes = [n["rpc"] for n in status["nodes"]]

    def liar(self, lie, node=0, **options):
        return LyingNode(self.nodes[node], lie, uscc=uscc(7), **options)

    def record(self, shop, doc, *more):
        return ("event", "record", uscc(shop), "--code", "food.premises-unsanitary", "--class",
                "minor", "--occurred", "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7",
                "--doc", doc, "--as", FOOD, *more)

    def transitions(self, shop):
        return self.ok(self.imi("--json", "enterprise", "show", uscc(shop))).json()["transitions"]

    def pending(self):
        return list((self.home / "pending").iterdir())

    def shows_no_escapes(self, result):
        """Nothing acts on a terminal, and no line is made by what came from outside."""
        for text in (result.out, result.err):
            for bad in ("\x1b", "\r", "\x7f", "\u009b", "\u202e", "\u2028", "\u200b"):
                self.assertNotIn(bad, text, repr(str(result)))
            for line in text.splitlines():
                self.assertFalse(line.startswith("verified"), repr(str(result)))

    # ---- reads -------------------------------------------------------------------------------

    def test_a_lie_about_a_read_leads_to_the_next_node_and_is_told_once(self):
        for lie in PROOF_LIES + OTHER_LIES:
            with self.subTest(lie), self.liar(lie) as node:
                told = f"node {node.address}: "
                both = f"{node.address},{self.nodes[1]}"
                done = self.ok(self.imi("enterprise", "show", uscc(1), "--node", both))
                self.assertIn("店铺 1", done.out)
                self.assertIn("verified: signed by", done.out)
                self.assertEqual(done.err.count(told), 1, str(done))
                self.assertIn(f"asking node {self.nodes[1]}", done.err)
                j = self.ok(self.imi("--json", "enterprise", "show", uscc(1), "--node", both))
                self.assertTrue(j.json()["found"])
                self.assertIn(told, json.loads(j.err)["warning"])

    def test_an_absence_counts_only_with_its_proof(self):
        with self.liar("nothing-there") as node:
            lied = self.imi("enterprise", "show", uscc(1), "--node", node.address)
            self.exits(UNVERIFIED, lied, "without a proof")
            both = f"{node.address},{self.nodes[1]}"
            self.exits(NOT_FOUND, self.imi("enterprise", "show", uscc(99), "--node", both),
                       "the ledger proves it")
            self.exits(NOT_FOUND, self.imi("submission", "ab" * 32, "--node", both))

    def test_an_old_answer_is_noticed_and_another_node_asked(self):
        with self.liar("replay") as node:
            self.ok(self.imi("enterprise", "show", uscc(2), "--node", node.address))
            self.ok(self.imi(*self.record(2, "new")))
            both = f"{node.address},{self.nodes[1]}"
            done = self.ok(self.imi("--json", "enterprise", "show", uscc(2), "--node", both))
            self.assertEqual(done.json()["transitions"], 1)
            self.exits(UNVERIFIED, self.imi("enterprise", "show", uscc(2), "--node", node.address),
                       "behind-trusted-head")

    def test_a_block_is_taken_from_a_node_that_proves_it(self):
        for lie in ("nothing-there", "refuse", "not-json"):
            with self.subTest(lie), self.liar(lie) as node:
                both = f"{node.address},{self.nodes[1]}"
                j = self.ok(self.imi("--json", "block", "1", "--node", both)).json()
                self.assertGreaterEqual(len(j["verified"]["signers"]), 3)

    def test_a_list_of_agencies_that_goes_on_for_ever_is_ended_and_told(self):
        ids = [a["id"] for a in self.ok(self.imi("--json", "agency", "list")).json()["agencies"]]
        with self.liar(None) as node:
            true, asked = node.lied, []

            def lied(lie, call, body):
                if call["method"] != "agencies":
                    return true(lie, call, body)
                asked.append(call)
                page = ids[:1] * 199 + [ids[1 + len(asked) % 2]]  # no page ends as the one before
                return {"id": call["id"], "result": {"ids": page}}

            node.lied = lied
            done = self.ok(self.imi("agency", "list", "--node", f"{node.address},{self.nodes[1]}"))
            self.assertIn("twice", done.err)
            self.assertIn("1 of 2 nodes", done.out)

    def test_a_list_of_agencies_without_proofs_is_an_error(self):
        for lie in ("drop-the-proof", "flip-a-bit"):
            with self.subTest(lie), self.liar(lie) as node:
                done = self.imi("agency", "list", "--node", node.address)
                self.exits(UNVERIFIED, done, "status \"?\"")
                self.assertNotIn("verified: each", done.out)

    def test_evidence_is_shown_as_what_one_node_reports_and_has_an_end(self):
        self.assertIs(self.ok(self.imi("--json", "node", "evidence")).json()["verified"], False)
        self.assertIn("not verified", self.ok(self.imi("node", "evidence")).out)
        with self.liar(None) as node:
            node.lied = lambda lie, call, body: {
                "id": call["id"], "result": {"total": 1 << 40, "pairs": [{"name": "x"}]}}
            self.exits(UNREACHABLE, self.imi("--timeout", "1s", "node", "evidence", "--node",
                                             node.address), node.address, "does not end")

    def test_where_all_nodes_lie_the_error_says_so(self):
        for lie, code in ((("flip-a-bit", "drop-the-proof"), UNVERIFIED),
                          (("nothing-there", "silence"), UNVERIFIED),
                          (("gigabyte", "not-json"), UNREACHABLE),
                          (("hang-up", "silence"), UNREACHABLE),
                          (("refuse", "refuse"), REFUSED)):
            with self.subTest(lie), self.liar(lie[0]) as one, self.liar(lie[1], 1) as two:
                done = self.imi("--timeout", "3s", "enterprise", "show", uscc(1), "--node",
                                f"{one.address},{two.address}")
                self.exits(code, done)
                self.assertNotIn("verified: signed", done.out)
                if lie[0] != lie[1]:
                    self.assertIn(f"node {one.address}: ", done.err)
                    self.assertIn(f"node {two.address}: ", done.err)
                else:
                    self.assertIn("all 2 nodes", done.err)

    # ---- writes ------------------------------------------------------------------------------

    def test_a_refusal_that_is_only_reported_does_not_make_it_sign_anew(self):
        before = self.transitions(3)
        record = self.record(3, "refused")
        ids = set()
        with self.liar("refuse-writes") as node:
            # Proofs come through this node, so that the write is seen to be committed.
            done = self.imi("--json", *record, "--node", node.address)
            if done.code == OK:
                ids.add(done.json()["id"])
            else:
                ids.add(done.error()["data"]["submission"])
        with contextlib.ExitStack() as stack:
            # Every node passes it on, reports a refusal, and proves nothing.
            liars = [stack.enter_context(self.liar("refuse-writes", n, hide=True))
                     for n in range(4)]
            for node in liars:
                node.lied = self.hiding_proofs(node.lied)
            record = self.record(3, "refused and hidden")
            for _ in range(3):
                args = ("--json", *record, "--node", ",".join(n.address for n in liars))
                done = self.exits(REFUSED, self.imi(*args), "without proof", "is open")
                self.assertEqual(done.error()["name"], "bad-signature")
                self.assertTrue(done.error()["data"]["fate_open"])
                ids.add(done.error()["data"]["submission"])
                self.assertEqual(len(self.pending()), 1)
        self.assertEqual(len(ids), 2, "the same bytes each time")
        true = self.ok(self.imi("--json", *record)).json()
        self.assertIn(true["id"], ids)
        self.assertTrue(true["verified"])
        self.assertEqual(self.pending(), [])
        self.assertEqual(self.transitions(3), before + 2)

    @staticmethod
    def hiding_proofs(lied):
        def without(lie, call, body):
            value = lied(lie, call, body)
            for holder in (value.get("result"), value.get("error", {}).get("data")):
                if isinstance(holder, dict):
                    holder.pop("proof", None)
            return value
        return without

    def test_a_refusal_by_one_node_is_not_a_refusal_by_the_ledger(self):
        before = self.transitions(4)
        for n, lie in enumerate(("refuse-writes", "refuse", "escapes")):
            with self.subTest(lie), self.liar(lie) as node:
                done = self.ok(self.imi("--json", *self.record(4, f"one {n}"), "--node",
                                        f"{node.address},{self.nodes[1]},{self.nodes[2]}"))
                self.assertTrue(done.json()["verified"])
                self.shows_no_escapes(done)
        self.assertEqual(self.transitions(4), before + 3)
        self.assertEqual(self.pending(), [])

    def test_a_write_that_a_node_swallows_goes_to_another(self):
        before = self.transitions(5)
        lies = ("swallow-writes", "say-final", "silence", "hang-up", "gigabyte", "endless",
                "interim", "trailers", "not-json", "other-id")
        for n, lie in enumerate(lies):
            with self.subTest(lie), self.liar(lie) as node:
                done = self.ok(self.imi("--timeout", "9s", *self.record(5, f"swallowed {n}"),
                                        "--node", f"{node.address},{self.nodes[1]}"))
                self.assertIn("certified by a quorum: verified", done.out)
                self.assertEqual(done.err.count(f"node {node.address}: "), 1, str(done))
                self.assertIn(f"asking node {self.nodes[1]}", done.err)
        self.assertEqual(self.transitions(5), before + len(lies))
        self.assertEqual(self.pending(), [])

    def test_an_import_past_a_lying_node_adds_each_row_once(self):
        rows = ["source_key,uscc,code,class,occurred,decided,doc,basis"]
        rows += [f"lie-{i},{uscc(6)},food.premises-unsanitary,minor,2026-01-05,2026-01-06,d {i},"
                 "s. 7" for i in range(20)]
        path = self.file("events.csv", "\n".join(rows) + "\n")
        for lie in ("refuse-writes", "swallow-writes"):
            with self.subTest(lie), self.liar(lie) as node:
                self.ok(self.imi("--timeout", "9s", "import", "events", path, "--as", FOOD,
                                 "--batch", "5", "--node", f"{node.address},{self.nodes[1]}"))
        self.assertEqual(self.transitions(6), 20)

    def test_a_submission_that_all_nodes_swallow_stays_open(self):
        with self.liar("swallow-writes") as one, self.liar("swallow-writes", 1) as two:
            record = self.record(5, "by all")
            args = ("--json", "--timeout", "2s", *record, "--node",
                    f"{one.address},{two.address}")
            down = self.exits(UNREACHABLE, self.imi(*args)).error()
            self.assertTrue(down["data"]["fate_open"])
        self.assertEqual(self.ok(self.imi("--json", *record)).json()["id"],
                         down["data"]["submission"])
        self.assertEqual(self.pending(), [])

    # ---- text from a node --------------------------------------------------------------------

    def test_text_from_a_node_is_shown_as_text(self):
        with self.liar("escapes", status=True) as node:
            for words in (("enterprise", "show", uscc(1)), ("status",), ("node", "peers"),
                          ("block", "1"), ("submission", "ab" * 32), ("rpc", "head"),
                          ("--no-verify", "enterprise", "show", uscc(1)), ("head",),
                          self.record(1, "escapes")):
                for form in ((), ("--json",)):
                    with self.subTest(words=words, form=form):
                        done = self.imi(*form, *words, "--node", node.address)
                        self.assertNotEqual(done.code, OK)
                        self.shows_no_escapes(done)
                        if form:
                            self.assertIn(ESCAPES, done.error()["message"])
                        else:
                            self.assertIn("\\u{1B}[2K\\u{D}\\u{A}verified", done.err)
        for entry in self.pending():
            entry.unlink()

    def test_no_text_begins_a_line_by_its_length(self):
        columns = 60
        with self.liar("escapes", status=True) as node:
            true = node.lied

            def lied(lie, call, body):
                value = true(lie, call, body)
                prefix = len(f"error: reported by node {node.address} without proof: ")
                fill = "." * (2 * columns - prefix)
                value["error"]["message"] = " ".join([fill, "verified: signed by 4 of 4"] * 3)
                return value

            node.lied = lied
            for words in (("status",), ("enterprise", "show", uscc(1)), self.record(1, "padded")):
                shown = self.on_terminal(columns, *words, "--node", node.address)
                self.assertIn("verified: signed by 4", " ".join(shown.split()))
                for line in shown.splitlines():
                    self.assertFalse(line.startswith("verified"), shown)
                    self.assertLessEqual(len(line), 80, shown)  # an id is not broken
        for entry in self.pending():
            entry.unlink()

    def on_terminal(self, columns, *words):
        """What a command writes to a terminal of that width, errors included."""
        master, slave = pty.openpty()
        env = environment(self.home, COLUMNS=str(columns), TERM="dumb")
        with subprocess.Popen([str(IMI), *words], env=env, stdin=subprocess.DEVNULL, stdout=slave,
                              stderr=slave) as process:
            os.close(slave)
            out = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while chunk := os.read(master, 65536):
                    out += chunk
            os.close(master)
            process.wait(timeout=60)
        return out.decode().replace("\r\n", "\n")

    def test_values_and_names_in_a_nodes_answers_are_shown_as_text(self):
        with self.liar(None) as node:
            true = node.lied

            def lied(lie, call, body):
                value = true(lie, call, body)
                if isinstance(value.get("result"), dict):
                    value["result"][ESCAPES] = ESCAPES
                return value

            node.lied = lied
            for words in (("status",), ("--no-verify", "enterprise", "show", uscc(1)),
                          ("rpc", "head"), ("--json", "status")):
                done = self.ok(self.imi(*words, "--node", node.address))
                self.shows_no_escapes(done)
                self.assertIn("verified", done.out)

    def test_files_and_their_names_are_shown_as_text(self):
        hostile = "a\x1b[2K\nverified: b\u202e.csv"
        self.file(hostile, "uscc,name\u200b\x1b[31m,division\n")
        for name in (hostile, "none" + hostile, hostile + ".imi"):
            path = self.temporary / name
            for words in (("import", "enterprises", path, "--as", MARKET, "--check"),
                          ("proof", "verify", path), ("submit", path, "--as", MARKET),
                          ("key", "show", path), ("enterprise", "show", name)):
                with self.subTest(words=words):
                    done = self.imi(*words)
                    self.assertNotEqual(done.code, OK)
                    self.shows_no_escapes(done)
                    self.shows_no_escapes(self.imi("--json", *words))

    def test_the_log_of_a_node_is_shown_as_text(self):
        with (self.home / "validator-0" / "imid.log").open("ab") as log:
            log.write(b"peer says \x1b[2K\x9b2J\r" + "\u202e\u2028".encode() + b"\n")
        done = self.ok(self.imi("network", "logs", "validator-0", "-n", "5"))
        self.shows_no_escapes(done)
        self.assertIn("\\u{1B}[2K\\x{9B}2J", done.out)

    # ---- agencies registered after genesis ---------------------------------------------------

    def test_agencies_registered_later_are_listed_and_their_ids_are_whole(self):
        key, phrase = self.temporary / "late.key", self.file("phrase", "of the agency\n")
        phrase.chmod(0o600)
        made = self.ok(self.imi("--json", "key", "new", key, "--passphrase-file", phrase)).json()
        council = next(a for a in self.ok(self.imi("--json", "agency", "list")).json()["agencies"]
                       if "council" in a["roles"])
        late = "late-all"
        entries = self.file("agency.json", json.dumps([
            {"kind": "agency.register", "short_name": late, "title": "晚 \\ Late", "uscc": uscc(50),
             "roles": ["market", "registrar", "recorder"], "divisions": [DIVISION[:6] + "000000"],
             "fields": ["food"], "keys": [made["public_key"]], "tier": "district",
             "source_class": "state-organ"}]))
        done = self.imi("--json", "submit", entries, "--as", council["short_name"])
        agency = self.ok(done).json()["outcomes"][0]["id"]
        sign = ("--as", key, "--author", agency, "--passphrase-file", phrase)
        self.ok(self.imi("enterprise", "register", uscc(51), "--name", "晚店", "--division",
                         DIVISION, *sign))
        shown = self.ok(self.imi("--json", "enterprise", "show", uscc(51)))
        self.assertEqual(shown.json()["registrar"], agency)
        for columns in ("40", "80", "200"):
            out = self.ok(self.imi("enterprise", "show", uscc(51), COLUMNS=columns)).out
            self.assertIn(agency, out)
        # Listed though one node hides it and another invents one.
        with self.liar(None) as hiding, self.liar(None, 1) as inventing:
            for node, ids in ((hiding, []), (inventing, ["ab" * 32])):
                true = node.lied

                def lied(lie, call, body, true=true, ids=ids):
                    value = true(lie, call, body)
                    if call["method"] == "agencies":
                        value["result"]["ids"] = ids
                    return value

                node.lied = lied
            args = ("--node", f"{hiding.address},{inventing.address},{self.nodes[2]}")
            listed = self.ok(self.imi("--json", "agency", "list", *args))
            found = {a["short_name"]: a for a in listed.json()["agencies"]}
            self.assertEqual(found[late]["id"], agency)
            self.assertTrue(found[late]["verified"])
            self.assertGreater(found[late]["registered_in_block"], 0)
            self.assertNotIn("ab" * 32, [a["id"] for a in found.values()])
            self.assertIn("the ledger proves not to exist", listed.err)
            self.assertIn("that no agency is missing", listed.json()["not_verified"])
        self.assertIn(agency, self.ok(self.imi("agency", "list", COLUMNS="60")).out)

        # A new key has a passphrase of its own: that of one key does not open the other.
        mine = self.file("mine", "of the new key\n")
        mine.chmod(0o600)
        fresh = self.temporary / "fresh.key"
        self.ok(self.imi("key", "new", fresh, "--passphrase-file", mine))
        rekey = ("agency", "rekey", "--add", fresh, *sign)
        self.exits(LOCAL, self.imi(*rekey), "--new-passphrase-file")
        self.exits(LOCAL, self.imi(*rekey, "--new-passphrase-file", phrase), "passphrase")
        self.ok(self.imi(*rekey, "--new-passphrase-file", mine))


if __name__ == "__main__":
    unittest.main(verbosity=2)
