"""Pictures in the dark theme, and small things of a narrow page."""

import base64
import importlib.util
import io

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def light(site):
    "The extension that goes over the pages."
    path = site.root / "book/_ext/zth_light.py"
    spec = importlib.util.spec_from_file_location("zth_light", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def raster(colour, size=(40, 30), kind="png"):
    "An `<image>` as matplotlib writes it, whose colours follow from the place."
    image = Image.new("RGB", size)
    wide, high = size
    image.putdata([colour(x / wide, y / high) for y in range(high) for x in range(wide)])
    data = io.BytesIO()
    image.save(data, kind)
    text = base64.b64encode(data.getvalue()).decode()
    return f'<image xlink:href="data:image/{kind};base64,\n{text[:60]}\n{text[60:]}" id="i"/>'


def grey(x, y):
    return (int(255 * x),) * 3


def blue(x, y):
    return int(255 * x), int(255 * x), 255


@pytest.mark.parametrize("drawn, photo", [
    ([], False),
    ([raster(grey)], True),
    ([raster(grey), raster(blue)], True),
    ([raster(blue)], False),  # a map of numbers
    ([raster(grey), raster(grey, (4, 60))], False),  # the same with its scale
    ([raster(lambda x, y: (255 * (x > y),) * 3)], False),  # yes and no
    ([raster(blue, kind="jpeg")], True),
], ids=["lines", "grey", "one-of-two", "map", "scale", "mask", "jpeg"])
def test_a_photograph_is_told_from_a_map(light, tmp_path, drawn, photo):
    path = tmp_path / "figure.svg"
    path.write_text(f'<svg width="9pt" height="9pt">{"".join(drawn)}</svg>', encoding="utf-8")
    assert light.shows_light(path) is photo
    page = light.size_pictures('<article><img src="a.svg"/></article>', lambda address: path)
    assert ('class="zth-photo"' in page) is photo


FILTERS = """
document.querySelectorAll('article img').forEach(i => { i.loading = 'eager'; });
return [...document.querySelectorAll('article figure img')].map(i =>
    [i.classList.contains('zth-photo'), getComputedStyle(i).filter.includes('invert')]);
"""


@pytest.mark.parametrize("name", ["09_tokenizer/vocabulary", "07_gpt/layers"])
def test_the_dark_theme_makes_no_negative(browser, name):
    "Drawings and maps of numbers are turned over, photographs are not, nor are they when enlarged."
    browser.visit(f"{name}.html", width=390, height=844, dark=True)
    found = browser.js(FILTERS)
    assert len(found) > 3 and all(turned and not photo for photo, turned in found), found
    # no page has a photograph now, so we call a drawing one
    photo = "document.querySelector('article figure img')"
    browser.js(f"{photo}.classList.add('zth-photo'); {photo}.scrollIntoView()")
    browser.wait(f"{photo}.classList.contains('zth-small')", "it can be enlarged")
    assert browser.js(FILTERS)[0] == [True, False]
    browser.js(f"{photo}.click()")
    big = "document.querySelector('.zth-zoom[open] img')"
    browser.wait(f"{big}", "it opens")
    assert "invert" not in browser.js(f"return getComputedStyle({big}).filter")
    browser.visit(f"{name}.html", dark=False)
    assert not any(turned for _, turned in browser.js(FILTERS))


def test_no_folded_line_begins_with_an_empty_one(browser):
    "The spaces before a long word stay on its line, and code that is far in begins less far in."
    browser.visit("09_tokenizer/formats.html", width=390, height=844)
    lines = browser.js("""
        document.head.append(Object.assign(document.createElement('style'),
            {textContent: '* { content-visibility: visible !important; }'}));
        return [...document.querySelectorAll('article .cell_input .zth-line')]
            .filter(line => line.checkVisibility() && /^ {4}.*\\S/.test(line.textContent))
            .map(line => {
                const words = document.createRange(), text = line.textContent;
                const walk = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
                let node = walk.nextNode(), at = text.search(/\\S/);
                while (at >= node.data.length) { at -= node.data.length; node = walk.nextNode(); }
                words.setStart(node, at); words.setEnd(node, at + 1);
                const first = words.getBoundingClientRect(), box = line.getBoundingClientRect();
                return [text.search(/\\S/), first.top - box.top, first.left - box.left, text];
            });""")
    assert any(indent > 16 for indent, *_ in lines)
    column = 0.6 * 12.8
    for indent, down, left, text in lines:
        assert down < 6, text
        assert abs(left - min(indent, 16) * column) < 3, (left / column, text)


@pytest.mark.parametrize("name", ["09_tokenizer/theory", "09_tokenizer/exercises"])
def test_arrows_are_whole_and_cover_no_word(browser, name):
    "Those to the next page beside a long title, and that of a box that opens."
    browser.visit(f"{name}.html", width=390, height=844)
    arrows = browser.js("""
        return [...document.querySelectorAll('.prev-next-area i')].map(e => {
            const box = e.getBoundingClientRect(), link = e.closest('a').getBoundingClientRect();
            return [box.width, box.left - link.left, link.right - box.right];
        });""")
    assert len(arrows) == 2
    assert all(width > 12 and min(left, right) >= 0 for width, left, right in arrows), arrows
    covered = browser.js("""
        document.head.append(Object.assign(document.createElement('style'),
            {textContent: '* { content-visibility: visible !important; }'}));
        return [...document.querySelectorAll('.admonition-title .tb-icon')].map(icon => {
            const title = icon.closest('.admonition-title'), a = icon.getBoundingClientRect();
            const walk = document.createTreeWalker(title, NodeFilter.SHOW_TEXT);
            const words = document.createRange();
            for (let node = walk.nextNode(); node; node = walk.nextNode()) {
                if (node.parentElement.closest('button')) continue;
                words.selectNodeContents(node);
                for (const b of words.getClientRects()) {
                    if (b.width > 2 && a.left < b.right && b.left < a.right
                        && a.top < b.bottom && b.top < a.bottom) return title.textContent;
                }
            }
        });""")
    assert not any(covered), [title for title in covered if title]
    assert len(covered) > 10 or not name.endswith("exercises")


def test_checks_say_on_a_phone_what_they_check(browser):
    "Each has a line; only what is longer than the line is cut."
    browser.visit("09_tokenizer/fast_encoding.html", width=390, height=844)
    cut = browser.js("""
        return [...document.querySelectorAll('article .zth-check:not([open]) > summary')]
            .map(s => [s.scrollWidth > s.clientWidth, s.getBoundingClientRect().width]);""")
    assert len(cut) > 5 and all(width > 300 for over, width in cut if over), cut


def test_a_name_in_a_title_is_not_broken(light, site):
    "GPT-4 stays on one line in titles; attributes, code and the text keep what they were."
    page = ('<title>GPT-2</title><h2 id="a">The <code>GPT-2</code> and UTF-8'
            '<a class="headerlink" href="#GPT-2" title="GPT-2">#</a></h2><p>GPT-2</p>')
    whole = light.keep_names(page)
    assert whole.count("zth-whole") == 2 and whole.startswith("<title>GPT-2</title>")
    assert 'href="#GPT-2" title="GPT-2"' in whole and whole.endswith("<p>GPT-2</p>")
    for name in (n for n in site.names if n.startswith(("09_", "07_", "10_"))):
        for title in site[name].soup.select("article :is(h1, h2, h3), p.prev-next-title"):
            loose = title.get_text()
            for kept in title.select(".zth-whole"):
                loose = loose.replace(kept.get_text(), "")
            assert not light.NAME.search(loose), (name, loose)


def test_the_list_of_pages_shows_the_page(browser):
    "Also where the list was scrolled elsewhere on the page before."
    place = """
        const here = [...document.querySelectorAll('nav.bd-links a.current')].pop();
        const box = here.getBoundingClientRect();
        return [here.closest('.bd-sidebar-primary').scrollTop, box.top, box.bottom];"""
    browser.visit("bibliography.html", width=1440, height=600)
    assert browser.js(place)[0] > 100
    for name in ("01_micrograd", "09_tokenizer/vocabulary"):
        browser.visit(f"{name}.html", width=1440, height=600)
        _, top, bottom = browser.js(place)
        assert top >= 0 and bottom <= 600, name


def test_styles_come_in_one_order(site, page):
    "Of two rules that weigh the same the later one holds, so the order must not be the machine's."
    ours = {path.name for path in (site.root / "book/_static").glob("*.css")}
    links = [tag["href"] for tag in site[page].soup.select("head link[rel=stylesheet]")]
    names = [href.split("?")[0].rpartition("/")[2] for href in links if "_static/" in href]
    names = [name for name in names if name in ours]
    assert names == sorted(names, key=lambda name: (name != "custom.css", name)) and names
