"""A real network of four validators, driven through `imi`."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from imi_network import (BAD_INPUT, IMI, INTERRUPTED, LOCAL, NOT_FOUND, OK, REFUSED, UNREACHABLE,
                         UNVERIFIED, USAGE, NetworkTest, environment, events_csv, fake_node,
                         height_of, run, uscc, wait_until)

MARKET, FOOD, REGISTRAR = "market-440604", "food-440604", "registrar-a"
FIRE = "fire-440604"
DIVISION = "440604010001"


def lying_node(result):
    """Answers every method with one made-up result and no proof."""
    return fake_node(lambda body: (200, {"jsonrpc": "2.0", "id": json.loads(body)["id"],
                                         "result": result}))


class Cli(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rows = "uscc,name,division,status\n" + "".join(
            f"{uscc(i)},店铺 {i},{DIVISION},active\n" for i in range(20))
        cls.shops = cls.temporary / "shops.csv"
        cls.shops.write_text(rows, encoding="utf-8")
        done = run("import", "enterprises", cls.shops, "--as", MARKET, home=cls.home)
        if done.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(done))

    # ---- the network -------------------------------------------------------------------------

    def test_status_names_four_serving_nodes(self):
        j = self.ok(self.imi("--json", "network", "status")).json()
        self.assertEqual([n["name"] for n in j["nodes"]], [f"validator-{i}" for i in range(4)])
        self.assertTrue(all(n["ready"] for n in j["nodes"]))
        self.assertIn("serving", self.ok(self.imi("network", "status")).out)

    def test_up_again_changes_nothing(self):
        before = self.ok(self.imi("--json", "network", "status")).json()
        self.ok(self.imi("network", "up", "--tie-to-parent"))
        after = self.ok(self.imi("--json", "network", "status")).json()
        self.assertEqual([n["pid"] for n in before["nodes"]], [n["pid"] for n in after["nodes"]])
        self.exits(USAGE, self.imi("network", "up", "--validators", "7"), "4 validators, not 7")

    def test_a_dead_node_is_told_and_started_again_by_up(self):
        node = self.ok(self.imi("--json", "network", "status")).json()["nodes"][3]
        os.kill(node["pid"], signal.SIGKILL)
        told = self.ok(self.imi("network", "status"))  # a quorum serves
        self.assertIn("3 of 4", told.err)
        self.assertIn("validator-3 (down)", told.err)
        # Three of four continue, and reads fail over to them.
        self.ok(self.imi("enterprise", "show", uscc(0)))
        self.ok(self.imi("network", "up", "--tie-to-parent"))
        self.ok(self.imi("network", "status"))

    def test_logs(self):
        self.ok(self.imi("network", "logs", "validator-0", "-n", "5"))
        self.exits(USAGE, self.imi("network", "logs", "validator-9"), "no node")

    # ---- reads -------------------------------------------------------------------------------

    def test_an_enterprise_is_shown_verified_saved_and_checked_offline(self):
        answer = self.temporary / "answer.imi"
        out = self.ok(self.imi("enterprise", "show", uscc(1), "--prove", "--out", answer)).out
        self.assertIn("verified: signed by", out)
        self.assertIn("店铺 1", out)
        offline = run("proof", "verify", answer, "--genesis", self.home / "genesis.imi",
                      home=self.temporary / "nowhere")
        self.ok(offline)
        self.assertIn("This proof is valid", offline.out)
        self.assertIn("nothing is left out", offline.out)
        # Every byte counts.
        good = answer.read_bytes()
        for at in range(0, len(good), max(1, len(good) // 40)):
            bad = bytearray(good)
            bad[at] ^= 1
            answer.write_bytes(bytes(bad))
            self.exits(UNVERIFIED, run("proof", "verify", answer, "--genesis",
                                       self.home / "genesis.imi"),
                       "does NOT verify")
        answer.write_bytes(good[:-1])
        self.exits(UNVERIFIED, run("proof", "verify", answer, "--genesis",
                                   self.home / "genesis.imi"))

    def test_a_saved_answer_is_checked_under_a_newer_head_once_it_is_renewed(self):
        saved, renewed = self.temporary / "old.imi", self.temporary / "renewed.imi"
        trusted = self.temporary / "head.imi"
        self.ok(self.imi("enterprise", "show", uscc(1), "--out", saved))
        shown = self.ok(run("--json", "proof", "verify", saved, "--genesis",
                            self.home / "genesis.imi")).json()
        self.ok(self.imi("enterprise", "register", uscc(511), "--name", "乙", "--division",
                         DIVISION, "--as", MARKET, "--wait", "certified"))
        self.ok(self.imi("head", "--save", trusted))
        check = ("--genesis", self.home / "genesis.imi", "--head", trusted)
        self.exits(UNVERIFIED, run("proof", "verify", saved, *check), "behind-trusted-head")
        told = self.ok(self.imi("proof", "renew", saved, "--out", renewed)).out
        self.assertIn("checked under block", told)
        out = self.ok(run("proof", "verify", renewed, *check)).out
        self.assertIn("in history of", out)
        again = self.ok(run("--json", "proof", "verify", renewed, *check)).json()
        self.assertEqual(again["answer"], shown["answer"])
        self.assertEqual(again["verified"]["height"], shown["verified"]["height"])
        # Neither another file nor another network's proof is renewed, and FILE stays as it was.
        self.exits(BAD_INPUT, self.imi("proof", "renew", trusted), "not a complete proof file")
        bad = bytearray(saved.read_bytes())
        bad[-40] ^= 1  # in a hash of a path
        saved.write_bytes(bytes(bad))
        self.exits(UNVERIFIED, self.imi("proof", "renew", saved), "does NOT verify")
        self.assertEqual(saved.read_bytes(), bytes(bad))

    def test_a_proof_of_one_kind_is_not_called_one_of_the_whole_record(self):
        code = uscc(510)
        self.ok(self.imi("enterprise", "register", code, "--name", "甲", "--division", DIVISION,
                         "--as", MARKET, "--wait", "certified"))
        for n in range(2):
            self.ok(self.imi("event", "record", code, "--code", "food.premises-unsanitary",
                             "--class", "minor", "--occurred", "2026-01-05", "--decided",
                             "2026-01-06", "--basis", "s. 7", "--doc", f"d {n}", "--as", FOOD,
                             "--wait", "certified"))
        saved = self.temporary / "kind.imi"
        for kind, count in (("food.pests", 0), ("food.premises-unsanitary", 2)):
            show = ("enterprise", "show", code, "--kind", kind)
            out = " ".join(self.ok(self.imi(*show, "--out", saved)).out.split())
            self.assertIn(f"{count} of kind {kind} ever", out)
            self.assertIn("2 of all kinds", out)
            j = self.ok(self.imi("--json", *show)).json()
            self.assertEqual([j["kind"], j["transitions"], j["transitions_of_all_kinds"]],
                             [kind, count, 2])
            check = ("proof", "verify", saved, "--genesis", self.home / "genesis.imi")
            j = self.ok(run("--json", *check)).json()
            self.assertIn(f"all {count} transitions of kind {kind}", j["meaning"])
            self.assertIn("2 transitions of all kinds", j["meaning"])
            self.assertNotIn("ever had: nothing", j["meaning"])
            self.assertEqual(j["answer"]["kind"], kind)
            self.assertIn(f"kind {kind}", " ".join(self.ok(run(*check)).out.split()))
        # A later page is not a whole record, and one past the end says where that is.
        j = self.ok(self.imi("--json", "enterprise", "show", code, "--from", "1")).json()
        self.assertEqual([j["complete"], j["from"], j["shown"]], [False, 1, 1])
        out = self.ok(self.imi("enterprise", "show", code, "--from", "1", "--out", saved)).out
        self.assertIn("transitions 1 to 1 of 2 shown", out)
        out = self.ok(run("proof", "verify", saved, "--genesis", self.home / "genesis.imi")).out
        self.assertNotIn("nothing is left out", out)
        self.exits(BAD_INPUT, self.imi("enterprise", "show", code, "--from", "2"),
                   "has 2 transitions", "--from 0 to 1")

    def test_an_absence_is_proved_and_exits_with_6(self):
        self.exits(NOT_FOUND, self.imi("enterprise", "show", uscc(9999)), "the ledger proves it")
        self.assertFalse(self.imi("--json", "enterprise", "show", uscc(9999)).json()["found"])
        self.exits(BAD_INPUT, self.imi("enterprise", "show", "91350100M000100Y4Z"),
                   "not a unified social credit code")
        self.exits(BAD_INPUT, self.imi("event", "show", "abc"), "64 hexadecimal")

    def test_freshness_is_asked_for(self):
        self.exits(UNVERIFIED, self.imi("head", "--max-age", "0ms"), "did not verify")

    def test_the_chain(self):
        head = self.ok(self.imi("--json", "head")).json()["head"]
        self.assertGreaterEqual(len(head["signers"]), 3)
        self.assertEqual(self.ok(self.imi("--json", "genesis", "id")).json()["id"], head["genesis"])
        self.assertIn("submissions", self.ok(self.imi("block", "1")).out)
        self.assertNotEqual(self.imi("block", "99999999").code, OK)
        self.assertEqual(len(self.ok(self.imi("--json", "validators")).json()["validators"]), 4)
        self.assertIn("food.pests", self.ok(self.imi("catalog", "food")).out)
        self.assertIn(MARKET, self.ok(self.imi("agency", "list")).out)
        self.assertIn("verified", self.ok(self.imi("agency", "show", MARKET)).out)
        self.assertTrue(self.ok(self.imi("--json", "status")).json()["ready"])
        self.assertIn("height", self.ok(self.imi("rpc", "head")).out)
        older = self.temporary / "head.imi"
        self.ok(self.imi("head", "--save", older))

    def test_tables_fit_a_narrow_terminal(self):
        for command in (("network", "status"), ("validators",), ("agency", "list")):
            for line in self.ok(self.imi(*command, COLUMNS="50")).out.splitlines():
                if line.startswith(("This is", "These are", "verified", "not verified")):
                    continue
                self.assertLessEqual(len(line), 80, line)

    # ---- writes ------------------------------------------------------------------------------

    def test_register_record_correct_withdraw(self):
        code = uscc(500)
        self.ok(self.imi("enterprise", "register", code, "--name", "海港厨房",
                         "--division", DIVISION,
                         "--as", MARKET))
        self.exits(REFUSED, self.imi("enterprise", "register", code, "--name", "x", "--division",
                                     DIVISION,
                                     "--as", MARKET), "already")
        facts = ["--code", "food.premises-unsanitary", "--class", "minor", "--occurred",
                 "2026-01-05",
                 "--decided", "2026-01-06", "--basis", "s. 7", "--doc", "d 1"]
        done = self.ok(self.imi("--json", "event", "record", code, *facts, "--source-key", "one",
                                "--as", FOOD,
                                "--wait", "certified")).json()
        self.assertEqual(done["fate"], "committed")
        eid = done["outcomes"][0]["id"]
        self.exits(REFUSED, self.imi("event", "record", code, *facts, "--source-key", "one", "--as",
                                     FOOD),
                   "duplicate-source")
        self.assertIn("food.premises-unsanitary", self.ok(self.imi("event", "show", eid)).out)
        fate = self.ok(self.imi("--json", "submission", done["id"])).json()
        self.assertEqual(fate["fate"], "committed")
        # Facts that are not given again stay; --wait alone means certified.
        corrected = self.ok(self.imi("--json", "event", "correct", eid, "--amount-yuan", "3000.00",
                                     "--reason", "typo", "--as", FOOD, "--wait")).json()
        self.assertTrue(corrected["verified"])
        new = corrected["outcomes"][0]["id"]
        shown = self.ok(self.imi("event", "show", new)).out
        for kept in ("3,000.00", "d 1", "s. 7", "2026-01-05"):
            self.assertIn(kept, shown)
        self.ok(self.imi("event", "withdraw", new, "--as", FOOD, "--wait", "certified"))
        record = self.ok(self.imi("--json", "enterprise", "show", code)).json()
        self.assertTrue(record["complete"])
        self.assertEqual(record["transitions"], 3)
        self.assertEqual({e["life"] for e in record["events"]}, {"superseded", "withdrawn"})
        self.exits(BAD_INPUT, self.imi("event", "record", code, "--code", "food.pest", "--occurred",
                                       "2026-13-01",
                                       "--decided", "2026-01-06", "--basis", "s", "--as", FOOD),
                   "food.pests", "--occurred")
        self.exits(BAD_INPUT, self.imi("event", "record", code, *facts, "--amount-yuan", "-5",
                                       "--as", FOOD), "--amount-yuan:")
        self.exits(REFUSED, self.imi("event", "record", code, *facts, "--as", MARKET))
        self.exits(LOCAL, self.imi("event", "record", code, *facts, "--as", "food-44064"),
                   "food-440604")

    def test_an_enterprise_changes_and_its_version_is_read_from_the_ledger(self):
        code = uscc(33)
        self.ok(self.imi("enterprise", "register", code, "--name", "旧名", "--division", DIVISION,
                         "--as", MARKET))
        self.ok(self.imi("enterprise", "update", code, "--name", "新名", "--as", MARKET))
        self.ok(self.imi("enterprise", "update", code, "--status", "停业", "--as", MARKET))
        shown = self.ok(self.imi("--json", "enterprise", "show", code)).json()
        self.assertEqual((shown["name"], shown["status"], shown["version"]),
                         ("新名", "suspended", 3))
        self.assertGreater(shown["changed"], shown["registered"])
        self.assertIn("version 3", self.ok(self.imi("enterprise", "show", code)).out)
        # Two clerks: the second one saw an older version.
        self.exits(REFUSED, self.imi("enterprise", "update", code, "--name", "x", "--version", "2",
                                     "--as", MARKET), "stale-version", "version 3 is in force")
        self.exits(BAD_INPUT, self.imi("enterprise", "update", code, "--status", "gone", "--as",
                                       MARKET), "--status", "deregistered")
        self.exits(REFUSED, self.imi("enterprise", "update", code, "--as", MARKET),
                   "changes nothing")
        self.exits(REFUSED, self.imi("enterprise", "update", code, "--name", "x", "--as", FOOD),
                   "role-missing")
        self.exits(NOT_FOUND, self.imi("enterprise", "update", uscc(34), "--name", "x", "--as",
                                       MARKET), "the ledger proves it")

    def test_an_agency_replaces_its_own_key(self):
        fresh = self.home / "fire-2.key"
        self.ok(self.imi("key", "new", fresh, "--no-passphrase"))
        before = self.ok(self.imi("--json", "agency", "show", FIRE)).json()
        self.ok(self.imi("agency", "rekey", "--add", fresh, "--as", FIRE))
        shown = self.ok(self.imi("--json", "agency", "show", FIRE)).json()
        self.assertEqual(shown["version"], before["version"] + 1)
        old, = before["keys"]
        new, = set(shown["keys"]) - {old}
        self.exits(REFUSED, self.imi("agency", "rekey", "--add", fresh, "--as", FIRE), "key-reused")
        self.ok(self.imi("agency", "rekey", "--remove", old, "--as", fresh, "--author",
                         shown["id"]))
        self.exits(REFUSED, self.imi("agency", "rekey", "--remove", new, "--as", fresh, "--author",
                                     shown["id"]), "keys: 1 to 8")
        self.exits(REFUSED, self.imi("agency", "rekey", "--remove", new, "--as", FIRE),
                   "current keys")
        self.exits(USAGE, self.imi("agency", "rekey", "--as", FIRE), "--add or --remove")
        self.exits(BAD_INPUT, self.imi("agency", "rekey", "--remove", "02ff", "--as", FIRE),
                   "--remove", "66 hexadecimal")

    def test_a_person_keeps_the_key_and_takes_in_what_the_registrar_gives(self):
        at_home = self.temporary / "citizen"
        at_home.mkdir()
        shutil.copy(self.home / "genesis.imi", at_home)
        node = self.ok(self.imi("--json", "network", "status")).json()["nodes"][0]["rpc"]
        mine = ("--dir", at_home, "--node", node)
        made = self.ok(self.imi("--json", "wallet", "init", "mei", "--no-passphrase", *mine)).json()
        self.ok(self.imi("person", "register", "case-7", "--public-key", made["public_key"],
                         "--as", REGISTRAR))
        self.assertEqual([f.name for f in (self.home / "persons").glob("case-7.*")],
                         ["case-7.person"])
        given = self.home / "persons" / "case-7.person"
        self.ok(self.imi("wallet", "receive", "mei", given, *mine))
        self.assertTrue(self.ok(self.imi("--json", "me", "record", *mine)).json()["found"])
        # Another's record is not taken in: the key does not answer for it.
        self.ok(self.imi("wallet", "init", "other", "--no-passphrase", *mine))
        self.assertNotEqual(self.imi("wallet", "receive", "other", given, *mine).code, OK)
        self.assertFalse((at_home / "persons" / "other.person").exists())
        self.exits(LOCAL, self.imi("wallet", "receive", "nobody", given, *mine))

    def test_an_attestation_of_a_stopped_issuer_is_not_relied_on(self):
        key = self.temporary / "stopped-holder.key"
        self.ok(self.imi("key", "new", key, "--no-passphrase"))
        claims = self.file("stopped.json", json.dumps({"trained": "true"}))
        out = self.temporary / "stopped.att"
        agencies = self.ok(self.imi("--json", "agency", "list")).json()["agencies"]
        issuer = next(a for a in agencies if "registrar" in a["roles"] and
                      a["short_name"] != REGISTRAR)
        council = next(a["short_name"] for a in agencies if "council" in a["roles"])
        self.ok(self.imi("attest", "issue", "--holder-key", key, "--claims", claims, "--out", out,
                         "--as", issuer["short_name"]))
        aid = json.loads(out.read_text())["aid"]
        self.assertEqual(self.ok(self.imi("--json", "attestation", "check", aid)).json()
                         ["issuer_status"], "active")

        def set_status(status):
            shown = self.ok(self.imi("--json", "agency", "show", issuer["short_name"])).json()
            entries = self.file("stop.json", json.dumps([
                {"kind": "agency.update", "id": issuer["id"], "version": shown["version"],
                 "status": status}]))
            self.ok(self.imi("submit", entries, "--as", council))

        set_status("suspended")
        self.exits(REFUSED, self.imi("attestation", "check", aid), "issuer is suspended")
        set_status("active")
        self.ok(self.imi("attestation", "check", aid))

    def test_submit_a_file(self):
        entries = self.file("entries.json", json.dumps([
            {"kind": "subject.enterprise", "uscc": uscc(600), "name": "甲", "division": DIVISION},
            {"kind": "subject.enterprise", "uscc": uscc(600), "name": "甲", "division": DIVISION}]))
        self.ok(self.imi("submit", entries, "--check"))
        done = self.imi("--json", "submit", entries, "--as", MARKET, "--wait", "certified")
        self.exits(REFUSED, done, "1 of 2 entries")
        self.assertEqual([o["ok"] for o in done.json()["outcomes"]], [True, False])
        bad = self.file("bad.json", '[{"kind": "event.recrod"}]')
        self.exits(BAD_INPUT, self.imi("submit", bad, "--as", MARKET), "entry 0", "event.record")
        self.exits(USAGE, self.imi("submit", entries, "--as", MARKET, "--wait", "forever"),
                   "certified")
        self.exits(NOT_FOUND, self.imi("submission", "ab" * 32), "no submission")

    def test_persons_and_attestations(self):
        key = self.ok(self.imi("--json", "wallet", "init", "wei", "--no-passphrase")).json()
        self.exits(LOCAL, self.imi("wallet", "init", "wei", "--no-passphrase"), "exists")
        self.ok(self.imi("person", "register", "wei", "--public-key", key["public_key"], "--as",
                         REGISTRAR, "--wait", "certified"))
        me = self.ok(self.imi("--json", "me", "record")).json()
        self.assertTrue(me["found"])
        self.assertIn("verified", self.ok(self.imi("person", "show", "wei")).out)
        self.exits(LOCAL, self.imi("me", "record", "--person", "nobody"), "no person 'nobody'")
        number = self.file("number", "440604188001010015\n")
        self.exits(BAD_INPUT, self.imi("person", "register", "li", "--as", REGISTRAR,
                                       "--public-key", key["public_key"],
                                       "--resident-number-file", number))
        self.exits(BAD_INPUT, self.imi("person", "register", "li", "--as", REGISTRAR,
                                       "--public-key", "02ff"), "--public-key", "66 hexadecimal")
        self.assertFalse((self.home / "persons" / "li.person").exists())

        key = self.temporary / "holder.key"
        self.ok(self.imi("key", "new", key, "--no-passphrase", "--purpose", "attestation"))
        claims = self.file("claims.json", json.dumps({"over18": "true", "name": "某某"}))
        out = self.temporary / "wei.att"
        self.ok(self.imi("attest", "issue", "--holder-key", key, "--claims", claims, "--out", out,
                         "--as", REGISTRAR,
                         "--wait", "certified"))
        self.assertEqual(list(self.temporary.glob("wei.att.*")), [])
        # Refused, or not sent: nothing is left behind that a corrected command would trip over.
        none = self.temporary / "none.att"
        issue = ("attest", "issue", "--holder-key", key, "--claims", claims, "--out", none)
        self.exits(REFUSED, self.imi(*issue, "--as", FOOD))
        self.exits(LOCAL, self.imi(*issue, "--as", "nobody"))
        self.exits(UNREACHABLE, self.imi(*issue, "--as", REGISTRAR, "--node", "127.0.0.1:1"))
        self.assertEqual(list(self.temporary.glob("none.att*")), [])
        self.ok(self.imi(*issue, "--as", REGISTRAR))
        aid = json.loads(out.read_text())["aid"]
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
        self.assertIn("valid", self.ok(self.imi("attestation", "check", aid, "--prove")).out)
        self.ok(self.imi("attest", "suspend", aid, "--as", REGISTRAR, "--wait", "certified"))
        self.exits(REFUSED, self.imi("attestation", "check", aid), "not valid")
        self.ok(self.imi("attest", "reinstate", aid, "--as", REGISTRAR, "--wait", "certified"))
        self.ok(self.imi("attestation", "check", aid))
        self.ok(self.imi("attest", "revoke", aid, "--as", REGISTRAR, "--wait", "certified"))
        self.exits(REFUSED, self.imi("attest", "reinstate", aid, "--as", REGISTRAR))
        self.exits(NOT_FOUND, self.imi("attestation", "check", "ab" * 32))

    def test_a_node_that_lies_about_a_write_is_not_believed(self):
        lie = lying_node({"fate": "committed", "height": 4242, "index": 0, "certified": True,
                          "outcomes": [{"ok": True, "id": "ab" * 32}]})
        facts = ["--code", "food.premises-unsanitary", "--class", "minor", "--occurred",
                 "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7", "--doc", "lie", "--as",
                 FOOD]
        before = self.ok(self.imi("--json", "enterprise", "show", uscc(11))).json()["transitions"]
        record = ("event", "record", uscc(11), *facts)
        with lie as node:
            lied = self.exits(UNVERIFIED, self.imi("--node", node, *record),
                              "without a proof", "is open")
            self.assertNotIn("certified by a quorum", lied.out)
            word = self.ok(self.imi("--node", node, *record, "--wait", "committed",
                                    "--no-verify"))
            self.assertIn("reported by a node without proof: not verified", word.out)
            path = self.file("lied.csv", events_csv(1, first=9300, subject=11))
            self.exits(UNVERIFIED, self.imi("--node", node, "import", "events", path,
                                            "--as", FOOD))
        # Of the import nothing was marked as done.
        self.assertEqual(self.ok(self.imi("--json", "import", "events", path, "--as",
                                          FOOD)).json()["added"], 1)
        self.ok(self.imi(*record))
        after = self.ok(self.imi("--json", "enterprise", "show", uscc(11))).json()["transitions"]
        self.assertEqual(after, before + 2)

    # ---- import ------------------------------------------------------------------------------

    def test_import_checks_every_row_and_sends_nothing_if_one_is_bad(self):
        rows = events_csv(3, first=7000).splitlines()
        rows[2] = rows[2].replace(uscc(0), uscc(0)[:-1] + ("0" if uscc(0)[-1] != "0" else "1"))
        rows[3] = rows[3].replace("2026-01-06", "2026-02-30")
        path = self.file("bad.csv", "\n".join(rows) + "\n")
        check = self.exits(BAD_INPUT, self.imi("import", "events", path, "--as", FOOD, "--check"),
                           "2 rows are bad")
        self.assertIn("bad.csv:3:2: uscc:", check.out)
        self.assertIn("bad.csv:4:7: decided:", check.out)
        self.exits(BAD_INPUT, self.imi("import", "events", path, "--as", FOOD), "nothing was sent")
        j = self.imi("--json", "import", "events", path, "--as", FOOD, "--skip-bad-rows")
        self.assertEqual(j.json()["added"], 1, str(j))
        gbk = self.file("gbk.csv", events_csv(1).encode("gb18030"))
        out = self.exits(BAD_INPUT, self.imi("import", "events", gbk, "--as", FOOD)).out
        self.assertIn("iconv -f GB18030", out)
        self.exits(BAD_INPUT, self.imi("import", "events", self.file("no.csv", "a,b\n"), "--as",
                                       FOOD), "unknown column")
        self.exits(USAGE, self.imi("import", "evnts", path), "import events")

    def test_import_again_adds_nothing(self):
        path = self.file("events.csv", events_csv(30, first=100))
        first = self.ok(self.imi("--json", "import", "events", path, "--as", FOOD, "--batch",
                                 "7")).json()
        self.assertEqual((first["added"], first["refused"]), (30, 0))
        again = self.ok(self.imi("--json", "import", "events", path, "--as", FOOD)).json()
        self.assertEqual((again["added"], again["already_imported"]), (0, 30))
        # Another file with the same cases: the ledger itself knows them.
        other = self.file("other.csv", events_csv(31, first=100))
        third = self.ok(self.imi("--json", "import", "events", other, "--as", FOOD)).json()
        self.assertEqual((third["added"], third["already_on_ledger"]), (1, 30))

    def test_refused_rows_are_tried_again_until_the_ledger_takes_them(self):
        path = self.file("early.csv", events_csv(2, first=9000, subject=700))
        args = ("import", "events", path, "--as", FOOD)
        for _ in range(2):
            done = self.exits(REFUSED, self.imi("--json", *args), "refused 2 rows")
            self.assertEqual((done.json()["refused"], done.json()["already_imported"]), (2, 0))
            self.assertEqual(done.json()["refusals"][0]["field"], "subject")
        self.assertIn("no-such-subject (subject): there is no subject with that id",
                      " ".join(self.imi(*args).out.split()))
        self.ok(self.imi("enterprise", "register", uscc(700), "--name", "早", "--division",
                         DIVISION, "--as", MARKET))
        self.assertEqual(self.ok(self.imi("--json", *args)).json()["added"], 2)
        again = self.ok(self.imi("--json", *args)).json()
        self.assertEqual((again["added"], again["already_imported"]), (0, 2))

    def test_check_tells_repeats_contradictions_and_control_characters(self):
        head, first, second = events_csv(2, first=9100).splitlines()
        other = first.replace("doc 9100", "doc 9199")
        path = self.file("twice.csv", "\n".join([head, first, second, first, other]) + "\n")
        check = self.exits(BAD_INPUT, self.imi("import", "events", path, "--as", FOOD, "--check"),
                           "1 rows are bad", "repeat an earlier row")
        self.assertIn("twice.csv:5:1: source_key: row 2 has the same one with different content",
                      " ".join(check.out.split()))
        done = self.ok(self.imi("--json", "import", "events", path, "--as", FOOD,
                                "--skip-bad-rows")).json()
        self.assertEqual((done["rows"], done["added"]), (2, 2))
        shop = self.file("tab.csv", "uscc,name,division\n"
                         f"{uscc(710)},\"a\x07z\",{DIVISION}\n")
        self.assertIn("tab.csv:2:2: name:", self.exits(
            BAD_INPUT, self.imi("import", "enterprises", shop, "--as", MARKET, "--check")).out)

    def test_a_row_that_the_ledger_has_otherwise_is_a_conflict(self):
        rows = events_csv(2, first=9200)
        self.ok(self.imi("import", "events", self.file("one.csv", rows), "--as", FOOD))
        path = self.file("two.csv", rows.replace("doc 9200", "doc 1"))
        for _ in range(2):
            done = self.exits(REFUSED, self.imi("--json", "import", "penalties", path, "--as",
                                                FOOD, "--wait", "--resume"), "different content")
            self.assertEqual(done.json()["conflicts"], 1, str(done))
        self.assertRegex(done.json()["refusals"][0]["message"],
                         r"^on the ledger it has a different doc \(event [0-9a-f]{64}\)$")

    def test_import_json_lines(self):
        row = {"uscc": uscc(3), "code": "food.premises-unsanitary", "class": "minor",
               "occurred": "2026-01-05", "decided": "2026-01-06", "basis": "s. 7", "doc": "d"}
        rows = [{"source_key": f"jl-{i}", **row} for i in range(5)]
        path = self.file("events.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
        self.assertEqual(self.ok(self.imi("--json", "import", "events", path, "--as",
                                          FOOD)).json()["added"], 5)

    def test_an_import_cut_short_goes_on_and_applies_nothing_twice(self):
        path = self.file("long.csv", events_csv(3000, first=20_000, subject=5))
        args = ["import", "events", str(path), "--as", FOOD, "--batch", "10", "--window", "1"]
        for cut in (signal.SIGINT, signal.SIGKILL):
            process = subprocess.Popen([str(IMI), *args], env=environment(self.home),
                                       stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
            # In the middle of it: some of its blocks are certified, more are to come.
            watched = self.ok(self.imi("--json", "network", "status")).json()["nodes"][0]["rpc"]
            start = height_of(watched)
            wait_until(lambda: height_of(watched) >= start + 3, "blocks of the import")
            self.assertIsNone(process.poll(), "the import ended before it was cut")
            process.send_signal(cut)
            err = process.communicate(timeout=30)[1]
            if cut == signal.SIGINT:
                self.assertEqual(process.returncode, INTERRUPTED, err)
                self.assertIn("resumes from here", err)
        done = self.ok(self.imi("--json", "import", "events", path, "--as", FOOD, "--batch",
                                "500")).json()
        self.assertEqual(done["refused"], 0, done)
        self.assertEqual(done["added"] + done["already_imported"] + done["already_on_ledger"]
                         + done["outcome_not_kept"], 3000, done)
        again = self.ok(self.imi("--json", "import", "events", path, "--as", FOOD)).json()
        self.assertEqual(again["added"], 0)
        record = self.ok(self.imi("--json", "enterprise", "show", uscc(5))).json()
        self.assertEqual(record["transitions"], 3000)

    def test_bench_small(self):
        j = self.ok(self.imi("--json", "bench", "--concurrency", "4", "--total", "40", "--subjects",
                             "10",
                             "--entries", "5", timeout=120)).json()
        self.assertEqual((j["entries"], j["entries_refused"], j["calls_failed"]), (40, 0, 0))
        self.assertGreater(j["latency_us"]["p50"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
