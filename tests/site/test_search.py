"""The search: what it finds, where that leads, and what it costs a page that does not use it."""

import gzip
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = Path(__file__).resolve().parents[2]
TYPICAL = ["01_micrograd", "07_gpt/layers", "07_gpt/own_text", "index", "glossary", "api/gpt"]
RESULTS = "#search-results .zth-found > li"


@pytest.fixture(scope="module")
def index(site):
    "What search-index.js holds: the pages, and the entries with the addresses they lead to."
    text = (site.folder / "search-index.js").read_text(encoding="utf-8")
    data = json.loads(re.fullmatch(r"zthIndex=(.*);\n", text, re.S)[1])
    names = "page kind anchor title within text code defines terms hints".split()
    entries = [dict(zip(names, entry, strict=True)) for entry in data["entries"]]
    for entry in entries:
        entry["url"] = data["pages"][entry["page"]][0]
    return {"pages": data["pages"], "entries": entries}


@pytest.fixture
def search(browser):
    "Opens the search page with a query; returns the results in order."

    def ask(query, **how):
        browser.visit(f"search.html?q={query.replace(' ', '+')}", **how)
        said = "document.querySelector('#search-results [role=status]')?.textContent"
        browser.wait(f"/found|did not match/.test({said} ?? '')", "the search ends")
        return results(browser)

    return ask


def results(browser):
    "The results that are shown: address, title, where it is, an excerpt, the marked words."
    return browser.js(f"""
        const text = (item, part) => item.querySelector(part)?.textContent ?? '';
        return [...document.querySelectorAll('{RESULTS}')].map(item => ({{
            href: item.querySelector('a').href, title: text(item, 'a'),
            where: text(item, '.zth-found-where'), words: text(item, '.zth-found-words'),
            marks: [...item.querySelectorAll('mark')].map(m => m.textContent)}}))""")


def place(address):
    "The page and the anchor that an address leads to."
    parts = urlsplit(address)
    return parts.path.lstrip("/").removesuffix(".html"), unquote(parts.fragment)


def section(site, page, label):
    "The anchor of the section that carries a label, or of the thing that has this id."
    tag = site[page].soup.find(id=label)
    assert tag, f"{page} has no {label}"
    around = tag if tag.name in ("section", "dt") else tag.find_parent("section")
    return page, around["id"]


# Where the book explains what is asked for. One of these is among the first three results.
EXPLAINED = {
    "attention": [("07_gpt/self_attention", "gpt-attention")],
    "keepdim": [("02_bigram", "bg-rows")],
    "dead neuron": [("04_batchnorm", "bn-tanh")],
    "kv cache": [("07_gpt/sampling", "gpt-cache")],
    "learning rate": [("01_micrograd", "mg-descent"), ("03_mlp", "mlp-lr")],
    "broadcasting": [("02_bigram", "bg-rows")],
    "softmax mask": [("07_gpt/self_attention", "gpt-mask-first"),
                     ("07_gpt/averaging", "version-3-zeros-a-mask-a-softmax"),
                     ("07_gpt/self_attention", "why-the-mask-before-the-softmax")],
    "tokeniser": [("07_gpt/text", "gpt-tokens")],
}


@pytest.mark.parametrize("query", EXPLAINED)
def test_it_finds_where_a_thing_is_explained(search, site, query):
    wanted = [section(site, page, label) for page, label in EXPLAINED[query]
              if page in site.names and site[page].soup.find(id=label)]
    if not wanted:
        pytest.skip("the page is not in this build")
    first = [place(one["href"]) for one in search(query)[:3]]
    assert set(first) & set(wanted), first


@pytest.mark.parametrize("query", ["attention", "dead neuron", "kv cache", "learning rate",
                                   "broadcasting", "tokeniser", "what is a residual connection"])
