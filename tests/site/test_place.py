"""Where am I: contents that follow, minutes, progress, the way on, arrow keys, back to the top."""

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

LONG = ("01_micrograd", "07_gpt/layers", "07_gpt/own_text")
LINE = 120  # a little below the place where a jump leaves a heading

# The entries that the contents mark, the one they should mark, and whether it can be seen.
SEEN = """
const links = [...document.querySelectorAll('.bd-sidebar-secondary nav.page-toc .toc-entry > a')];
const heading = link => document.getElementById(decodeURIComponent(link.hash.slice(1)))
    .querySelector('h1, h2, h3, h4, h5');
const above = links.filter(l => heading(l).getBoundingClientRect().top <= arguments[0]);
const marked = links.filter(l => l.classList.contains('active'));
const box = marked[0]?.getClientRects()[0];
let frame = marked[0];
const scrolls = element => /auto|scroll/.test(getComputedStyle(element).overflowY);
while (frame && frame !== document.body && !scrolls(frame)) frame = frame.parentElement;
const edge = frame?.getBoundingClientRect();
return {marked: marked.map(l => l.hash), current: marked.map(l => l.getAttribute('aria-current')),
        all: links.map(l => l.hash), wanted: above.length ? [above.at(-1).hash] : [],
        visible: !box || box.top >= Math.max(0, edge.top)
            && box.bottom <= Math.min(innerHeight, edge.bottom),
        rest: document.documentElement.scrollHeight - innerHeight - scrollY, high: innerHeight};
"""
TWO_FRAMES = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"


@pytest.fixture
def there(browser, site):
    "Opens a page of those that are built, with nothing remembered."

    def visit(page, **size):
        if page not in site.names:
            pytest.skip(f"{page} is not built")
        browser.visit(f"{page}.html", **size)
        browser.js("localStorage.removeItem('zth-place')")
        browser.driver.refresh()
        browser.wait("document.readyState == 'complete'", "the page loads")
        browser.driver.execute_async_script(
            "const done = arguments[0]; Promise.resolve(window.MathJax?.startup?.promise)"
            ".then(() => document.fonts.ready).then(() => done())"
        )

    yield visit
    browser.js("localStorage.removeItem('zth-place')")


def scroll(browser, to):
    "Scrolls to a place, an expression, and lets the page notice."
    browser.js(f"scrollTo(0, {to})")
    browser.driver.execute_async_script(TWO_FRAMES)


def read(browser):
    "Passes every section, as a reader does, and comes to the end."
    for anchor in browser.js(SEEN, LINE)["all"]:
        scroll(browser, f"scrollY + document.querySelector('{anchor}').getBoundingClientRect().top")
    scroll(browser, "document.documentElement.scrollHeight")


@pytest.mark.parametrize("height", [900, 600])
@pytest.mark.parametrize("name", LONG)
def test_the_contents_follow_the_reader(browser, there, name, height):
    "One entry is marked, that of the last heading above the reading line, and it is in sight."
    there(name, width=1600, height=height)
    for i in range(23):
        scroll(browser, f"(document.documentElement.scrollHeight - innerHeight) * {i / 22}")
        seen = browser.js(SEEN, LINE)
        if seen["rest"] >= seen["high"]:
            assert seen["marked"] == seen["wanted"], i
        else:  # near the end the reading line comes down, so that the last entries have their turn
            wanted = seen["wanted"] or seen["all"][:1]
            assert seen["all"].index(seen["marked"][0]) >= seen["all"].index(wanted[0])
        assert seen["visible"] and seen["current"] == ["location"] * len(seen["marked"]), i
    assert seen["marked"] == seen["all"][-1:], "the last section is the current one at the end"


@pytest.mark.parametrize("name", ["howto", "07_gpt/layers"])
def test_the_contents_follow_a_jump(browser, there, name):
    "Also to the last sections, whose headings cannot reach the upper edge."
    there(name, width=1600, height=1400)
    for anchor in browser.js(SEEN, LINE)["all"][-8:]:
        browser.js("location.hash = arguments[0]", anchor)
        browser.driver.execute_async_script(TWO_FRAMES)
        assert browser.js(SEEN, LINE)["marked"] == [anchor]
    for width in (1280, 390):  # where the contents may be folded away
        browser.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.js("location.hash = arguments[0]", anchor := browser.js(SEEN, LINE)["all"][1])
        browser.driver.execute_async_script(TWO_FRAMES)
        assert browser.js(SEEN, LINE)["marked"] == [anchor]
        browser.js("location.hash = arguments[0]", browser.js(SEEN, LINE)["all"][0])


def lay_out(browser):
    "Lays out all sections at once; a height that is only assumed would change while we look."
    browser.js("document.head.append(Object.assign(document.createElement('style'),"
               "{textContent: '* { content-visibility: visible !important; }'}))")
    browser.driver.execute_async_script(TWO_FRAMES)


def test_the_page_is_not_moved_by_its_contents(browser, there):
    there("01_micrograd", width=1600, height=600)
    lay_out(browser)
    for at in (3000, 9000, 40000):
        scroll(browser, at)
        assert browser.js("return scrollY") == at


