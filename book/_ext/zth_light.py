"""Pages that load what they use and nothing else.

The theme and its extensions put all their scripts and styles on every page. Here a page is gone
over as a whole before it is saved: what it does not use is taken out, the fonts that stand above
the fold are announced, pictures get their size, and sections the height that a browser may assume
until it draws them.
"""

from __future__ import annotations

import base64
import functools
import io
import re
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx

NEVER = r"(?!)"
# What a page must contain for a script or style to be on it; what is not listed is on every page.
# The rest of the theme stays: bootstrap opens the menus of the header, the theme's own script
# switches colours and opens the search field, doctools and sphinx_highlight mark what was searched.
NEEDS = {
    "fontawesome.js": NEVER,  # half a megabyte; light.css draws the icons
    # the page of the search loads these by itself, in its own order
    "searchtools.js": r'id="search-results"',
    "language_data.js": r'id="search-results"',
    "searchindex.js": r'id="search-results"',
    "mathjax/": r'class="[^"]*\bmath\b',
    "clipboard": r'<div class="highlight',
    "copybutton": r'<div class="highlight',
    "togglebutton": r'class="(?:[^"]*\s)?'
    r'(?:toggle[\s"]|dropdown\s[^"]*admonition|admonition\s[^"]*dropdown)',
    "design-tabs": r'class="sd-tab-set',
    "sphinx-design": r'class="(?:[^"]*\s)?sd-',
    "exercise.css": r'class="[^"]*\b(?:exercise|solution)\b',
    "mystnb": r'class="(?:cell |output)',
}
# The same for scripts that stand in the page itself, by what they set.
INLINE = {
    "let toggle": "togglebutton",
    "var togglebuttonSelector": "togglebutton",
    "window.MathJax": "mathjax/",
}
# Scripts that nothing waits for: the page is drawn before they run. The search waits for doctools.
PATIENT = re.compile(
    r"/(clipboard\.min|copybutton|togglebutton|design-tabs|scripts/sphinx-book-theme)\.js"
)
FONTS = (  # of text, of headings of boxes and the sidebar, of code
    "source-serif-4-latin-wght-normal",
    "ibm-plex-sans-latin-wght-normal",
    "ibm-plex-mono-latin-400-normal",
)
# MathJax in parts: its whole bundles bring a menu, which makes every formula a stop of the Tab key,
# and speech. The part that writes MathML for a screen reader stays.
MATHJAX = ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]
ALSO = ["output/chtml/fonts/tex"]  # asked for by another part; to be announced as well

HEAD = re.compile(r"<head>.*?</head>", re.DOTALL)
LOADS = re.compile(
    r"[ \t]*(?:<script\b[^>]*>.*?</script>|<link\b[^>]*\b(?:stylesheet|preload)\b[^>]*>)\n?",
    re.DOTALL,
)


def needed(load: str, page: str) -> bool:
    "Whether a page uses what a `<script>` or `<link>` of its head brings."
    address = re.search(r'\b(?:src|href)="([^"]*)"', load)
    for part, pattern in NEEDS.items():
        if address and part in address[1]:
            return bool(re.search(pattern, page))
    if not address:
        for sets, part in INLINE.items():
            if sets in load:
                return bool(re.search(NEEDS[part], page))
    return True


def trim_head(head: str, page: str, root: str) -> str:
    "The head without what the page does not use; scripts wait, fonts and mathematics do not."
    seen = set()

    def keep(match: re.Match) -> str:
        load = match[0]
        if not needed(load, page) or (load.strip() in seen and "<script" in load):
            return ""
        seen.add(load.strip())
        if PATIENT.search(load) and " defer" not in load:
            load = load.replace("<script", "<script defer", 1)
        return load

    head = LOADS.sub(keep, head)
    kind = 'as="font" type="font/woff2" crossorigin'
    early = [f'{kind} href="{root}_static/fonts/{name}.woff2"' for name in FONTS]
    if "mathjax/startup.js" in head:
        early += [f'as="script" href="{root}_static/mathjax/{part}.js"' for part in MATHJAX + ALSO]
    first = '<meta charset="utf-8" />'
    links = "".join(f'\n    <link rel="preload" {link}/>' for link in early)
    return head.replace(first, first + links, 1)


UNITS = {"": 1, "px": 1, "pt": 4 / 3, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}


