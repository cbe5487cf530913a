"""Ways to report an error, and the line at the foot of a page.

The theme's button opens a blank issue. The repository has a form for each kind of report, so its
buttons, a quiet link below each heading and a list at the end of a page lead to these, with the
page and the section filled in. The addresses are made from settings.ini, the names of the forms
from the forms; a form that lacks a field stops the build.
"""

from __future__ import annotations

import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlencode

import yaml
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from zth.weave.sources import settings

FIELDS = {"page", "section"}  # what we fill in; the ids of inputs in every form
TEXT, CODE, UNCLEAR, EXERCISE = "text", "code", "unclear", "exercise"
HEADING = re.compile(
    r"<h(?P<level>[2-4])>(?P<title>.*?)"
    r'<a class="headerlink" href="#(?P<anchor>[^"]+)".*?</h(?P=level)>',
    re.DOTALL,
)


def forms(folder: Path) -> dict[str, dict]:
    "The forms for reports by their kind: file, name, description; in the order of their files."
    found = {}
    for path in sorted(folder.glob("[0-9]*.yml")):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = FIELDS - {part.get("id") for part in form["body"]}
        if missing:
            raise ConfigError(f"{path.name} has no field called {' or '.join(sorted(missing))}")
        kind = next((k for k in (EXERCISE, UNCLEAR, CODE, TEXT) if k in path.stem), path.stem)
        found[kind] = {"file": path.name, "name": form["name"], "about": form["description"]}
    return found


def kind_at(doc: str, headings: list[str]) -> str:
    "The form that fits a place: a page of the reference is about code, an exercise is one."
    if doc.startswith("api/"):
        return CODE
    tasks = [text for text in headings if re.match(r"([\d.]+ )?exercises?\b", text, re.IGNORECASE)]
    return EXERCISE if tasks or doc.endswith("/exercises") else TEXT


class Reports:
    "The addresses of the forms for one page."

    def __init__(self, app: Sphinx, doc: str):
        cfg = settings(app.confdir or app.srcdir)
        self.forms = forms(cfg["root"] / ".github/ISSUE_TEMPLATE")
        self.new, self.doc = f"{cfg['git_url']}/issues/new", doc
        number = ".".join(map(str, app.env.toc_secnumbers.get(doc, {}).get("") or ()))
        title = f"{number} {app.env.titles[doc].astext()}".strip()
        self.page = f"{title} ({app.config.html_baseurl}{app.builder.get_target_uri(doc)}"

    def address(self, kind: str, section: str = "", anchor: str = "") -> str:
        "Where a form is, with the page and perhaps the section filled in."
        page = f"{self.page}{'#' * bool(anchor)}{anchor})"
        filled = {"template": self.forms[kind]["file"], "page": page, "section": section}
        return f"{self.new}?{urlencode({k: v for k, v in filled.items() if v}, safe='/:()')}"


def words(html: str) -> str:
    "The text of a piece of HTML, on one line."
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def mark_sections(reports: Reports, body: str) -> tuple[str, list[dict]]:
    "Puts a link after each heading; returns the new body and the links."
    links, above = [], {}

    def add(found: re.Match) -> str:
        level, title, anchor = int(found["level"]), words(found["title"]), unescape(found["anchor"])
        above.update({level: title, **{deeper: "" for deeper in range(level + 1, 5)}})
        kind = kind_at(reports.doc, list(above.values()))
        link = {"title": title, "url": reports.address(kind, title, anchor)}
        links.append(link)
        # beside the heading, not in it, and with words from the style sheet: neither the name of
        # the heading nor a search of the page should change
        return (
            f'{found[0]}<a class="zth-wrong" href="{escape(link["url"])}" data-pagefind-ignore'
            f' aria-label="Report an error here: {escape(title)}"></a>'
        )

    return HEADING.sub(add, body), links


def buttons(reports: Reports | None, header: list[dict], editable: bool) -> None:
    "Exchanges the buttons of the theme that lead to a blank issue and to raw notebooks."
    for group in header:
        if group.get("label") != "source-buttons":
            continue
        kept = []
        for one in group["buttons"]:
            if one["label"] == "source-issues-button":
                kept += [
                    {
                        "type": "link",
                        "url": reports.address(kind),
                        "text": f"Report: {form['name'][0].lower()}{form['name'][1:]}",
                        "tooltip": form["about"],
                        "label": f"report-{kind}-button",
                    }
                    for kind, form in (reports.forms if reports else {}).items()
                ]
            elif one["label"] != "source-edit-button" or editable:
                kept.append(one)
        group["buttons"] = kept
        group["tooltip"] = "Source and reports of errors"


def written(app: Sphinx, doc: str) -> bool:
    "Whether somebody wrote a page; an index and the search have nothing to report."
    return doc in app.env.found_docs and app.builder.format == "html"


def report_places(app: Sphinx, doc: str, templatename: str, context: dict, doctree) -> None:
    "Adds the links below headings, and what the list at the end of a page needs."
    if not written(app, doc) or doc == app.config.root_doc:
        return
    reports = Reports(app, doc)
    context["body"], sections = mark_sections(reports, context.get("body", ""))
    context["zth_report"] = {
        "sections": sections,
        "forms": [{**form, "url": reports.address(kind)} for kind, form in reports.forms.items()],
    }


def report_buttons(app: Sphinx, doc: str, templatename: str, context: dict, doctree) -> None:
    "Puts our buttons into the header."
    # an edit of a notebook would show its JSON, one of a page of the reference only a directive
    made = str(context.get("page_source_suffix")) == ".ipynb" or doc.startswith("api/")
    reports = Reports(app, doc) if written(app, doc) else None
    buttons(reports, context.get("header_buttons", []), editable=not made)


def arrange(app: Sphinx, config) -> None:
    """The foot of a page: reports, the pages before and after, then whose the book is.

    They stand in the column of the text; the theme's own footer would span the contents as well.
    """
    cfg = settings(app.confdir or app.srcdir)
    config.html_theme_options = {
        **config.html_theme_options,
        "show_prev_next": False,  # it is one of the items
        "article_footer_items": ["zth-report.html", "prev-next.html", "zth-foot.html"],
        "footer_content_items": [],
    }
    config.html_context = {
        **config.html_context,
        "zth_licence": f"{cfg['git_url']}/blob/{cfg['branch']}/LICENSE",
        "zth_licence_name": cfg["license"].upper(),
        "zth_author": cfg["author"],
    }


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", arrange)
    # before the theme leaves out what is empty, and after it has made its buttons
    app.connect("html-page-context", report_places, priority=400)
    app.connect("html-page-context", report_buttons, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
