"""The words of the glossary: linked where a page uses them first, with their meaning at hand.

A term is linked once on a page, at its first use in running text, in any of its forms (plural,
capital letter at the start of a sentence). The link carries the first sentence of the definition as
its title, which works everywhere; `place.js` makes a tooltip of it. The glossary gets an A to Z.

Where a word is no term is told in the tables below. After a change, look at what is linked: the log
of a build with `-v` names the links of each page.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from zlib import crc32

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

# Pages whose words are linked: the chapters, and those appendices that are about models.
PAGES = re.compile(r"\d\d_|appendix/(names|words|digits|transformer|modern)\b")

# Words of the glossary that the book mostly uses in their plain sense: "the race is on", "an
# intermediate result".
ORDINARY = {"race", "intermediate"}

# Words that are terms in some places only: what the names of those pages begin with.
ONLY = {
    "block": ("07_gpt/", "10_gpt2/"),  # elsewhere the `block_size` of a context
    "container": ("06_",),  # chapter 1: containers of Python
    "demonstration": ("07_gpt/assistants",),
    "gain": ("04_", "05_"),  # elsewhere what one wins
    "head": ("07_gpt/",),  # elsewhere the one on our shoulders
    "kernel": ("06_",),  # elsewhere that of Jupyter, or of a GPU
    "key": ("05_", "06_", "07_gpt/"),
    "score": ("06_", "07_gpt/"),  # chapter 1: that of a classifier
    "tree": ("05_", "06_", "07_gpt/self_attention", "appendix/words"),  # chapter 1: expressions
    "value": ("07_gpt/inside", "07_gpt/layers", "07_gpt/sampling", "07_gpt/seq2seq"),
    "view": ("03_", "05_", "06_"),
}

# Words that are no terms, or another one, where these pages use them first.
EXCEPT = {
    "activation": ("07_gpt/checkpoint",),  # the function
    "head": ("07_gpt/averaging", "07_gpt/model"),  # that of a language model
    "module": ("07_gpt/lab_finetune", "appendix/"),  # of Python
    "score": ("07_gpt/assistants",),  # of a reward
    "seed": ("01_",),  # of a sweep
    "temperature": ("04_",),  # a physician's
    "weight": tuple(f"07_gpt/{p}" for p in ("averaging", "self_attention", "lab_bugs", "seq2seq")),
}  # weight: that of attention

# Phrases that hold a term and mean something else.
NOT = ("block size", "block sizes", "Python generator", "attention weights", "attention weight",
       "weights of attention", "linear biases", "head start")

# Other names of a term, and forms that no rule makes.
ALSO = {
    "batch normalisation": ("batch norm", "batch norms"),
    "Bessel correction": ("Bessel’s correction",),
    "expression graph": ("computation graph",),
    "learning rate": ("step size", "step sizes"),
    "MLP": ("multilayer perceptron", "multi-layer perceptron"),
    "residual connection": ("residual path", "residual paths"),
}
NO_PLURAL = {"leaf"}  # "leaves" is mostly a verb

IN_A_PARAGRAPH, IN_A_SECTION = 2, 12  # the most links; what finds no room waits for its next use

FORMULAS = {  # what TeX says, in the letters of a line of text
    r"\\frac\{(\w+)\}\{(\w+)\}": r"\1/\2",
    r"\\frac\{([^{}]*)\}\{(\w+)\}": r"(\1)/\2",
    r"\\frac(\d)(\d)": r"\1/\2",
    r"\\(max|tanh|log|exp)": r"\1",
    r"\^2": "²",
    r"_\w": "",
    r"\\sigma": "σ",
    r"\\sum": "Σ",
    r"\\pm": "±",
    r"\\sqrt\s*(\w)": r"√\1",
    r"\\cdot|\\,": " ",
    r"\^\{([^{}]*)\}": r"^(\1)",
    r"\{([^{}]*)\}": r"\1",
}


def plain(node: nodes.Node) -> str:
    "The text of a definition, formulas and all, on one line."
    if isinstance(node, nodes.math):
        text = node.astext()
        for tex, letters in FORMULAS.items():
            text = re.sub(tex, letters, text)
        return text
    if isinstance(node, nodes.Text):
        return str(node)
    return "".join(map(plain, node.children))


def first_sentence(text: str) -> str:
    text = " ".join(text.split())
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", text)[0]


def note_terms(app: Sphinx, tree: nodes.document) -> None:
    "Sphinx's `doctree-read`: the terms that a page defines, with what they mean."
    found = {}
    for glossary in tree.findall(addnodes.glossary):
        for item in glossary.findall(nodes.definition_list_item):
            text = plain(next(item.findall(nodes.definition)))
            other = next(item.findall(addnodes.pending_xref), None)
            for term in item.findall(nodes.term):
                if term.get("ids"):
                    entry = {"doc": app.env.docname, "id": term["ids"][0]}
                    entry["says"] = first_sentence(text)
                    if text.startswith("See ") and other is not None:  # another word for the same
                        entry["see"] = other["reftarget"]
                    found[term.astext()] = entry
    if found:
        app.env.zth_terms[app.env.docname] = found
    # the terms that the author of the page has linked
    links = [x for x in tree.findall(addnodes.pending_xref) if x["reftype"] == "term"]
    app.env.zth_linked[app.env.docname] = {x["reftarget"].lower() for x in links}


def start(app: Sphinx, env, docs: list[str]) -> None:
    env.zth_terms = getattr(env, "zth_terms", {})
    env.zth_linked = getattr(env, "zth_linked", {})
    env.zth_terms_before = {doc: dict(terms) for doc, terms in env.zth_terms.items()}


def forget(app: Sphinx, env, doc: str) -> None:
    getattr(env, "zth_terms", {}).pop(doc, None)
    getattr(env, "zth_linked", {}).pop(doc, None)


def merge(app: Sphinx, env, docs: set[str], other) -> None:
    for name in ("zth_terms", "zth_linked"):
        ours, theirs = getattr(env, name), getattr(other, name)
        ours.update({d: theirs[d] for d in docs if d in theirs})


def terms_of(env) -> dict[str, dict]:
    "All terms; those that only name another term have its meaning and lead to it."
    found = {term: entry for terms in env.zth_terms.values() for term, entry in terms.items()}
    lower = {term.lower(): term for term in found}
    for term, entry in list(found.items()):
        real = lower.get(entry.get("see", "").lower())
        if real:
            says = found[real]["says"]
            found[term] = {**found[real], "says": f"{real[0].upper()}{real[1:]}. {says}"}
    return found


def forms(term: str) -> set[str]:
    "A term as it occurs: in the plural, and with a capital letter where a sentence starts."
    *head, last = term.split(" ")
    plural = {last + "s"}
    if re.search(r"(s|x|ch|sh)$", last):
        plural = {last + "es"}
    if re.search(r"[^aeiou]y$", last):
        plural = {last[:-1] + "ies"}
    if re.search(r"(s|ing|ion)$", last) and last not in REGULAR or term in NO_PLURAL:
        plural = set()
    every = {" ".join([*head, word]) for word in {last} | plural} | set(ALSO.get(term, ()))
    if term == term.lower():
        every |= {word[0].upper() + word[1:] for word in every}
    return every


# words that end like a mass noun and have a plural all the same
REGULAR = {"abstraction", "activation", "bias", "connection", "convolution", "demonstration",
           "function", "loss", "operation"}


def pattern(terms: dict[str, dict], doc: str):
    "An expression that finds every term meant on this page, and whose form it has found."
    whose = {}
    for term in terms:
        if term in ORDINARY or doc.startswith(EXCEPT.get(term, ("nowhere",))):
            continue
        if not doc.startswith(ONLY.get(term, "")):
            continue
        for form in forms(term):
            whose.setdefault(form, term)
    if not whose:
        return None, whose
    words, others = (
        "|".join(re.escape(w).replace(r"\ ", r"\s+") for w in sorted(some, key=len, reverse=True))
        for some in (whose, NOT)  # the longest first
    )
    return re.compile(rf"(?<![\w-])(?:(?:{others})|(?P<term>{words}))(?![\w-])"), whose


# Text in these is no running text, or is marked in another way.
CLOSED = (
    nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block,
    nodes.caption, nodes.table, nodes.raw, nodes.citation, nodes.footnote, nodes.block_quote,
    nodes.term, nodes.rubric, nodes.doctest_block, addnodes.desc, addnodes.toctree,
    addnodes.pending_xref,
)  # fmt: skip


def closed(node: nodes.Node) -> bool:
    classes = set(node.get("classes", ())) if isinstance(node, nodes.Element) else set()
    return (
        isinstance(node, CLOSED)
        or "solution" in type(node).__name__
        or bool(classes & {"solution", "dropdown", "cell", "zth-badge", "bibtex-citation"})
    )


def link_terms(app: Sphinx, tree: nodes.document, doc: str) -> None:
    "Sphinx's `doctree-resolved`: link the terms of a page at their first use."
    if not PAGES.match(doc) or not app.env.zth_terms:
        return
    terms = terms_of(app.env)
    find, whose = pattern(terms, doc)
    if find is None:
        return
    lower = {term.lower(): entry["id"] for term, entry in terms.items()}
    done = {lower[t] for t in app.env.zth_linked.get(doc, ()) if t in lower}  # by the author

    def link(word: str, entry: dict) -> nodes.reference:
        uri = f"{app.builder.get_relative_uri(doc, entry['doc'])}#{entry['id']}"
        node = nodes.reference("", word, internal=True, refuri=uri, classes=["zth-term"])
        node["reftitle"] = entry["says"]
        return node

    def visit(node: nodes.Element, room: dict) -> None:
        if isinstance(node, nodes.section):
            room = {"section": IN_A_SECTION, "paragraph": IN_A_PARAGRAPH}
        elif isinstance(node, (nodes.paragraph, nodes.list_item)):
            room = {**room, "of": room.get("of", room), "paragraph": IN_A_PARAGRAPH}
        for child in list(node.children):
            if isinstance(child, nodes.Text):
                if isinstance(node, (nodes.paragraph, nodes.emphasis, nodes.strong, nodes.inline)):
                    parts = split(str(child), room)
                    if len(parts) > 1:
                        node.replace(child, parts)
            elif not closed(child):
                visit(child, room)

    def split(text: str, room: dict) -> list[nodes.Node]:
        parts, at = [], 0
        section = room.get("of", room)
        for match in find.finditer(text):
            word = match["term"]
            if not word:
                continue
            entry = terms[whose[" ".join(word.split())]]
            if entry["id"] in done or section["section"] < 1 or room["paragraph"] < 1:
                continue
            done.add(entry["id"])
            section["section"] -= 1
            room["paragraph"] -= 1
            parts += [nodes.Text(text[at : match.start()]), link(word, entry)]
            at = match.end()
        return [*parts, nodes.Text(text[at:])]

    visit(tree, {"section": IN_A_SECTION, "paragraph": IN_A_PARAGRAPH})
    linked = [n.astext() for n in tree.findall(nodes.reference) if "zth-term" in n["classes"]]
    getLogger("zth.terms").verbose("%s: %d terms, %s", doc, len(linked), ", ".join(linked))


def add_letters(app: Sphinx, tree: nodes.document, doc: str) -> None:
    "Sphinx's `doctree-resolved`: an A to Z above the glossary."
    for glossary in list(tree.findall(addnodes.glossary)):  # something is put before each
        first: dict[str, str] = {}
        for term in glossary.findall(nodes.term):
            letter = term.astext()[0].upper()
            if term.get("ids"):
                first.setdefault(letter, term["ids"][0])
        items = "".join(
            f'<li><a href="#{escape(first[a])}">{a}</a></li>'
            if a in first
            else f'<li><a role="link" aria-disabled="true">{a}</a></li>'
            for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        )
        bar = f'<nav class="zth-letters" aria-label="Terms from A to Z"><ul>{items}</ul></nav>'
        at = glossary.parent.index(glossary)
        glossary.parent.insert(at, nodes.raw("", bar, format="html"))


def pages_with_terms(app: Sphinx, env) -> list[str]:
    "Sphinx's `env-updated`: if the meaning of a word has changed, every page may have to say so."
    if env.zth_terms == env.zth_terms_before:
        return []
    return list(filter(PAGES.match, env.found_docs))


def setup(app: Sphinx) -> dict:
    app.connect("env-before-read-docs", start)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", note_terms)
    app.connect("env-updated", pages_with_terms)
    app.connect("doctree-resolved", link_terms, priority=600)  # after links have been made of marks
    app.connect("doctree-resolved", add_letters)
    return {
        "version": "1",
        "env_version": crc32(Path(__file__).read_bytes()),  # other words: link again
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