@functools.cache
def size_of(path: Path) -> tuple[int, int] | None:
    "Width and height of a picture in pixels of CSS, from its own file."
    if path.suffix == ".png":
        data = path.read_bytes()[:24]
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if path.suffix != ".svg":
        return None
    text = path.read_text(encoding="utf-8")
    start = re.search(r"<svg\b[^>]*>", text)
    sides = [re.search(rf'\s{side}="([\d.]+)(\w*)"', start[0]) for side in ("width", "height")]
    if all(side and side[2] in UNITS for side in sides):
        return tuple(round(float(side[1]) * UNITS[side[2]]) for side in sides)
    box = re.search(r'\sviewBox="([^"]*)"', start[0])
    return tuple(round(float(n)) for n in re.split(r"[\s,]+", box[1].strip())[2:]) if box else None


RASTER = re.compile(r'<image\b[^>]*?\bhref="data:image/(\w+);base64,([^"]*)"', re.DOTALL)


@functools.cache
def shows_light(path: Path) -> bool:
    """Whether a drawing holds a photograph, or a picture like one, which must have no negative.

    The dark theme turns all else over, maps of numbers included: their colours have hues, which are
    kept, or a scale beside them, which is turned as well. A picture has greys and no scale, or is a
    JPEG.
    """
    if path.suffix != ".svg":
        return path.suffix in (".jpg", ".jpeg")
    rasters = RASTER.findall(path.read_text(encoding="utf-8"))
    if not rasters or any(kind in ("jpeg", "jpg") for kind, _ in rasters):
        return bool(rasters)
    from PIL import Image  # matplotlib needs it too

    greys = False
    for _, data in rasters:
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            if max(image.size) > 8 * min(image.size):
                return False
            colours = image.convert("RGB").getcolors(1 << 24)
        greys |= len(colours) > 16 and all(max(c) - min(c) < 4 for _, c in colours)
    return greys


def size_pictures(page: str, find) -> str:
    """Gives each picture its size, and photographs a class; all but the first of the article wait
    until they come near."""
    start = page.find("<article")
    end = page.find("</article>")
    count = 0

    def dress(match: re.Match) -> str:
        nonlocal count
        tag = match[0]
        count += start < match.start() < end
        more = ""
        path = find(re.search(r'\ssrc="([^"]*)"', tag)[1])
        size = path and size_of(path)
        if size and not re.search(r"\s(width|height|style)=", tag):
            more += f' width="{size[0]}" height="{size[1]}"'
        if path and "class=" not in tag and shows_light(path):
            more += ' class="zth-photo"'
        if "loading=" not in tag and not (start < match.start() < end and count == 1):
            more += ' loading="lazy"'
        return f'<img{more} decoding="async"{tag[4:]}' if "decoding=" not in tag else tag

    return re.sub(r"<img\b[^>]*>", dress, page)


TEXT = re.compile(r"<pre\b.*?</pre>|<svg\b.*?</svg>|<script\b.*?</script>", re.DOTALL)
CLOSED = re.compile(
    r'<details(?![^>]*\sopen)[^>]*>.*?</details>|<div class="solution[^>]*>.*?</section>', re.DOTALL
)


