"""The index of the search: one entry for each section, glossary term, public name and exercise.

Sphinx's own search knows pages, and here a page can be a chapter. So each page is taken apart when
it is written; what was found is kept beside the doctrees, as a rebuild only writes what changed.
The end of a build puts everything into one script, `search-index.js`, which `search.js` loads when
somebody searches: a script, as a page that is opened as a file may not fetch data. It holds the
text itself, since the excerpts are made of it; the browser counts the words.
"""

from __future__ import annotations

import json
import keyword
import posixpath
import re
from collections import Counter
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.nodes import clean_astext

VERSION = 2  # of the entries; another number makes a rebuild take all pages apart again
LAZY = ("search.js", "search.css")  # asked for by the search page and by find.js, not by every page

# Lines that import, comments and strings say little about the place where they are.
NOISE = re.compile(r"(?m)^\s*(from|import)\b.*|#.*|\"[^\"\n]*\"|'[^'\n]*'")
IDENTIFIER = re.compile(r"[^\W\d]\w\w+")
MOST = 1  # how often a name of code is kept for a place: more often does not tell more
# Formulas that read well as they are written, as x_t or n=3; others become an ellipsis.
PLAIN_MATHS = re.compile(r"[\w\s=+*/()<>.,^-]{1,20}")

SILENT = (nodes.raw, nodes.image, nodes.meta, nodes.Invisible, addnodes.index,
          addnodes.toctree)


def names_in(code: str) -> list[str]:
    return [name for name in IDENTIFIER.findall(code) if not keyword.iskeyword(name)]


class Entry(dict):
    "What can be found: where it is, what it is called, and its words."

    def __init__(self, kind: str, anchor: str, title: str, within: str = ""):
        super().__init__(kind=kind, anchor=anchor, title=title, within=within, ids=[anchor])
        self.text, self.code, self.defines, self.leads = [], [], [], []

    def closed(self) -> dict:
        "As it is kept."
        text = re.sub(r"\s+", " ", "".join(self.text))
        text = re.sub(r" (?=[.,;:!?)\u2019])", "", text).strip()
        times = Counter(self.code)
        code = " ".join(name for name in times for _ in range(min(times[name], MOST)))
        return {**self, "text": text, "code": code, "defines": self.defines, "leads": self.leads}


def is_exercise(node: nodes.Node, part: str = "") -> bool:
    "Whether a node of sphinx-exercise is met, by its name: its classes differ between versions."
    name = type(node).__name__
    return name.startswith("exercise") and name.endswith(f"{part}node" if not part else part)


