"""Narrow and ordinary windows: code fits, pictures open, badges cover nothing, checks fold."""

import ast
import functools
import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

WIDTHS = 390, 1200, 1280, 1440
# Everything unfolded, and laid out wherever it stands.
UNFOLD = """
document.querySelectorAll('article details').forEach(d => { d.open = true; });
document.querySelectorAll('.toggle-hidden').forEach(box => box.classList.remove('toggle-hidden'));
document.head.append(Object.assign(document.createElement('style'),
    {textContent: '* { content-visibility: visible !important; }'}));
"""

# Open code cells that scroll sideways, with the length of their longest line.
CODE = """
return [...document.querySelectorAll('article div.cell_input pre')]
    .filter(pre => pre.checkVisibility() && pre.scrollWidth > pre.clientWidth + 1)
    .map(pre => Math.max(...pre.textContent.split('\\n').map(line => line.length)));
"""
# What is covered by the badge of its own cell: the title of the fold.
COVERED = """
const cross = (a, b) => a.width && b.width && a.left < b.right - .5 && b.left < a.right - .5
    && a.top < b.bottom - .5 && b.top < a.bottom - .5;
return [...document.querySelectorAll('article .zth-badge')].map(badge => {
    const title = badge.closest('div.cell').querySelector(':scope > details > summary');
    if (!title) return null;
    const words = document.createRange();
    words.selectNodeContents(title);
    const over = cross(badge.getBoundingClientRect(), words.getBoundingClientRect());
    return over ? title.textContent : null;
}).filter(Boolean);
"""
# What scrolls sideways and has no edge that says so.
UNMARKED = """
return [...document.querySelectorAll('article *')].filter(e => {
    const style = getComputedStyle(e);
    if (!/auto|scroll/.test(style.overflowX) || e.scrollWidth <= e.clientWidth + 1) return false;
    const faded = side => parseFloat(style.getPropertyValue(`--zth-fade-${side}`)) > 10;
    return !(faded('right') && style.maskImage.includes('gradient'));
}).map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 60)}`);
"""
# Each picture: its address or the smallest size of its words, its widths, whether it has a button,
# and of the button its size, its name, what it covers, and what its figure would lose in height
# without it.
PICTURES = """
const all = 'article figure img, article .cell_output img, article .cell_output svg';
const cross = (a, b) => a.left < b.right - .5 && b.left < a.right - .5
    && a.top < b.bottom - .5 && b.top < a.bottom - .5;
return [...document.querySelectorAll(all)].filter(p => !p.parentElement.closest('svg')).map(p => {
    const box = p.getBoundingClientRect(), shown = box.width, drawing = p.viewBox?.baseVal?.width;
    const sizes = [...p.querySelectorAll('text')]
        .map(t => parseFloat(getComputedStyle(t).fontSize));
    const whole = p.closest('figure') ?? p.closest('.cell_output');
    const button = [...whole.querySelectorAll('button.zth-enlarge')].find(b => b.checkVisibility());
    const found = {source: p.getAttribute('src'), label: sizes.length ? Math.min(...sizes) : null,
        shown, natural: drawing || p.naturalWidth, button: Boolean(button)};
    if (!button || !shown) return found;
    const at = button.getBoundingClientRect(), words = document.createRange();
    words.selectNodeContents(whole.querySelector('figcaption p') ?? button);
    const high = whole.getBoundingClientRect().height;
    button.hidden = true;
    const without = whole.getBoundingClientRect().height;
    button.hidden = false;
    return {...found, size: [at.width, at.height], name: button.getAttribute('aria-label'),
        figure: whole.matches('figure'), moved: high - without,
        covers: [cross(at, box) && 'the picture', [...words.getClientRects()]
            .some(line => cross(at, line)) && 'the caption'].filter(Boolean)};
});
"""
LOAD = """
const done = arguments[0], images = [...document.querySelectorAll('article img')];
images.forEach(image => { image.loading = 'eager'; });
Promise.all(images.map(image => image.decode().catch(() => 0)))
    .then(() => requestAnimationFrame(() => requestAnimationFrame(done)));
"""


