"""What the pages of the site need beyond the book itself.

The directive `{road}` draws the chapters on the landing page, and the role `{book}` says there how
long they are and how many are finished; the pages of a chapter are numbered; old addresses lead to the new ones; and two extensions that Jupyter Book always loads are silenced,
because they would put scripts from elsewhere on every page.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from zth.weave.sources import settings

# ruff: noqa: E501  (the data of a drawing is one long line)
# One drawing per station, 48 by 48: `f` is drawn in the colour of the forward pass, `g` in that of
# the gradient, `d` is a dot filled with the colour of the forward pass.
GLYPHS = {
    "graph": '<path class="f" d="M10 13 24 24M10 35 24 24M24 24h14"/><path class="g" d="M38 31H24l-7 6"/>'
    '<circle class="d" cx="9" cy="12" r="4"/><circle class="d" cx="9" cy="36" r="4"/>'
    '<circle class="d" cx="24" cy="24" r="4"/><circle class="d" cx="39" cy="24" r="4"/>',
    "table": '<path class="f" d="M8 8h32v32H8zM16 8v32M24 8v32M32 8v32M8 16h32M8 24h32M8 32h32"/>'
    '<path class="d" d="M16 8h8v8h-8zM32 16h8v8h-8zM8 24h8v8H8z"/><path class="h" d="M24 32h8v8h-8z"/>',
    "layers": '<path class="f" d="M10 16 24 8 38 24 24 24 10 16 24 40 38 24M10 32 24 8M10 32 24 24M10 32 24 40"/>'
    '<circle class="d" cx="10" cy="16" r="3.5"/><circle class="d" cx="10" cy="32" r="3.5"/>'
    '<circle class="d" cx="24" cy="8" r="3.5"/><circle class="d" cx="24" cy="24" r="3.5"/>'
    '<circle class="d" cx="24" cy="40" r="3.5"/><circle class="h" cx="38" cy="24" r="3.5"/>',
    "bell": '<path class="f" d="M6 38h36"/><path class="f" d="M6 36c10 0 11-26 18-26s8 26 18 26"/>'
    '<path class="g" d="M24 38V10M17 38V24M31 38V24"/>',
    "back": '<path class="f" d="M8 16h26m-6-6 6 6-6 6"/><path class="g" d="M40 32H14m6-6-6 6 6 6"/>',
    "tree": '<path class="f" d="M6 38l5-9 5 9M18 38l5-9 5 9M30 38l5-9 5 9M11 29l6-10 6 10M35 29l-9-20-9 10"/>'
    '<circle class="d" cx="11" cy="29" r="2.5"/><circle class="d" cx="23" cy="29" r="2.5"/>'
    '<circle class="d" cx="35" cy="29" r="2.5"/><circle class="d" cx="17" cy="19" r="2.5"/>'
    '<circle class="h" cx="26" cy="9" r="3.5"/>',
    "attention": '<path class="f" d="M8 8v32h32M8 16h8v24M8 24h16v16M8 32h24v8M8 8h8v8M16 16h8v8M24 24h8v8M32 32h8v8"/>'
    '<path class="d" d="M8 8h8v8H8zM16 24h8v8h-8z"/><path class="h" d="M8 32h8v8H8zM32 32h8v8h-8z"/>',
    "chat": '<path class="f" d="M6 10h24v14H16l-5 5v-5H6z"/><path class="g" d="M20 29v3h14l4 5v-5h4V19h-7"/>',
    "pairs": '<path class="f" d="M6 10h8v8H6zM16 10h8v8h-8zM26 10h6v8h-6zM34 10h8v8h-8z"/>'
    '<path class="f" d="M15 20v6M38 20v6M29 20v6"/><path class="d" d="M6 30h18v8H6z"/>'
    '<path class="f" d="M26 30h6v8h-6z"/><path class="h" d="M34 30h8v8h-8z"/>',
    "stack": '<path class="f" d="M10 36h28v6H10zM10 28h28v6H10zM10 20h28v6H10zM10 12h28v6H10z"/>'
    '<path class="h" d="M10 4h28v6H10z"/>',
    "curve": '<path class="f" d="M8 6v34h34"/><path class="g" d="M10 9c2 18 7 23 12 25s12 2 19 3"/>',
    "bars": '<path class="f" d="M6 40h36"/><path class="d" d="M10 18h8v22h-8z"/><path class="h" d="M22 14h8v26h-8z"/>'
    '<path class="f" d="M34 24h6v16h-6z"/>',
}


def human(count: int) -> str:
    "A count as a reader says it: `12,297`, `10.8 million`."
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:.0f} million"


class road(nodes.General, nodes.Element):
    "The place of the road; it is filled in when it is known which chapters exist."


class Road(SphinxDirective):
    "Draws the road of the chapters from `chapters.yml`."

    has_content = False

    def run(self) -> list[nodes.Node]:
        source = Path(self.env.srcdir, "chapters.yml")
        self.env.note_dependency(str(source))
        return [road(chapters=yaml.safe_load(source.read_text(encoding="utf-8")))]


def station(chapter: dict, number: int, link: str | None, lines: str) -> str:
    "One station of the road, as an item of an ordered list."
    glyph = f'<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false">{GLYPHS[chapter["glyph"]]}</svg>'
    title = escape(chapter["title"])
    name = f'<a href="{escape(link)}">{title}</a>' if link else title
    size = (
        f'<span class="zth-size">{human(chapter["numbers"])} parameters</span>'
        if "numbers" in chapter
        else ""
    )
    state = "" if link else '<span class="zth-coming">coming</span>'
    return (
        f'<li class="zth-station{"" if link else " zth-later"}{lines}"><span class="zth-glyph">{glyph}</span>'
        f'<span class="zth-stop"><span class="zth-number">{number}</span>'
        f'<span class="zth-name">{name}</span>{state}</span>'
        f'<span class="zth-builds">{escape(chapter["builds"])}</span>{size}</li>'
    )


def lines_at(finished: list[bool], i: int) -> str:
    """The classes of a station for its lines: solid only between two finished ones.

    Both ends are named, since the road bends back: on the way back a station draws the line that
    leads to it, elsewhere the one that leads on.
    """
    before, after = finished[max(i - 1, 0)], finished[min(i + 1, len(finished) - 1)]
    return (" zth-from" if finished[i] and before else "") + (" zth-on" if finished[i] and after else "")


def visit_road(self, node: road) -> None:
    found, chapters = self.builder.app.env.found_docs, node["chapters"]
    here, finished = self.builder.current_docname, [c["doc"] in found for c in chapters]
    items = "".join(
        station(
            c,
            i + 1,
            self.builder.get_relative_uri(here, c["doc"]) if finished[i] else None,
            lines_at(finished, i),
        )
        for i, c in enumerate(chapters)
    )
    self.body.append(
        '<div class="zth-road"><p class="zth-end zth-start"><span class="zth-dot"></span>'
        f'a single number</p><ol aria-label="The {spelt(len(chapters))} chapters">{items}</ol>'
        '<p class="zth-end zth-finish"><span class="zth-dot"></span>GPT-2</p></div>'
    )
    raise nodes.SkipNode


# ---- what the landing page says about the book

WORDS = "no one two three four five six seven eight nine ten eleven twelve".split()


def spelt(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else str(count)


def chapter_seconds(env, doc: str) -> float:
    "How long it takes to read a chapter, given its page or its door."
    folder = doc.removesuffix("index") if is_door(doc) else None
    seconds = env.zth_seconds  # of zth_place, as the pages themselves say it
    return sum(s for d, s in seconds.items() if d == doc or folder and d.startswith(folder))


def landing(app: Sphinx, env) -> list[str]:
    "Sphinx's `env-updated`: the landing page speaks of all the others, so it is written with them."
    return [app.config.root_doc]


class book_fact(nodes.Inline, nodes.Element):
    "The place of a fact about the book, filled in when all pages are known."


class Book(SphinxRole):
    "`{book}`hours``, or `finished`, `coming` or `chapters`, whose numbers are spelt; or `licence`, a link."

    def run(self) -> tuple[list[nodes.Node], list]:
        if self.text == "licence":
            cfg = settings(self.env.srcdir)
            uri = f"{cfg['git_url']}/blob/{cfg['branch']}/LICENSE"
            return [nodes.reference("", f"{cfg['license'].upper()} licence", refuri=uri)], []
        source = Path(self.env.srcdir, "chapters.yml")
        chapters = yaml.safe_load(source.read_text(encoding="utf-8"))
        return [book_fact(fact=self.text, chapters=[c["doc"] for c in chapters])], []


def visit_book(self, node: book_fact) -> None:
    env, chapters = self.builder.app.env, node["chapters"]
    finished = [doc for doc in chapters if doc in env.found_docs]
    facts = {
        "chapters": spelt(len(chapters)),
        "finished": spelt(len(finished)),
        "coming": spelt(len(chapters) - len(finished)),
        "hours": str(round(sum(chapter_seconds(env, doc) for doc in finished) / 3600)),
    }
    self.body.append(facts[node["fact"]])
    raise nodes.SkipNode


def silence(app: Sphinx, config) -> None:
    "Disconnect sphinx-thebe and sphinx-comments: both make pages load scripts from other servers."
    for listeners in app.events.listeners.values():
        listeners[:] = [
            one
            for one in listeners
            if not one.handler.__module__.startswith(("sphinx_thebe", "sphinx_comments"))
        ]
    styles = app.registry.css_files
    styles[:] = [one for one in styles if one[0] != "sphinx-thebe.css"]


# What Sphinx and its extensions write into a page, and what a browser needs instead: lists of
# citations hold links besides their items, a role is deprecated, and every exercise repeats an id.
REPAIRS = {
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    '<section id="exercise-content">': "<section>",
    '<section id="solution-content">': "<section>",
}


def repair(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    "Apply the repairs to the body of a page."
    for found, wanted in REPAIRS.items():
        if found in context.get("body", ""):
            context["body"] = context["body"].replace(found, wanted)


def complete_sitemap(app: Sphinx, exception: Exception | None) -> None:
    "Adds the pages that a rebuild left as they were; the sitemap would only name the others."
    queue = getattr(app, "sitemap_links", None)
    if exception or queue is None or app.builder.format != "html":
        return
    written = []
    while not queue.empty():
        written.append(queue.get())
    missing = {f"{doc}.html" for doc in app.env.found_docs} - {link for link, _ in written}
    for entry in [*written, *((link, None) for link in sorted(missing))]:
        queue.put(entry)


# The door of a chapter comes before its pages, and Sphinx would count its sections as well: the first
# page of chapter 7 would be 7.4. So the pages are counted first, and the sections of a door have no number.


def is_door(doc: str) -> bool:
    return doc.endswith("/index")


def pages_first(app: Sphinx, tree: nodes.document) -> None:
    "Lets Sphinx count the pages of a chapter before the sections of its door."
    if is_door(app.env.docname):
        for pages in list(app.env.tocs[app.env.docname].findall(addnodes.toctree)):
            around = pages.parent
            around.remove(pages)
            around.insert(0, pages)


def unnumber_door(app: Sphinx, env) -> list[str]:
    "Takes the numbers off the sections of each door; the title keeps that of the chapter."
    for doc in filter(is_door, env.toc_secnumbers):
        title, *sections = env.tocs[doc].findall(nodes.reference)
        for link in sections:
            link["secnumber"] = None
            env.toc_secnumbers[doc][link["anchorname"]] = None
    return []


MOVED = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="canonical" href="{link}">
<meta name="robots" content="noindex">
<noscript><meta http-equiv="refresh" content="0; url={link}"></noscript>
<script>
const places = {places};
location.replace((places[decodeURIComponent(location.hash.slice(1))] ?? "{link}") + location.hash);
</script>
</head>
<body><p>This page is now <a href="{link}">{title}</a>.</p></body>
</html>
"""