class Taker:
    "Walks through the tree of a page and hands each word to the entry it belongs to."

    def __init__(self, tree: nodes.document):
        self.entries: list[Entry] = []
        self.folds = 0  # how many folds we are in
        self.walk(tree, Entry("section", "", ""))

    def new(self, *args) -> Entry:
        self.entries.append(Entry(*args))
        return self.entries[-1]

    def walk(self, node: nodes.Node, entry: Entry) -> None:
        for child in node.children:
            self.take(child, entry)

    def take(self, node: nodes.Node, entry: Entry) -> None:
        classes = node.get("classes", []) if isinstance(node, nodes.Element) else []
        if isinstance(node, nodes.Text):
            entry.text.append(str(node))
        elif isinstance(node, nodes.section) and not is_part_of_exercise(node):
            first = not isinstance(node.parent, nodes.section)
            title = clean_astext(node[0])
            anchor = "" if first and not self.entries else node["ids"][0]
            within = entry.get("title", "") if isinstance(node.parent, nodes.section) else ""
            inner = self.new("section", anchor, title, within if entry["anchor"] else "")
            inner["ids"] = list(node["ids"])
            for child in node.children[1:]:
                self.take(child, inner)
        elif isinstance(node, addnodes.glossary):
            for item in node.findall(nodes.definition_list_item):
                self.term(item)
        elif isinstance(node, addnodes.desc):
            self.name(node, entry)
        elif is_exercise(node) and node.get("ids"):
            self.exercise(node, entry)
        elif isinstance(node, nodes.raw):
            self.folds += node.astext().count("<details") - node.astext().count("</details>")
        elif isinstance(node, nodes.literal_block):
            # folded code draws, prepares or checks: nobody looks for it
            if "output" not in classes and not self.folds:
                entry.code += names_in(NOISE.sub("", node.astext()))
        elif isinstance(node, nodes.literal):  # a name that the prose talks about
            entry.text.append(node.astext())
            entry.code += names_in(node.astext()) * 2
        elif isinstance(node, nodes.citation):
            self.work(node, entry)
        elif isinstance(node, nodes.math):
            plain = PLAIN_MATHS.fullmatch(node.astext())
            entry.text.append(node.astext() if plain else "…")
        elif isinstance(node, nodes.math_block):
            entry.text.append(" … ")
        elif isinstance(node, SILENT):
            pass
        elif {"zth-badges", "zth-back", "zth-test", "toctree-wrapper"} & set(classes):
            pass  # a check says in code what the text says in words
        elif type(node).__name__ == "solution_title" or isinstance(node, nodes.thead):
            pass
        else:
            if "zth-export" in classes:
                names = [i[4:] for i in node["ids"] if i.startswith("def-")]
                entry.defines += [name for name in names if not name.startswith("_")]
            # inline elements stand close to their neighbours; between blocks there is a space
            block = not isinstance(node, (nodes.Inline, nodes.TextElement)) or isinstance(
                node, (nodes.paragraph, nodes.caption, nodes.title, nodes.term)
            )
            self.walk(node, entry)
            if block:
                entry.text.append(" ")

    def term(self, item: nodes.definition_list_item) -> None:
        "A glossary entry; the sections that it refers to explain the term."
        terms = [part for part in item.children if isinstance(part, nodes.term)]
        entry = self.new("term", terms[0]["ids"][0], ", ".join(clean_astext(t) for t in terms))
        for part in item.children:
            if not isinstance(part, nodes.term):
                self.walk(part, entry)
        links = [link.get("refuri") for link in item.findall(nodes.reference)]
        entry.leads += [link for link in links if link]

    def name(self, node: addnodes.desc, around: Entry) -> None:
        "A class, a function, a method or a constant of the package."
        sign = node.next_node(addnodes.desc_signature)
        if sign is None or not sign["ids"]:
            return self.walk(node, around)
        entry = self.new("name", sign["ids"][0], sign["fullname"], sign.get("module") or "")
        for names in sign.findall(addnodes.desc_parameterlist):
            entry.code += names_in(names.astext())
        for part in node.children:
            if not isinstance(part, addnodes.desc_signature):
                self.walk(part, entry)

    def exercise(self, node: nodes.Element, around: Entry) -> None:
        titles = [part for part in node.children if isinstance(part, nodes.title)]
        title = " ".join(" ".join(clean_astext(part) for part in titles).split())
        named = re.fullmatch(r"(.*?)\s*\((.*)\)", title)
        entry = self.new("exercise", node["ids"][0], named[2] if named else title, around["title"])
        for part in node.children:
            if part not in titles:
                self.take(part, entry)

    def work(self, node: nodes.citation, around: Entry) -> None:
        "An entry of the bibliography, called by its title, which follows the authors' full stop."
        parts = [part for part in node.children if not isinstance(part, nodes.label)]
        text = " ".join(clean_astext(part) for part in parts)
        named = re.search(r"(?<=\w{2}\. )\S.*?(?=[.?!](?= |$))", text)
        entry = self.new("work", node["ids"][0], named[0] if named else text[:80], around["title"])
        entry.text.append(text)


def is_part_of_exercise(node: nodes.section) -> bool:
    return any(i.endswith(("exercise-content", "solution-content")) for i in node["ids"])


def take_apart(tree: nodes.document) -> list[dict]:
    "The entries of a page, in reading order."
    return [entry.closed() for entry in Taker(tree).entries]


def parents(env) -> dict[str, str]:
    "Of each page, the page whose table of contents names it."
    return {doc: above for above, docs in env.toctree_includes.items() for doc in docs}


def numbered(env, doc: str, anchor: str, title: str) -> str:
    "A title with the number that the site gives it, if it has one."
    number = env.toc_secnumbers.get(doc, {}).get(f"#{anchor}" if anchor else "") or ()
    return f"{'.'.join(map(str, number))} {title}".strip()


def address(builder, doc: str, anchor: str = "") -> str:
    return builder.get_target_uri(doc) + (f"#{anchor}" if anchor else "")