def said(minutes):
    "A number of minutes as the pages say it."
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    halves = int(minutes / 30 + 0.5)
    return f"{halves // 2}{'½' * (halves % 2)} hours"


def minutes(site, doc):
    return site[doc].article.select_one("p.zth-minutes").get_text()


def test_a_page_says_how_long_it_takes(site, doc):
    "Pages of the book do, once, under their title; the reference and the landing page do not."
    if doc not in site.names:
        pytest.skip(f"{doc} is not built")
    lines = site[doc].article.select("p.zth-minutes")
    if site.source(doc).suffix != ".ipynb":
        assert not lines
        return
    assert re.match(r"About (\d+ minutes?|\d+½? hours) to read", minutes(site, doc))
    assert len(lines) == 1 and lines[0].find_previous_sibling("h1")
    description = site[doc].soup.find("meta", attrs={"name": "description"})
    assert not description or "to read" not in description["content"][:60]


@pytest.mark.parametrize("door", ["07_gpt/index", "appendix/weave/index"])
def test_a_door_says_how_long_its_pages_take(site, door):
    "For each page of the list, the number on that page; and all of it below the title."
    if door not in site.names:
        pytest.skip(f"{door} is not built")
    total = 0
    for row in site[door].article.select("table tr"):
        links = row.select("td:first-child a")
        pages = [site.at(site[door].resolve(a["href"])[0]) for a in links if "#" not in a["href"]]
        if not pages or None in pages:
            continue
        pages = [page.name for page in pages]
        each = [int(re.search(r"\d+", minutes(site, p))[0]) for p in pages]
        assert int(row.find_all("td")[-1].get_text()) == sum(each), row.get_text()
        total += sum(each)
    own = int(re.search(r"\d+", minutes(site, door))[0])
    assert total and minutes(site, door).endswith(f" about {said(total + own)}")


def test_a_line_shows_how_far_the_page_is_read(browser, there):
    there("07_gpt/layers")
    part = """const line = document.querySelector('.zth-progress > div');
        return new DOMMatrix(getComputedStyle(line).transform).a"""
    assert browser.js(part) == 0
    scroll(browser, "(document.documentElement.scrollHeight - innerHeight) / 2")
    assert 0.4 < browser.js(part) < 0.6
    scroll(browser, "document.documentElement.scrollHeight")
    assert browser.js(part) == 1
    line = "document.querySelector('.zth-progress').getBoundingClientRect()"
    assert browser.js(f"return [{line}.top, {line}.height]") == [0, 2]
    for page in ("index", "glossary"):
        there(page)
        assert not browser.js("return document.querySelector('.zth-progress')")


OFFER = "return document.querySelector('.zth-continue a')?.textContent ?? null"


def test_continue_where_you_stopped(browser, there, base):
    "On the landing page and at the door of the chapter; dismissed for good; nothing to begin with."
    there("index")
    assert browser.js(OFFER) is None
    there("07_gpt/layers")
    number = browser.js("return document.querySelector('h1 .section-number').textContent")
    lay_out(browser)
    scroll(browser, "document.querySelector('#layer-norm').getBoundingClientRect().top - 60")
    text = f"Continue: {number.strip().rstrip('.')} The layers of a Transformer, Layer norm"
    for page in ("index", "07_gpt/index"):
        browser.visit(f"{page}.html")
        assert browser.js(OFFER) == text
    link = browser.driver.find_element(By.CSS_SELECTOR, ".zth-continue a")
    assert link.get_attribute("href") == f"{base}/07_gpt/layers.html#layer-norm"
    browser.driver.find_element(By.CSS_SELECTOR, ".zth-continue button").click()
    assert browser.js(OFFER) is None
    browser.driver.refresh()
    assert browser.js(OFFER) is None
    browser.visit("index.html")  # dismissed at the door, not here
    browser.driver.find_element(By.CSS_SELECTOR, ".zth-continue a").click()
    browser.wait("location.href.endsWith('/07_gpt/layers.html#layer-norm')", "it leads there")


def test_what_is_stored_is_not_trusted(browser, there):
    for place in ('{"page": "javascript:alert(1)//", "hash": "", "title": "x"}',
                  '{"page": "//elsewhere.example/x", "hash": "", "title": "x"}',
                  '{"page": "07_gpt/layers", "hash": "\\"><b>", "title": "x"}',
                  "[1, 2", "7", "null"):
        there("index")
        browser.js("localStorage.setItem('zth-place', arguments[0])", f'{{"last": {place}}}')
        browser.driver.refresh()
        browser.wait("document.readyState == 'complete'", "the page loads")
        assert browser.js(OFFER) is None, place
        assert browser.logs()["errors"] == []