def anchors(env, doc: str) -> set[str]:
    "What an address can name on a page: sections, labels, and the cells that define something."
    page = getattr(env, "zth_pages", {}).get(doc, {"sections": {}, "places": {}})
    labels = {at for there, at in env.get_domain("std").anonlabels.values() if there == doc}
    found = {*page["sections"], *labels, *(at for at, _ in page["places"].values())}
    return {a for a in found if a and "/" not in a and not a.endswith(("exercise-content", "solution-content"))}


def write_moved(app: Sphinx, exception: Exception | None) -> None:
    "Writes a small page at each old address; a chapter that became a folder is searched for the section."
    if exception or app.builder.format != "html":
        return
    for old, new in app.config.zth_moved.items():
        if new not in app.env.found_docs:
            continue
        folder = new.removesuffix("index") if is_door(new) else None
        docs = [d for d in app.env.found_docs if folder and d.startswith(folder) and d != new]
        docs.sort(key=lambda d: app.env.toc_secnumbers.get(d, {}).get("", ()), reverse=True)
        link = app.builder.get_relative_uri(old, new)
        places = {  # of two places with one name, the one that is read first
            anchor: app.builder.get_relative_uri(old, doc)
            for doc in docs
            for anchor in sorted(anchors(app.env, doc))
        }
        title = escape(app.env.titles[new].astext())
        path = Path(app.outdir, f"{old}.html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MOVED.format(link=link, title=title, places=json.dumps(places)), encoding="utf-8")


def number_by_folder(app: Sphinx, env) -> list:
    """Sphinx's `env-get-updated`: a chapter has the number of its folder, also while one before it is
    not written yet."""
    changed = []
    for doc, numbers in env.toc_secnumbers.items():
        first = numbers.get("")
        folder = re.match(r"(\d\d)_", doc)
        if not (folder and first) or first[0] == int(folder[1]):
            continue

        def moved(number, chapter=int(folder[1])):
            return number and type(number)((chapter, *number[1:]))

        env.toc_secnumbers[doc] = {anchor: moved(number) for anchor, number in numbers.items()}
        for link in [*env.tocs[doc].findall(nodes.reference), env.titles[doc]]:
            if link.get("secnumber"):
                link["secnumber"] = moved(link["secnumber"])
        env.toc_fignumbers[doc] = {
            kind: {name: moved(number) for name, number in found.items()}
            for kind, found in env.toc_fignumbers.get(doc, {}).items()}
        changed.append(doc)
    return changed


def setup(app: Sphinx) -> dict:
    app.add_config_value("zth_moved", {}, "html")
    app.connect("doctree-read", pages_first, priority=900)  # after Sphinx has listed the sections
    app.connect("env-get-updated", number_by_folder, priority=890)  # after it has counted them
    app.connect("env-get-updated", unnumber_door, priority=900)
    app.connect("build-finished", write_moved)
    app.connect("build-finished", complete_sitemap, priority=400)  # before the sitemap is written
    app.connect("config-inited", silence, priority=1)
    app.connect("html-page-context", repair)
    app.add_node(road, html=(visit_road, None))
    app.add_directive("road", Road)
    app.add_node(book_fact, html=(visit_book, None))
    app.add_role("book", Book())
    app.connect("env-updated", landing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
