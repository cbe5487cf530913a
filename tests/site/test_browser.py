"""The pages in a real browser, wide and on a phone, light and dark."""
import re
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# Elements that reach beyond the right edge of the window and cannot be scrolled into view by themselves.
OVERFLOW = """
const width = document.documentElement.clientWidth, found = [];
const scrolls = e => ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(e).overflowX);
const tucked = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
    if (scrolls(p) || getComputedStyle(p).position === 'fixed') return true; } return false; };
for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width < 1 || box.height < 1 || style.visibility === 'hidden' || style.position === 'fixed') continue;
    if (box.right <= width + 1 && box.left >= -1 || tucked(e)) continue;
    if (e.closest('dialog:not([open]), .visually-hidden, [aria-hidden=true], mjx-assistive-mml, .skip-link, #pst-skip-link')) continue;
    found.push(`${e.tagName.toLowerCase()}.${e.className} ${Math.round(box.left)}..${Math.round(box.right)} `
               + (e.textContent || '').trim().slice(0, 60));
}
return {width, scroll: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth), found};
"""


def test_a_page_is_quiet_and_stays_at_home(browser, base, page):
    "No error on the console, and no request to anybody else."
    seen = browser.visit(f"{page}.html")
    assert seen["errors"] == []
    assert any(address.endswith(f"{page}.html") for address in seen["requests"])
    away = [a for a in seen["requests"] if not a.startswith((base + "/", "data:", "blob:" + base))]
    assert away == []


def test_mathematics_is_set(browser, site, doc):
    wanted = len(site[doc].article.select(".math"))
    if not wanted:
        assert not re.search(r"(?<![\\`$])\$[^$`\n]+[\\^_=][^$`\n]*\$", markdown(site, doc)), "mathematics in the source, none on the page"
        return
    browser.visit(f"{doc}.html")
    set_, left, wrong = browser.js("""
        const math = [...document.querySelectorAll('article .math')];
        return [document.querySelectorAll('article mjx-container').length,
                math.filter(m => !m.querySelector('mjx-container')).map(m => m.textContent),
                [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map(m => m.textContent)]""")
    assert (left, wrong) == ([], [])
    assert set_ >= wanted


def markdown(site, doc):
    "The text of a source without its code."
    import json
    text = site.source(doc).read_text(encoding="utf-8")
    if site.source(doc).suffix == ".ipynb":
        text = "\n\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)


