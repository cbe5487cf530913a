"""The pages as files: all there, with words, and every link among them leads somewhere."""

import ast
import json
import re
from urllib.parse import urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup


def test_the_site_is_the_table_of_contents(site):
    made = {"search", "genindex", "py-modindex"}  # by Sphinx
    assert set(site.names) - made == set(site.toc), (
        "after a page was removed or renamed: make clean"
    )
    assert {"search", "genindex"} <= set(site.names)


def test_a_page_has_words(site, doc):
    "An empty page is how a failed upgrade of the toolchain looks."
    least = 3000 if re.match(r"\d\d_\w+$", doc) else 600 if doc.startswith("appendix/") else 60
    if doc.startswith("appendix/weave/"):  # one page of an appendix that is a folder
        least = 150
    elif doc in {f"appendix/{name}" for name in ("catalogue", "wheels", "diagram", "provenance")}:
        least = 150  # one small idea each
    if re.match(r"\d\d_\w+/", doc):  # a page of a chapter; labs, the door and the recap are shorter
        least = 150 if re.search(r"/(lab_\w+|index|recap)$", doc) else 400
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
        if not page.startswith("appendix/weave/"):
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
        role = "group" if drawing.find("a") else "img"  # an image has no links inside
        assert drawing.get("aria-hidden") == "true" or (drawing.get("role") == role and named), (
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
            assert site.at(path).name.split("/")[0] in lecture["chapters"]
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
        if module.endswith(".__init__"):  # a door passes on what its pages define
            continue
        chapter, api = site[doc], site[f"api/{module.split('.')[0]}"]
        file = site.root / f"zth/{module.replace('.', '/')}.py"
        names = public_names(file)
        entries = {f"zth.{module}.{name}" for name in names}
        cells = chapter.soup.select("div.zth-export")
        if not (names or cells):
            continue
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
            back = [  # without the link to the repository
                (site.at(path), anchor) for path, anchor in back if path and path != api.path
            ]
            home = [there for there, anchor in back if anchor == f"def-{name}"]
            if home:
                assert len(home) == 1 and home[0].ids.count(f"def-{name}") == 1, entry
            else:  # a name that the chapter imports and passes on is defined on another page
                assert name in imported(file), f"{entry}: no way back"
                assert back == [(chapter, "")], f"{entry}: {back}"
            seen += 1
    assert seen > 30


def test_the_door_of_a_chapter_links_to_what_its_package_offers(site):
    doors = [module.split(".")[0] for _, module in modules(site) if module.endswith(".__init__")]
    assert doors
    for package in doors:
        names, api = public_names(site.root / f"zth/{package}/__init__.py"), site[f"api/{package}"]
        start = api.soup.find(id=f"module-zth.{package}")
        links = {
            a.get_text(): api.resolve(a["href"])
            for a in start.find_all_next("a", title=re.compile(rf"zth\.{package}\."))
        }
        for name in names:
            path, entry = links[name]
            assert path == api.path and entry in api.ids, name


def test_pages_of_a_chapter_are_numbered_in_order(site):
    "The door is 7, its pages are 7.1, 7.2 ...; figures count through the chapter."
    for door in [doc for doc in site.toc if re.match(r"\d\d_\w+/index$", doc)]:
        chapter = str(int(door[:2]))
        pages = [doc for doc in site.toc if doc.split("/")[0] == door.split("/")[0]]
        heads = [site[doc].article.find("h1").get_text() for doc in pages]
        wanted = [chapter, *(f"{chapter}.{i}" for i in range(1, len(pages)))]
        assert [head.split()[0].rstrip(".") for head in heads] == wanted
        for doc in pages:
            numbers = site[doc].article.select("h2 .section-number, h3 .section-number")
            assert not numbers, f"{doc}: a section has a number, and pages are short"
        found = (site[doc].article.select("figcaption") for doc in pages)
        captions = [c.get_text().strip() for on_page in found for c in on_page]
        figures = [re.match(r"Fig\. (\d+)\.(\d+)", text) for text in captions]
        assert [(f[1], int(f[2])) for f in figures] == [
            (chapter, i) for i in range(1, len(figures) + 1)]


def test_the_contents_unfold_the_current_chapter_only(site, doc):
    "The left contents show the pages of the chapter that is read, and fold the others."
    for fold in site[doc].soup.select("nav.bd-links li.has-children > details"):
        here = "current" in fold.parent.get("class", [])
        assert fold.has_attr("open") == here, fold.parent.find("a").get_text()


def test_an_old_address_leads_to_the_new_page(site, old):
    new = site.moved[old]
    text = (site.folder / f"{old}.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(text, "html.parser")
    here = site.folder / f"{old}.html"
    target = (here.parent / soup.find("a")["href"]).resolve()
    assert target == site[new].path and soup.find("link")["href"] == soup.find("a")["href"]
    places = json.loads(re.search(r"places = (\{.*?\});", text)[1])
    assert new.endswith("/index") == bool(places)
    for anchor, page in places.items():
        assert anchor in site.at((here.parent / page).resolve()).ids, (anchor, page)


def test_outputs_name_no_path_of_a_machine(site, page):
    for output in site[page].soup.select("div.cell_output .output"):
        found = re.search(r"ipykernel_\d+|\S+\.py:\d+: \w*Warning", output.get_text())
        assert not found, found[0]


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
