"""The bibliography: labels that are the citations of the text, and ways back to these.

A work is called `Vaswani et al., 2017` where it is cited and where it is listed. Works of the same
authors and year get letters, in the order in which they are listed: by year, then by the field
`lecture` of an entry where there is one, then by title.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pybtex.plugin
import sphinxcontrib.bibtex.plugin
from docutils import nodes
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting.author_year_title import SortingStyle as ByTitle
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.label import LabelReferenceStyle


def who(entry) -> str:
    "The authors of a work as a citation names them."
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join([*p.prelast_names, *p.last_names]) for p in people]
    names = [name.replace("{", "").replace("}", "") for name in names]
    if not names:
        return entry.fields.get("title", entry.key)
    if len(names) > 2 or names[-1] == "others":
        return f"{names[0]} et al."
    return " and ".join(names)


class AuthorYear(BaseLabelStyle):
    "`Karpathy, 2022a`"

    def format_labels(self, sorted_entries):
        labels = [f"{who(e)}, {e.fields.get('year', 'no year')}" for e in sorted_entries]
        many, seen = Counter(labels), Counter()
        for label in labels:
            yield label if many[label] == 1 else label + "abcdefghijklmnopqrstuvwxyz"[seen[label]]
            seen[label] += 1


class ByLecture(ByTitle):
    "By author and year; then the lectures in their order, and everything else by title."

    def sorting_key(self, entry):
        author, year, title = super().sorting_key(entry)
        return author, year, entry.fields.get("lecture", "~"), title.lower()


class Style(Unsorted):
    default_label_style = "zth"
    default_sorting_style = "zth"


@dataclass
class Citations(LabelReferenceStyle):
    "A citation is the label of the work, in brackets; several are kept apart by semicolons."

    bracket_parenthetical: BracketStyle = field(default_factory=lambda: BracketStyle(sep="; "))


def ways_back(app: Sphinx, tree: nodes.document, doc: str) -> None:
    "Sphinx's `doctree-resolved`: below each work, links to the places that cite it."
    domain = app.env.get_domain("cite")
    keys = {c.citation_id: c.key for c in domain.citations if c.bibliography_key.docname == doc}
    order = reading_order(app.env) if keys else []
    for entry in tree.findall(nodes.citation):
        key = next((keys[i] for i in entry["ids"] if i in keys), None)
        places: dict[str, list[str]] = {}
        for ref in domain.citation_refs:
            if ref.docname in order and key in {target.key for target in ref.targets}:
                places.setdefault(ref.docname, []).append(ref.citation_ref_id)
        if not places:
            continue
        back = nodes.paragraph("", "Cited in ", classes=["zth-back"])
        for n, there in enumerate(sorted(places, key=order.index)):
            number = ".".join(map(str, app.env.toc_secnumbers.get(there, {}).get("") or ()))
            title = app.env.titles[there].astext()
            uri = app.builder.get_relative_uri(doc, there)
            back += nodes.Text(", " if n else "")
            for i, anchor in enumerate(places[there], 1):
                # the page by its number, or its title if it has none; further places on it counted
                text = (number or title) if i == 1 else f"({i})"
                link = nodes.reference("", text, internal=True, refuri=f"{uri}#{anchor}")
                link["reftitle"] = f"{number} {title}".strip() + (f", place {i}" if i > 1 else "")
                back += [nodes.Text(" " if i > 1 else ""), link]
        entry += back


def reading_order(env) -> list[str]:
    "The pages in the order of the table of contents."
    walk, doc, relations = [], env.config.root_doc, env.collect_relations()
    while doc and doc not in walk:
        walk.append(doc)
        doc = relations[doc][2] if doc in relations else None
    return walk


def pages_with_works(app: Sphinx, env) -> list[str]:
    "Sphinx's `env-updated`: the bibliography names the places on other pages."
    return sorted({key.docname for key in env.get_domain("cite").bibliographies})


def setup(app: Sphinx) -> dict:
    pybtex.plugin.register_plugin("pybtex.style.labels", "zth", AuthorYear)
    pybtex.plugin.register_plugin("pybtex.style.sorting", "zth", ByLecture)
    pybtex.plugin.register_plugin("pybtex.style.formatting", "zth", Style)
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing", "zth", Citations
    )
    app.connect("env-updated", pages_with_works, priority=900)
    app.connect("doctree-resolved", ways_back)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