def test_a_glossary_entry_is_a_result(search, query):
    found = [one for one in search(query)[:3] if place(one["href"])[0] == "glossary"]
    assert found and place(found[0]["href"])[1].startswith("term-"), query
    assert found[0]["where"].startswith("Glossary") and len(found[0]["words"].split()) > 8


@pytest.mark.parametrize("name, where, anchor, defines", [
    ("Value", "api/micrograd", "zth.micrograd.Value", ("01_micrograd", "def-Value")),
    ("GPTLanguageModel", "api/gpt", "zth.gpt.model.GPTLanguageModel",
     ("07_gpt/model", "def-GPTLanguageModel")),
    ("Head", "api/gpt", "zth.gpt.layers.Head", ("07_gpt/layers", "def-Head"))])
def test_a_public_name_leads_to_the_reference_and_to_its_section(
    search, site, name, where, anchor, defines
):
    first = [place(one["href"]) for one in search(name)[:3]]
    assert (where, anchor) in first
    if defines[0] in site.names:
        assert section(site, *defines) in first, first


def test_a_result_says_what_it_is_and_where(search):
    found = search("kv cache")
    assert len(found) > 5
    for one in found:
        assert one["title"].strip() and "find=kv+cache" in one["href"]
        assert one["where"].strip() or not place(one["href"])[1], one
        assert len(one["words"]) < 340
    one = next(r for r in found if place(r["href"])[0] == "07_gpt/sampling" and "#" in r["href"])
    assert "GPT" in one["where"] and "Sampling" in one["where"]
    assert {"kv", "cache"} & {word.lower() for word in one["marks"]}


PAIRS = """tokeniser tokenizers, normalise normalize, normalisation normalizations, initialise
    initialized, optimiser optimizers, colour colors, behaviour behaviors, neighbours neighbor,
    analyse analyzing, modelling modeled, labelled labeled, centre center, defence defense,
    catalogue catalog, grey gray, bias biases, loss losses, case cases, matrix matrices, index
    indices, entropy entropies, batch batches, embed embeddings, mask masked, sample sampling,
    layer layers, value values, size sizes, GPU gpus, query queries"""
STRANGERS = "loss lose, mean meaning, layer lay, transformer transform, general generate, seed see"


@pytest.fixture(scope="module")
def keys(browser):
    "What the search takes for the same word."
    browser.visit("search.html")
    return lambda words: browser.js("return arguments[0].map(w => zthFind.normal(w))", words)


@pytest.mark.parametrize("pair", [p.split() for p in PAIRS.split(",")], ids="-".join)
def test_forms_of_a_word_find_each_other(keys, pair):
    assert len(set(keys(pair))) == 1


@pytest.mark.parametrize("pair", [p.split() for p in STRANGERS.split(",")], ids="-".join)
def test_other_words_stay_apart(keys, pair):
    assert len(set(keys(pair))) == 2


def test_both_spellings_give_the_same_results(search):
    british, american = search("tokeniser"), search("tokenizers")
    assert british and [r["title"] for r in british] == [r["title"] for r in american]


# ---- the index -----------------------------------------------------------------------------------


def test_every_entry_leads_to_a_place(site, index):
    for entry in index["entries"]:
        page = entry["url"].removesuffix(".html")
        assert page in site.names, page
        assert not entry["anchor"] or entry["anchor"] in site[page].ids, entry["title"]
        assert entry["title"].strip(), entry


def test_the_index_has_every_page_heading_term_and_name(site, index):
    have = {(e["url"].removesuffix(".html"), e["anchor"]) for e in index["entries"]}
    exercises = ("exercise-content", "solution-content")
    for doc in site.toc:
        if doc not in site.names:
            continue
        assert (doc, "") in have, doc
        wanted = "section section[id], dl.glossary dt[id], dt.sig-object[id]"
        tags = site[doc].article.select(wanted)
        missing = [t["id"] for t in tags if (doc, t["id"]) not in have and t["id"] not in exercises]
        assert not missing, (doc, missing[:5])


