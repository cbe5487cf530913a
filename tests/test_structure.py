"""The structure of book and package: what may import what, and how long things may be.

The order of the modules is the order of the pages in `_toc.yml`; a module imports from earlier pages
and from the common rooms only. EXCEPTIONS lists what does not keep a rule yet. The list may only get
shorter: a new fault fails the test, and so does an exception that is no longer needed.
"""

import ast
import functools
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# what every page may use; each room may use those before it
WEAVE = "grammar sources exporting pages cells running reference site command".split()
ROOMS = ["check", *(f"weave.{page}" for page in WEAVE), "weave", "layout", "draw", "diagram", "files"]
ROOMS += ["wheels", "terminal", "catalogue", "data", "cli", "provenance", "runs"]
LINES, CELLS = 300, 180
CHAPTERS = ["micrograd", "bigram", "mlp", "batchnorm", "backprop", "wavenet"]
EXCEPTIONS = {
    # chapters 1 to 6, until they are folders too
    *((f"more than {LINES} lines", name) for name in CHAPTERS),
    *((f"more than {CELLS} cells", name) for name in CHAPTERS),
}


def module_of(doc):
    "The module that a page should export: `07_gpt/text` is `gpt.text`, the door `07_gpt/index` is `gpt`."
    parts = [re.sub(r"^\d+_", "", part) for part in doc.removeprefix("appendix/").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "index" else parts)


class Page:
    "A notebook: its module, its code cells, how many lines it exports."

    def __init__(self, root, doc):
        cells = json.loads((root / f"book/{doc}.ipynb").read_text(encoding="utf-8"))["cells"]
        self.doc, self.cells = doc, len(cells)
        self.code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        heads = [re.match(r"#\| *default_exp +(\S+)", source) for source in self.code]
        self.module = next((head[1].removesuffix(".__init__") for head in heads if head), None)
        exported = [s for s in self.code if re.match(r"(#\|.*\n)*#\| *exports?i?\b", s)]
        self.lines = sum(len(re.sub(r"^(#\|.*\n)+", "", s).split("\n")) for s in exported)
        self.tested = any(re.match(r"(#\|.*\n)*#\| *test", s) for s in self.code)


def pages(root):
    "The notebooks of the table of contents in their order, each door after the pages of its chapter."
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    docs = [d for d in re.findall(r"\b(?:file|root): *(\S+)", toc) if (root / f"book/{d}.ipynb").exists()]
    folders = [doc.rpartition("/")[0] for doc in docs]
    last = {folder: i for i, folder in enumerate(folders)}
    place = {d: last[f] + 0.5 if d.endswith("/index") else i for i, (d, f) in enumerate(zip(docs, folders))}
    return [Page(root, doc) for doc in sorted(docs, key=place.get)]


def source_of(root, module):
    "The file of a module, or nothing."
    path = root / "zth" / module.replace(".", "/")
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def imports(root, source, inside):
    "`(module, name)` for all that a source takes from zth, in functions too; no name for a module."
    known, found = {}, []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                if a.name.startswith("zth."):
                    module = a.name.removeprefix("zth.")
                    found.append((module, None))
                    known[a.asname or a.name] = module
        elif isinstance(node, ast.ImportFrom):
            package = inside.split(".")[: len(inside.split(".")) + 1 - node.level]
            base = ".".join([*(package if node.level else []), *filter(None, [node.module])])
            if base.split(".")[0] != "zth":
                continue
            base = base.removeprefix("zth").removeprefix(".")
            for a in node.names:
                module = f"{base}.{a.name}".removeprefix(".")
                if source_of(root, module):
                    found.append((module, None))
                    known[a.asname or a.name] = module
                elif base:
                    found.append((base, a.name))
    for node in ast.walk(tree):  # module._private
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in known:
            found.append((known[ast.unparse(node.value)], node.attr))
    return found


def is_private(name):
    return bool(name) and name.startswith("_") and not name.endswith("__")


def is_extra(module):
    "Labs and exercises are not part of a chapter's library."
    return bool(re.match(r"lab_|exercises$", module.rpartition(".")[2]))


