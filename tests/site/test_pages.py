"""The pages as files: all there, with words, and every link among them leads somewhere."""

import ast
import json
import re
from urllib.parse import urlsplit

import pytest
import yaml


def test_the_site_is_the_table_of_contents(site):
    made = {"search", "genindex", "py-modindex"}  # by Sphinx
    assert set(site.names) - made == set(site.toc), (
        "after a page was removed or renamed: make clean"
    )
    assert {"search", "genindex"} <= set(site.names)


def test_a_page_has_words(site, doc):
    "An empty page is how a failed upgrade of the toolchain looks."
    least = 3000 if re.match(r"\d\d_", doc) else 600 if doc.startswith("appendix/") else 60
    assert len(re.findall(r"\w{2,}", site[doc].prose())) >= least


def test_a_page_has_one_title_and_a_description(site, doc):
    soup = site[doc].soup
    assert len(site[doc].article.find_all("h1")) == 1
    assert soup.html.get("lang") == "en"
    assert len(soup.title.get_text(strip=True)) > 3
    description = soup.find("meta", attrs={"name": "description"}) or soup.find(
        "meta", property="og:description"
    )
    assert description and len(description["content"]) > 20
    assert soup.find("meta", property="og:title")


def test_headings_skip_no_level(site, doc):
    levels = [int(h.name[1]) for h in site[doc].article.find_all(re.compile(r"^h[1-6]$"))]
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels


def test_no_directive_is_left(site, page):
    "A reader sees `#|` only where the book speaks about its own directives, in inline code."
    assert "#|" not in site[page].prose()
    for cell in site[page].soup.select("div.cell_input pre"):
        assert not cell.get_text().lstrip().startswith("#|"), cell.get_text()[:200]
        if page != "appendix/weave":
            assert "#|" not in cell.get_text(), cell.get_text()[:200]


def test_no_markup_is_left(site, doc):
    "Unrendered mathematics, roles and directives."
    prose = site[doc].prose()
    for sign in (
        r"\$[^$\s][^$]*\$",
        r"\\(frac|partial|sum|cdot|text|begin)\b",
        r"\{(ref|numref|glue|cite|doc)[:\w]*\}",
        r":::",
        r"```",
        r"\(#[\w-]+\)",
        r"\]\(",
    ):
        assert not re.search(sign, prose), re.search(sign, prose)[0]


def test_no_cell_failed(site, page):
    assert not site[page].soup.select(".output.traceback, .cell_output .ansi-red-fg")
    assert not site[page].soup.select(".problematic, .system-message")


def test_figures_say_what_they_show(site, page):
    "A picture has a text of its own, and neither its file name nor its caption once more."
    least = 15 if page in site.toc else 1  # the plus and minus signs of Sphinx's own index
    for image in site[page].article.find_all("img"):
        alt = image.get("alt", "").strip()
        file_name = re.search(r"\.(png|svg|jpe?g|gif)$|/", alt)
        assert len(alt) >= least and not file_name, (image.get("src"), alt)
        caption = image.find_parent("figure") and image.find_parent("figure").find("figcaption")
        assert not caption or alt not in caption.get_text(), alt
    for drawing in site[page].article.find_all("svg"):
        if drawing.find_parent("svg") or drawing.find_parent(attrs={"aria-hidden": "true"}):
            continue
        named = drawing.get("aria-label") or drawing.get("aria-labelledby") or drawing.find("title")
        assert drawing.get("aria-hidden") == "true" or (drawing.get("role") == "img" and named), (
            str(drawing)[:200]
        )


def test_figures_are_numbered(site, doc):
    for figure in site[doc].article.find_all("figure"):
        caption = figure.find("figcaption")
        assert caption and re.match(r"Fig\. [\d.]+", caption.get_text(strip=True)), str(figure)[
            :300
        ]
        assert len(caption.get_text(" ", strip=True).split()) >= 5


@pytest.mark.parametrize("least, doc_name", [(6, "01_micrograd")])
def test_a_chapter_has_figures(site, least, doc_name):
    assert len(site[doc_name].article.find_all("figure")) >= least


def test_links_resolve(site, page):
    here = site[page]
    broken = []
    for tag, address in here.links():
        target, fragment = here.resolve(address)
        if target is None:
            scheme = urlsplit(address).scheme
            if scheme not in ("https", "mailto", "data") and not (
                scheme == "http" and tag.name == "a"
            ):
                broken.append(address)
            continue
        if not target.is_relative_to(site.folder) or not target.is_file():
            broken.append(address)
        elif fragment:
            there = site.at(target)
            if there is not None and there.ids.count(fragment) != 1:
                broken.append(address)
    assert not broken, f"{len(broken)} links of {page}: {sorted(set(broken))[:20]}"


def test_nothing_is_loaded_from_elsewhere(site, page):
    "Scripts, styles, fonts and pictures come with the site; only links for the reader leave it."
    for tag, address in site[page].links():
        if tag.name == "a" or (
            tag.name == "link" and set(tag.get("rel", [])) & {"canonical", "next", "prev", "search"}
        ):
            continue
        parts = urlsplit(address)
        assert not parts.netloc and parts.scheme in ("", "data"), str(tag)[:200]