def test_a_page_read_to_its_end_is_marked(browser, there):
    "In the contents on the left, and the way on leads to the next page; the key End reads nothing."
    marked = """return [...document.querySelectorAll('nav.bd-links a:has(.zth-read)')]
        .map(a => a.textContent.replace(/^[\\d.\\s]+|\\s+$/g, ''))"""
    there("07_gpt/self_attention")
    scroll(browser, "document.documentElement.scrollHeight")
    assert browser.js(marked) == []
    scroll(browser, 0)
    read(browser)
    assert browser.js(marked) == ["Self-attention (read)"]
    browser.visit("index.html")
    assert browser.js(marked) == ["Self-attention (read)"]
    assert browser.js(OFFER).endswith("The layers of a Transformer")


def test_nothing_is_remembered_where_that_is_forbidden(browser, there):
    "The page works without."
    there("07_gpt/layers")
    code = """for (const name of ['getItem', 'setItem']) {
        const old = Storage.prototype[name];
        Storage.prototype[name] = function (key, ...rest) {
            if (key === 'zth-place') throw new DOMException('forbidden', 'SecurityError');
            return old.call(this, key, ...rest); } }"""
    always = "Page.addScriptToEvaluateOnNewDocument"
    script = browser.driver.execute_cdp_cmd(always, {"source": code})
    try:
        seen = browser.visit("07_gpt/layers.html", width=1600)
        scroll(browser, 12000)
        assert browser.js(SEEN, LINE)["marked"]
        assert seen["errors"] + browser.logs()["errors"] == []
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def press(browser, *keys):
    ActionChains(browser.driver).send_keys(*keys).perform()


def hold(browser, held, key):
    ActionChains(browser.driver).key_down(held).send_keys(key).key_up(held).perform()


def test_arrow_keys_turn_the_pages(browser, there):
    there("07_gpt/self_attention")
    here = "location.pathname.endsWith('/07_gpt/{}.html') && document.readyState == 'complete'"
    press(browser, Keys.ARROW_RIGHT)
    browser.wait(here.format("layers"), "the next page opens")
    press(browser, Keys.ARROW_LEFT)
    browser.wait(here.format("self_attention"), "the page before opens")


def test_arrow_keys_do_nothing_else(browser, there):
    "With a modifier, in a field, in code that scrolls, in a dialog, and where there is no page."
    there("07_gpt/layers", width=600)
    stays = "return location.pathname.endsWith('/07_gpt/layers.html')"
    browser.js("""addEventListener('keydown', e => {  // what the browser itself would do with them
        if (e.ctrlKey || e.altKey || e.metaKey) e.preventDefault(); })""")
    for held in (Keys.SHIFT, Keys.CONTROL, Keys.ALT, Keys.META):
        hold(browser, held, Keys.ARROW_RIGHT)
        assert browser.js(stays), held
    browser.js("""
        const wide = document.createElement('div'), field = document.createElement('input');
        wide.innerHTML = `<pre tabindex="0">${'x'.repeat(400)}</pre>`;
        wide.firstChild.style = 'width: 200px; overflow-x: auto; white-space: pre';
        document.querySelector('article').prepend(wide, field);
        wide.firstChild.focus();""")
    press(browser, Keys.ARROW_RIGHT)
    assert browser.js(stays + " && document.activeElement.tagName === 'PRE'")
    browser.js("document.querySelector('article > input').focus()")
    press(browser, Keys.ARROW_RIGHT)
    assert browser.js(stays)
    browser.js("document.activeElement.blur(); document.querySelector('dialog').showModal()")
    press(browser, Keys.ARROW_RIGHT)
    assert browser.js(stays)
    there("index")
    press(browser, Keys.ARROW_LEFT)
    assert browser.js("return location.pathname.endsWith('/index.html')")


@pytest.mark.parametrize("width", [390, 1440])
def test_back_to_the_top(browser, there, width):
    "After a long way up, in the header, where it covers nothing."
    there("07_gpt/layers", width=width, height=800)
    lay_out(browser)
    shown = "return !!document.querySelector('.zth-top').offsetWidth"
    assert not browser.js(shown)
    scroll(browser, 9000)
    assert not browser.js(shown)
    scroll(browser, 8500)
    assert not browser.js(shown), "a short way up"
    scroll(browser, 8000)
    assert browser.js(shown)
    inside = browser.js("""
        const box = document.querySelector('.zth-top').getBoundingClientRect();
        const head = document.querySelector('.bd-header-article').getBoundingClientRect();
        return box.top >= head.top && box.bottom <= head.bottom && box.height >= 24
            && box.left >= 0 && box.right <= innerWidth""")
    assert inside
    beside = browser.js("""
        const mine = document.querySelector('.zth-top').getBoundingClientRect();
        return [...document.querySelectorAll('.bd-header-article .btn:not(.zth-top)')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.width && box.left < mine.right - 1 && mine.left < box.right - 1;
        }).map(e => e.className)""")
    assert beside == []
    scroll(browser, 8100)
    assert not browser.js(shown), "down again"
    scroll(browser, 7000)
    browser.driver.find_element(By.CSS_SELECTOR, ".zth-top").click()
    browser.wait("scrollY === 0 && document.activeElement.tagName === 'H1'", "the top is reached")
    browser.driver.execute_async_script(TWO_FRAMES)
    assert not browser.js(shown)