def height(section: str) -> int:
    "About how high a section will be, in pixels, on a screen where a line holds 75 characters."
    section = CLOSED.sub("<p></p>", section)
    blocks = re.findall(r"<pre\b.*?</pre>", section, re.DOTALL)
    lines = sum(block.count("\n") + 2 for block in blocks)
    pictures = sum(int(n) + 60 for n in re.findall(r'<img\b[^>]*\sheight="(\d+)"', section))
    gaps = len(re.findall(r"<(?:p|li|h[2-6]|tr|dt|dd)\b", section))
    letters = len(re.sub(r"<[^>]+>|\s+(?=\s)", "", TEXT.sub("", section)))
    return 60 + 21 * lines + pictures + 29 * (letters // 75) + 30 * gaps


def mark_sections(page: str) -> str:
    "Tells the browser the likely height of each section of the first level below the title."
    start = page.find("<article")
    depth, open_at, found = 0, 0, []
    for match in re.finditer(r"<(/?)section\b[^>]*>", page[start:page.find("</article>")]):
        if match[1]:
            if depth == 2:
                found.append((start + open_at, start + match.start()))
            depth -= 1
        else:
            depth += 1
            if depth == 2:
                open_at = match.start()
    for begin, end in reversed(found):
        style = f' style="--zth-height: {height(page[begin:end])}px"'
        at = begin + len("<section")
        page = page[:at] + style + page[at:]
    return page


TITLES = re.compile(
    r'<h[1-4]\b.*?</h[1-4]>|<nav class="bd-links.*?</nav>|<p class="prev-next-title">.*?</p>',
    re.DOTALL,
)
NAME = re.compile(r"\b[A-Z]+-\d\w*")


def keep_names(page: str) -> str:
    "A name such as GPT-4 is not broken at its hyphen in a title, where it would stand out."

    def words(match: re.Match) -> str:
        return NAME.sub(r'<span class="zth-whole">\g<0></span>', match[0])

    return TITLES.sub(lambda match: re.sub(r"(?<=>)[^<>]+", words, match[0]), page)


def lighten(page: str, root: str, find) -> str:
    "A page as it is saved. `root` leads to the top of the site, `find` to the file of a picture."
    page = HEAD.sub(lambda match: trim_head(match[0], page[match.end():], root), page, count=1)
    page = keep_names(mark_sections(size_pictures(page, find)))
    if 'id="pst-secondary-sidebar"' in page:  # its place is kept until it has arrived
        page = page.replace('<div class="bd-content">', '<div class="bd-content zth-beside">', 1)
    return page


def over_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> str | None:
    "Has the page rendered by its own template, inside one that goes over it."
    if not templatename.endswith(".html"):
        return None
    builder = app.builder
    sources = {name: Path(app.srcdir, source) for source, name in builder.images.items()}
    themes = builder.theme.get_theme_dirs()
    static = [Path(app.confdir, "_static"), *(Path(theme, "static") for theme in themes)]

    def find(address: str) -> Path | None:
        path = PurePosixPath(address.partition("?")[0])
        if "_images" in path.parts:
            return sources.get(path.name)
        if "_static" in path.parts:
            below = Path(*path.parts[path.parts.index("_static") + 1:])
            return next((folder / below for folder in static if (folder / below).exists()), None)
        return None

    context["zth_template"] = templatename
    context["zth_lighten"] = lambda page: lighten(str(page), context["content_root"], find)
    return "light.html"


def by_name(entry) -> tuple[bool, str]:
    "The order of our styles: the look of the book, then the topics that may change it, by name."
    name = entry if isinstance(entry, str) else entry[0]
    return name != "custom.css", name


def configure(app: Sphinx, config) -> None:
    "MathJax comes in parts; only these are asked for. Styles come in one order on every machine."
    config.html_css_files = sorted(config.html_css_files, key=by_name)  # the folder has none
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = {**(config.mathjax3_config or {}), "loader": {"load": MATHJAX}}


def without_icons(sheet: str) -> str:
    "A style sheet without the fonts and the fourteen hundred icons of Font Awesome."
    sheet = re.sub(r"/\*!\s*\* Font Awesome.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"@font-face\{[^}]*Awesome[^}]*\}", "", sheet)
    sheet = re.sub(r"@keyframes fa-[\w-]+\{(?:[^{}]*\{[^}]*\})*\}", "", sheet)
    # a rule of its own names an icon, or one of its shapes and movements, and nothing of the theme
    return re.sub(r"(?<=[{}])[\s:\w,()>-]*\.fa(?:[srb]?|-[\w-]+)(?:[\s:,.>\w()-]*)\{[^{}]*\}", "",
                  re.sub(r":host,:root\{--fa-[^}]*\}", "", sheet))


def drop_icons(app: Sphinx, exception: Exception | None) -> None:
    "Takes Font Awesome out of what the theme has copied."
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for pattern in ("scripts/fontawesome.js*", "vendor/fontawesome/webfonts/*"):
        for path in static.glob(pattern):
            path.unlink()
    sheet = static / "styles/pydata-sphinx-theme.css"
    text = sheet.read_text(encoding="utf-8")
    if "fontawesome" in text:
        sheet.write_text(without_icons(text), encoding="utf-8")


def without_comments(text: str, kind: str) -> str:
    "One of our own styles or scripts as it is sent: what explains it stays in the source."
    if kind == ".css":
        return re.sub(r"/\*.*?\*/\n?", "", text, flags=re.DOTALL)
    return re.sub(r"(?m)^\s*//.*\n", "", text)


def drop_comments(app: Sphinx, exception: Exception | None) -> None:
    "Sends our styles and scripts without comments: a sixth of their weight."
    if exception or app.builder.format != "html":
        return
    for path in Path(app.confdir, "_static").glob("*.*s"):  # .css and .js
        sent = Path(app.outdir, "_static", path.name)
        if path.suffix in (".css", ".js") and sent.exists():
            text = path.read_text(encoding="utf-8")
            sent.write_text(without_comments(text, path.suffix), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", configure, priority=900)  # after the extension that brings MathJax
    app.connect("html-page-context", over_page, priority=100)
    app.connect("build-finished", drop_icons, priority=900)
    app.connect("build-finished", drop_comments, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
