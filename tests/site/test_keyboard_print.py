"""A page without a mouse, and on paper."""

import base64
import re

import pytest

TYPICAL = ["index", "07_gpt/layers", "07_gpt/exercises", "glossary", "api/gpt"]

# What has the focus, and whether one sees it: an outline of two pixels in a colour that stands out
# from what lies below, within the window and not cut off by what scrolls around it.
FOCUSED = """
const e = document.activeElement, style = getComputedStyle(e);
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const light = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
let ground = 'rgb(255, 255, 255)';
const outside = parseFloat(style.outlineOffset) > 0;
for (let up = outside ? e.parentElement : e; up; up = up.parentElement) {
    const colour = getComputedStyle(up).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) { ground = colour; break; }
}
const [high, low] = [light(style.outlineColor), light(ground)].sort((a, b) => b - a);
const region = e.closest('.bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, ' +
    'article, .prev-next-area')?.className.split(' ')[0] ?? '';
return {tag: e.tagName, region, name: e.className, style: style.outlineStyle,
    width: parseFloat(style.outlineWidth), contrast: (high + 0.05) / (low + 0.05),
    opacity: style.opacity, body: e === document.body};
"""


@pytest.fixture(autouse=True)
def focused(browser):
    "The page has the focus, also after the Tab key has led out of it into the browser."
    browser.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    yield
    browser.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": False})


