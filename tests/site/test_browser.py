"""The pages in a real browser, wide and on a phone, light and dark."""

import functools
import json
import re
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# Elements that reach beyond an edge of the window, unless they stand in something that scrolls.
OVERFLOW = """
const width = document.documentElement.clientWidth, found = [];
const off = 'dialog:not([open]), .visually-hidden, [aria-hidden=true], mjx-assistive-mml';
function excused(element) {
    for (let e = element.parentElement; e && e !== document.body; e = e.parentElement) {
        const style = getComputedStyle(e);
        if (style.overflowX !== 'visible' || style.position === 'fixed') return true;
    }
    return Boolean(element.closest(off));
}
for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width < 1 || box.height < 1 || (box.left >= -1 && box.right <= width + 1)) continue;
    if (style.visibility === 'hidden' || style.position === 'fixed' || excused(e)) continue;
    const text = (e.textContent || '').trim().slice(0, 60), from = Math.round(box.left);
    found.push(`${e.tagName}.${e.className} ${from}..${Math.round(box.right)} ${text}`);
}
const root = document.documentElement, body = document.body;
return {width, scroll: Math.max(root.scrollWidth, body.scrollWidth), found};
"""

# The formulas set on a page, those left unset, and those MathJax could not read.
MATHEMATICS = """
const all = [...document.querySelectorAll('article .math')];
const texts = nodes => nodes.map(node => node.textContent);
return [document.querySelectorAll('article mjx-container').length,
        texts(all.filter(node => !node.querySelector('mjx-container'))),
        texts([...document.querySelectorAll('mjx-merror, [data-mjx-error]')])];
"""

# The addresses of pictures that do not decode.
PICTURES = """
async function fault(image) {
    image.loading = 'eager';
    try { await image.decode(); } catch { return image.src; }
    return image.naturalWidth ? null : image.src;
}
const faults = await Promise.all([...document.querySelectorAll('article img')].map(fault));
return faults.filter(Boolean);
"""
UNFOLD = "document.querySelectorAll('article details').forEach(d => { d.open = true; });"


@pytest.fixture(scope="session")
def look(browser):
    "What one visit to a page shows; each page is looked at once."

    @functools.cache
    def at(page):
        seen = browser.visit(f"{page}.html")
        browser.js(UNFOLD)
        seen["overflow"] = browser.js(OVERFLOW)
        seen["pictures"] = browser.js(f"return (async () => {{ {PICTURES} }})()")
        seen["set"], seen["unset"], seen["unreadable"] = browser.js(MATHEMATICS)
        return seen

    return at


def test_a_page_is_quiet_and_stays_at_home(look, base, page):
    "No error on the console, and no request to anybody else."
    seen = look(page)
    assert seen["errors"] == []
    assert any(address.endswith(f"{page}.html") for address in seen["requests"])
    own = ("chrome:", "chrome-untrusted:")  # the browser talks to itself about its empty first tab
    home = (base + "/", "data:", "blob:" + base, *own)
    assert [address for address in seen["requests"] if not address.startswith(home)] == []


def test_pictures_load(look, page):
    assert look(page)["pictures"] == []


def test_mathematics_is_set(look, site, doc):
    seen, wanted = look(doc), len(site[doc].article.select(".math"))
    assert (seen["unset"], seen["unreadable"]) == ([], [])
    assert seen["set"] >= wanted
    if not wanted:
        formula = re.search(r"(?<!\\)\$[^$\s][^$\n]*[\\^_=][^$\n]*\$", markdown(site.source(doc)))
        assert not formula, f"mathematics in the source, none on the page: {formula[0]}"


def markdown(path):
    "The text of a source without its code."
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)


def test_nothing_reaches_beyond_a_wide_window(look, page):
    seen = look(page)["overflow"]
    assert (seen["found"], seen["scroll"]) == ([], seen["width"])


def test_nothing_reaches_beyond_a_phone(browser, page):
    "Wide code, tables and formulas scroll by themselves; the page does not."
    browser.visit(f"{page}.html", width=390, height=844)
    browser.js(UNFOLD)
    seen = browser.js(OVERFLOW)
    assert 370 <= seen["width"] <= 390
    assert (seen["found"], seen["scroll"]) == ([], seen["width"])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_accessible(browser, axe, page, dark):
    "axe-core finds nothing serious, folded parts included; the dark theme changes only colours."
    browser.visit(f"{page}.html", dark=dark)
    browser.js(UNFOLD)
    browser.js(axe)
    colours = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
    result = browser.driver.execute_async_script(
        """
        const [options, done] = arguments;
        axe.run(document, {resultTypes: ['violations'], ...options})
            .then(done, error => done({error: String(error)}));
        """,
        colours if dark else {},
    )
    assert "error" not in result, result
    bad = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert not bad, "\n".join(map(finding, bad))


def finding(violation):
    "A finding of axe-core as a person reads it, with the first places where it holds."
    lines = [f"{violation['impact']} {violation['id']}: {violation['help']}"]
    for node in violation["nodes"][:6]:
        why = next((c["message"] for key in ("any", "all", "none") for c in node[key]), "")
        lines.append(f"    {node['target']} {node['html'][:160]} {why}")
    return "\n".join(lines)


