"""Nodes killed with SIGKILL under load: nothing acknowledged is lost, nothing is applied twice, and
the network goes on. Times are printed, not asserted: a slow machine is not a defect."""

import json
import os
import signal
import subprocess
import time
import unittest

from imi_network import IMI, NetworkTest, call, environment, height_of, wait_until
from test_cli_network import DIVISION, FOOD, MARKET, events_csv, uscc

ROWS = 6000


class Kill(NetworkTest):
    def nodes(self):
        return json.loads(self.imi("--json", "network", "status").out)["nodes"]

    def register(self, number):
        self.ok(self.imi("enterprise", "register", uscc(number), "--name", f"店铺 {number}",
                         "--division", DIVISION, "--as", MARKET))

    def transitions(self, number):
        """How many the dossier has, as a verified answer says."""
        return self.ok(self.imi("--json", "enterprise", "show", uscc(number))).json()["transitions"]

    def test_the_primary_dies_under_load(self):
        self.register(0)
        path = self.file("load.csv", events_csv(ROWS))
        load = subprocess.Popen(
            [str(IMI), "--json", "import", "events", str(path), "--as", FOOD, "--batch", "10",
             "--window", "8"], env=environment(self.home), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            nodes = self.nodes()
            primary = nodes[nodes[0]["view"] % len(nodes)]
            others = [n for n in nodes if n is not primary]
            watched = others[0]["rpc"]
            start = height_of(watched)
            wait_until(lambda: height_of(watched) >= start + 3, "blocks under load")
            self.assertIsNone(load.poll(), "the load ended before the kill")
            os.kill(primary["pid"], signal.SIGKILL)
            killed = time.monotonic()
            view = call(watched, "status")["view"]
            wait_until(lambda: call(watched, "status")["view"] > view, "another view")
            at = height_of(watched)
            wait_until(lambda: height_of(watched) > at, "a certified block of the new view")
            print(f"\nthe primary was killed: certified again after "
                  f"{time.monotonic() - killed:.2f} s")
            out, err = load.communicate(timeout=240)
        finally:
            load.kill()
        done = json.loads(out)
        self.assertEqual((load.returncode, done["refused"]), (0, 0), out + err)
        # A batch in flight at the kill may be reported by the journal, by the ledger, or both.
        self.assertEqual(self.transitions(0), ROWS)

        began = time.monotonic()
        self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
        restarted = next(n for n in self.nodes() if n["name"] == primary["name"])["rpc"]
        wait_until(lambda: height_of(restarted) is not None, "the restarted node serves")
        print(f"the killed node serves after {time.monotonic() - began:.2f} s")
        target = height_of(watched)
        wait_until(lambda: (height_of(restarted) or 0) >= target, "the restarted node catches up")
        print(f"and has caught up after {time.monotonic() - began:.2f} s")

    def test_all_four_die(self):
        self.register(1)
        path = self.file("before.csv", events_csv(200, first=50_000, subject=1))
        self.ok(self.imi("import", "events", path, "--as", FOOD))
        for node in self.nodes():
            os.kill(node["pid"], signal.SIGKILL)
        began = time.monotonic()
        self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
        after = self.file("after.csv", events_csv(200, first=60_000, subject=1))
        self.ok(self.imi("import", "events", after, "--as", FOOD))
        print(f"\nall four were killed: started and committing after "
              f"{time.monotonic() - began:.2f} s")
        self.assertEqual(self.transitions(1), 400)


if __name__ == "__main__":
    unittest.main(verbosity=2)
