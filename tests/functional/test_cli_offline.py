"""What `imi` does without a network: help, usage errors, keys, exit codes."""

import os
import pathlib
import re
import stat
import tempfile
import unittest

from imi_network import (BAD_INPUT, LOCAL, OK, UNREACHABLE, USAGE, ImiTest, run)


class Offline(ImiTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="imi-offline-")
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)

    def imi(self, *args, **more):
        return run(*args, home=self.home, **more)

    def test_help_is_a_manual(self):
        out = self.ok(self.imi("--help")).out
        for word in ("Run a network", "Write to the ledger", "Read, with proof", "Examples",
                     "Exit codes",
                     "130", "IMI_HOME", "enterprise", "import", "bench", "proof"):
            self.assertIn(word, out)
        self.assertEqual(self.ok(self.imi("help")).out, out)
        self.assertEqual(self.ok(self.imi()).out, out)

    def test_every_command_has_help_with_an_example(self):
        def commands(words):
            out = self.ok(self.imi(*words, "--help")).out
            found = []
            section = False
            for line in out.splitlines():
                if line in ("Commands", "Run a network", "Write to the ledger"):
                    section = True
                elif line in ("Options", "Examples", "Arguments"):
                    section = False
                name = re.match(r"  ([a-z][a-z-]*)(  |$)", line)
                if section and name:
                    found.append(name.group(1))
            return out, found

        root, names = commands([])
        self.assertGreater(len(names), 15, root)
        leaves = 0
        stack = [[name] for name in names]
        while stack:
            words = stack.pop()
            out, below = commands(words)
            if "COMMAND [OPTIONS]" in out:
                stack += [words + [name] for name in below]
            else:
                leaves += 1
                self.assertIn("Examples", out, f"imi {' '.join(words)} --help has no example")
            # A group shows its own commands' examples, not those of imi itself.
            examples = out.partition("\nExamples\n")[2].partition("\n\n")[0]
            examples = examples.replace("\\\n", " ").splitlines()
            self.assertTrue(examples, f"imi {' '.join(words)} --help has no example")
            for line in examples:
                self.assertRegex(line, rf"\bimi (--\S+ )*{words[0]}\b",
                                 f"an example of imi {' '.join(words)} is of another command")
        self.assertGreater(leaves, 30)

    def test_help_fits_a_narrow_terminal(self):
        for width in (60, 80):
            for line in self.ok(self.imi("--help",
                                         COLUMNS=str(width))).out.split("Examples")[0].splitlines():
                self.assertLessEqual(len(line), width, line)

    def test_mistyped_words_are_answered_with_what_was_meant(self):
        self.exits(USAGE, self.imi("netwrok"), "no command 'netwrok'", "imi network")
        self.exits(USAGE, self.imi("network", "satus"), "imi network status")
        self.exits(USAGE, self.imi("status", "--jsno"), "--json")
        self.exits(USAGE, self.imi("network"), "needs a command")
        self.exits(USAGE, self.imi("block"), "HEIGHT")
        self.exits(USAGE, self.imi("block", "seven"))
        self.exits(USAGE, self.imi("network", "up", "--validators", "3"))
        self.exits(USAGE, self.imi("rpc", "blok"), "imi rpc block")

    def test_numbers_of_the_command_line_are_decimal(self):
        nowhere = ("--node", "127.0.0.1:1", "--timeout", "1s")
        # 08 and 09 are not numbers in base eight; 010 is ten (the network's tests see that).
        self.exits(UNREACHABLE, self.imi("block", "08", "--no-verify", *nowhere))
        for wrong in ("0x10", "1e3", "1,000", "+5", " 5", "5.0", "99999999999999999999"):
            self.exits(USAGE, self.imi("block", wrong, "--no-verify", *nowhere), "HEIGHT")
        self.exits(USAGE, self.imi("import", "events", "x.csv", "--batch", "04097"), "--batch")

    def test_files_that_are_no_text_are_named(self):
        (self.home / "genesis.imi").write_bytes(b"")
        book = self.home / "book.csv"
        book.write_bytes(b"PK\x03\x04" + b"\x14\x00" * 40)
        self.exits(BAD_INPUT, self.imi("submit", book, "--check"), "workbook")
        self.exits(LOCAL, self.imi("submit", self.home / "none.json", "--check"), "none.json")

    def test_errors_are_json_for_programs(self):
        e = self.imi("--json", "netwrok").error()
        self.assertEqual((e["name"], e["exit_code"]), ("usage", USAGE))
        self.assertIn("hint", e)

    def test_without_a_network_it_says_what_to_do(self):
        self.exits(USAGE, self.imi("status"), "no node is known", "imi network up")
        self.exits(LOCAL, self.imi("network", "status"), "holds no network")
        self.ok(self.imi("network", "down"))
        self.exits(LOCAL, self.imi("genesis", "id"), "genesis.imi", "--genesis FILE")

    def test_an_unreachable_node(self):
        self.exits(UNREACHABLE, self.imi("status", "--node", "127.0.0.1:1", "--timeout", "2s"))
        self.exits(USAGE, self.imi("status", "--node", "127.0.0.1:99999"))

    def test_keys(self):
        key = self.home / "a.key"
        made = self.ok(self.imi("--json", "key", "new", key, "--no-passphrase")).json()
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        self.assertEqual(self.ok(self.imi("--json", "key", "show", key)).json()["public_key"],
                         made["public_key"])
        self.exits(LOCAL, self.imi("key", "new", key, "--no-passphrase"), "never overwritten")
        key.chmod(0o644)
        self.exits(LOCAL, self.imi("key", "show", key), "chmod 600")
        self.exits(LOCAL, self.imi("key", "show", self.home / "none.key"), "there is no key file")

    def test_a_passphrase_comes_from_the_environment_or_a_file_never_from_nowhere(self):
        sealed = self.home / "sealed.key"
        self.ok(self.imi("key", "new", sealed, IMI_PASSPHRASE="open sesame"))
        text = sealed.read_text()
        self.assertNotIn("sesame", text)
        self.assertIn("argon2id", text)
        self.exits(LOCAL, self.imi("key", "new", self.home / "b.key"), "--passphrase-file")
        secret = self.home / "pass"
        secret.write_text("open sesame\n")
        secret.chmod(0o644)
        self.exits(LOCAL, self.imi("key", "new", self.home / "b.key", "--passphrase-file", secret),
                   "chmod 600")
        secret.chmod(0o600)
        self.ok(self.imi("key", "new", self.home / "b.key", "--passphrase-file", secret))

    def test_proof_files_that_are_none(self):
        genesis = self.home / "genesis.imi"
        genesis.write_bytes(b"not a genesis")
        proof = self.home / "x.imi"
        proof.write_bytes(b"not a proof")
        self.exits(BAD_INPUT, self.imi("proof", "verify", proof, "--genesis", genesis),
                   "not a genesis file")
        self.exits(LOCAL, self.imi("proof", "verify", self.home / "none", "--genesis", genesis))

    def test_completion(self):
        out = self.ok(self.imi("completion", "bash")).out
        self.assertIn("complete -o default -F _imi imi", out)
        self.assertIn("enterprise", out)

    def test_a_full_disk_under_standard_output_is_an_error(self):
        import subprocess
        from imi_network import IMI, environment
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([str(IMI), "--help"], stdout=full, stderr=subprocess.PIPE,
                                  text=True,
                                  env=environment(self.home), check=False, timeout=30)
        self.assertEqual(done.returncode, LOCAL)


if __name__ == "__main__":
    unittest.main(verbosity=2)