def resize(browser, width, mobile=False):
    "Another width for the same page, as when a window is drawn smaller."
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile},
    )
    frames = "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    browser.driver.execute_async_script(f"const done = arguments[0]; {frames}")


@pytest.fixture(scope="session")
def seen(browser):
    "What the tests of every page measure, in one visit to each page."

    @functools.cache
    def at(page):
        found = {"code": {}, "covered": {}}
        for width in WIDTHS:
            if width == WIDTHS[0]:
                browser.visit(f"{page}.html", width=width, height=844)
            else:
                resize(browser, width)
            found["code"][width] = browser.js(CODE)
            found["covered"][width] = browser.js(COVERED)
        resize(browser, 390)
        closed = """
            return [...document.querySelectorAll('.admonition.toggle-hidden')].map(box =>
                box.getBoundingClientRect().bottom
                - box.querySelector('.admonition-title').getBoundingClientRect().bottom)"""
        found["closed"] = browser.js(closed)
        targets = """
            const all = 'article button, article summary, .bd-header-article button';
            return [...document.querySelectorAll(all)].filter(e => e.checkVisibility())
                .map(e => [e, e.getBoundingClientRect()])
                .filter(([e, box]) => box.width && (box.width < 24 || box.height < 24))
                .map(([e, box]) => `${e.className} ${e.textContent} ${box.width} ${box.height}`)"""
        found["targets"] = browser.js(targets)
        browser.js(UNFOLD)
        browser.driver.execute_async_script(LOAD)
        found["pictures"] = browser.js(PICTURES)
        found["covered"]["unfolded"] = browser.js(COVERED)
        found["unmarked"] = browser.js(UNMARKED)
        found["wide"] = {}
        for width in (390, 360):  # a phone has no bar that takes room from the page
            resize(browser, width, mobile=True)
            found["wide"][width] = browser.js("""
                const root = document.documentElement;
                return Math.max(root.scrollWidth, document.body.scrollWidth)""")
        found["text"] = browser.js(
            "return [...document.querySelectorAll('article pre')].map(pre => pre.textContent)"
        )
        return found

    return at


def test_code_is_not_cut_off_on_a_phone(seen, page):
    assert seen(page)["code"][390] == []


def test_lines_of_88_columns_fit_on_a_laptop(seen, page):
    for width in (1280, 1440):
        lengths = seen(page)["code"][width]
        assert all(length > 88 for length in lengths), (width, lengths)


def test_folded_lines_are_the_same_text(seen, site, page):
    "What is selected or copied is the code, whatever the width."
    assert seen(page)["text"] == [pre.get_text() for pre in site[page].article.find_all("pre")]


def test_what_scrolls_sideways_says_so(seen, page):
    "An edge that is faded, at 390 pixels, with everything unfolded."
    assert seen(page)["unmarked"] == []


def test_a_page_is_as_wide_as_the_phone(seen, page):
    assert seen(page)["wide"] == {390: 390, 360: 360}


def test_badges_cover_no_title(seen, page):
    covered = {width: titles for width, titles in seen(page)["covered"].items() if titles}
    assert covered == {}


def test_closed_solutions_take_no_room(seen, page):
    assert all(room < 24 for room in seen(page)["closed"]), seen(page)["closed"]


def test_a_finger_hits_every_button(seen, page):
    assert seen(page)["targets"] == []


@functools.cache
def labels(path):
    "The smallest label of a picture of matplotlib's, and its width, in pixels as it was drawn."
    text = path.read_text(encoding="utf-8")
    box = re.search(r'viewBox="0 0 ([\d.]+)', text)
    scales = re.findall(r"scale\(([\d.]+) -[\d.]+\)", text)  # letters are drawn 100 units high
    return min((float(s) * 100 * 4 / 3 for s in scales), default=None), float(box[1]) * 4 / 3


