"""The reference: what comes first, what is folded, and where its links lead."""

import ast
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "book/api"
each = pytest.mark.parametrize("api", [f"api/{p.stem}" for p in sorted(PAGES.glob("*.md"))])
ENTRY = "dl.py > dt.sig[id]"


@pytest.fixture(scope="module")
def blob(site):
    "Where the files of the repository are shown."
    settings = ConfigParser(delimiters=["="])
    settings.read(site.root / "settings.ini", encoding="utf-8")
    cfg = settings["DEFAULT"]
    return f"{cfg['git_url']}/blob/{cfg['branch']}/"


def blocks(site, api):
    "The modules described on a page of the reference."
    return site[api].article.select("div.zth-api")


def is_constant(head):
    return "data" in head.find_parent("dl")["class"]


@each
def test_classes_and_functions_come_first(site, api):
    "Constants are the last of a module, in one closed fold that names them."
    for block in blocks(site, api):
        heads = block.select(ENTRY)
        kinds = [is_constant(head) for head in heads]
        assert kinds == sorted(kinds), f"{api}: a constant stands before {heads[-1]['id']}"
        folds = block.select("details")
        assert len(folds) == any(kinds) and not any(fold.has_attr("open") for fold in folds)
        for head in heads:
            assert bool(head.find_parent("details")) == is_constant(head), head["id"]
        names = [code.get_text() for code in block.select("details > summary code")]
        assert names == [h["id"].rpartition(".")[2] for h in heads if is_constant(h)]


@each
def test_constants_are_whole(site, api):
    "The text is Python, and a long value has a line for each entry; a statement is as written."
    for block in blocks(site, api):
        for head in filter(is_constant, block.select(ENTRY)):
            name = head["id"].rpartition(".")[2]
            text = head.find_next_sibling("dd").select_one("pre").get_text().strip()
            ast.parse(text)  # a value that is cut off is not Python
            assert " at 0x" not in text and "object" not in text, head["id"]
            if not text.startswith(f"{name} ="):
                long = [line for line in text.splitlines() if len(line) > 76]
                one = re.compile(r"\s*(\w+=|'[^']*': )?['\"]")  # a string, which stays in one piece
                assert all(one.match(line) for line in long), (head["id"], long)


@each
def test_nothing_is_of_the_class_nonetype(site, api):
    assert "NoneType" not in site[api].article.get_text()


@each
def test_each_entry_links_to_its_line(site, blob, api):
    "To the line of the repository where a class, function, method or constant begins."
    for block in blocks(site, api):
        for head in block.select(ENTRY):
            body = head.find_next_sibling("dd")
            own = [a for a in body.find_all("a", href=True) if a.find_parent("dd") is body]
            links = [a["href"] for a in own if "/blob/" in a["href"]]
            assert len(links) == 1 and links[0].startswith(blob), (head["id"], links)
            path, _, line = links[0].removeprefix(blob).partition("#L")
            lines = (site.root / path).read_text(encoding="utf-8").splitlines()
            name = re.escape(head["id"].rpartition(".")[2])
            begins = rf"\s*(async def|def|class) {name}\b|\s*@|{name}\b|.*\b{name}\s*[,=]"
            assert re.match(begins, lines[int(line) - 1]), (head["id"], lines[int(line) - 1])


@each
def test_each_module_links_to_its_file(site, blob, api):
    for block in blocks(site, api):
        module = block.select_one("[id^='module-']")["id"].removeprefix("module-")
        links = [a["href"] for a in block.select("p a[href]") if a["href"].startswith(blob)]
        path = site.root / links[0].removeprefix(blob)
        assert path.exists() and path.relative_to(site.root).with_suffix("").as_posix() in (
            module.replace(".", "/"),
            module.replace(".", "/") + "/__init__",
        )


def test_a_link_to_a_constant_opens_its_fold(browser):
    browser.visit("api/wavenet.html#zth.wavenet.ZOO")
    where = (
        "const at = document.getElementById('zth.wavenet.ZOO');"
        "return [at.closest('details').open, at.getBoundingClientRect().top]"
    )
    browser.wait("document.getElementById('zth.wavenet.ZOO').closest('details').open", "it opens")
    is_open, top = browser.js(where)
    assert is_open and 0 <= top < 700
    # this browser does so by itself; others need the script
    browser.js("document.querySelector('.zth-constants').open = false; scrollTo(0, 0)")
    browser.js("dispatchEvent(new Event('hashchange'))")
    is_open, top = browser.js(where)
    assert is_open and 0 <= top < 700


@pytest.mark.parametrize("width", [390, 1280])
def test_the_line_of_a_method_does_not_cover_its_head(browser, width):
    browser.visit("api/micrograd.html", width=width)
    found = browser.js(
        """
        const links = [...document.querySelectorAll('.zth-api dl.py dl.py > dd a[href*="/blob/"]')];
        return links.map(a => {
          const head = a.closest('dd').previousElementSibling, range = document.createRange();
          range.selectNodeContents(head);
          const box = a.getBoundingClientRect();
          return [...range.getClientRects()].some(r => r.right > box.left && r.left < box.right
            && r.bottom > box.top + 1 && r.top < box.bottom - 1);
        });
        """
    )
    assert len(found) > 10 and not any(found)