def weight_of(env, doc: str) -> float:
    "What a page is worth: the chapters explain, the rest of the book looks things up."
    chapter = bool(env.toc_secnumbers.get(doc, {}).get("")) or doc == "glossary"
    aside = re.search(r"/(lab_\w+|exercises|recap)$", doc) or doc in ("errata", "lectures")
    return (1 if chapter else 0.75) * (0.7 if aside else 1)


def index(builder, env, kept: dict[str, list[dict]]) -> dict:
    "All entries of all pages, as short as they can be said."
    above = parents(env)
    order = {doc: at for at, doc in enumerate(reading_order(env))}
    docs = sorted(kept, key=lambda doc: (order.get(doc, len(order)), doc))
    terms: dict[str, list[dict]] = {}  # the glossary entries that send the reader to an address
    for doc in docs:
        for entry in kept[doc]:
            for link in entry["leads"]:
                at = posixpath.normpath(posixpath.join(posixpath.dirname(doc), link))
                terms.setdefault(at, []).append(entry)
    pages, entries = [], []
    for number, doc in enumerate(docs):
        title = numbered(env, doc, "", env.titles[doc].astext())
        chapter = above.get(doc, env.config.root_doc)
        inside = chapter != env.config.root_doc
        name = numbered(env, chapter, "", env.titles[chapter].astext()) if inside else ""
        pages.append([address(builder, doc), title, name, weight_of(env, doc)])
        aside = weight_of(env, doc) < 0.75  # found by its words; its code is everybody's
        for entry in kept[doc]:
            sent = [t for i in entry["ids"] for t in terms.get(address(builder, doc, i), ())]
            hints = " ".join(t["code"] for t in sent if t["code"])
            title = entry["title"]
            if entry["kind"] == "section":
                title = numbered(env, doc, entry["anchor"], title)
            entries.append([
                number, entry["kind"], entry["anchor"], title, entry["within"], entry["text"],
                "" if aside else entry["code"], " ".join(entry["defines"]),
                [t["title"] for t in sent], hints,
            ])
    return {"pages": pages, "entries": entries}


def reading_order(env) -> list[str]:
    "The pages as the table of contents lists them."
    found, waiting = [], [env.config.root_doc]
    while waiting:
        doc = waiting.pop(0)
        found.append(doc)
        waiting[:0] = env.toctree_includes.get(doc, [])
    return found


def write_script(builder, env, kept: dict[str, list[dict]], path: Path) -> None:
    text = json.dumps(index(builder, env, kept), ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"zthIndex={text};\n", encoding="utf-8")


# ---- in the build --------------------------------------------------------------------------------


def kept_at(app: Sphinx) -> Path:
    "Where the entries of all pages wait for the next build."
    return Path(app.doctreedir, "zth_search.json")


def keep_lazy(app: Sphinx, config) -> None:
    "Takes the scripts and styles of the search out of what every page loads."
    for files in (config.html_js_files, config.html_css_files):
        files[:] = [one for one in files if one not in LAZY]


def note_page(app: Sphinx, tree: nodes.document, doc: str) -> None:
    "Takes a page apart that is about to be written: references and numbers are in it by now."
    if app.builder.format == "html":
        app.env.zth_found = getattr(app.env, "zth_found", {})
        app.env.zth_found[doc] = take_apart(tree)


def finish(app: Sphinx, exception: Exception | None) -> None:
    "Writes the index: of pages just written, of pages kept, and of pages that neither has."
    if exception or app.builder.format != "html":
        return
    new, path = getattr(app.env, "zth_found", {}), kept_at(app)
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        old = old["pages"] if old["version"] == VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        old = {}
    pages = {}
    for doc in sorted(app.env.found_docs):
        if doc not in new and doc not in old:  # written before there was an index
            app.env.get_and_resolve_doctree(doc, app.builder)  # note_page hears of it
        pages[doc] = new[doc] if doc in new else old[doc] if doc in old else app.env.zth_found[doc]
    path.write_text(json.dumps({"version": VERSION, "pages": pages}), encoding="utf-8")
    write_script(app.builder, app.env, pages, Path(app.outdir, "search-index.js"))


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", keep_lazy)
    app.connect("doctree-resolved", note_page, priority=950)  # after the links of zth.weave
    app.connect("build-finished", finish)
    return {"version": str(VERSION), "parallel_read_safe": True, "parallel_write_safe": True}
