"""Files as people have them, against a network: spellings, encodings, packed files."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from imi_network import (BAD_INPUT, IMI, NOT_FOUND, OK, REFUSED, NetworkTest, environment, run,
                         uscc)
from test_cli_network import DIVISION, FOOD, MARKET

EVENTS = "source_key,uscc,code,class,occurred,decided,basis,doc\n"
AS_ISSUED = "91990604M0007QKA93"


def event(key, subject=0, doc="D-1", occurred="2026-01-05", decided="2026-01-06"):
    return (f"{key},{uscc(subject)},food.premises-unsanitary,minor,{occurred},{decided},"
            f"食品安全法 126,{doc}\n")


class Input(NetworkTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shops = cls.temporary / "shops.csv"
        shops.write_text("uscc,name,division\n" + "".join(
            f"{uscc(i)},店铺 {i},{DIVISION}\n" for i in range(8)), encoding="utf-8")
        done = run("import", "enterprises", shops, "--as", MARKET, home=cls.home)
        if done.code != OK:
            cls.tearDownClass()
            raise AssertionError(str(done))

    def events(self, name, text, *words, kind="events"):
        return self.imi("--json", "import", kind, self.file(name, text), "--as", FOOD, *words)

    def shops(self, name, text, *words):
        return self.imi("--json", "import", "enterprises", self.file(name, text), "--as", MARKET,
                        *words)

    # ---- one fine, one record ------------------------------------------------------------------

    def test_one_case_in_many_spellings_is_recorded_once(self):
        rows = EVENTS + event("K-17") + event("K-17 ") + event("Ｋ－17") + event("k-17\t")
        first = self.ok(self.events("spelt.csv", rows)).json()
        self.assertEqual((first["rows"], first["added"]), (1, 1))
        again = self.ok(self.events("again.csv", EVENTS + event("K\u201317"))).json()
        self.assertEqual((again["added"], again["already_on_ledger"]), (0, 1))
        one = self.file("one.json", json.dumps([{
            "kind": "event.record", "uscc": uscc(0), "code": "food.premises-unsanitary",
            "class": "minor", "occurred": "2026-01-05", "decided": "2026-01-06",
            "basis": "食品安全法 126", "doc": "D-1", "source_key": " k-17"}]))
        self.exits(REFUSED, self.imi("submit", one, "--as", FOOD), "duplicate-source")
        withdrawn = EVENTS.strip() + ",outcome\n" + event("k－17\t").strip() + ",withdraw\n"
        gone = self.ok(self.events("withdraw.csv", withdrawn, kind="event-outcomes")).json()
        self.assertEqual(gone["added"], 1)

    def test_contradictions_under_two_spellings_are_found(self):
        rows = EVENTS + event("C-1") + event("c-1 ", doc="D-2")
        done = self.exits(BAD_INPUT, self.imi("import", "events", self.file("c.csv", rows), "--as",
                                              FOOD, "--check"))
        self.assertIn("row 2 has the same one with different content", " ".join(done.out.split()))

    def test_what_cannot_be_seen_or_was_destroyed_is_refused_by_name(self):
        for key, word in (("2.19E+26", "scientific"), ("K\u200b1", "U+200B ZERO WIDTH SPACE"),
                          ("\u3000", "is empty"), ("#REF!", "formula"), ("####", "narrow"),
                          ("a\u202eb", "RIGHT-TO-LEFT OVERRIDE")):
            done = self.exits(BAD_INPUT, self.imi(
                "import", "events", self.file("bad.csv", EVENTS + event(key)), "--as", FOOD))
            self.assertIn(word, " ".join(done.out.split()), key)
        blank = f"uscc,name,division\n{uscc(90)},   ,{DIVISION}\n"
        self.exits(BAD_INPUT, self.shops("blank.csv", blank))
        number = f"uscc,name,division\n9.19906E+17,店,{DIVISION}\n"
        self.assertIn("scientific", self.shops("number.csv", number).err)

    # ---- the check knows the ledger's rules ----------------------------------------------------

    def test_what_the_check_calls_good_is_not_refused(self):
        head = "source_key,uscc,code,class,occurred,ended,decided,basis,doc\n"
        bad = head + f"P-1,{uscc(1)},food.premises-unsanitary,minor,2026-03-01,2026-02-01," \
                     "2026-03-05,X 1,D-1\n"
        check = self.exits(BAD_INPUT, self.imi("import", "events", self.file("p.csv", bad), "--as",
                                               FOOD, "--check"))
        self.assertIn("p.csv:2:6: ended:", check.out)
        # An enterprise that the ledger does not have, and an agency without the role.
        stranger = EVENTS + event("P-2", subject=777)
        self.assertIn("p2.csv:2:2: uscc: there is no subject", self.exits(
            BAD_INPUT, self.imi("import", "events", self.file("p2.csv", stranger), "--as", FOOD,
                                "--check")).out)
        shop = f"uscc,name,division\n{uscc(91)},店,{DIVISION}\n"
        self.assertIn("role", self.exits(
            BAD_INPUT, self.imi("import", "enterprises", self.file("s.csv", shop), "--as", FOOD,
                                "--check")).out)
        far = f"uscc,name,division\n{uscc(92)},店,110101001001\n"
        self.assertIn("jurisdiction", self.exits(
            BAD_INPUT, self.imi("import", "enterprises", self.file("f.csv", far), "--as", MARKET,
                                "--check")).out)
        good = self.ok(self.events("g.csv", EVENTS + event("P-3"), "--check")).json()
        self.assertEqual((good["good"], good["against_ledger"]), (1, True))
        self.assertEqual(self.ok(self.events("g.csv", EVENTS + event("P-3"))).json()["added"], 1)
        there = self.ok(self.events("h.csv", EVENTS + event("p-3"), "--check")).json()
        self.assertEqual(there["already_on_ledger"], 1)
        alone = self.ok(self.imi("--json", "import", "events", self.file("i.csv", EVENTS),
                                 "--check"))
        self.assertEqual(alone.json()["against_ledger"], False)

    def test_totals_and_repeated_headers_are_one_problem_each(self):
        rows = EVENTS + event("T-1") + "合计,,,,,,,\n" + EVENTS + event("T-2")
        out = self.exits(BAD_INPUT, self.imi("import", "events", self.file("t.csv", rows), "--as",
                                             FOOD)).out
        lines = [line for line in out.splitlines() if line.startswith("t.csv:")]
        self.assertEqual([line.split(": ")[0] for line in lines], ["t.csv:3", "t.csv:4"], out)

    def test_outcomes_that_an_import_of_events_does_not_apply_are_told(self):
        rows = EVENTS.strip() + ",outcome\n" + event("W-1").strip() + ",withdraw\n"
        for words in (("--check",), ()):
            done = self.ok(self.events("w.csv", rows, *words))
            self.assertIn("event-outcomes w.csv", done.err)

    def test_an_outcome_under_the_key_of_another_enterprise_is_never_sent(self):
        self.ok(self.events("x.csv", EVENTS + event("X-1", subject=1)))
        wrong = EVENTS.strip() + ",outcome\n" + event("X-1", subject=2).strip() + ",withdraw\n"
        for words in (("--check",), ()):
            done = self.exits(BAD_INPUT, self.events("y.csv", wrong, *words,
                                                     kind="event-outcomes"))
            self.assertIn("about another enterprise", done.out + done.err)
        right = EVENTS.strip() + ",outcome\n" + event("X-1", subject=1).strip() + ",withdraw\n"
        self.assertEqual(self.ok(self.events("z.csv", right, kind="event-outcomes"))
                         .json()["added"], 1)

    def test_a_withdrawn_event_that_is_imported_again_is_told(self):
        rows = EVENTS + event("Y-1", subject=3)
        self.ok(self.events("y1.csv", rows))
        gone = EVENTS.strip() + ",outcome\n" + event("Y-1", subject=3).strip() + ",withdraw\n"
        self.ok(self.events("y2.csv", gone, kind="event-outcomes"))
        self.assertIn("withdrawn there", self.ok(self.events("y3.csv", rows, "--check")).err)
        again = self.ok(self.events("y4.csv", rows + "\n"))
        self.assertIn("withdrawn there", again.err)
        self.assertEqual(again.json()["added"], 0)
        # A conflict names the event, and a wrong enterprise what is done about it.
        other = self.exits(REFUSED, self.imi("import", "events", self.file(
            "y5.csv", EVENTS + event("Y-1", subject=4)), "--as", FOOD))
        self.assertIn("--reason wrong-subject", other.out)
        self.assertRegex(other.out, r"different uscc \(event [0-9a-f]{64}\)")

    def test_keys_that_a_spreadsheet_rounded_are_refused_or_taken_deliberately(self):
        rows = EVENTS + event("202600012345678000") + event("202600012345679000")
        for words in (("--check",), ()):
            self.assertIn("took them for numbers",
                          self.exits(BAD_INPUT, self.events("r.csv", rows, *words)).err)
        taken = self.ok(self.events("r.csv", rows, "--keys-as-given"))
        self.assertEqual(taken.json()["added"], 2)
        short = EVENTS + "".join(event(k) for k in ("812345", "823456", "834567", "5678"))
        self.assertIn("fewer digits", self.ok(self.events("q.csv", short)).err)
        rounded = f"uscc,name,division\n911100001234567000,店,{DIVISION}\n"
        err = self.exits(BAD_INPUT, self.shops("u.csv", rounded, "--as-issued")).err
        self.assertIn("15 digits", err)

    # ---- files ---------------------------------------------------------------------------------

    def test_content_decides_and_padding_is_no_data(self):
        cases = {
            "UP.CSV": EVENTS + event("F-1"),
            "noname": EVENTS + event("F-2"),
            "semicolon.csv": (EVENTS + event("F-3")).replace(",", ";"),
            "tab.csv": (EVENTS + event("F-4")).replace(",", "\t"),
            "cr.csv": (EVENTS + event("F-5")).replace("\n", "\r"),
            "padded.csv": EVENTS + event("F-6") + ",,,,,,,\n" * 3,
            "columns.csv": (EVENTS + event("F-7")).replace("\n", ",,\n"),
            "wide.csv": (EVENTS + event("F-8")).encode("utf-16"),
            "packed.csv.gz": gzip.compress((EVENTS + event("F-9")).encode()),
            "marked.csv": b"\xef\xbb\xbf" + (EVENTS + event("F-10")).encode(),
        }
        for name, content in cases.items():
            done = self.ok(self.events(name, content)).json()
            self.assertEqual(done["added"], 1, name)
        piped = subprocess.run([str(IMI), "--json", "import", "events", "-", "--as", FOOD],
                               input=(EVENTS + event("F-11")).encode(), capture_output=True,
                               env=environment(self.home), timeout=60, check=False)
        self.assertEqual(piped.returncode, OK, piped.stderr)
        self.assertEqual(json.loads(piped.stdout)["added"], 1)
        marked = b"\xef\xbb\xbf" + json.dumps([{
            "kind": "event.record", "uscc": uscc(5), "code": "food.premises-unsanitary",
            "class": "minor", "occurred": "2026-01-05", "decided": "2026-01-06", "basis": "X 1",
            "doc": "D-1", "source_key": "S-1"}]).encode()
        self.ok(self.imi("submit", self.file("marked.json", marked), "--as", FOOD))

    def test_what_is_no_csv_or_no_utf8_is_told_without_guessing(self):
        latin = f"uscc,name,division\n{uscc(93)},Müller Imbiss,{DIVISION}\n".encode("latin-1")
        out = self.exits(BAD_INPUT, self.imi("import", "enterprises", self.file("l.csv", latin),
                                             "--as", MARKET)).out
        self.assertIn("'Müller Imbiss'", out)
        self.assertNotIn("GB18030", out)
        book = self.file("book.csv", b"PK\x03\x04" + b"\x14\x00\xa1\xfe" * 20)
        self.exits(BAD_INPUT, self.imi("import", "enterprises", book, "--as", MARKET), "workbook")
        twice = ('{"source_key":"J-1","uscc":"%s","code":"food.premises-unsanitary",'
                 '"class":"minor","occurred":"2026-01-05","decided":"2026-01-06",'
                 '"basis":"X","doc":"D","doc":"E"}\n')
        self.assertIn("twice", self.events("j.jsonl", twice % uscc(0)).err)
        long = twice.replace('"J-1"', "20260001234567890123").replace(',"doc":"E"', "")
        err = self.events("k.jsonl", long % uscc(0)).err
        self.assertIn("more digits than JSON numbers keep", err)
        self.assertNotIn("fraction", err)

    # ---- codes and numbers ---------------------------------------------------------------------

    def test_a_code_issued_against_its_check_character(self):
        row = f"uscc,name,division\n{AS_ISSUED},老厂,{DIVISION}\n"
        refused = self.exits(BAD_INPUT, self.shops("odd.csv", row), "as_issued")
        self.assertNotIn("would end in", refused.err)
        self.assertEqual(self.ok(self.shops("odd.csv", row, "--as-issued")).json()["added"], 1)
        self.exits(BAD_INPUT, self.imi("enterprise", "show", AS_ISSUED), "as_issued")
        shown = self.ok(self.imi("--json", "enterprise", "show", AS_ISSUED, "--as-issued")).json()
        self.assertEqual(shown["as_issued"], True)
        self.assertIn("as issued", self.ok(self.imi("enterprise", "show", AS_ISSUED,
                                                    "--as-issued")).out)
        own = EVENTS + event("O-1").replace(uscc(0), AS_ISSUED)
        self.exits(BAD_INPUT, self.events("own.csv", own))
        self.assertEqual(self.ok(self.events("own.csv", own, "--as-issued")).json()["added"], 1)
        self.exits(BAD_INPUT, self.imi("enterprise", "show", uscc(0), "--as-issued"), "fits")
        self.exits(NOT_FOUND, self.imi("enterprise", "show", "91990604M0007QKA94", "--as-issued"))

    def test_numbers_are_decimal(self):
        for i in range(10):
            self.ok(self.events(f"n{i}.csv", EVENTS + event(f"N-{i}", subject=6)))
        ten = self.ok(self.imi("--json", "block", "010")).json()
        self.assertEqual(ten, self.ok(self.imi("--json", "block", "10")).json())

    def test_a_conflict_names_the_command_that_helps(self):
        row = f"uscc,name,division\n{uscc(0)},another name,{DIVISION}\n"
        done = self.exits(REFUSED, self.shops("conflict.csv", row), "imi enterprise show")
        self.assertNotIn("imi event correct", done.err)
        # Full-width brackets do not make a different name.
        shop = "uscc,name,division\n%s,海港%s,%s\n"
        self.ok(self.shops("w1.csv", shop % (uscc(94), "（佛山）", DIVISION)))
        self.ok(self.shops("w2.csv", shop % (uscc(94), "(佛山)", DIVISION)))

    def test_the_sample_is_found_from_anywhere(self):
        elsewhere = pathlib.Path(self.temporary) / "bin"
        elsewhere.mkdir(exist_ok=True)
        copy = elsewhere / "imi"
        shutil.copy(IMI, copy)
        done = subprocess.run([str(copy), "demo", "load", "--dir", "/nonexistent"], cwd="/",
                              capture_output=True, text=True, env=environment(self.home),
                              timeout=60, check=False)
        self.assertNotIn("sample data was found neither", done.stderr)
        self.assertTrue(os.access(copy, os.X_OK))


if __name__ == "__main__":
    unittest.main(verbosity=2)