def public_names(path):
    "The names in `__all__`."
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def code_of(page):
    "The cells of a page that are Python, as one source."
    good = []
    for source in page.code:
        try:
            good.append(ast.unparse(ast.parse(source)))
        except SyntaxError:
            pass
    return "\n".join(good)


@functools.cache
def faults(root):
    "Every breach of a rule: `(rule, module or page)`."
    found, book = set(), pages(root)
    order = [*ROOMS, *(p.module for p in book if p.module and p.module not in ROOMS)]
    for page in book:
        name = page.module or page.doc
        if page.cells > CELLS:
            found.add((f"more than {CELLS} cells", name))
        if page.lines > LINES:
            found.add((f"more than {LINES} lines", name))
        uses = [i for i, s in enumerate(page.code) if re.search(r"(?m)^\s*(from|import) zth\b", s)]
        installs = [i for i, s in enumerate(page.code) if "%pip install -q zth" in s]
        if uses and not (installs and installs[0] < uses[0]):
            found.add(("does not install the package in Colab", name))
        if page.module is None:
            continue
        test = root / f"tests/test_{page.module.replace('.', '_')}.py"
        if page.module != module_of(page.doc) or (page.tested and not test.is_file()):
            found.add(("page, module and test have one name", name))
        for module, taken in imports(root, code_of(page), "zth"):
            if is_private(taken) and module != page.module:
                found.add(("takes a private name", name))
        path = source_of(root, page.module)
        if not path:
            continue
        package = path.name == "__init__.py"
        inside = f"zth.{page.module}" if package else f"zth.{page.module}".rpartition(".")[0]
        for module, taken in imports(root, path.read_text(encoding="utf-8"), inside):
            if module == page.module:
                continue
            if module not in order or order.index(module) > order.index(page.module):
                found.add(("imports what comes later", name))
            if is_extra(module) and not is_extra(page.module):
                found.add(("the library imports a lab or an exercise", name))
            if is_private(taken):
                found.add(("takes a private name", name))
        if package:
            files = [p for p in path.parent.glob("*.py") if p.stem != "__main__"]
            taken = set().union(*map(public_names, files)) & {p.stem for p in files}
            found |= {("has the name of a public function", f"{name}.{module}") for module in taken}
    for path in sorted(root.glob("bench/*.py")):
        for _, taken in imports(root, path.read_text(encoding="utf-8"), "bench"):
            if is_private(taken):
                found.add(("takes a private name", f"bench/{path.name}"))
    return found


def test_the_book_keeps_its_structure():
    new = faults(ROOT) - EXCEPTIONS
    assert not new, "\n".join(f"{name}: {rule}" for rule, name in sorted(new))


def test_the_table_of_contents_lists_every_page_and_the_reference_every_module():
    toc = re.findall(r"\b(?:file|root): *(\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    missing = [doc for doc in toc if not any((ROOT / f"book/{doc}{end}").exists() for end in (".ipynb", ".md"))]
    written = [p.relative_to(ROOT / "book").with_suffix("") for p in (ROOT / "book").rglob("*.ipynb")]
    listed = {p.as_posix() for p in written if p.parts[0][0] not in "_."}
    assert (missing, listed - set(toc)) == ([], set())
    reference = "".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "book/api").glob("*.md")))
    modules = {p.module for p in pages(ROOT) if p.module and (p.lines or p.doc.endswith("/index"))}
    assert modules == set(re.findall(r"\{zth-api\} zth\.(\S+)", reference))


def test_every_exception_is_still_needed():
    "What has been mended is taken off the list, so that it stays mended."
    old = EXCEPTIONS - faults(ROOT)
    assert not old, "\n".join(f"{name} keeps the rule now: {rule}" for rule, name in sorted(old))


def forge(root, **notebooks):
    "A small book: each notebook a list of code cells; `__` in its name separates folders."
    docs = [name.replace("__", "/") for name in notebooks]
    toc = "format: jb-book\nroot: intro\nchapters:\n" + "".join(f"- file: {doc}\n" for doc in docs)
    (root / "zth").mkdir()
    (root / "_toc.yml").write_text(toc)
    for doc, cells in zip(docs, notebooks.values()):
        path = root / f"book/{doc}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": s} for s in cells]}))
        module = next((re.match(r"#\| default_exp (\S+)", s)[1] for s in cells if "default_exp" in s), None)
        if module:
            code = [s.partition("\n")[2] for s in cells if s.startswith("#| export")]
            names = re.findall(r"(?m)^(?:def|class) ([a-z]\w*)", "\n".join(code))
            file = root / "zth" / f"{module.replace('.', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text("\n".join([f"__all__ = {names}", *code]))
    return root


