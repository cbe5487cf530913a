"""How long a page takes to read: on the page, and at the door of its chapter.

The words, formulas, figures and lines of a page are counted when it is read. `reading_minutes` and
`chapter_minutes` give the result to whoever has the environment; the role `{minutes}` inserts it,
and every page that is a notebook says it under its title.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from zlib import crc32

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole
from sphinx.util.logging import getLogger

# Seconds that a reader spends on one of each. Prose of this kind is read at 200 words a minute, and
# code that one wants to understand at 20 lines a minute. What is folded is not counted.
RATES = {
    "word": 60 / 200,
    "formula": 3,  # in a sentence
    "equation": 15,  # on a line of its own
    "figure": 20,
    "line of code": 3,
    "line of output": 1,  # of the first ten; one skims the rest
}
MOST_OUTPUT = 10  # lines of one output that are read


def count(tree: nodes.Node) -> dict[str, int]:
    "What there is to read on a page, by the names in RATES."
    found = dict.fromkeys(RATES, 0)

    def walk(node: nodes.Node, output: bool = False) -> None:
        if isinstance(node, nodes.Text):
            found["word"] += sum(any(map(str.isalnum, word)) for word in node.split())
        elif isinstance(node, nodes.math):
            found["formula"] += 1
        elif isinstance(node, nodes.math_block):
            found["equation"] += 1
        elif isinstance(node, nodes.image):
            found["figure"] += 1
        elif isinstance(node, nodes.literal_block):
            lines = sum(bool(line.strip()) for line in node.astext().splitlines())
            kind = "line of output" if output else "line of code"
            found[kind] += min(lines, MOST_OUTPUT) if output else lines
        elif node.get("nb_element") == "mime_bundle":  # one output in several forms: one is shown
            pictures = list(node.findall(lambda n: isinstance(n, nodes.image) or is_svg(n)))
            texts = list(node.findall(nodes.literal_block))
            found["figure"] += bool(pictures)
            for text in [] if pictures else texts[:1]:
                walk(text, output=True)
        elif not isinstance(node, (nodes.raw, nodes.comment)) and not skipped(node):
            folds = 0
            for child in node.children:
                text = child.astext() if isinstance(child, nodes.raw) else ""
                folds += text.count("<details") - text.count("</details>")
                if not folds:
                    walk(child, output or node.get("nb_element") == "cell_code_output")

    walk(tree)
    return found


def is_svg(node: nodes.Node) -> bool:
    return isinstance(node, nodes.raw) and "<svg" in node.astext()


def skipped(node: nodes.Element) -> bool:
    "Solutions are folded, and badges are not read."
    return "solution" in type(node).__name__ or "zth-badges" in node.get("classes", ())


def note_page(app: Sphinx, tree: nodes.document) -> None:
    "Sphinx's `doctree-read`: count what there is on a page of the book."
    if str(app.env.doc2path(app.env.docname)).endswith(".ipynb"):
        seconds = sum(RATES[kind] * number for kind, number in count(tree).items())
        app.env.zth_seconds[app.env.docname] = seconds


def start(app: Sphinx, env, docs: list[str]) -> None:
    env.zth_seconds = getattr(env, "zth_seconds", {})
    env.zth_counted = bool(docs)


def forget(app: Sphinx, env, doc: str) -> None:
    getattr(env, "zth_seconds", {}).pop(doc, None)


def merge(app: Sphinx, env, docs: set[str], other) -> None:
    env.zth_seconds.update({d: s for d, s in other.zth_seconds.items() if d in docs})


def is_door(doc: str) -> bool:
    return doc.endswith("/index")


def reading_minutes(env, doc: str) -> int | None:
    "How many minutes it takes to read a page; nothing if it is no page of the book."
    seconds = env.zth_seconds.get(doc)
    return None if seconds is None else max(1, round(seconds / 60))


def chapter_minutes(env, doc: str) -> int | None:
    "How many minutes it takes to read a chapter, given its page or its door."
    folder = doc.removesuffix("index") if is_door(doc) else None
    pages = [d for d in env.zth_seconds if d == doc or folder and d.startswith(folder)]
    return sum(reading_minutes(env, d) for d in pages) or None


def said(minutes: int) -> str:
    "Minutes as one says them: `1 minute`, `45 minutes`, `2 hours`, `2½ hours`."
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    whole, half = divmod(math.floor(minutes / 30 + 0.5), 2)
    return f"{whole}{'½' * half} hours"


class minutes_mark(nodes.Inline, nodes.Element):
    "The place of a number of minutes, filled in when all pages are counted."


class Minutes(SphinxRole):
    "`{minutes}`PAGE``, or several with commas between them, whose sum it is."

    def run(self) -> tuple[list[nodes.Node], list]:
        here = Path(self.env.docname).parent
        docs = [(here / name.strip()).as_posix() for name in self.text.split(",")]
        mark = minutes_mark(docs=docs)
        self.set_source_info(mark)
        return [mark], []


def write_minutes(app: Sphinx, tree: nodes.document, doc: str) -> None:
    "Sphinx's `doctree-resolved`: the minutes under the title, and those that the page asks for."
    for mark in list(tree.findall(minutes_mark)):
        found = [reading_minutes(app.env, d) for d in mark["docs"]]
        if None in found:
            missing = ", ".join(d for d, m in zip(mark["docs"], found) if m is None)
            getLogger("zth.place").warning(f"no minutes for {missing}", location=(doc, mark.line))
        mark.replace_self(nodes.Text(str(sum(m or 0 for m in found))))
    minutes, whole = reading_minutes(app.env, doc), chapter_minutes(app.env, doc)
    title = next(tree.findall(nodes.title), None)
    if minutes is None or title is None:
        return
    text = f"About {said(minutes)} to read"
    if is_door(doc) and whole != minutes:
        text += f"; the whole {'chapter' if doc[0].isdigit() else 'appendix'} about {said(whole)}"
    # raw, since it belongs neither to the index of the search nor to the description of the page
    line = nodes.raw("", f'<p class="zth-minutes">{escape(text)}</p>', format="html")
    part = title.parent
    at = part.index(title) + 1
    if at < len(part) and isinstance(part[at], nodes.block_quote):  # the line under a title
        at += 1
    part.insert(at, line)


def pages_with_minutes(app: Sphinx, env) -> list[str]:
    "Sphinx's `env-updated`: doors name the minutes of other pages."
    news = getattr(env, "zth_counted", False)
    return [doc for doc in env.found_docs if news and is_door(doc) and not doc.startswith("api/")]


def setup(app: Sphinx) -> dict:
    app.add_node(minutes_mark)
    app.add_role("minutes", Minutes())
    app.connect("env-before-read-docs", start)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", note_page, priority=900)  # after cells have been folded
    app.connect("env-updated", pages_with_minutes)
    app.connect("doctree-resolved", write_minutes)
    return {
        "version": "1",
        "env_version": crc32(Path(__file__).read_bytes()),  # other rates: count again
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