def test_pictures_load(browser, doc):
    browser.visit(f"{doc}.html")
    empty = browser.js("""return Promise.all([...document.querySelectorAll('article img')].map(async i => {
        i.loading = 'eager'; try { await i.decode() } catch (e) { return i.src } return i.naturalWidth ? null : i.src }))
        .then(all => all.filter(x => x))""")
    assert empty == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_reaches_beyond_the_window(browser, page, width):
    browser.visit(f"{page}.html", width=width, height=844)
    seen = browser.js(OVERFLOW)
    assert seen["width"] >= width - 20
    assert seen["found"] == []
    assert seen["scroll"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_accessible(browser, axe, page, dark):
    "axe-core finds nothing serious, folded parts included."
    browser.visit(f"{page}.html", dark=dark)
    browser.js("document.querySelectorAll('article details').forEach(d => d.open = true)")
    browser.js(axe)
    result = browser.driver.execute_async_script("""
        const done = arguments[0];
        axe.run(document, {resultTypes: ['violations']}).then(done, e => done({error: String(e)}))""")
    assert "error" not in result, result
    bad = [f"{v['impact']} {v['id']}: {v['help']}\n    " + "\n    ".join(
               f"{n['target']} {n['html'][:160]} {(n['any'] or n['all'] or n['none'] or [{'message': ''}])[0]['message']}" for n in v["nodes"][:6])
           for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert not bad, "\n".join(bad)


def test_search_finds_a_chapter(browser):
    "Through the button and the field, as a reader does it."
    browser.visit("index.html")
    button = next(b for b in browser.driver.find_elements(By.CSS_SELECTOR, "button.search-button__button") if b.is_displayed())
    button.click()
    browser.wait("!!document.querySelector('dialog[open] input[type=search]')", "the search field opens")
    browser.driver.switch_to.active_element.send_keys("backpropagation", Keys.ENTER)
    browser.wait("location.pathname.endsWith('/search.html')", "the search page opens")
    found = search_results(browser)
    assert any(urlsplit(address).path.endswith("/01_micrograd.html") for address in found), found
    first = browser.driver.find_element(By.CSS_SELECTOR, "#search-results li a")
    first.click()
    browser.wait("!location.pathname.endsWith('/search.html') && document.readyState == 'complete'", "a result opens")
    assert "backpropagation" in browser.js("return document.querySelector('article').innerText.toLowerCase()")


def search_results(browser):
    "The addresses that a search found, once it has finished."
    browser.wait("/found|did not match/i.test(document.querySelector('#search-results')?.innerText ?? '')", "the search ends")
    return browser.js("return [...document.querySelectorAll('#search-results li a')].map(a => a.href)")


@pytest.mark.parametrize("term, where", [("Value", "api/micrograd"), ("topological", "01_micrograd"), ("sha256", "appendix/data")])
def test_search_finds_a_term(browser, term, where):
    browser.visit(f"search.html?q={term}")
    assert any(urlsplit(address).path.endswith(f"/{where}.html") for address in search_results(browser))


def test_search_finds_nothing_where_nothing_is(browser):
    browser.visit("search.html?q=quetzalcoatlus")
    assert search_results(browser) == []


def test_next_and_back_by_click(browser, site):
    browser.visit("index.html")
    for doc in site.toc[1:3]:
        browser.driver.find_element(By.CSS_SELECTOR, "a.right-next").click()
        browser.wait(f"location.pathname.endsWith('/{doc}.html') && document.readyState == 'complete'", f"{doc} opens")
    browser.driver.find_element(By.CSS_SELECTOR, "a.left-prev").click()
    browser.wait(f"location.pathname.endsWith('/{site.toc[1]}.html')", "the page before opens")


def test_a_phone_reaches_every_page_by_the_menu(browser, site):
    "On a narrow window the table of contents is behind a button."
    browser.visit("index.html", width=390, height=844)
    toggle = next(b for b in browser.driver.find_elements(By.CSS_SELECTOR, ".primary-toggle") if b.is_displayed())
    toggle.click()
    browser.wait("""[...document.querySelectorAll('.bd-sidebar-primary a, #pst-primary-sidebar-modal a')]
        .some(a => a.getAttribute('href') === '01_micrograd.html' && a.offsetWidth > 0)""", "the menu opens")


def test_the_theme_can_be_switched(browser):
    browser.visit("index.html")
    button = next(b for b in browser.driver.find_elements(By.CSS_SELECTOR, "button.theme-switch-button") if b.is_displayed())
    modes = set()
    for _ in range(3):
        modes.add(browser.js("return document.documentElement.dataset.theme"))
        button.click()
    assert modes == {"light", "dark"}


def test_code_can_be_copied(browser):
    browser.visit("01_micrograd.html")
    blocks, buttons, copied = browser.js("""
        const pre = [...document.querySelectorAll('article div.cell_input div.highlight pre')];
        const first = document.querySelector('article div.cell_input button.copybtn');
        return [pre.length, pre.filter(p => p.parentElement.querySelector('button.copybtn')).length,
                first && document.querySelector(first.dataset.clipboardTarget).innerText]""")
    assert blocks > 50 and buttons == blocks
    assert copied and not copied.startswith(("#|", ">>>"))


def test_it_reads_without_scripts(browser, base):
    "Words, code and pictures do not wait for a script."
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(f"{base}/01_micrograd.html")
        text = browser.driver.find_element(By.CSS_SELECTOR, "article").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(text.split()) > 3000 and "class Value" in text
