"""The landing page, the foot of a page, and the ways to report an error."""

import io
import re
from configparser import ConfigParser
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

SETTINGS = ConfigParser(delimiters=["="])
WIDTHS = [390, 1280, 1440]


@pytest.fixture(scope="module")
def cfg(site):
    SETTINGS.read(site.root / "settings.ini", encoding="utf-8")
    return SETTINGS["DEFAULT"]


@pytest.fixture(scope="module")
def stations(site):
    return yaml.safe_load((site.root / "book/chapters.yml").read_text(encoding="utf-8"))


# ---- the landing page


def test_the_landing_page_says_what_the_book_asks(site, cfg, stations):
    "Hours, machine, price and licence, and how far the book is."
    facts = site["index"].article.select_one(".zth-facts")
    said = dict(
        zip(
            (dt.get_text() for dt in facts.find_all("dt")),
            (" ".join(dd.get_text().split()) for dd in facts.find_all("dd")),
        )
    )
    assert list(said) == ["Time", "Machine", "Price", "State"]
    finished = sum(1 for c in stations if c["doc"] in site.names)
    names = "no one two three four five six seven eight nine ten eleven twelve".split()
    hours = int(re.search(r"About (\d+) hours", said["Time"])[1])
    assert f"the {names[finished]} finished" in said["Time"] and finished <= hours < 8 * finished
    assert said["State"].startswith(f"Of {names[len(stations)]} chapters, {names[finished]} ")
    assert names[len(stations) - finished] in said["State"]
    licence = (site.root / "LICENSE").read_text(encoding="utf-8").split("\n")[0]
    kind = cfg["license"].upper()
    assert licence == f"{kind} License" and f"{kind} licence" in said["Price"]
    assert f"{cfg['git_url']}/blob/{cfg['branch']}/LICENSE" in [a["href"] for a in facts("a")]
    assert "neither written nor endorsed" in " ".join(site["index"].prose().split())


def test_the_hours_are_those_of_the_pages(site):
    "More than the words alone would take, and less than eight times that."
    chapters = [site[d].article for d in site.names if re.match(r"\d\d_", d)]
    words = sum(len(p.get_text().split()) for article in chapters for p in article.find_all("p"))
    hours = int(re.search(r"About (\d+) hours", site["index"].article.get_text())[1])
    assert words / 220 / 60 < hours < 8 * words / 220 / 60


LINES = """
// where the road is drawn between the glyphs of two stations: rectangles of the page
const glyphs = [...document.querySelectorAll('.zth-station .zth-glyph')];
const boxes = glyphs.map(g => g.getBoundingClientRect());
const road = document.querySelector('.zth-road').getBoundingClientRect(), top = scrollY;
return boxes.slice(1).map((b, i) => {
  const a = boxes[i];
  if (Math.abs(a.top - b.top) < 5) {  // beside each other
    const [l, r] = a.left < b.left ? [a, b] : [b, a];
    return {x: l.right, y: l.top + top, width: r.left - l.right, height: l.height, along: 'x'};
  }
  const y = a.bottom + top, height = b.top - a.bottom;
  if (road.width < 800) return {x: a.left, y, width: a.width, height, along: 'y'};
  // the road bends at an edge
  return a.left > road.left + road.width / 2
    ? {x: a.right, y, width: road.right + 4 - a.right, height, along: 'y'}
    : {x: road.left - 4, y, width: a.left - road.left + 4, height, along: 'y'};
});
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_road_is_solid_between_finished_chapters_only(browser, site, stations, width, dark):
    "As it is painted: the share of pixels along the line that have the colour of the forward pass."
    from PIL import Image

    browser.visit("index.html", width=width, height=5200, dark=dark)
    size = browser.js("return [innerWidth, innerHeight]")
    picture = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    assert list(picture.size) == size
    blue = (125, 183, 255) if dark else (26, 95, 180)
    finished = [c["doc"] in site.names for c in stations]
    assert True in finished
    for i, line in enumerate(browser.js(LINES)):
        box = [round(line[k]) for k in ("x", "y")]
        box += [round(line["x"] + line["width"]), round(line["y"] + line["height"])]
        assert box[2] <= size[0] and box[3] <= size[1], "the road goes on below the picture"
        part = picture.crop(box)
        pixels = part.load()
        steps = range(2, (part.width if line["along"] == "x" else part.height) - 2)
        across = range(part.height if line["along"] == "x" else part.width)

        def at(step, other, along=line["along"], pixels=pixels):
            return pixels[step, other] if along == "x" else pixels[other, step]

        share = sum(any(at(s, o) == blue for o in across) for s in steps) / len(steps)
        wanted = 1 if finished[i] and finished[i + 1] else 0
        assert abs(share - wanted) < 0.05, f"{i + 1} to {i + 2}: {share:.0%} is solid"


def test_a_finished_chapter_is_linked(site, stations):
    for chapter, item in zip(stations, site["index"].article.select(".zth-station"), strict=True):
        links = [site["index"].resolve(a["href"])[0] for a in item.select(".zth-name a")]
        written = chapter["doc"] in site.names
        assert links == ([site[chapter["doc"]].path] if written else [])
        assert bool(item.select(".zth-coming")) != written


FITS = """
const parts = ['.highlight pre', '.cell_output svg', '.cell_output img'];
const seen = parts.flatMap(s => [...document.querySelectorAll(`article ${s}`)])
  .filter(e => e.getClientRects().length && !e.closest('button'));
