#!/usr/bin/env python3
"""The window on the virtual Azure, in a real browser, with the real daemon as the device.

usage: window_test.py LIZARD DAEMON [TEST...]
"""

import re
import sys
import unittest

from scene import Scene
from webdriver import ENTER, TAB, Browser

DEVICE = "failover-linux"
LINE = f'[data-device="{DEVICE}"] .line'
PROGRAMS = []  # lizard, daemon


def centre(name, inner=""):
    return f'[data-centre="{name}"] {inner}'.strip()


def attack(name, how):
    return centre(name, f'[data-how="{how}"]')


class Window(unittest.TestCase):
    """One window for all: what a test attacks it also revives."""

    @classmethod
    def setUpClass(cls):
        cls.scene = Scene(*PROGRAMS)
        cls.addClassCleanup(cls.scene.close)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.browser.open(cls.scene.url)

    def state(self, name):
        return self.browser.run("return document.querySelector(arguments[0]).dataset.state", centre(name))

    def wait_for_state(self, name, state):
        self.browser.wait(f"{name} is {state}", "return document.querySelector(arguments[0]).dataset.state === arguments[1]",
                          centre(name), state)

    def wait_for_open_bar(self, hub):
        self.browser.wait(f"the device is on {hub}", "return document.querySelector(arguments[0])",
                          f'{LINE} .bar.open[data-hub="{hub}"]', patience=60)

    def gaps(self):
        """Of the picture: milliseconds, written text, width in pixels of those that are over."""
        return self.browser.run("""return [...document.querySelectorAll(arguments[0])].map((gap) => [
            Number(gap.dataset.ms), gap.querySelector("text").textContent,
            Number(gap.querySelector(".body").getAttribute("width"))])""", f"{LINE} .gap:not(.live)")

    def answer(self):
        return self.browser.wait("an answer", """const said = document.querySelector(arguments[0]).textContent;
            return said !== "" && said !== "…" && said""", f'[data-device="{DEVICE}"] .answer')

    def reported(self, name):
        return self.scene.ask("twin", DEVICE)[0]["reported"].get(name, {})

    def ask(self, what, value=None):
        form = f'[data-device="{DEVICE}"] form[data-ask="{what}"]'
        self.browser.run("document.querySelector(arguments[0]).textContent = ''", f'[data-device="{DEVICE}"] .answer')
        if value is not None:
            self.browser.type(form + " input", value)
        self.browser.click(form + " button")
        return self.answer()

    # In the order of their names; the first is alone with the lizard.

    def test_1_loads_without_a_complaint_and_from_nowhere_else(self):
        self.browser.wait("it is live", "return document.querySelector('#link').textContent === 'live'")
        cards = self.browser.run("return [...document.querySelectorAll('[data-centre]')].map((card) => card.dataset.centre)")
        self.assertEqual(cards, ["dps", "hub-a", "hub-b"])
        self.assertEqual([self.state(name) for name in cards], ["up", "up", "up"])
        self.assertIn("No device has registered yet", self.browser.text("#nobody"))
        loaded = self.browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
        self.assertTrue(loaded)
        self.assertEqual([name for name in loaded if not name.startswith(self.scene.url)], [])
        self.assertEqual(self.browser.run("return document.documentElement.scrollWidth"), 1280, "nothing hangs over")

    def test_2_shows_a_device_and_its_messages(self):
        self.scene.start_device(DEVICE)
        self.wait_for_open_bar("hub-a")
        self.browser.wait("messages are drawn", """const ticks = document.querySelector(arguments[0]);
            return ticks?.getAttribute("d").split("M").length > 3""", f'{LINE} .tick[data-hub="hub-a"]')
        self.assertIn(DEVICE, self.browser.text(centre("hub-a", ".guests")))
        self.assertIn("connected to hub-a", self.browser.text(f'[data-device="{DEVICE}"] .now'))

    def test_3_a_killed_hub_a_live_gap_and_a_failover_drawn_to_scale(self):
        self.browser.click(attack("hub-b", "kill"))  # so that there is nowhere to go at first
        self.wait_for_state("hub-b", "killed")
        self.browser.click(attack("hub-a", "kill"))
        self.wait_for_state("hub-a", "killed")
        self.browser.wait("the bar has ended", "return !document.querySelector(arguments[0])", f"{LINE} .bar.open")
        self.browser.wait("the gap grows", "return Number(document.querySelector(arguments[0])?.dataset.ms) > 1500",
                          f"{LINE} .gap.live")
        self.assertIn("without a hub for", self.browser.text(f'[data-device="{DEVICE}"] .now'))
        self.browser.click(centre("hub-b", ".heal"))
        self.wait_for_state("hub-b", "up")
        self.wait_for_open_bar("hub-b")

        lost = self.scene.events("disconnected")[-1]["time_us"]
        back = self.scene.events("connected")[-1]["time_us"]
        milliseconds, text, width = self.gaps()[-1]
        self.assertAlmostEqual(milliseconds, (back - lost) / 1000, delta=1)
        self.assertEqual(text, f"{(back - lost) / 1e6:.1f} s")
        plot = self.browser.run("return document.querySelector(arguments[0]).getAttribute('width')", f"{LINE} .ground")
        self.assertAlmostEqual(width, float(plot) * milliseconds / 120_000, delta=0.5)
        self.browser.click('.spans label:has([value="60"])')
        self.browser.wait("one minute is drawn twice as wide", """const gap = [...document.querySelectorAll(arguments[0])].at(-1);
            return Math.abs(Number(gap.getAttribute("width")) - 2 * arguments[1]) < 1""", f"{LINE} .gap .body", width)
        self.browser.click(centre("hub-a", ".heal"))
        self.wait_for_state("hub-a", "up")

    def test_4_moves_the_device_and_speaks_to_it(self):
        before = len(self.gaps())
        self.browser.click(f'[data-device="{DEVICE}"] .moves button:not([hidden])')
        self.wait_for_open_bar("hub-a")
        self.assertGreater(len(self.gaps()), before)
        self.assertRegex(self.ask("echo", "anybody there?"), r'^echo: 200 .*"anybody there\?".* after \d+ ms$')
        self.assertRegex(self.ask("fan", "42"), r"version \d+$")
        self.scene.wait("the device has applied it", lambda: self.reported("fanSpeed").get("value") == 42)
        self.assertEqual(self.ask("alarm"), "setAlarm is queued")
        self.scene.wait("the device has taken it", lambda: self.scene.device(DEVICE)["c2d_queued"] == 0)
        self.assertEqual(len(self.scene.events("c2d")), 1)

    def test_5_each_attack_shows_and_is_undone(self):
        for how, state in (("unplug", "unplugged"), ("refuse", "refusing")):
            self.browser.click(attack("hub-b", how))
            self.wait_for_state("hub-b", state)
            self.browser.click(centre("hub-b", ".heal"))
            self.wait_for_state("hub-b", "up")
        connections = self.scene.device(DEVICE)["connections"]
        self.browser.click(attack("hub-a", "drop"))
        self.scene.wait("it came back", lambda: self.scene.device(DEVICE)["connections"] > connections)
        self.browser.click(attack("dps", "refuse"))
        self.wait_for_state("dps", "refusing")
        self.browser.click(centre("dps", ".heal"))
        self.wait_for_state("dps", "up")

    def test_6_is_worked_by_keyboard_alone(self):
        self.browser.run("document.activeElement.blur(); window.getSelection().removeAllRanges(); document.body.focus()")
        for _ in range(40):
            self.browser.press(TAB)
            focused = self.browser.run("return document.activeElement.getAttribute('aria-label')")
            if focused == "Kill hub-b":
                break
        self.assertEqual(focused, "Kill hub-b")
        self.assertNotEqual(self.browser.run("return getComputedStyle(document.activeElement).outlineStyle"), "none")
        self.browser.press(ENTER)
        self.wait_for_state("hub-b", "killed")
        self.assertEqual(self.browser.run("return document.activeElement.getAttribute('aria-label')"), "Revive hub-b")
        self.browser.press(ENTER)
        self.wait_for_state("hub-b", "up")

    def test_7_a_window_opened_later_shows_the_same_past(self):
        self.browser.click('.spans label:has([value="600"])')
        before = self.gaps()
        self.browser.open(self.scene.url)
        self.wait_for_open_bar("hub-a")
        self.browser.click('.spans label:has([value="600"])')
        after = self.gaps()
        self.assertGreater(len(after), 1)
        self.assertEqual([gap[:2] for gap in after], [gap[:2] for gap in before])

    def test_8_is_light_and_dark(self):
        papers = {}
        for scheme in ("light", "dark"):
            self.browser.like(scheme)
            colour = self.browser.run("return getComputedStyle(document.body).backgroundColor")
            papers[scheme] = sum(int(part) for part in re.findall(r"\d+", colour)[:3])
        self.assertGreater(papers["light"], 600)
        self.assertLess(papers["dark"], 150)

    def test_9_nothing_was_wrong_with_the_page(self):
        self.assertEqual(self.browser.complaints(), [])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROGRAMS[:] = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
