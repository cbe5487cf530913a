"""The built site, a server for it, and a real browser to look at it.

The tests run on `book/_build/html`; ZTH_SITE names another folder. Where no book is built they are
skipped, and with ZTH_REQUIRE_SITE=1 they fail instead, so that CI cannot pass by testing nothing.
"""

import functools
import http.server
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("ZTH_SITE", ROOT / "book/_build/html")).resolve()
REQUIRED = os.environ.get("ZTH_REQUIRE_SITE") == "1"
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


def docs(entry):
    "The documents of a table of contents, in reading order."
    if isinstance(entry, list):
        return [d for part in entry for d in docs(part)]
    own = [entry[key] for key in ("root", "file") if key in entry]
    return own + [d for key in ("parts", "chapters", "sections") for d in docs(entry.get(key, []))]


TOC = docs(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
CONFIG = yaml.safe_load((ROOT / "book/_config.yml").read_text(encoding="utf-8"))
MOVED = CONFIG["sphinx"]["config"]["zth_moved"]  # old addresses and the pages they lead to
BUILT = sorted(
    p.relative_to(FOLDER).with_suffix("").as_posix()
    for p in FOLDER.rglob("*.html")
    if p.relative_to(FOLDER).parts[0] not in ("_static", "_sources", "reports")
    and p.relative_to(FOLDER).with_suffix("").as_posix() not in MOVED
)


def pytest_generate_tests(metafunc):
    "A test that takes `page`, `doc` or `old` runs for each page, document or old address."
    for name, values in (("page", BUILT), ("doc", TOC), ("old", sorted(MOVED))):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values if BUILT else ["no-book"])


@pytest.fixture(scope="session", autouse=True)
def built():
    "Skips the tests, or fails them where the site is required, if there is none."
    if not (FOLDER / "index.html").exists():
        reason = f"there is no book in {FOLDER}: run `make book` first"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)


class Page:
    "A page as it was built: its tree, its words, its anchors and its links."

    def __init__(self, name):
        self.name, self.path = name, FOLDER / f"{name}.html"
        self.soup = BeautifulSoup(self.path.read_text(encoding="utf-8"), "html.parser")
        self.article = self.soup.select_one("article") or self.soup.select_one("main")
        self.ids = [tag["id"] for tag in self.soup.find_all(id=True)]

    def prose(self):
        "The article without scripts, code and mathematics."
        tree = BeautifulSoup(str(self.article), "html.parser")
        for tag in tree.select("script, style, pre, code, .math, .cell_output"):
            tag.decompose()
        return tree.get_text(" ")

    def links(self):
        "What the page refers to: `(tag, address)`."
        for tag in self.soup.find_all(
            ["a", "link", "script", "img", "source", "object", "iframe", "use"]
        ):
            for key in ("href", "src", "data", "xlink:href"):
                if tag.get(key):
                    yield tag, tag[key]

    def resolve(self, address):
        "The file and the fragment an address leads to from here; no file if it leaves the site."
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            return None, ""
        target = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path
        return (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)


class Site:
    "All pages, each read once."

    folder, root, toc, names, moved = FOLDER, ROOT, TOC, BUILT, MOVED

    @functools.cache  # noqa: B019
    def __getitem__(self, name):
        return Page(name)

    def at(self, path):
        "The page that a file is, or nothing."
        if path.suffix != ".html" or not path.is_relative_to(FOLDER):
            return None
        name = path.relative_to(FOLDER).with_suffix("").as_posix()
        return self[name] if name in BUILT else None

    def source(self, doc):
        "The notebook or Markdown file of a document."
        return next(p for p in (ROOT / f"book/{doc}.ipynb", ROOT / f"book/{doc}.md") if p.exists())


@pytest.fixture(scope="session")
def site(built):
    return Site()


class Quiet(http.server.SimpleHTTPRequestHandler):
    "Serves files and says nothing."

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def base(built):
    "The address of the site on this machine."
    handler = functools.partial(Quiet, directory=str(FOLDER))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Browser:
    "Chromium with a fresh profile that resolves no name: only this machine answers."

    def __init__(self, base, profile):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        for flag in (
            "headless",
            "no-sandbox",
            "disable-gpu",
            "disable-dev-shm-usage",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "disable-quic",
            "force-prefers-reduced-motion",
            f"user-data-dir={profile}",
            "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
        options.binary_location = next((path for path in found if path), "")
        driver = shutil.which("chromedriver")
        if not (options.binary_location and driver):
            reason = "Chromium with chromedriver is not installed"
            pytest.fail(reason) if REQUIRED else pytest.skip(reason)
        self.base, self.driver = base, webdriver.Chrome(options, webdriver.ChromeService(driver))
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(180)  # axe-core on the longest page

    def js(self, code, *args):
        "Evaluates the body of a function in the page."
        return self.driver.execute_script(code, *args)

    def wait(self, code, what, seconds=20):
        "Waits until an expression in the page is true."
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        try:
            return WebDriverWait(self.driver, seconds, 0.05).until(
                lambda d: d.execute_script(f"return {code}")
            )
        except TimeoutException:
            pytest.fail(f"waited {seconds} s in vain: {what}\n{code}")

    def visit(self, page, width=1280, height=900, dark=False):
        "Opens a page, waits until its mathematics is set; returns what console and network saw."
        self.logs()
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
        )
        self.driver.get(f"{self.base}/{page}")
        mode = "dark" if dark else "light"
        if self.js("return document.documentElement.dataset.theme") != mode:
            self.js(
                "for (const key of ['mode', 'theme']) localStorage.setItem(key, arguments[0])",
                mode,
            )
            self.driver.refresh()
        self.wait("document.readyState == 'complete'", "the page loads")
        self.wait(
            "!document.querySelector('.math') || !!window.MathJax?.startup?.promise",
            "MathJax starts",
        )
        self.driver.execute_async_script(
            "const done = arguments[0], math = window.MathJax?.startup?.promise;"
            "Promise.resolve(math).then(() => document.fonts.ready)"
            ".then(() => requestAnimationFrame(() => done()))"
        )
        assert self.js("return document.documentElement.dataset.theme") == mode
        return self.logs()

    def logs(self):
        "Errors of the console and addresses asked for, since the last call."
        errors = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
        ]
        events = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        sent = [
            e["params"]["request"]["url"]
            for e in events
            if e["method"] == "Network.requestWillBeSent"
            # the browser's own first tab asks for its own parts
            and not e["params"]["documentURL"].startswith("chrome://")
        ]
        return {"errors": errors, "requests": sent}


@pytest.fixture(scope="session")
def browser(base):
    "One browser for all tests; each page is loaded afresh."
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(base, profile)
        yield browser
        browser.driver.quit()


@pytest.fixture(scope="session")
def axe():
    "The accessibility checker, which `make site-test` installs with npm."
    if not AXE.exists():
        reason = "axe-core is not installed: it needs npm, then `make site-test`"
        pytest.fail(reason) if REQUIRED else pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")