def test_small_labels_can_be_enlarged(seen, site, page):
    "At 390 pixels a picture with a label below 8 pixels has a button; as it was drawn it has none."
    for picture in seen(page)["pictures"]:
        least, natural = picture["label"], picture["natural"]
        if picture["source"] and picture["source"].endswith(".svg"):
            least, natural = labels(site[page].resolve(picture["source"])[0])
            assert abs(picture["natural"] - natural) < 2
        if least is None or not picture["shown"]:  # the form of a drawing for another width
            continue
        if least * picture["shown"] / natural < 7.95:
            assert picture["button"], picture
            assert least >= 7.95, f"too small even as it was drawn: {picture}"


def test_the_button_covers_nothing_and_moves_nothing(seen, page):
    "It stands beside the caption, in a place that is kept for it, and can be hit and read aloud."
    for picture in seen(page)["pictures"]:
        if "covers" in picture:
            assert picture["covers"] == [], picture
            assert min(picture["size"]) >= 24, picture
            assert re.fullmatch(r"Enlarge (Fig\. [\d.]+|the picture)", picture["name"])
            assert picture["moved"] == 0 or not picture["figure"], picture


def visible(browser, selector):
    found = browser.driver.find_elements(By.CSS_SELECTOR, selector)
    return next(element for element in found if element.is_displayed())


OPEN = "document.querySelector('dialog.zth-zoom')?.open"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("where", ["07_gpt/layers", "01_micrograd"])
def test_a_picture_is_enlarged(browser, where, dark):
    """By key, by mouse and by a tap on itself; closed by Esc, a button, and a tap beside it. The
    focus comes back, and is seen."""
    browser.visit(f"{where}.html", width=390, height=844, dark=dark)
    browser.js(UNFOLD)
    browser.driver.execute_async_script(LOAD)
    for kind in ("img", "svg"):
        found = browser.js("""
            return [...document.querySelectorAll('figure button.zth-enlarge:not([hidden])')]
                .map(b => [b, b.closest('figure').querySelector(arguments[0])])
                .filter(([button, picture]) => picture);""", kind)
        if not found:
            assert (where, kind) == ("07_gpt/layers", "svg"), "no picture is too small"
            continue
        button, picture = found[0]
        focused = "return document.activeElement === arguments[0]"
        name = button.get_attribute("aria-label")
        assert re.fullmatch(r"Enlarge (Fig\. [\d.]+|the picture)", name)
        ways = [
            lambda: browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE),
            lambda: visible(browser, "dialog.zth-zoom button").click(),
            lambda: browser.js("document.elementFromPoint(3, innerHeight - 3).click()"),
            lambda: visible(browser, "dialog.zth-zoom button").click(),
        ]
        for number, close in enumerate(ways):
            browser.js("arguments[0].scrollIntoView({block: 'center'})", button)
            if number == 3:
                picture.click()
            elif number == 2:
                button.click()
            else:
                button.send_keys(Keys.ENTER if number else Keys.SPACE)
            browser.wait(OPEN, "the picture opens")
            big = browser.js("""
                const p = document.querySelector('dialog.zth-zoom .zth-scroll > *');
                const room = p.parentElement;
                return [p.getBoundingClientRect().width, p.naturalWidth || p.viewBox.baseVal.width,
                        room.scrollWidth - room.clientWidth, getComputedStyle(room).overflowX,
                        document.querySelector('dialog.zth-zoom').contains(document.activeElement),
                        getComputedStyle(p).filter]""")
            assert abs(big[0] - big[1]) < 1, "it has its natural size"
            assert (big[2] > 0 or big[0] < 390) and big[3] == "auto" and big[4]
            assert ("invert" in big[5]) == (dark and kind == "img")
            close()
            browser.wait(f"!({OPEN})", f"the picture closes, way {number}")
            browser.wait("!document.querySelector('.zth-zoom .zth-scroll > *')", "it is empty")
            assert browser.js(focused, button), "the focus comes back"
            if number == 0:
                ring = "const s = getComputedStyle(document.activeElement);"
                assert browser.js(ring + "return s.outlineStyle + s.outlineWidth") == "solid2px"