def tab(browser):
    "Presses the Tab key."
    for kind in ("rawKeyDown", "keyUp"):
        browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {
            "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})


def stops(browser, count):
    "The next stops of the Tab key."
    found = []
    for _ in range(count):
        tab(browser)
        stop = browser.js(FOCUSED)
        if stop["body"]:
            break
        found.append(stop)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page_name", ["index", "07_gpt/layers", "api/gpt"])
def test_focus_is_visible(browser, page_name, dark):
    "From the first stop on, and from the first one of each region."
    browser.visit(f"{page_name}.html", width=1600, dark=dark)  # with the contents on the right
    seen = stops(browser, 45)
    for region in (".bd-header-article", ".bd-sidebar-secondary", "article", ".prev-next-area"):
        if browser.js(
            "const e = [...document.querySelectorAll(arguments[0] + ' a[href], ' + arguments[0] +"
            "' button')].find(e => e.checkVisibility()); e?.focus(); return Boolean(e)", region):
            seen += [browser.js(FOCUSED), *stops(browser, 8)]
    assert len(seen) > 40
    faint = [s for s in seen if s["style"] in ("none", "auto") or s["width"] < 2
             or s["contrast"] < 3 or s["opacity"] == "0"]
    assert faint == []
    regions = {s["region"] for s in seen}
    assert regions >= {"bd-sidebar-primary", "bd-header-article"}, regions
    if page_name != "index":
        assert "bd-sidebar-secondary" in regions, regions


def test_focus_is_visible_in_the_search_field(browser):
    browser.visit("07_gpt/layers.html")
    browser.js("document.querySelector('.search-button__button').click()")
    browser.wait("document.activeElement.tagName === 'INPUT'", "the search field has the focus")
    browser.wait("getComputedStyle(document.activeElement).outlineStyle === 'solid'", "a ring")
    stop = browser.js(FOCUSED)
    assert stop["style"] == "solid" and stop["width"] >= 2 and stop["contrast"] >= 3


def names(browser, role):
    "The names that a screen reader says for what has a role."
    cdp = browser.driver.execute_cdp_cmd
    tree = cdp("Accessibility.getFullAXTree", {})["nodes"]
    found = (n for n in tree if n.get("role", {}).get("value") == role and not n["ignored"])
    return [(n["name"]["value"].strip(), n["backendDOMNodeId"]) for n in found]


@pytest.mark.parametrize("page_name", ["07_gpt/layers", "07_gpt/exercises", "07_gpt/own_text"])
def test_folds_say_what_they_hold(browser, page_name):
    "Each by a name of its own, which begins with what one sees."
    browser.visit(f"{page_name}.html")
    folds = browser.js("return [...document.querySelectorAll('article details > summary')]"
                       ".map(s => [s.textContent.trim(), s.getAttribute('aria-label')])")
    said = [label or text for text, label in folds]
    assert all(said) and all((label or text).startswith(text) for text, label in folds)
    vague = {"Check", "Show", "Click to show", "Toggle hidden content", "Show code cell source"}
    assert not vague & set(said)
    buttons = browser.js("return [...document.querySelectorAll('button.toggle-button')].map(b =>"
                         "[b.getAttribute('aria-label'), b.closest('.admonition').firstElementChild"
                         ".textContent.trim(), b.getAttribute('aria-expanded')])")
    for label, title, expanded in buttons:
        assert label and label != "Toggle hidden content" and expanded in ("true", "false")
        assert re.sub(r"\s+", " ", title).startswith(label), (label, title)
    if page_name.endswith("exercises"):
        assert len(buttons) > 5
    heard = [name for name, _ in names(browser, "button")]
    assert all(heard) and "Toggle hidden content" not in heard


BARS = """
return [...document.querySelectorAll('article *')].filter(e => {
    const style = getComputedStyle(e);
    return /auto|scroll/.test(style.overflowY) && style.maxHeight === 'none'
        && style.visibility === 'visible' && e.offsetWidth > e.clientWidth + 6
        && e.tagName !== 'TEXTAREA';
}).map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`);
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_bar_beside_what_has_room(browser, doc, width):
    "What is as high as its lines never scrolls upwards."
    browser.visit(f"{doc}.html", width=width)
    style = "*::-webkit-scrollbar { width: 12px; height: 12px; }"  # as on a desk, not laid over
    browser.js("const s = document.createElement('style'); s.textContent = arguments[0];"
               "document.head.append(s)", style)
    assert browser.js(BARS) == []


@pytest.fixture
def paper(browser):
    "Opens a page and shows it as it is printed."

    def at(page, dark=False):
        browser.visit(f"{page}.html", dark=dark)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
        browser.wait("document.documentElement.dataset.theme === 'light'", "the colours of paper")

    yield at
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


PRINTED = [*TYPICAL, "09_tokenizer/basic"]


@pytest.mark.parametrize("page_name", PRINTED)
def test_paper_shows_the_text_only(paper, browser, page_name):
    paper(page_name)
    shown = browser.js(
        "return [...document.querySelectorAll('.bd-sidebar-primary, .bd-sidebar-secondary, "
        ".bd-header, .bd-header-article, .prev-next-area, .bd-footer, button, .headerlink, "
        ".zth-badge, dialog, #jb-print-docs-body, details:not([open]), .toggle-hidden')]"
        ".filter(e => e.checkVisibility()).map(e => e.tagName + '.' + e.className)")
    assert shown == []
    assert browser.js("return [...document.querySelectorAll('h1')]"
                      ".filter(e => e.checkVisibility()).length") == 1


@pytest.mark.parametrize("page_name", PRINTED)
def test_paper_is_light(paper, browser, page_name):
    "Also from the dark theme, which is there again afterwards."
    paper(page_name, dark=True)
    dark_ink = browser.js(
        "const lum = c => { const [r, g, b, a] = c.match(/[\\d.]+/g).map(Number);"
        "return a === 0 ? null : (r + g + b) / 3; };"
        "const wrong = [];"
        "const text = 'article :is(p, li, h1, h2, td, pre, pre span, a)';"
        "for (const e of document.querySelectorAll(text)) {"
        "  if (!e.checkVisibility()) continue;"
        "  const s = getComputedStyle(e), ground = lum(s.backgroundColor);"
        "  if (lum(s.color) > 150 || (ground !== null && ground < 190)) wrong.push("
        "    `${e.tagName}.${e.className} ${s.color} ${s.backgroundColor}`);"
        "} return [wrong.length, wrong.slice(0, 5)]")
    assert dark_ink == [0, []]
    assert not browser.js("return [...document.querySelectorAll('article img')]"
                          ".some(i => getComputedStyle(i).filter !== 'none')")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "media": "", "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    browser.wait("document.documentElement.dataset.theme === 'dark'", "the screen is dark again")


@pytest.mark.parametrize("page_name", PRINTED)
def test_paper_cuts_nothing_off(paper, browser, page_name):
    "Code breaks its lines; nothing scrolls, and nothing long is kept on one page."
    paper(page_name)
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": 670, "height": 960, "deviceScaleFactor": 1, "mobile": False})  # A4 in its margins
    cut = browser.js(
        "const wide = 'article :is(pre, .output, .highlight, table, div.math)';"
        "return [...document.querySelectorAll(wide)].filter(e => e.checkVisibility()"
        " && getComputedStyle(e).overflowX !== 'visible')"
        ".map(e => e.textContent.trim().slice(0, 60))")
    assert cut == []
    lines = browser.js("return [...document.querySelectorAll('article pre')]"
                       ".filter(e => e.checkVisibility()).map(e => [getComputedStyle(e).whiteSpace,"
                       "e.scrollWidth - e.clientWidth])")
    assert {space for space, _ in lines} <= {"pre-wrap", "break-spaces"}
    assert max([over for _, over in lines], default=0) <= 2
    kept = browser.js("const long = 'article :is(div.cell, .admonition, section, table, pre,'"
                      "+ ' .cell_input, .output, div[class*=highlight])';"
                      "return [...document.querySelectorAll(long)]"
                      ".filter(e => getComputedStyle(e).breakInside !== 'auto').length")
    assert kept == 0


def test_folded_checks_leave_no_hole(paper, browser):
    "A fold that is not printed has no place on paper, nor has the room beside a caption."
    paper("09_tokenizer/basic")
    checks, empty, captions = browser.js("""
        const cells = [...document.querySelectorAll('article div.cell')];
        const shown = cell => [...cell.querySelectorAll('*')].some(e => e.checkVisibility());
        return [document.querySelectorAll('article details.zth-check:not([open])').length,
            cells.filter(c => c.checkVisibility() && !shown(c)).map(c => c.textContent.trim()),
            [...document.querySelectorAll('article figcaption')]
                .filter(f => getComputedStyle(f).paddingRight !== '0px').length]""")
    assert checks > 10 and empty == [] and captions == 0


def test_paper_holds_the_whole_page(browser):
    "The number of pages follows from the text: the gaps before pictures are small."
    browser.visit("07_gpt/layers.html", width=900)
    browser.js("document.querySelectorAll('.bd-article section').forEach("
               "s => { s.style.contentVisibility = 'visible'; })")
    high = browser.js("return document.querySelector('article').scrollHeight")
    made = browser.driver.execute_cdp_cmd("Page.printToPDF", {
        "preferCSSPageSize": True, "paperWidth": 8.27, "paperHeight": 11.69})
    pdf = base64.b64decode(made["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert high / 2600 <= pages <= high / 900, (pages, high)