def test_styles_load_nothing_from_elsewhere(site):
    for sheet in site.folder.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.S)
        away = re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", text)
        assert not away, (sheet.name, away)


def test_next_and_previous_follow_the_table_of_contents(site):
    walk, name = [], "index"
    while name and len(walk) <= len(site.toc):
        walk.append(name)
        link = site[name].soup.select_one("a.right-next")
        after = site.at(site[name].resolve(link["href"])[0]).name if link else None
        if after:
            back = site[after].soup.select_one("a.left-prev")
            assert site.at(site[after].resolve(back["href"])[0]).name == name
        name = after
    assert walk == site.toc


def letters(text):
    "A sentence without the marks that typesetting changes."
    return re.sub(r"\W", "", text)


def test_the_lecture_map_leads_to_every_section(site):
    "Each row is on the page; if its lecture is written, it links to a section of our chapters."
    lectures = yaml.safe_load((site.root / "book/lectures.yml").read_text(encoding="utf-8"))
    here = site["lectures"]
    rows = [(letters(tr.get_text()), tr) for tr in here.article.find_all("tr")]
    assert len(lectures) == 10
    for lecture in lectures:
        for row in lecture["rows"]:
            found = [tr for text, tr in rows if letters(row["does"]) in text
                     and row["time"] in tr.get_text()]  # two lectures may say the same
            assert found, row
            if not row.get("written", lecture.get("written")):
                assert "not yet written" in found[0].get_text(), row
                continue
            targets = [
                here.resolve(a["href"])
                for a in found[0].find_all("a")
                if not urlsplit(a["href"]).netloc
            ]
            assert [f for _, f in targets].count(row["section"]) == 1, (row, targets)
            path, label = next(t for t in targets if t[1] == row["section"])
            assert site.at(path).name in lecture["chapters"]
            at = site.at(path).soup.find(id=label)
            assert at.name == "section" or at.find_parent("section"), row


def public_names(path):
    "What a module exports, read from its source."
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


def imported(path):
    "The names that a module takes from another module of the package."
    tree = ast.parse(path.read_text(encoding="utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in froms if node.level for alias in node.names}


def modules(site):
    "The modules that notebooks export, with the document of each."
    for doc in site.toc:
        if site.source(doc).suffix != ".ipynb":
            continue
        cells = json.loads(site.source(doc).read_text(encoding="utf-8"))["cells"]
        heads = re.findall(
            r"^#\| *default_exp +([\w.]+)",
            "\n".join("".join(c["source"]) for c in cells),
            flags=re.M,
        )
        if heads:
            yield doc, heads[0]


def test_reference_and_chapter_link_to_each_other(site):
    "From each exported cell to an entry of the reference, and from each entry back."
    seen = 0
    for doc, module in modules(site):
        chapter, api = site[doc], site[f"api/{module}"]
        names = public_names(site.root / f"zth/{module}.py")
        entries = {f"zth.{module}.{name}" for name in names}
        cells = chapter.soup.select("div.zth-export")
        badges = [a for cell in cells for a in cell.select("a.zth-badge[href]")[:1]]
        assert names and len(badges) == len(cells) > 0, f"{doc}: an exported cell has no badge"
        for badge in badges:
            path, entry = chapter.resolve(badge["href"])
            method = entry in api.ids and entry.rpartition(".")[0] in entries  # of a listed class
            listed = entry in entries | {f"module-zth.{module}"} or method
            assert path == api.path and listed, badge["href"]
        for name in names:
            entry = f"zth.{module}.{name}"
            assert api.ids.count(entry) == 1, f"{entry} has no entry in the reference"
            at = api.soup.find(id=entry)
            block = at if at.name in ("dl", "section") else at.find_parent(["dl", "section"])
            back = [api.resolve(a["href"]) for a in block.find_all("a", href=True)]
            back = [(site.at(path), anchor) for path, anchor in back if path != api.path]
            home = [there for there, anchor in back if anchor == f"def-{name}"]
            if home:
                assert len(home) == 1 and home[0].ids.count(f"def-{name}") == 1, entry
            else:  # a name that the chapter imports and passes on is defined on another page
                assert name in imported(site.root / f"zth/{module}.py"), f"{entry}: no way back"
                assert back == [(chapter, "")], f"{entry}: {back}"
            seen += 1
    assert seen > 30


def test_chapters_open_in_colab(site):
    for doc in site.toc:
        if site.source(doc).suffix != ".ipynb":
            continue
        colab = [a["href"] for a in site[doc].soup.select("a[href*='colab.research.google.com']")]
        assert colab and all(address.endswith(f"book/{doc}.ipynb") for address in colab), (
            doc,
            colab,
        )


def test_the_sitemap_names_every_page(site):
    text = (site.folder / "sitemap.xml").read_text(encoding="utf-8")
    listed = re.findall(r"<loc>(.*?)</loc>", text)
    assert len(listed) == len(set(listed)) and all(a.startswith("https://") for a in listed)
    assert {doc for doc in site.toc if not any(a.endswith(f"/{doc}.html") for a in listed)} <= {
        "index"
    }
