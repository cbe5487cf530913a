"""Words of the glossary on the pages, the letters of the glossary, and the bibliography."""

import re
from collections import Counter

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# where no glossary word is linked: headings, code, formulas, links, captions, tables, solutions
CLOSED = ("h1, h2, h3, h4, h5, h6, pre, code, .math, a a, figcaption, table, .solution, summary, "
          "blockquote, .cell, .footnote, .bibtex-citation, nav")
ABOUT_MODELS = re.compile(r"\d\d_|appendix/(names|words|digits|transformer|modern)\b")


@pytest.fixture
def built_doc(site, doc):
    if doc not in site.names:
        pytest.skip(f"{doc} is not built")
    return doc


def test_terms_are_linked_once_and_in_running_text(site, built_doc):
    here = site[built_doc]
    links = here.article.select("a.zth-term")
    if not ABOUT_MODELS.match(built_doc):
        assert not links
        return
    least = 3 if len(here.prose().split()) > 400 else 0
    assert len(links) >= least
    targets = [here.resolve(a["href"]) for a in links]
    closed = {id(e) for e in here.article.select(CLOSED)}
    assert len(set(targets)) == len(targets)
    for link, (path, anchor) in zip(links, targets):
        assert path == site["glossary"].path and site["glossary"].ids.count(anchor) == 1
        assert not closed & set(map(id, link.parents)), link
        assert len(link["title"]) > 20 and not re.search(r"[$\\]|\^\{", link["title"]), link
        assert not re.match(r"See \w+\.?$", link["title"]), "the meaning, not another word"
    for around, most in (("p", 2), ("section", 12)):
        counts = Counter(id(link.find_parent(around)) for link in links if link.find_parent(around))
        assert not counts or max(counts.values()) <= most


def test_ordinary_words_are_not_terms(site):
    "What a reader of the pages found to mean something else."
    for doc, word in (("01_micrograd", "seed"), ("01_micrograd", "tree"), ("02_bigram", "block"),
                      ("01_micrograd", "value"), ("01_micrograd", "race"),
                      ("04_batchnorm", "temperature"),
                      ("07_gpt/text", "view"), ("07_gpt/self_attention", "weight"),
                      ("07_gpt/model", "head"), ("07_gpt/lab_finetune", "module")):
        if doc in site.names:
            links = site[doc].article.select("a.zth-term")
            assert not [a for a in links if a["href"].endswith(f"#term-{word}")], (doc, word)


def test_terms_that_a_page_lives_by_are_linked(site):
    wanted = {"01_micrograd": "derivative gradient backward-pass",
              "07_gpt/layers": "residual-stream pre-norm",
              "07_gpt/self_attention": "head score", "07_gpt/text": "token vocabulary"}
    for doc, words in wanted.items():
        if doc in site.names:  # by hand or not
            links = site[doc].article.select("a[href*='#term-']")
            assert set(words.split()) <= {a["href"].split("#term-")[1] for a in links}, doc


@pytest.fixture
def term(browser):
    "A page with its first term in view."
    browser.visit("07_gpt/layers.html", width=1280, height=900)
    link = browser.driver.find_element(By.CSS_SELECTOR, "article a.zth-term")
    browser.js("arguments[0].scrollIntoView({block: 'center'})", link)
    return link


TIP = "!document.querySelector('#zth-tip').hidden"


def test_a_term_explains_itself_to_mouse_and_keyboard(browser, term):
    says = browser.js("return arguments[0].dataset.says", term)
    for appear, vanish in (
        (lambda: ActionChains(browser.driver).move_to_element(term).perform(),
         lambda: ActionChains(browser.driver).move_by_offset(0, 300).perform()),
        (lambda: browser.js("arguments[0].focus()", term),
         lambda: ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()),
        (lambda: browser.js("arguments[0].blur(); arguments[0].focus()", term),
         lambda: browser.js("arguments[0].blur()", term)),
    ):
        appear()
        browser.wait(TIP, "the tooltip appears")
        tip = browser.driver.find_element(By.ID, "zth-tip")
        assert tip.text == says and tip.get_attribute("role") == "tooltip"
        assert term.get_attribute("aria-describedby") == "zth-tip"
        assert not term.get_attribute("title"), "or the browser would show it a second time"
        box = browser.js("""
            const t = document.querySelector('#zth-tip').getBoundingClientRect();
            const l = arguments[0].getClientRects()[0];
            return {inside: t.left >= 0 && t.right <= innerWidth
                        && t.top >= 0 && t.bottom <= innerHeight,
                    apart: t.top >= l.bottom || t.bottom <= l.top}""", term)
        assert box == {"inside": True, "apart": True}
        vanish()
        browser.wait("document.querySelector('#zth-tip').hidden", "the tooltip goes")
        assert not term.get_attribute("aria-describedby")


def test_a_term_is_followed_by_click_and_enter(browser, term):
    browser.js("arguments[0].focus()", term)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    there = "location.pathname.endsWith('/glossary.html') && location.hash.startsWith('#term-')"
    browser.wait(there, "it leads there")


