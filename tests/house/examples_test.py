#!/usr/bin/env python3
"""Holds rules.py against examples. bad/*.txt must each break exactly the rule that its first line names; good/*.txt, which
come close to a breach, must break none. The first line also says which file the example pretends to be:

    bad: locks  src/hub/queue.cpp
"""

import re
import sys
import unittest
from pathlib import Path

import rules

HERE = Path(__file__).parent
FIRST_LINE = re.compile(r"(bad: (?P<rule>\w+)|good)  (?P<path>\S+)(  lines: (?P<lines>\d+))?")


def read(file):
    """(rule or None, breaches) of an example. "lines: 401" repeats the text until it has that many lines."""
    first, _, text = file.read_text(encoding="utf-8").partition("\n")
    head = FIRST_LINE.fullmatch(first)
    if head is None:
        raise ValueError(f"{file}: the first line is not understood: {first}")
    if head["lines"]:
        repeated = text.splitlines(keepends=True) * int(head["lines"])
        text = "".join(repeated[: int(head["lines"])])
    return head["rule"], list(rules.breaches_of(Path(head["path"]), text))


class Examples(unittest.TestCase):
    def test_each_bad_example_breaks_the_rule_that_it_names_and_no_other(self):
        for file in sorted((HERE / "bad").glob("*.txt")):
            with self.subTest(file.name):
                rule, breaches = read(file)
                self.assertEqual({found for _, found, _ in breaches}, {rule}, breaches)

    def test_each_line_marked_as_a_breach_is_found_and_no_other(self):
        for file in sorted((HERE / "bad").glob("*.txt")):
            with self.subTest(file.name):
                lines = file.read_text(encoding="utf-8").splitlines()[1:]
                marked = {number for number, line in enumerate(lines, 1) if "BREACH" in line}
                if not marked:
                    continue  # a breach of the file as a whole
                _, breaches = read(file)
                self.assertEqual({line for line, _, _ in breaches}, marked, breaches)

    def test_good_examples_break_none(self):
        for file in sorted((HERE / "good").glob("*.txt")):
            with self.subTest(file.name):
                self.assertEqual(read(file), (None, []))

    def test_every_rule_has_a_bad_example(self):
        self.assertEqual({read(file)[0] for file in (HERE / "bad").glob("*.txt")}, set(rules.RULES))

    def test_a_tree_without_rooms_is_no_success(self):
        self.assertEqual(rules.main([str(HERE / "bad")]), 1)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
