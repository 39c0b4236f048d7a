"""What commands do when nodes die, are stopped, or come back."""

import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from imi_network import (IMI, INTERRUPTED, LOCAL, OK, UNREACHABLE, NetworkTest, environment,
                         events_csv, run, uscc, wait_until)

MARKET = "market-440604"
FOOD = "food-440604"
DIVISION = "440604010001"


class Outage(NetworkTest):
    """Two of four validators are gone while something is written."""

    def test_a_command_run_again_after_an_outage_applies_nothing_twice(self):
        self.ok(self.imi("enterprise", "register", uscc(1), "--name", "甲", "--division", DIVISION,
                         "--as", MARKET))
        path = self.file("events.csv", events_csv(5, first=1, subject=1))
        nodes = self.ok(self.imi("--json", "network", "status")).json()["nodes"]
        for node in nodes[2:]:
            os.kill(node["pid"], signal.SIGKILL)
        record = ("event", "record", uscc(1), "--code", "food.premises-unsanitary", "--class",
                  "minor", "--occurred", "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7",
                  "--doc", "d", "--as", FOOD)
        ids = set()
        for _ in range(2):
            down = self.exits(UNREACHABLE, self.imi("--json", "--timeout", "2s", *record))
            self.assertTrue(down.error()["data"]["fate_open"])
            ids.add(down.error()["data"]["submission"])
        self.assertEqual(len(ids), 1, "the same bytes")
        self.exits(UNREACHABLE, self.imi("--timeout", "2s", "import", "events", path, "--as", FOOD),
                   "journaled")
        self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
        done = self.ok(self.imi("--json", *record)).json()
        self.assertIn(done["id"], ids)
        self.ok(self.imi("import", "events", path, "--as", FOOD))
        shown = self.ok(self.imi("--json", "enterprise", "show", uscc(1))).json()
        self.assertEqual(shown["transitions"], 6)
        self.assertEqual(list((self.home / "pending").iterdir()), [])


class Expiry(NetworkTest):
    """A chain on which what is signed expires after 3 s: long outages in a short time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The same network with another genesis: max_expiry_ms and grace_ms stand side by side.
        cls.ok(cls(), run("network", "down", home=cls.home))
        genesis = (cls.home / "genesis.imi").read_bytes()
        ten_minutes, six_seconds = b"\xc0\xcf\x24", b"\xf0\x2e"  # LEB128
        assert genesis.count(ten_minutes * 2) == 1
        (cls.home / "genesis.imi").write_bytes(
            genesis.replace(ten_minutes * 2, six_seconds + ten_minutes))
        for node in cls.home.glob("validator-*"):
            shutil.rmtree(node / "data")
            (node / "initialised").unlink()
        cls.ok(cls(), run("network", "up", "--tie-to-parent", home=cls.home, timeout=120))

    def runTest(self):
        """For setUpClass."""

    def test_what_expired_in_an_outage_is_signed_anew_once_that_is_proved(self):
        self.ok(self.imi("enterprise", "register", uscc(1), "--name", "甲", "--division", DIVISION,
                         "--as", MARKET))
        path = self.file("events.csv", events_csv(5, first=1, subject=1))
        for node in self.ok(self.imi("--json", "network", "status")).json()["nodes"][1:]:
            os.kill(node["pid"], signal.SIGKILL)
        record = ("event", "record", uscc(1), "--code", "food.premises-unsanitary", "--class",
                  "minor", "--occurred", "2026-01-05", "--decided", "2026-01-06", "--basis", "s. 7",
                  "--doc", "d", "--as", FOOD)
        lost = self.exits(UNREACHABLE, self.imi("--json", "--timeout", "1s", *record)).error()
        self.exits(UNREACHABLE, self.imi("--timeout", "1s", "import", "events", path, "--as", FOOD),
                   "journaled")
        expired = time.time() + 3
        wait_until(lambda: time.time() > expired, "both have expired")
        self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
        done = self.ok(self.imi("--json", *record)).json()
        self.assertNotEqual(done["id"], lost["data"]["submission"])
        self.assertEqual(self.ok(self.imi("--json", "import", "events", path, "--as",
                                          FOOD)).json()["added"], 5)
        shown = self.ok(self.imi("--json", "enterprise", "show", uscc(1))).json()
        self.assertEqual(shown["transitions"], 6)


class Lifecycle(NetworkTest):
    """Starting, stopping, completing a half-made folder, a port that was taken."""

    def test_down_and_up_keep_data_and_choose_other_ports_where_needed(self):
        import socket
        before = self.ok(self.imi("--json", "network", "status")).json()
        genesis = self.ok(self.imi("genesis", "id")).out
        self.ok(self.imi("network", "down"))
        self.ok(self.imi("network", "down"))
        self.assertEqual(self.imi("network", "status").code, UNREACHABLE)
        port = int(before["nodes"][0]["rpc"].split(":")[1])
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            self.ok(self.imi("network", "up", "--tie-to-parent", timeout=120))
        after = self.ok(self.imi("--json", "network", "status")).json()
        self.assertNotEqual(after["nodes"][0]["rpc"], before["nodes"][0]["rpc"])
        self.assertEqual(self.ok(self.imi("genesis", "id")).out, genesis)
        self.assertGreaterEqual(max(n["height"] for n in after["nodes"]),
                                min(n["height"] for n in before["nodes"]))

    def test_a_half_made_folder_is_completed_and_a_lost_key_is_named(self):
        other = self.temporary / "half"
        done = run("network", "up", "--dir", other, "--imid", "/bin/false")
        self.exits(LOCAL, done, "failed")
        # Ctrl-C in the middle of making and starting it.
        process = subprocess.Popen([str(IMI), "network", "up", "--tie-to-parent", "--dir",
                                    str(other)], env=environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        wait_until((other / "validator-1" / "keys" / "validator.key").exists, "keys are made")
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(timeout=60), (INTERRUPTED, OK))
        up = run("network", "up", "--dir", other, "--tie-to-parent", timeout=120)
        self.ok(up)
        try:
            self.ok(run("network", "down", "--dir", other))
            (other / "validator-2" / "keys" / "validator.key").rename(other / "moved.key")
            self.exits(LOCAL, run("network", "up", "--dir", other), "validator-2", "missing")
            (other / "moved.key").rename(other / "validator-2" / "keys" / "validator.key")
            self.ok(run("network", "up", "--dir", other, "--tie-to-parent", timeout=120))
        finally:
            run("network", "down", "--dir", other)


if __name__ == "__main__":
    unittest.main(verbosity=2)
