#!/usr/bin/env python3
"""The committed sample data is what the converter makes of the shipped sources, and is well formed.

Method: run scripts/dinesafe-to-import into a temporary directory and compare byte for byte; then
check codes, references and counts with arithmetic of the test's own. Standard library only:

    python3 tests/functional/test_sample_data.py
"""

import collections
import csv
import datetime
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "genesis" / "data"
SAMPLE = DATA / "sample"
FILES = ("communities.csv", "enterprises.csv", "events.csv", "grids.csv")


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def uscc_is_valid(code):
    """GB 32100-2015: the weighted sum of all 18 values, the last weighing 1, is 0 modulo 31."""
    values = {c: i for i, c in enumerate("0123456789ABCDEFGHJKLMNPQRTUWXY")}
    if len(code) != 18 or any(c not in values for c in code):
        return False
    weighted = sum(values[c] * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return (weighted + values[code[17]]) % 31 == 0


class SampleData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source = rows(DATA / "toronto_dinesafe_2021.csv")
        cls.enterprises = rows(SAMPLE / "enterprises.csv")
        cls.events = rows(SAMPLE / "events.csv")

    def test_the_checker_of_codes_knows_right_from_wrong(self):
        self.assertTrue(uscc_is_valid("91350100M000100Y43"))
        self.assertFalse(uscc_is_valid("91350100M000100Y4Z"))  # the standard's own misprint
        self.assertFalse(uscc_is_valid("91350100M000100Y34"))
        self.assertFalse(uscc_is_valid("91350100I000100Y43"))

    def test_the_converter_reproduces_the_committed_files_byte_for_byte(self):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, str(ROOT / "scripts" / "dinesafe-to-import"),
                            "--out", directory], check=True, timeout=120)
            made = pathlib.Path(directory)
            self.assertEqual(sorted(p.name for p in made.iterdir()), sorted(FILES))
            for name in FILES:
                self.assertEqual((made / name).read_bytes(), (SAMPLE / name).read_bytes(),
                                 f"{name} differs: run scripts/dinesafe-to-import and commit it")

    def test_every_establishment_is_one_enterprise_with_a_valid_test_code(self):
        ids = {r["Establishment ID"] for r in self.source}
        self.assertEqual(len(self.enterprises), 5431)
        self.assertEqual({e["established_id"] for e in self.enterprises}, ids)
        codes = [e["uscc"] for e in self.enterprises]
        self.assertEqual(len(set(codes)), len(codes))
        for code in codes:
            self.assertTrue(uscc_is_valid(code), code)
            self.assertTrue(code.startswith("91990604"), code)

    def test_enterprises_fit_the_ledgers_bounds_and_name_real_divisions(self):
        divisions = {c["code12"] for c in rows(SAMPLE / "communities.csv")}
        self.assertEqual(len(divisions), 144)
        for enterprise in self.enterprises:
            self.assertIn(enterprise["division"], divisions)
            self.assertTrue(1 <= len(enterprise["name"].encode()) <= 200, enterprise)
            self.assertEqual((enterprise["status"], enterprise["sole_trader"]), ("active", "false"))
        use = collections.Counter(e["division"] for e in self.enterprises)
        self.assertLessEqual(max(use.values()) - min(use.values()), 1)

    def test_every_source_row_is_one_event_with_a_unique_key(self):
        self.assertEqual(len(self.events), 9070)
        wanted = {f"{r['Inspection ID']}-{r['Rec #']}": r for r in self.source}
        self.assertEqual({e["source_key"] for e in self.events}, set(wanted))
        codes = {e["established_id"]: e["uscc"] for e in self.enterprises}
        for event in self.events:
            source = wanted[event["source_key"]]
            self.assertEqual(event["uscc"], codes[source["Establishment ID"]])
            self.assertEqual(event["decided"], source["Inspection Date"])
            self.assertEqual(datetime.date.fromisoformat(event["occurred"]).year, 2021)
            self.assertEqual(event["polarity"],
                             "negative" if source["Infraction Details"].strip() else "positive")

    def test_classes_codes_and_outcomes_count_as_in_the_source(self):
        severities = collections.Counter(r["Severity"] for r in self.source)
        classes = collections.Counter(e["class"] for e in self.events)
        self.assertEqual(classes["minor"],
                         severities["M - Minor"] + severities["NA - Not Applicable"])
        self.assertEqual(classes["general"], severities["S - Significant"])
        self.assertEqual(classes["serious"], severities["C - Crucial"])
        self.assertEqual(classes[""], severities[""])
        for event in self.events:
            self.assertTrue(event["code"].startswith("food."), event)
            self.assertEqual(event["code"] == "food.inspection-passed",
                             event["polarity"] == "positive", event)
        outcomes = collections.Counter(e["outcome"] for e in self.events)
        self.assertEqual(outcomes, {"": 9027, "correct": 28, "pending": 13, "withdraw": 2})

    def test_amounts_stand_only_where_a_fine_is_final_and_add_up(self):
        fined = [r for r in self.source if r["Outcome"] == "Conviction - Fined"]
        with_amount = [e for e in self.events if e["amount_yuan"]]
        self.assertEqual({e["outcome"] for e in with_amount}, {"correct"})
        self.assertEqual(len(with_amount), len(fined))
        total_fen = sum(int(e["amount_yuan"].replace(".", "")) for e in with_amount)
        self.assertEqual(total_fen, 100 * sum(int(r["Amount Fined"]) for r in fined))

    def test_grids_are_known_and_the_extremes_of_the_map_are_kept(self):
        cells = {g["grid_id"]: g for g in rows(SAMPLE / "grids.csv")}
        self.assertEqual(len(cells), 1038)
        used = {e["grid"] for e in self.events}
        self.assertLessEqual(used, set(cells))
        self.assertGreater(len(used), 500)
        by_key = {f"{r['Inspection ID']}-{r['Rec #']}": r for r in self.source}
        ordered = sorted(self.events, key=lambda e: float(by_key[e["source_key"]]["Longitude"]))
        self.assertLess(float(cells[ordered[0]["grid"]]["center_lon"]),
                        float(cells[ordered[-1]["grid"]]["center_lon"]))


if __name__ == "__main__":
    unittest.main()