def test_search_finds_a_chapter(browser):
    "Through the button and the field, as a reader does it."
    browser.visit("index.html")
    button = next(
        b
        for b in browser.driver.find_elements(By.CSS_SELECTOR, "button.search-button__button")
        if b.is_displayed()
    )
    button.click()
    browser.wait(
        "!!document.querySelector('dialog[open] input[type=search]')", "the search field opens"
    )
    browser.driver.switch_to.active_element.send_keys("backpropagation", Keys.ENTER)
    browser.wait("location.pathname.endsWith('/search.html')", "the search page opens")
    found = search_results(browser)
    assert any(urlsplit(address).path.endswith("/01_micrograd.html") for address in found), found
    first = browser.driver.find_element(By.CSS_SELECTOR, "#search-results li a")
    first.click()
    browser.wait(
        "!location.pathname.endsWith('/search.html') && document.readyState == 'complete'",
        "a result opens",
    )
    assert "backpropagation" in browser.js(
        "return document.querySelector('article').innerText.toLowerCase()"
    )


def search_results(browser):
    "The addresses that a search found, once it has finished."
    browser.wait(
        "/found|did not match/i.test(document.querySelector('#search-results')?.innerText ?? '')",
        "the search ends",
    )
    return browser.js(
        "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    )


@pytest.mark.parametrize(
    "term, where",
    [("Value", "api/micrograd"), ("topological", "01_micrograd"), ("sha256", "appendix/data")],
)
def test_search_finds_a_term(browser, term, where):
    browser.visit(f"search.html?q={term}")
    assert any(
        urlsplit(address).path.endswith(f"/{where}.html") for address in search_results(browser)
    )


def test_search_finds_nothing_where_nothing_is(browser):
    browser.visit("search.html?q=quetzalcoatlus")
    assert search_results(browser) == []


def test_next_and_back_by_click(browser, site):
    browser.visit("index.html")
    for doc in site.toc[1:3]:
        browser.driver.find_element(By.CSS_SELECTOR, "a.right-next").click()
        browser.wait(
            f"location.pathname.endsWith('/{doc}.html') && document.readyState == 'complete'",
            f"{doc} opens",
        )
    browser.driver.find_element(By.CSS_SELECTOR, "a.left-prev").click()
    browser.wait(f"location.pathname.endsWith('/{site.toc[1]}.html')", "the page before opens")


def test_an_old_address_with_a_section_leads_to_the_section(browser):
    "Chapter 7 was one page; its sections are on several now."
    for old, new in (("07_gpt.html#gpt-attention", "07_gpt/self_attention.html#gpt-attention"),
                     ("07_gpt.html", "07_gpt/index.html"),
                     ("07_gpt.html#no-such-section", "07_gpt/index.html#no-such-section"),
                     ("appendix/text.html", "07_gpt/own_text.html")):
        browser.driver.get(f"{browser.base}/{old}")
        there = f"location.href == '{browser.base}/{new}' && document.readyState == 'complete'"
        browser.wait(there, f"{old} leads to {new}")


def test_a_phone_reaches_every_page_by_the_menu(browser, site):
    "On a narrow window the table of contents is behind a button."
    browser.visit("index.html", width=390, height=844)
    toggle = next(
        b
        for b in browser.driver.find_elements(By.CSS_SELECTOR, ".primary-toggle")
        if b.is_displayed()
    )
    toggle.click()
    browser.wait(
        """[...document.querySelectorAll('.bd-sidebar-primary a, #pst-primary-sidebar-modal a')]
        .some(a => a.getAttribute('href') === '01_micrograd.html' && a.offsetWidth > 0)""",
        "the menu opens",
    )


def test_the_theme_can_be_switched(browser):
    browser.visit("index.html")
    button = next(
        b
        for b in browser.driver.find_elements(By.CSS_SELECTOR, "button.theme-switch-button")
        if b.is_displayed()
    )
    modes = set()
    for _ in range(3):
        modes.add(browser.js("return document.documentElement.dataset.theme"))
        button.click()
    assert modes == {"light", "dark"}


def test_code_can_be_copied(browser):
    "Every cell has a button, and what it copies is the code of the cell."
    browser.visit("01_micrograd.html")
    browser.js(UNFOLD)
    cells = browser.js("""
        const blocks = [...document.querySelectorAll('article div.cell_input div.highlight')];
        return blocks.map(b => [b.querySelector('pre').textContent,
                                Boolean(b.querySelector('button.copybtn'))])""")
    assert len(cells) > 50 and all(button for _, button in cells)
    assert not [code for code, _ in cells if not code.strip() or code.startswith(("#|", ">>>"))]
    rights = {"origin": browser.base, "permissions": ["clipboardReadWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", rights)
    button = browser.driver.find_element(By.CSS_SELECTOR, "article div.cell_input button.copybtn")
    browser.js("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", button)
    button.click()
    copied = browser.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], e => arguments[0](String(e)))"
    )
    assert copied.split() == cells[0][0].split()


def test_it_reads_without_scripts(browser, base):
    "Words, code and pictures do not wait for a script."
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(f"{base}/01_micrograd.html")
        text = browser.driver.find_element(By.CSS_SELECTOR, "article").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(text.split()) > 3000 and "class Value" in text