COLAB = "#| hide\nimport importlib.util\nif not importlib.util.find_spec('zth'):\n    %pip install -q zth"
GOOD = {
    "appendix__data": ["#| default_exp data", "#| export\ndef names(): pass"],
    "01_one__index": ["#| default_exp one.__init__", COLAB, "#| export\nfrom zth.one.text import f"],
    "01_one__text": ["#| default_exp one.text", COLAB, "#| export\nfrom zth.data import names\ndef f(): pass"],
    "01_one__lab_a": ["#| default_exp one.lab_a", COLAB, "#| export\nfrom zth.one.text import f", "f._x"],
    "01_one__exercises": ["#| default_exp one.exercises", COLAB, "#| export\nfrom zth.one.lab_a import f"],
    "01_one__recap": ["1 + 1"],
    "02_two": ["#| default_exp two", COLAB, "#| export\nimport zth.one.text as text\ntext.f", "from zth.two import _own"],
}
LATE, LAB, PRIVATE, NAMED = (
    "imports what comes later",
    "the library imports a lab or an exercise",
    "takes a private name",
    "has the name of a public function",
)


def test_a_good_tree_has_no_faults(tmp_path):
    assert faults(forge(tmp_path, **GOOD)) == set()


@pytest.mark.parametrize(
    "page, cell, fault",
    [
        ("01_one__text", "#| export\nfrom zth.two import x", (LATE, "one.text")),
        ("01_one__text", "#| export\ndef g():\n    from zth.two import x", (LATE, "one.text")),
        ("01_one__text", "#| export\nimport zth.two", (LATE, "one.text")),
        ("01_one__text", "#| export\nfrom ..two import x", (LATE, "one.text")),
        ("01_one__text", "#| export\nfrom . import lab_a", (LATE, "one.text")),
        ("01_one__text", "#| export\nfrom zth.one import f", (LATE, "one.text")),
        ("appendix__data", "#| export\nfrom zth.one.text import f", (LATE, "data")),
        ("appendix__data", "#| export\nfrom zth.nowhere import f", (LATE, "data")),
        ("02_two", "#| export\nfrom zth.one.lab_a import f", (LAB, "two")),
        ("02_two", "#| export\nfrom zth.one.exercises import f", (LAB, "two")),
        ("02_two", "#| export\nfrom zth.one.text import _f", (PRIVATE, "two")),
        ("02_two", "#| export\ntext._f()", (PRIVATE, "two")),
        ("02_two", "from zth.one.text import _f", (PRIVATE, "two")),
        ("02_two", "from zth.one import text as t\nt._f", (PRIVATE, "two")),
        ("01_one__lab_a", "#| export\ndef text(): pass", (NAMED, "one.text")),
        ("02_two", "#| export\n" + "x = 1\n" * LINES + "y = 1", (f"more than {LINES} lines", "two")),
        ("appendix__data", "from zth.check import same", ("does not install the package in Colab", "data")),
        ("02_two", "#| test f\nassert 1", ("page, module and test have one name", "two")),
    ],
)
def test_each_rule_finds_its_fault(tmp_path, page, cell, fault):
    tree = {**GOOD, page: [*GOOD[page], cell]}
    assert fault in faults(forge(tmp_path, **tree))


def test_long_pages_and_wrong_names_are_found(tmp_path):
    tree = {**GOOD, "01_one__recap": ["1"] * (CELLS + 1), "03_three": ["#| default_exp tree"]}
    assert faults(forge(tmp_path, **tree)) == {
        (f"more than {CELLS} cells", "01_one/recap"),
        ("page, module and test have one name", "tree"),
    }


def test_the_bench_takes_no_private_names(tmp_path):
    root = forge(tmp_path, **GOOD)
    (root / "bench").mkdir()
    (root / "bench/race.py").write_text("from zth.one.text import f\nfrom zth.two import _fast\n")
    assert faults(root) == {("takes a private name", "bench/race.py")}