def test_a_wide_window_has_nothing_to_enlarge(browser):
    browser.visit("07_gpt/layers.html", width=1440)
    browser.driver.execute_async_script(LOAD)
    assert not browser.js("return document.querySelectorAll('.zth-enlarge:not([hidden])').length")


def test_folded_lines_hang(browser):
    "What does not fit on a line of a phone goes on below it, further in than it began."
    browser.visit("07_gpt/layers.html", width=390, height=844)
    left, first, second = browser.js("""
        for (const line of document.querySelectorAll('article .cell_input .zth-line')) {
            const words = document.createRange();
            words.selectNodeContents(line);
            const boxes = [...words.getClientRects()].filter(b => b.width > 8);
            const next = boxes.find(b => b.top > boxes[0].top + 10);
            if (next && /^    \\S/.test(line.textContent)) {
                const text = boxes.find(b => b.top < boxes[0].top + 10);
                return [line.getBoundingClientRect().left, text.left, next.left];
            }
        }""")
    assert first - left < 1  # with the spaces that it begins with
    column = 0.6 * 12.8
    assert abs(second - left - 6 * column) < 2  # four spaces and two more


def test_a_marked_line_stays_marked(browser):
    "A highlighted line holds its own end of line."
    browser.visit("07_gpt/layers.html", width=1000)
    before = browser.js("""
        const pre = document.querySelector('article .cell_input pre');
        pre.innerHTML = '<span></span>a\\n<span class="hll"><i>b</i> = 1\\n</span>\\n    c';
        return pre.textContent""")
    resize(browser, 390)
    after, lines = browser.js("""
        const pre = document.querySelector('article .cell_input pre');
        return [pre.textContent, [...pre.children].map(line => line.innerHTML)]""")
    assert after == before
    assert lines == ["<span></span>a\n", '<span class="hll"><i>b</i> = 1\n</span>', "\n",
                     '<span class="zth-lead">    </span>c']


def test_folded_code_is_copied_as_it_was_written(browser, site):
    browser.visit("07_gpt/layers.html", width=390, height=844)
    rights = {"origin": browser.base, "permissions": ["clipboardReadWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", rights)
    cell = next(c for c in browser.driver.find_elements(By.CSS_SELECTOR, "article div.zth-export")
                if "class Head" in c.text)
    button = cell.find_element(By.CSS_SELECTOR, "button.copybtn")
    browser.js("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    browser.wait("document.querySelector('button.copybtn.success')", "it is copied")
    copied = browser.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], e => arguments[0](String(e)))"
    )
    code = [pre.get_text() for pre in site["07_gpt/layers"].article.select(".cell_input pre")]
    assert copied.rstrip("\n") in [text.rstrip("\n") for text in code] and copied.count("\n") > 10


def test_code_is_folded_without_scripts(browser, base):
    browser.visit("index.html", width=390, height=844)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(f"{base}/07_gpt/layers.html")
        block = browser.driver.find_element(By.CSS_SELECTOR, "article .zth-export pre")
        folded, lines = block.value_of_css_property("white-space"), block.text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "pre-wrap" in folded or "preserve" in folded
    assert lines


def test_the_faded_edge_follows_the_scrolling(browser):
    "On the right there is more at first; at the end there is more on the left only."
    browser.visit("api/gpt.html", width=390, height=844)
    fades = """
        const table = document.querySelector('.pst-scrollable-table-container');
        table.querySelector('table').style.width = '1000px';  // none of ours is wider than a phone
        table.scrollIntoView();
        table.scrollLeft = arguments[0];
        return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
            ['left', 'right'].map(side => parseFloat(
                getComputedStyle(table).getPropertyValue(`--zth-fade-${side}`)))))));"""
    assert browser.js(fades, 0) == [0, 40]
    assert browser.js(fades, 10**6) == [40, 0]