def test_the_first_tap_explains_and_the_second_follows(browser):
    browser.visit("07_gpt/layers.html", width=390, height=800)
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        link = browser.driver.find_element(By.CSS_SELECTOR, "article a.zth-term")
        browser.js("arguments[0].scrollIntoView({block: 'center'})", link)

        def tap():
            at = browser.js("""const b = arguments[0].getClientRects()[0];
                return {x: b.left + b.width / 2, y: b.top + b.height / 2}""", link)
            for kind, points in (("touchStart", [at]), ("touchEnd", [])):
                browser.driver.execute_cdp_cmd(
                    "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        tap()
        browser.wait(TIP, "the first tap explains")
        assert browser.js("return location.pathname").endswith("layers.html")
        width = browser.js("""const t = document.querySelector('#zth-tip').getBoundingClientRect();
            return [t.left >= 0, t.right <= document.documentElement.clientWidth]""")
        assert width == [True, True]
        tap()
        browser.wait("location.pathname.endsWith('/glossary.html')", "the second tap follows")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_term_is_text_before_it_is_a_link(browser, term):
    "Its colour is that of the sentence; a dotted line tells it from the other words."
    look = browser.js("""
        const own = getComputedStyle(arguments[0]);
        const around = getComputedStyle(arguments[0].parentElement);
        return [own.color === around.color, own.textDecorationLine, own.textDecorationStyle]
    """, term)
    assert look == [True, "underline", "dotted"]


def test_the_glossary_is_in_order_and_has_letters(site):
    terms = [dt.get_text().rstrip("#") for dt in site["glossary"].article.select("dl.glossary dt")]
    key = lambda word: re.sub(r"\W+", " ", word).lower()
    assert terms == sorted(terms, key=key), [
        (a, b) for a, b in zip(terms, sorted(terms, key=key)) if a != b][:3]
    letters = site["glossary"].article.select(".zth-letters a")
    assert "".join(a.get_text() for a in letters) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    used = {term[0].upper() for term in terms}
    for a in letters:
        letter = a.get_text()
        assert a.has_attr("href") == (letter in used)
        assert a.has_attr("aria-disabled") != a.has_attr("href")
        if a.has_attr("href"):
            first = site["glossary"].soup.find(id=a["href"][1:]).get_text().rstrip("#")
            assert first == next(term for term in terms if term[0].upper() == letter)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_letters_lead_to_their_terms(browser, width):
    "With the keyboard; the bar stays in view on wide screens and covers no term."
    browser.visit("glossary.html", width=width, height=800)
    link = browser.driver.find_element(By.LINK_TEXT, "R")
    browser.js("arguments[0].focus()", link)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    browser.wait("location.hash !== ''", "a letter is followed")
    seen = browser.js("""
        const term = document.getElementById(location.hash.slice(1)).getBoundingClientRect();
        const bar = document.querySelector('.zth-letters').getBoundingClientRect();
        return {top: term.top, bottom: term.bottom, bar: bar.top, end: bar.bottom}""")
    assert 0 <= seen["top"] and seen["bottom"] <= 800
    if width == 1280:
        assert 0 <= seen["bar"] < 120 and seen["top"] >= seen["end"], seen
    else:
        assert seen["end"] < 0, seen
    link = browser.driver.find_element(By.LINK_TEXT, "R")
    assert browser.js("return arguments[0].getBoundingClientRect().height", link) >= 24


def entry_labels(site):
    return {entry["id"]: entry.select_one(".label").get_text()
            for entry in site["bibliography"].article.select("div.citation")}


def test_works_have_labels_of_their_own(site):
    labels = entry_labels(site)
    assert len(labels) > 60 and len(set(labels.values())) == len(labels)
    for label in labels.values():
        assert re.fullmatch(r"\[.+, (\d{4}[a-z]?)\]", label), label
    names = "micrograd bigram mlp batchnorm backprop".split()
    lectures = [labels[f"cite-karpathy2022{name}"] for name in names]
    assert lectures == [f"[Karpathy, 2022{letter}]" for letter in "abcde"]


def test_citations_are_the_labels_of_what_they_lead_to(site, built_doc):
    here, labels = site[built_doc], entry_labels(site)
    for link in here.article.select(".bibtex-citation a"):
        path, anchor = here.resolve(link["href"])
        assert path == site["bibliography"].path and f"[{link.get_text()}]" == labels[anchor]


def test_works_lead_back_to_where_they_are_cited(site):
    here = site["bibliography"]
    cited = {}  # by the address of the work, the places
    for doc in site.toc:
        if doc in site.names:
            for citation in site[doc].article.select(".bibtex-citation"):
                for link in citation.select("a"):
                    work = site[doc].resolve(link["href"])[1]
                    cited.setdefault(work, set()).add((site[doc].path, citation["id"]))
    assert cited
    for entry in here.article.select("div.citation"):
        back = {here.resolve(a["href"]) for a in entry.select(".zth-back a")}
        assert back == cited.get(entry["id"], set()), entry["id"]
        for path, anchor in back:
            assert site.at(path).ids.count(anchor) == 1