return seen.map(e => {
  const scroller = e.closest('pre, .output, .cell_output'), box = e.getBoundingClientRect();
  const texts = [...e.querySelectorAll('text')].map(t => t.getBoundingClientRect().height);
  return {what: e.tagName, over: scroller.scrollWidth - scroller.clientWidth,
    right: box.right - document.documentElement.clientWidth, least: Math.min(...texts, 99)};
});
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_code_and_drawing_fit(browser, width):
    "Nothing scrolls sideways, and the letters of the drawing are of a readable size."
    browser.visit("index.html", width=width)
    found = browser.js(FITS)
    assert {"PRE"} < {f["what"] for f in found} and len(found) == 2
    for one in found:
        assert one["over"] <= 0 and one["right"] <= 0 and one["least"] >= 10, one


# ---- the foot


@pytest.mark.parametrize("width", [390, 1024, 1280, 1440, 1920])
def test_the_foot_starts_where_the_text_does(browser, width):
    for name in ("07_gpt/index", "howto", "index"):
        browser.visit(f"{name}.html", width=width)
        lefts = browser.js(
            "return ['article p', '.zth-foot', '.zth-report > summary', '.prev-next-area']"
            ".map(s => document.querySelector(s)?.getBoundingClientRect().left)"
        )
        there = [x for x in lefts if x is not None]
        assert len(there) > 2 and max(there) - min(there) < 1, (name, lefts)


def test_the_foot_is_a_sentence(site, cfg, page):
    foot = site[page].soup.select("footer .zth-foot")
    assert len(foot) == 1
    text = " ".join(foot[0].get_text().split())
    author = cfg["author"]
    assert text.startswith(f"© {cfg['copyright'].split()[0]} {author[0].lower()}{author[1:]}. ")
    assert "By The" not in site[page].soup.get_text() and "Copyright" not in text
    licence = f"{cfg['git_url']}/blob/{cfg['branch']}/LICENSE"
    assert licence in [a["href"] for a in foot[0]("a")]


# ---- reports


@pytest.fixture(scope="module")
def forms(site):
    folder = site.root / ".github/ISSUE_TEMPLATE"
    return {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.yml"))
        if path.name != "config.yml"
    }


def fields(address, cfg, forms):
    "What a link to a form fills in, if it is one."
    assert address.startswith(f"{cfg['git_url']}/issues/new?"), address
    given = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
    form = forms[given.pop("template")]
    assert given.keys() <= {part.get("id") for part in form["body"]}
    return form["name"], given


def test_buttons_lead_to_the_forms(site, cfg, forms, doc):
    "All four, with the page filled in; no blank issue, and no raw notebook to edit."
    links = [a["href"] for a in site[doc].soup.select(".dropdown-source-buttons a")]
    assert cfg["git_url"] in links
    asked = [fields(a, cfg, forms) for a in links if "/issues/" in a]
    assert [name for name, _ in asked] == [form["name"] for form in forms.values()]
    site_address = cfg["doc_host"] + cfg["doc_baseurl"]
    for _, given in asked:
        assert given["page"].endswith(f"({site_address}/{doc}.html)") and "section" not in given
    edits = [a for a in links if "/edit/" in a]
    made = site.source(doc).suffix == ".ipynb" or doc.startswith("api/")
    assert edits == ([] if made else [f"{cfg['git_url']}/edit/{cfg['branch']}/book/{doc}.md"])