# ---- the contents of a page ---------------------------------------------------------------------


def test_the_right_contents_make_room_on_a_laptop(browser):
    browser.visit("07_gpt/layers.html", width=1280)
    side = "document.querySelector('.bd-content > div.bd-sidebar-secondary')"
    contents = "#pst-secondary-sidebar-modal"
    assert browser.js(f"return getComputedStyle({side}).display") == "none"
    button = visible(browser, ".bd-header-article .secondary-toggle")
    assert button.text == "On this page"
    button.send_keys(Keys.ENTER)
    browser.wait(f"document.querySelector('{contents}').open", "the contents open")
    links = browser.driver.find_elements(By.CSS_SELECTOR, f"{contents} a.nav-link")
    assert len([link for link in links if link.is_displayed()]) > 5
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait(f"!document.querySelector('{contents}').open", "Esc closes them")
    button.click()
    browser.wait(f"document.querySelector('{contents}').open", "they open again")
    visible(browser, f"{contents} a[href='#dropout']").click()
    browser.wait(f"!document.querySelector('{contents}').open && location.hash == '#dropout'",
                 "a section closes them")
    browser.wait("Math.abs(document.getElementById('dropout').getBoundingClientRect().top) < 200",
                 "the section is in view")


def test_a_wide_window_shows_the_contents_beside_the_text(browser):
    browser.visit("07_gpt/layers.html", width=1520)
    boxes = browser.js("""
        return ['.bd-article', '.bd-content > div.bd-sidebar-secondary', 'div.cell.zth-export']
            .map(s => document.querySelector(s).getBoundingClientRect())
            .map(b => [b.left, b.right, b.width])""")
    (_, end, _), (begin, right, _), (_, _, cell) = boxes
    assert end <= begin and right <= 1520 and cell > 800
    toggles = browser.driver.find_elements(By.CSS_SELECTOR, ".bd-header-article .secondary-toggle")
    assert not any(t.is_displayed() for t in toggles)


# ---- checks and answers -------------------------------------------------------------------------


def in_folder(doc):
    return re.match(r"\d\d_\w+/", doc)


CHECKS = {"test_eq", "test_ne", "test_close", "test_fail", "same", "refuses", "expect"}


def is_check(node):
    "An assertion, one of the functions that stop a page, or a block of such."
    if isinstance(node, (ast.If, ast.For, ast.With)):
        return all(map(is_check, [*node.body, *getattr(node, "orelse", [])]))
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Call) else None
    return isinstance(node, ast.Assert) or getattr(called, "id", "") in CHECKS


def test_no_open_cell_is_a_bare_check(site, doc):
    if not in_folder(doc):
        return
    for block in site[doc].article.select("div.cell_input pre"):
        fold = block.find_parent("details")
        try:
            body = ast.parse(block.get_text()).body
        except SyntaxError:
            continue
        if fold is None:
            assert not (body and all(map(is_check, body))), block.get_text()
        else:
            bare = bool(body) and all(map(is_check, body))
            answer = fold.summary.get_text().startswith("I have guessed")
            assert answer or not bare or "zth-check" in fold["class"], fold.summary.get_text()


def is_answer(cell):
    "Whether the output of a cell is folded until the reader has guessed."
    fold = cell.select_one(".cell_output").find_parent("details")
    hidden = fold and fold.summary.get_text().startswith("I have guessed")
    return bool(hidden) and not fold.has_attr("open")


def is_text(element):
    "A paragraph or a heading of the page itself, not of a box or a cell."
    around = element.find_parent(["details", "figure", "div"], class_=("zth-fold", "cell"))
    return element.name != "div" and not (around or element.find_parent("figure"))


