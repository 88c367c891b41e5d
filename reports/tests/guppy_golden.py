"""Writes what guppy3 prints for random tables, for tests/guppy.rs to compare with.

    python3 -m venv VENV && VENV/bin/pip install guppy3==3.1.7
    VENV/bin/python reports/tests/guppy_golden.py reports/tests/golden

A third argument makes so many times as many cases. The rows go in through guppy's own loader of dumped tables (`.loader: _load_stat`),
so that the text comes from guppy's own code. Textwrap cases come from Python.
A golden is a sequence of cases: a line of JSON, and the lines expected, each after `|`.
"""

import json
import random
import sys
import textwrap

import guppy

RANDOM = random.Random(20240229)
USE = guppy.hpy()
SCALE = int(sys.argv[2]) if len(sys.argv) > 2 else 1

WORDS = [
    "Vec<crawl::Page>", "String", "HashMap<String, crawl::Slot>", "Box<dyn core::ops::FnOnce() -> u32>",
    "Arc<crawl::Response>", "Box<crawl::main::{closure_env#0}>", "()", "&", "[u16; 4]", "Option<Box<str>>",
    "x-ray", "self-made-thing", "--", "a--b", "well-", "-- end", "http://example.com/a-b/c-d?e=f--g",
    "serde_json::value::Value", "\u00e9t\u00e9-hiver", "\u4e2d\u6587", "ab-c", "a-b-cd", "(none)", "10m-1h", ">=1h",
    "petgraph::graph_impl::Graph<alloc::string::String, petgraph::graph_impl::Node<u32, crawl::Edge>>",
    "tokio::runtime::task::core::Cell<crawl::fetch::{async_fn_env#0}<reqwest::async_impl::client::Client>>",
    "x" * 120, "y-" * 70, "z" * 52, "w" * 53, "trait-object-with-a-name-" * 6,
]


def name():
    shape = RANDOM.random()
    if shape < 0.1:
        return ""
    if shape < 0.55:
        return RANDOM.choice(WORDS)
    if shape < 0.62:
        return "%9d" % RANDOM.choice([0, 7, 4096, 10**10])
    text = " ".join(RANDOM.choice(WORDS) for _ in range(RANDOM.randint(1, 7)))
    if shape < 0.75:
        text = "\n".join(
            RANDOM.choice(["", "  "]) + RANDOM.choice(WORDS) + " at examples/crawl.rs:%d" % RANDOM.randint(1, 999)
            for _ in range(RANDOM.randint(2, 6)))
    elif shape < 0.8:
        text = text.replace(" ", "   ", 2).replace(" & ", "\t& ")
    return text


def size():
    return RANDOM.choice([0, 1, 8, 24, 48, RANDOM.randint(1, 10**4), RANDOM.randint(1, 10**7), RANDOM.randint(1, 10**12)])


def table(length, unique):
    rows = []
    names = set()
    while len(rows) < length:
        text = name()
        if unique and text in names:
            text += " %d" % len(rows)
        names.add(text)
        rows.append([RANDOM.choice([1, 2, 600, RANDOM.randint(1, 10**6)]), size(), text])
    rows.sort(key=lambda r: (-r[1], r[2]))
    return rows


def stat(rows, form, header, kind=""):
    count = sum(r[0] for r in rows)
    lines = [
        ".loader: _load_stat", ".format: " + form, ".timemade: 1.000000", ".count: %d" % count,
        ".size: %d" % sum(r[1] for r in rows), ".kindname: " + kind, ".kindheader: " + header,
        ".numrows: %d" % len(rows),
    ]
    for r in rows:
        lines.append(".r: %d %d %s" % tuple(r) if form == "SetFormat" else ".r: %d %s" % (r[1], r[2]))
    return USE.load(lines)


def pages(it, most=3):
    """The first page, then the next ones, then everything."""
    out = [("top", str(it))]
    at = it
    for _ in range(most):
        at = at.more
        out.append(("more", str(at)))
    out.append(("all", str(it.all)))
    return out


def case(out, given, shown):
    for page, text in shown:
        # The rows stand with the first page only.
        out.write(json.dumps({**(given if page == "top" else {}), "page": page}) + "\n")
        for line in text.split("\n"):
            out.write("|" + line + "\n")


LENGTHS = [1, 2, 9, 10, 11, 12, 13, 20, 21, 22, 23, 35]
HEADERS = ["Type", "Referrers by Kind (class / dict of class)", "Type & Age", "Individual Size", "word " * 30]


def sets(out):
    for i in range(24 * SCALE):
        rows = table(RANDOM.choice(LENGTHS), False)
        if not any(r[1] for r in rows):
            continue
        header = RANDOM.choice(HEADERS).strip()
        case(out, {"header": header, "rows": rows}, pages(stat(rows, "SetFormat", header)))


def ids(out):
    for i in range(12 * SCALE):
        rows = [[1, r[1], r[2]] for r in table(RANDOM.choice(LENGTHS), False)]
        if not any(r[1] for r in rows):
            continue
        header = RANDOM.choice(["Brief", "Representation (limited)"])
        kind = RANDOM.choice(["<mixed>", "<String>"])
        case(out, {"header": header, "kind": kind, "rows": rows}, pages(stat(rows, "IdFormat", header, kind)))


def diffs(out):
    for i in range(24 * SCALE):
        b = table(RANDOM.choice([0] + LENGTHS), RANDOM.random() < 0.9)
        a = table(RANDOM.choice([0, 1] + LENGTHS), RANDOM.random() < 0.9)
        shape = RANDOM.random()
        if shape < 0.4:
            kept = [r for r in b if RANDOM.random() < 0.9]
            a += [[r[0] + RANDOM.choice([0, 0, 1, -1, 50]), max(0, r[1] + RANDOM.choice([0, 0, 24, -24, 4096])), r[2]]
                  for r in kept]
        elif shape < 0.45:
            a = list(b)
        elif shape < 0.5:
            # Changes that cancel out: the sums are 0, the rows are not.
            b = [[1, 100, "first"], [1, 100, "second"]]
            a = [[1, 150, "first"], [1, 50, "second"]]
        # A table has each name once. (Where one has not, guppy places the sum by the
        # first of the rows that changed, which is an accident of its loop.)
        a = list({r[2]: r for r in a}.values())
        a.sort(key=lambda r: (-r[1], r[2]))
        header = RANDOM.choice(HEADERS).strip()
        it = stat(a, "SetFormat", header) - stat(b, "SetFormat", header)
        case(out, {"header": header, "a": a, "b": b}, pages(it))


def wraps(out):
    alphabet = ["a", "bc", "d1", "-", "--", "---", " ", "  ", "\t", ".", ",", "&", "\u00e9", "7", "_", "x" * 30, "<", ">"]
    for i in range(300 * SCALE):
        text = "".join(RANDOM.choice(alphabet) for _ in range(RANDOM.randint(0, 40)))
        width, first, rest = RANDOM.randint(13, 40), RANDOM.randint(0, 12), RANDOM.randint(0, 12)
        lines = textwrap.wrap(text, width, initial_indent=" " * first, subsequent_indent=" " * rest)
        out.write(json.dumps({"text": text, "width": width, "first": first, "rest": rest, "lines": lines}) + "\n")


def main():
    for made in (sets, ids, diffs, wraps):
        with open("%s/guppy-%s.txt" % (sys.argv[1], made.__name__), "w") as out:
            out.write("# guppy3 3.1.7; to make it again: python3 reports/tests/guppy_golden.py reports/tests/golden\n")
            made(out)


main()