def test_excerpts_are_prose(index):
    "No markup and no TeX of a line of its own."
    markup = re.compile(r"\\(frac|begin|partial|sum)\b|<(div|span|a) |\{(numref|term|doc)\}`")
    for entry in index["entries"]:
        found = markup.search(entry["text"])
        assert not found, (entry["url"], entry["title"], found[0])


def test_the_index_is_light(site):
    text = (site.folder / "search-index.js").read_bytes()
    assert len(gzip.compress(text)) < 650_000


@pytest.mark.parametrize("name", ["search-index.js", "search.js", "search.css"])
def test_no_page_but_the_search_asks_for_it(site, page, name):
    text = site[page].path.read_text(encoding="utf-8")
    assert page == "search" or not re.search(rf'(src|href)="[^"]*\b{re.escape(name)}', text)


@pytest.mark.parametrize("name", TYPICAL)
def test_a_reading_page_does_not_load_the_search(browser, site, name):
    if name not in site.names:
        pytest.skip("the page is not in this build")
    seen = browser.visit(f"{name}.html")["requests"]
    parts = [urlsplit(address).path.rpartition("/")[2] for address in seen]
    assert not {"search-index.js", "search.js", "search.css"} & set(parts)
    assert "find.js" in parts  # which is all that a page pays
    assert len(gzip.compress((site.folder / "_static/find.js").read_bytes())) < 5_000


def test_the_first_results_come_soon(browser, search):
    search("attention")
    spent = browser.js("""
        const begin = performance.now(), built = zthSearch.build(zthIndex);
        const middle = performance.now();
        for (const q of ['attention', 'kv cache', 'v', 'loss of a model']) zthSearch.find(built, q);
        return [middle - begin, (performance.now() - middle) / 4]""")
    assert spent[0] < 5000 and spent[1] < 300, spent  # a quiet machine needs a tenth of it


# ---- the search page and the dialog --------------------------------------------------------------


def field(browser):
    return browser.driver.find_element(By.CSS_SELECTOR, ".bd-search-container input[type=search]")


def active(browser):
    return browser.js("return document.activeElement.href ?? document.activeElement.tagName")


def test_typing_shows_results_at_once(browser):
    browser.visit("search.html")
    assert active(browser) == "INPUT"
    field(browser).send_keys("kv cach")
    browser.wait(f"document.querySelectorAll('{RESULTS}').length > 3", "results while one types")
    assert any(place(r["href"])[0] == "07_gpt/sampling" for r in results(browser)[:3])
    assert browser.js("return new URL(location).searchParams.get('q')") == "kv cach"
    field(browser).send_keys(Keys.CONTROL, "a", Keys.NULL, "qzxqzx")
    said = "document.querySelector('#search-results').innerText"
    browser.wait(f"/did not match/.test({said})", "none")
    assert not results(browser)


def test_keys_lead_through_the_results(browser, search):
    first, second = (one["href"] for one in search("attention")[:2])
    assert active(browser) == "INPUT"
    keys = [(Keys.ARROW_DOWN, first), (Keys.ARROW_DOWN, second), (Keys.ARROW_UP, first),
            (Keys.ARROW_UP, "INPUT"), (Keys.ENTER, first)]
    for key, there in keys:
        browser.driver.switch_to.active_element.send_keys(key)
        browser.wait(f"(document.activeElement.href ?? 'INPUT') == {json.dumps(there)}", key)
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("!location.pathname.endsWith('/search.html')", "the result opens")


def test_the_dialog_answers_too(browser, site):
    "Ctrl+K on any page, a few letters, arrow down, Enter."
    browser.visit("07_gpt/layers.html")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
    browser.wait("!!document.querySelector('dialog[open] input')", "the dialog opens")
    browser.driver.switch_to.active_element.send_keys("kv cache")
    items = "document.querySelectorAll('dialog[open] .zth-found > li a')"
    browser.wait(f"{items}.length == 8", "results in the dialog")
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    there = active(browser)
    assert place(there) == section(site, "07_gpt/sampling", "gpt-cache")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("location.pathname.endsWith('/07_gpt/sampling.html')", "the result opens")
    browser.wait("document.querySelectorAll('article mark').length > 0", "the words are marked")