def test_the_answer_to_a_prediction_is_hidden(site, doc):
    """Each Predict box is followed by a fold that holds the answer with its output; whatever stands
    between that fold and the text about it (a figure of the same numbers) is folded as well."""
    if not in_folder(doc):
        return
    for box in site[doc].article.select("div.admonition.predict"):
        question, answers = box.get_text()[:300], 0
        for element in box.find_all_next(["p", "h2", "h3", "div"]):
            if box in element.parents:
                continue
            if is_text(element) and (answers or element.name != "p"):
                break
            if "cell" in element.get("class", []) and element.select_one(".cell_output"):
                answers += is_answer(element)
                assert not answers or is_answer(element), (question, element.get_text()[:300])
        assert answers, question


def test_a_stub_ends_in_what_a_reader_runs(site, doc):
    for block in site[doc].article.select("div.cell_input pre"):
        code = block.get_text()
        if "raise NotImplementedError" in code and not block.find_parent("details"):
            assert "still the stub" not in code, code


def shown(browser):
    "How many of the checks of a page are open, and how many of its other folds."
    return browser.js("""
        const open = s => document.querySelectorAll(`article details${s}`).length;
        return ['.zth-check[open]', '.zth-check', '.zth-fold:not(.zth-check)[open]'].map(open)""")


def test_checks_are_shown_by_a_switch(browser):
    "By mouse and by key, remembered from page to page; answers stay hidden."
    browser.visit("07_gpt/layers.html")
    browser.js("localStorage.removeItem('zth-checks')")
    try:
        browser.driver.refresh()
        switch = visible(browser, "button.zth-checks")
        opened, checks, others = shown(browser)
        assert switch.get_attribute("aria-pressed") == "false" and (opened, others) == (0, 0)
        assert switch.text == "Show checks" and checks > 10
        browser.js("scrollTo(0, 5000)")
        place = browser.js("""
            return [...document.querySelectorAll('article p:not(.zth-badges)')]
                .find(p => p.getBoundingClientRect().bottom > 80)""")
        top = browser.js("return arguments[0].getBoundingClientRect().top", place)
        switch.click()
        assert shown(browser) == [checks, checks, 0]
        assert switch.get_attribute("aria-pressed") == "true"
        moved = browser.js("return arguments[0].getBoundingClientRect().top", place) - top
        assert abs(moved) < 200, "the reader keeps the place"
        browser.visit("07_gpt/text.html")
        opened, checks, others = shown(browser)
        assert opened == checks > 0 == others
        switch = visible(browser, "button.zth-checks")
        assert switch.get_attribute("aria-pressed") == "true"
        switch.send_keys(Keys.SPACE)
        assert shown(browser)[0] == 0 and switch.get_attribute("aria-pressed") == "false"
        browser.driver.refresh()
        assert shown(browser)[0] == 0
    finally:
        browser.js("localStorage.removeItem('zth-checks')")


@pytest.mark.parametrize("where", ["index", "glossary", "api/gpt", "07_gpt/recap"])
def test_a_page_without_checks_has_no_switch(browser, where):
    browser.visit(f"{where}.html")
    checks = browser.js("return document.querySelectorAll('article details.zth-check').length")
    switches = browser.driver.find_elements(By.CSS_SELECTOR, "button.zth-checks")
    assert bool(checks) == bool(switches)
    assert not checks or where == "07_gpt/recap"


def test_the_switch_works_where_nothing_can_be_remembered(browser):
    browser.visit("07_gpt/layers.html")
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
        for (const act of ['getItem', 'setItem'])
            Storage.prototype[act] = () => { throw new DOMException('no', 'SecurityError'); };"""})
    try:
        browser.driver.refresh()
        visible(browser, "button.zth-checks").click()
        opened, checks, _ = shown(browser)
        assert opened == checks > 0
    finally:
        remove = "Page.removeScriptToEvaluateOnNewDocument"
        browser.driver.execute_cdp_cmd(remove, {"identifier": added["identifier"]})