def test_each_section_has_a_link_to_a_form(site, cfg, forms, doc):
    "Below its heading and in the list at the end; with page and section filled in."
    page = site[doc]
    if doc == "index":
        assert not page.soup.select(".zth-wrong, .zth-report")
        return
    heads = [h for h in page.article.select("h2, h3, h4") if h.select("a.headerlink")]
    links = [h.find_next_sibling() for h in heads]
    for head, link in zip(heads, links, strict=True):
        assert link.name == "a" and link["class"] == ["zth-wrong"]
        anchor = head.select_one("a.headerlink")["href"]
        head.select_one("a.headerlink").extract()
        title = " ".join(head.get_text().split())
        name, given = fields(link["href"], cfg, forms)
        assert given["section"] == title and title in link["aria-label"]
        assert given["page"].endswith(f"/{doc}.html{anchor})")
        if doc.startswith("api/"):
            assert "code" in name
    at_end = page.soup.select(".zth-report .zth-places a")
    assert [a["href"] for a in at_end] == [a["href"] for a in links]
    assert [fields(a["href"], cfg, forms)[0] for a in page.soup.select(".zth-forms a")] == [
        form["name"] for form in forms.values()
    ]


def test_exercises_lead_to_their_form(site, cfg, forms):
    links = site["01_micrograd"].article.select("a.zth-wrong")
    names = [(a["aria-label"], fields(a["href"], cfg, forms)[0]) for a in links]
    tasks = [name for label, name in names if "Exercises" in label]
    assert tasks and all("exercise" in name for name in tasks)
    assert any("text" in name for _, name in names)


SEEN = """
const link = arguments[0].parentElement.querySelector(':scope > a.zth-wrong');
const style = getComputedStyle(link), box = link.getBoundingClientRect();
return {opacity: style.opacity, left: box.left,
        focus: document.activeElement === link,
        heading: arguments[0].getBoundingClientRect().left};
"""


@pytest.mark.parametrize("name", ["howto", "07_gpt/index"])
def test_the_link_is_seen_by_mouse_and_keyboard(browser, name):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    browser.visit(f"{name}.html")
    head = browser.js(
        "const h = document.querySelectorAll('article h2')[1];"
        "h.scrollIntoView({block: 'center'}); return h"
    )

    def away(x):
        corner = ActionBuilder(browser.driver)
        corner.pointer_action.move_to_location(x, 2)
        corner.perform()

    away(2)
    height = browser.js("return document.querySelector('article').offsetHeight")
    assert browser.js(SEEN, head)["opacity"] == "0"
    ActionChains(browser.driver).move_to_element(head).perform()
    seen = browser.js(SEEN, head)
    assert seen["opacity"] == "1" and abs(seen["left"] - seen["heading"]) < 1
    assert browser.js("return document.querySelector('article').offsetHeight") == height
    away(9)
    assert browser.js(SEEN, head)["opacity"] == "0"
    browser.js("arguments[0].parentElement.querySelector(':scope > a.zth-wrong').focus()", head)
    seen = browser.js(SEEN, head)
    assert seen["focus"] and seen["opacity"] == "1"


def test_a_touch_screen_has_the_list(browser):
    "Where nothing hovers, the sections are listed at the end, and nothing waits below a heading."
    for touch in (False, True):
        browser.driver.execute_cdp_cmd(
            "Emulation.setTouchEmulationEnabled", {"enabled": touch, "maxTouchPoints": 1}
        )
        browser.visit("howto.html", width=390)
        browser.js("document.querySelector('.zth-report').open = true")
        listed = browser.js(
            "return [...document.querySelectorAll('.zth-places a')].filter("
            "a => a.getClientRects().length).length"
        )
        below = browser.js("return getComputedStyle(document.querySelector('.zth-wrong')).display")
        assert (listed > 5) == touch and (listed == 0) != touch and (below == "none") == touch
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


# ---- paths of a machine


def test_no_page_names_the_folder_that_it_was_built_in(site, page):
    text = (site.folder / f"{page}.html").read_text(encoding="utf-8")
    assert str(site.root) not in text
    for output in site[page].soup.select("div.cell_output"):
        found = re.search(r"(/tmp|/home|/root|/Users|\b[A-Z]:\\)[/\\]\S+", output.get_text())
        assert not found, found[0]


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_warning_does_not_scroll(browser, width):
    "On sample data a page begins with one; here it is put there."
    browser.visit("howto.html", width=width)
    over = browser.js(
        """
        const cell = document.createElement('div');
        cell.className = 'cell docutils container';
        cell.innerHTML = `<div class="cell_output docutils container">
          <div class="output stderr highlight-myst-ansi notranslate"><div class="highlight">
          <pre>${'DataWarning: a sample, not all. '.repeat(9)}</pre></div></div></div>`;
        document.querySelector('article h1').after(cell);
        return [...cell.querySelectorAll('*')].map(e => e.scrollWidth - e.clientWidth);
        """
    )
    assert max(over) <= 0, over
