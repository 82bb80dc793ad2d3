#!/usr/bin/env python3
"""Checks the rules of the house that a compiler cannot: who includes whom, which library belongs to which room, what the
pure rooms must not touch. Every breach is a line "file:line: rule: what is wrong".

usage: rules.py SOURCE_TREE
"""

import re
import sys
import xml.parsers.expat
from pathlib import Path

LONGEST_FILE = 400  # lines

# Which rooms a room may include, beside itself. Siblings are not here: they never include each other.
BELOW = {
    "core": set(),
    "azure": {"core"},
    "device": {"core", "azure"},
    "runtime": {"core"},
    "config": {"core", "azure"},
    "hub": {"core", "azure", "runtime"},
    "courier": {"core", "runtime"},
    "provisioning": {"core", "azure", "runtime", "courier"},  # the other end of what the courier says
    "spool": {"core", "azure", "runtime"},
    "bus": {"core", "azure", "runtime"},
    "daemon": {"core", "azure", "device", "runtime", "hub", "courier", "spool", "bus", "config"},
    "cli": {"core", "azure", "config"},
    "lizard": {"core", "azure"},
}

# A library, the headers that it is known by, and the rooms that it lives in. A header that is in no row is a breach: a new
# library is a decision. The lizard is a program of its own and free to use what it needs.
EVERYWHERE = set(BELOW)
MAY_USE_ANY_LIBRARY = {"lizard"}
LIBRARIES = [
    ("tl::expected", r"tl/expected\.hpp", EVERYWHERE),
    ("Paho", r"mqtt/|MQTT", {"hub"}),
    ("libcurl", r"curl/", {"provisioning"}),
    ("SQLite", r"sqlite3", {"spool"}),
    ("zlib", r"zlib\.h", {"spool"}),
    ("sd-bus", r"systemd/sd-bus\.h", {"bus"}),
    ("sdbus-c++", r"sdbus-c\+\+/|(io\.github|org\.freedesktop)\..*\.hpp", {"bus", "cli"}),
    ("toml++", r"toml\+\+/", {"config"}),
    ("libsystemd", r"systemd/sd-(event|daemon|journal|id128)\.h", {"runtime"}),
    ("spdlog", r"spdlog/|fmt/", {"runtime"}),
    ("OpenSSL", r"openssl/", {"azure", "hub"}),  # in hub it is Paho's: what a handshake failed of
    ("nlohmann/json", r"nlohmann/", {"azure", "courier"}),
    ("CLI11", r"CLI/", {"daemon", "cli"}),
]
SYSTEM_HEADER = re.compile(
    r"[a-z_0-9]+|(sys|arpa|net|netinet|linux)/\w+\.h|"
    r"(dirent|dlfcn|errno|fcntl|grp|link|malloc|netdb|poll|pthread|pwd|sched|signal|spawn|stdlib|string|sysexits|syslog|termios|time|unistd)\.h")

# What a room that only turns arguments into values has no business with.
CLOCK = ("reads a clock", r"\w*[cC]lock\s*::\s*now\b|\b(clock_gettime|gettimeofday|timespec_get)\s*\(|"
                          r"\btime\s*\(\s*(nullptr|NULL|0|&)")
THREAD = ("uses threads", r"\bstd::(thread|jthread|async|this_thread)\b|\bpthread_\w+|<(thread|future|pthread\.h)>")
SLEEP = ("sleeps", r"\b(sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\(")
RANDOM = ("draws random numbers that nobody seeded", r"\brandom_device\b|\b(rand|random|getrandom|arc4random)\s*\(")
OUTPUT = ("writes output", r"\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|perror|syslog)\s*\(|<(iostream|syslog\.h)>")
FILES = ("touches files or the environment",
         r"\bstd::(i|o)?fstream\b|\bstd::filesystem\b|\b(fopen|getenv)\s*\(|<(fstream|filesystem|unistd\.h|fcntl\.h)>")
IMPURE = {
    "core": (CLOCK, THREAD, SLEEP, RANDOM, OUTPUT, FILES),
    "azure": (CLOCK, THREAD, SLEEP, RANDOM, OUTPUT, FILES),
    "device": (CLOCK, THREAD, SLEEP, RANDOM, OUTPUT),  # it reads /sys
}

LOCK = re.compile(
    r"\bstd::(recursive_|timed_|recursive_timed_|shared_|shared_timed_)?mutex\b|"
    r"\bstd::(lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable(_any)?|counting_semaphore|"
    r"binary_semaphore|latch|barrier)\b|\bpthread_(mutex|rwlock|cond|spin|barrier)_\w+|"
    r"<(mutex|shared_mutex|condition_variable|semaphore|latch|barrier)>")
MAY_LOCK = {"runtime", "lizard"}

EMPTY_NAME = re.compile(r"\b(?:class|struct|namespace)\s+(\w*(?:Manager|Helper|Helpers|Util|Utils|Impl))\b")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])'", re.DOTALL)