def test_the_dialog_leads_to_all_results(browser):
    browser.visit("index.html")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
    browser.wait("!!document.querySelector('dialog[open] input')", "the dialog opens")
    browser.driver.switch_to.active_element.send_keys("loss")
    browser.wait("!!document.querySelector('dialog[open] a.zth-found-more')", "the way to all")
    browser.driver.find_element(By.CSS_SELECTOR, "dialog a.zth-found-more").click()
    browser.wait("location.pathname.endsWith('/search.html')", "the search page opens")
    browser.wait(f"document.querySelectorAll('{RESULTS}').length == 20", "twenty results")
    browser.driver.find_element(By.CSS_SELECTOR, "button.zth-found-more").click()
    browser.wait(f"document.querySelectorAll('{RESULTS}').length > 20", "all results")
    assert active(browser) == results(browser)[20]["href"]


def test_without_scripts_the_page_says_what_to_do(site):
    said = site["search"].soup.select_one(".bd-search-container noscript")
    assert "JavaScript" in said.get_text()
    assert [site["search"].resolve(a["href"])[0].name for a in said.find_all("a")] == [
        "glossary.html", "genindex.html", "lectures.html"]


# ---- the page that opens -------------------------------------------------------------------------


MARKS = "[...document.querySelectorAll('article mark.zth-mark')]"
IN_SIGHT = """(e => { const box = e.getBoundingClientRect();
    return box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1; })"""


@pytest.mark.parametrize("query, where", [
    ("kv cache", "07_gpt/sampling"), ("derivative", "01_micrograd"), ("causal mask", "glossary"),
    ("KVCache", "api/gpt")])
def test_the_words_are_marked_and_in_sight(browser, search, query, where):
    href = next(r["href"] for r in search(query) if place(r["href"])[0] == where)
    seen = browser.visit(href.removeprefix(browser.base + "/"))
    browser.wait(f"{MARKS}.length > 0", "the words are marked")
    assert seen["errors"] == []
    words = {w.lower() for w in browser.js(f"return {MARKS}.map(m => m.textContent)")}
    assert all(any(w in word for w in query.lower().split()) for word in words), words
    anchor = json.dumps(place(href)[1])
    browser.wait(
        f"{IN_SIGHT}(document.getElementById({anchor}).querySelector('h1,h2,h3,h4') ?? "
        f"document.getElementById({anchor})) || {MARKS}.some({IN_SIGHT})",
        "the heading or a mark is in sight")
    assert not browser.js("return document.querySelectorAll('article .math mark').length")


def test_a_first_mark_out_of_sight_is_scrolled_to(browser):
    "A word that comes far below the place that the address names, or below the title."
    for place_named in ("", "#a-writer-to-try-things-on"):
        browser.driver.get("about:blank")  # or the second address is only a jump on the same page
        browser.visit(f"07_gpt/sampling.html?find=KVCache{place_named}")
        browser.wait(f"{MARKS}.length > 3", "the words are marked")
        first = f"{MARKS}.find(m => !m.closest('details:not([open])'))"
        browser.wait(f"scrollY > 2000 && {IN_SIGHT}({first})", "the first mark is in sight")


@pytest.mark.parametrize("how", ["button", "key"])
def test_marks_can_be_removed(browser, how):
    "The page is as it was, and so is its address."
    browser.visit("07_gpt/sampling.html")
    before = browser.js("return document.querySelector('article').textContent")
    browser.visit("07_gpt/sampling.html?find=kv+cache#gpt-cache")
    browser.wait(f"{MARKS}.length > 3", "the words are marked")
    box = browser.driver.find_element(By.CSS_SELECTOR, "aside.zth-marks")
    assert re.search(r"“kv cache”: \d+ marks", box.text)
    if how == "button":
        box.find_element(By.XPATH, ".//button[.='Remove marks']").click()
    else:
        browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    browser.wait(f"{MARKS}.length == 0 && !document.querySelector('.zth-marks')", "no mark is left")
    assert browser.js("return document.querySelector('article').textContent") == before
    assert browser.js("return location.href").endswith("sampling.html#gpt-cache")