def blank(text, keep_strings):
    """The text with its comments, and strings if wanted, blanked out; lines stay where they are."""

    def instead(match):
        found = match.group()
        if keep_strings and not found.startswith("/"):
            return found
        return re.sub(r"[^\n]", " ", found)

    return COMMENT_OR_STRING.sub(instead, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def room_of(path):
    """The room of a path relative to the tree, None when it is in no room."""
    parts = path.parts
    if len(parts) > 2 and parts[0] == "src":
        return parts[1]
    if len(parts) > 3 and parts[:2] == ("include", "iotc_ha"):
        return parts[2]
    return None


def includes(text):
    uncommented = blank(text, keep_strings=True)
    for match in INCLUDE.finditer(uncommented):
        yield line_of(text, match.start(1)), match.group(1)


def check_directions(path, room, text):
    """Rule "directions": a room includes only what lies below it, and private headers only its own."""
    for line, included in includes(text):
        name = included[1:-1]
        if included.startswith('"'):
            if "/" in name:
                yield line, f'{included}: only headers that lie beside the file are included with quotes'
        elif name.startswith("iotc_ha/"):
            other = name.split("/")[1]
            if other != room and other not in BELOW[room]:
                yield line, f"{room} must not include {other} ({included})"


def check_linked_rooms(path, room, text):
    """Rule "directions" again, in the build: a room links only what lies below it."""
    for match in re.finditer(r"\bROOMS\s+([a-z_\s]+)", text):
        for other in match.group(1).split():
            if other != room and other not in BELOW[room]:
                yield line_of(text, match.start()), f"{room} must not link {other}"


def check_libraries(path, room, text):
    """Rule "libraries": a third-party library lives in its room and nowhere else, and never in a public header."""
    if room in MAY_USE_ANY_LIBRARY:
        return
    is_public = path.parts[0] == "include"
    for line, included in includes(text):
        name = included[1:-1]
        if included.startswith('"') or name.startswith("iotc_ha/"):
            continue
        known = [row for row in LIBRARIES if re.match(row[1], name)]
        if known:
            library, _, rooms = known[0]
            if room not in rooms:
                yield line, f"{library} does not live in {room} ({included})"
            elif is_public and rooms is not EVERYWHERE:
                yield line, f"{library} must not stand in a public header ({included})"
        elif not SYSTEM_HEADER.fullmatch(name):
            yield line, f"{included} is of no library that this house knows"


def check_purity(path, room, text):
    """Rule "purity": core, azure and device take time and chance as arguments, and say what is to be written."""
    code = blank(text, keep_strings=False)
    for what, pattern in IMPURE.get(room, ()):
        for match in re.finditer(pattern, code):
            yield line_of(code, match.start()), f"{room} {what} ({match.group().strip()})"


def check_locks(path, room, text):
    """Rule "locks": threads meet in runtime, and nowhere else."""
    if room in MAY_LOCK:
        return
    code = blank(text, keep_strings=False)
    for match in LOCK.finditer(code):
        yield line_of(code, match.start()), f"{match.group()} outside of runtime"


def check_names(path, room, text):
    """Rule "names": a type is called after what it is."""
    code = blank(text, keep_strings=False)
    for match in EMPTY_NAME.finditer(code):
        yield line_of(code, match.start()), f"{match.group(1)} says nothing about what it is"


def check_length(path, room, text):
    """Rule "length"."""
    lines = len(text.splitlines())
    if lines > LONGEST_FILE:
        yield lines, f"{lines} lines: look for the seam ({LONGEST_FILE} at most)"


def check_interface_documentation(path, room, text):
    """Rule "documentation": the comment before a method, signal or property explains it and each argument as "Name: ...";
    the comment before an interface, or before its node, names it."""
    breaches = []
    comment = ""
    member = ("", "")  # element, comment

    def require(pattern, words, what):
        if not re.search(pattern, words):
            breaches.append((parser.CurrentLineNumber, f"{what} is not documented by the comment before it"))

    def explained(name):
        return rf"(?<!\w){re.escape(name)}(, \w+)*:\s+\w"

    def on_comment(words):
        nonlocal comment
        comment = words

    def on_start(element, attributes):
        nonlocal comment, member
        name = attributes.get("name", "")
        if element in ("method", "signal", "property"):
            member = (element, comment)
            require(explained(name), comment, f"{element} {name}")
        elif element == "arg":
            require(explained(name), member[1], f"argument {name} of a {member[0]}")
        elif element == "interface":
            require(rf"\b{re.escape(name.rpartition('.')[2])}\b", comment, f"interface {name}")
        if element != "node":
            comment = ""

    parser = xml.parsers.expat.ParserCreate()
    parser.CommentHandler = on_comment
    parser.StartElementHandler = on_start
    try:
        parser.Parse(text, True)
    except xml.parsers.expat.ExpatError as error:
        breaches.append((error.lineno, f"not XML: {error}"))
    yield from breaches


CPP_RULES = {
    "directions": check_directions,
    "libraries": check_libraries,
    "purity": check_purity,
    "locks": check_locks,
    "names": check_names,
    "length": check_length,
}
RULES = [*CPP_RULES, "documentation", "rooms"]


def breaches_of(path, text):
    """(line, rule, what is wrong) of one file, whose path is relative to the tree."""
    room = room_of(path)
    if room is None:
        return
    if room not in BELOW:
        yield 1, "rooms", f"nobody has said what the room {room} may include"
        return
    if path.suffix in (".cpp", ".hpp", ".h"):
        for rule, check in CPP_RULES.items():
            for line, what in check(path, room, text):
                yield line, rule, what
    elif path.name == "CMakeLists.txt":
        for line, what in check_linked_rooms(path, room, text):
            yield line, "directions", what
    elif path.suffix == ".xml":
        for line, what in check_interface_documentation(path, room, text):
            yield line, "documentation", what


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    tree = Path(arguments[0])
    files = sorted(file for folder in ("src", "include") for file in (tree / folder).rglob("*") if file.is_file())
    breaches = 0
    checked = 0
    for file in files:
        path = file.relative_to(tree)
        if path.suffix not in (".cpp", ".hpp", ".h", ".xml") and path.name != "CMakeLists.txt":
            continue
        checked += 1
        for line, rule, what in breaches_of(path, file.read_text(encoding="utf-8")):
            print(f"{path}:{line}: {rule}: {what}")
            breaches += 1
    if checked == 0:
        print(f"{tree} is not the source tree: it has no src and no include", file=sys.stderr)
        return 1
    print(f"{checked} files checked, {breaches} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