def test_next_leads_from_mark_to_mark(browser):
    browser.visit("07_gpt/sampling.html?find=cache")
    browser.wait(f"{MARKS}.length > 3", "the words are marked")
    tops, here = [], "document.querySelector('.zth-mark-here')"
    for _ in range(3):
        browser.js("document.querySelector('aside.zth-marks button').click()")
        browser.wait(f"{IN_SIGHT}({here})", "a mark is in sight")
        tops.append(browser.js(f"return {here}.getBoundingClientRect().top + scrollY"))
    assert tops == sorted(tops) and len(set(map(str, tops))) > 1


AXE = """
const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`)),
    e => done([String(e)]));
"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", ["results", "none", "dialog", "marks"])
def test_accessible_in_use(browser, axe, search, state, dark, width):
    how = {"dark": dark, "width": width}
    if state == "marks":
        browser.visit("07_gpt/sampling.html?find=kv+cache#gpt-cache", **how)
        browser.wait(f"{MARKS}.length > 3", "the words are marked")
    elif state == "dialog":
        browser.visit("07_gpt/sampling.html", **how)
        browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
        browser.driver.switch_to.active_element.send_keys("attention")
        browser.wait("!!document.querySelector('dialog[open] .zth-found a')", "results")
    else:
        search("attention" if state == "results" else "quetzalcoatlus", **how)
    scroll = browser.js("return document.documentElement.scrollWidth")
    assert scroll <= browser.js("return document.documentElement.clientWidth")
    browser.js(axe)
    assert browser.driver.execute_async_script(AXE) == []


# ---- rebuilding ----------------------------------------------------------------------------------


def test_a_rebuild_keeps_the_index_complete(tmp_path):
    "Of three pages one changes, one goes, and the notes of the last build are lost."
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "conf.py").write_text(textwrap.dedent(f"""\
        import sys
        sys.path.insert(0, {str(ROOT / "book/_ext")!r})
        extensions = ["zth_search"]
        html_js_files = ["search.js"]
        """), encoding="utf-8")

    def write(**pages):
        names = "".join(f"   {name}\n" for name in pages)
        pages["index"] = f"Start\n=====\n\n.. toctree::\n\n{names}"
        for name, text in pages.items():
            if not (source / f"{name}.rst").exists() or name == "index" or "new" in text:
                (source / f"{name}.rst").write_text(text, encoding="utf-8")

    def build():
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", source, out]
        subprocess.run(command, check=True, capture_output=True, text=True)
        text = (out / "search-index.js").read_text(encoding="utf-8")
        data = json.loads(text.removeprefix("zthIndex=").removesuffix(";\n"))
        return {(data["pages"][e[0]][0], e[2]): e[5] for e in data["entries"]}

    one, two = "One\n===\n\nThe apple.\n\nInner\n-----\n\nThe pear.\n", "Two\n===\n\nThe plum.\n"
    write(one=one, two=two)
    first = {("index.html", ""): "", ("one.html", ""): "The apple.",
             ("one.html", "inner"): "The pear.", ("two.html", ""): "The plum."}
    assert build() == first
    assert "search.js" not in (out / "one.html").read_text(encoding="utf-8")
    write(one=one, two="Two\n===\n\nA new quince.\n")
    second = {**first, ("two.html", ""): "A new quince."}
    assert build() == second
    (out / ".doctrees/zth_search.json").unlink()
    assert build() == second
    (source / "one.rst").unlink()
    write(two=two)
    assert {page for page, _ in build()} == {"index.html", "two.html"}
