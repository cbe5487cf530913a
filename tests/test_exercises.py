"""Every exercise, filled in as a reader does it: in the cell of the page that has the stub.

A stub cell is left out when the page runs (`#| eval: false`) and ends in `check_x(my_x)`. Here each one
is run as it stands, with the solution of the page, and with the wrong answers that the page's own test
of the checker knows. What the page exports is taken from the package; what else these need is found in
the cells above, by the names that they use.
"""

import ast
import builtins
import dis
import functools
import json
import re
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest

import zth.check
from zth.check import Passed, Refused

ROOT = Path(__file__).resolve().parents[1]


def stored(node):
    "The names that a statement of a cell binds."
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(a.asname or a.name).split(".")[0] for a in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def reads(node):
    "The names that a statement takes from outside, in the functions that it defines, too."
    todo, found = [compile(ast.Module([node], []), "statement", "exec")], set()
    while todo:
        code = todo.pop()
        found |= {i.argval for i in dis.get_instructions(code)
                  if i.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
        todo += [const for const in code.co_consts if hasattr(const, "co_code")]
    return found


class Cell:
    "A code cell: its source, its directives, its statements and the names that they read."

    def __init__(self, source):
        self.source = source
        self.directives = re.findall(r"(?m)^#\| *(.*)$", source)
        self.code = "\n".join("" if line[:1] in "%!" else line for line in source.split("\n"))
        try:
            self.body = ast.parse(self.code).body
        except SyntaxError:
            self.body = []  # a notebook magic
        self.reads = set().union(*map(reads, self.body)) - set().union(*map(stored, self.body))
        self.is_test = any(re.match(r"test \S", line) for line in self.directives)

    def calls(self):
        "`(checker, argument)` for each statement that calls a checker."
        for node in self.body:
            call = getattr(node, "value", None)
            name = getattr(getattr(call, "func", None), "attr", getattr(
                getattr(call, "func", None), "id", ""))
            if isinstance(node, ast.Expr) and name.startswith("check_") and len(call.args) == 1:
                yield name, call.args[0]


class Page:
    "The code cells of a notebook."

    def __init__(self, path):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found = [Cell("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
        self.path, self.cells = path, found
        package = re.search(r"(?m)^#\| default_exp (\S+)", "\n".join(c.source for c in found))
        self.module = import_module(f"zth.{package[1]}") if package else None
        self.stubs = [i for i, c in enumerate(found) if "eval: false" in c.directives
                      and [name for name, _ in c.calls()]]

    def behind(self, index):
        "The statements above a cell that bind what it reads, and what those read, in order."
        lines = [node for i, cell in enumerate(self.cells[:index])
                 if i not in self.stubs and not cell.is_test for node in cell.body]
        last = {name: i for i, node in enumerate(lines) for name in stored(node)}
        known = {*dir(builtins), *vars(self.module)}  # what the page exports comes from the package
        needed, todo = set(), self.cells[index].reads - known
        while todo:
            new = {last[name] for name in todo if name in last} - needed
            needed |= new
            todo = set().union(*(reads(lines[i]) for i in new)) - known
        return [lines[i] for i in sorted(needed)]

    def space(self, index):
        "What a cell finds when it runs."
        names = {**vars(self.module), "__name__": "page"}
        exec(compile(ast.Module(self.behind(index), []), "cells above", "exec"), names)
        return names


def run(code, names):
    "Run a cell; give the value of its last line, as a notebook shows it."
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    if last is not None:
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@functools.cache
def page(path):
    return Page(path)


def exercises():
    "Each stub of the book: the page, and which of its cells it is."
    for path in sorted(ROOT.glob("book/*.ipynb")) + sorted(ROOT.glob("book/*/*.ipynb")):
        for index in page(path).stubs:
            (checker, _), = page(path).cells[index].calls()
            yield pytest.param(path, index, checker, id=f"{path.stem}-{checker}")


def filled(stub, answer):
    "The code of a stub cell in which every definition has given way to an answer."
    kept = [node for node in stub.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assign))]
    (name, arg), = stub.calls()
    mine = [n.id for n in ast.walk(arg) if isinstance(n, ast.Name)]
    assert kept and all(n.lower().startswith("my") for n in mine), f"{name} is called with {mine}"
    line = f"{', '.join(mine)} = answer" if len(mine) > 1 else f"{mine[0]} = answer"
    code = "\n".join([*map(ast.unparse, kept[:-1]), line, ast.unparse(kept[-1])])
    return run(code, {"answer": answer, "__name__": "page"})


@pytest.mark.parametrize("path, index, checker", list(exercises()))
def test_a_stub_says_that_it_is_one(path, index, checker):
    "The cell ends in a call of the checker, which says what is missing."
    stub = page(path).cells[index]
    (name, _), = stub.calls()
    assert isinstance(stub.body[-1], ast.Expr) and name == checker, "the last line is the check"
    assert "your turn" in stub.source or "# return" in stub.source or "# change" in stub.source
    with pytest.raises(Refused, match="still the stub|is missing|: None") as e:
        run(stub.code, {"__name__": "page"})
    assert str(e.value).startswith(f"{checker}: ")


@pytest.mark.parametrize("path, index, checker", list(exercises()))
def test_the_solution_passes_in_the_cell_of_the_stub(path, index, checker):
    here, solutions = page(path), []
    for i, cell in enumerate(here.cells):
        if i > index and i not in here.stubs:
            solutions += [(i, arg) for name, arg in cell.calls() if name == checker]
    assert solutions, f"{checker}: the page has no solution that calls it"
    i, arg = solutions[0]
    names = here.space(i)
    run(here.cells[i].code, names)
    answer = eval(compile(ast.Expression(arg), "cell", "eval"), names)
    shown = filled(here.cells[index], answer)
    assert isinstance(shown, Passed) and repr(shown) == f"{checker}: passed"


@pytest.mark.parametrize("path, index, checker", list(exercises()))
def test_a_wrong_answer_gets_a_hint_in_the_cell_of_the_stub(path, index, checker):
    "The mistakes that the page's test of the checker lists, one by one."
    here, wrong = page(path), {}
    tests = [i for i, cell in enumerate(here.cells)
             if cell.is_test and re.search(rf"refuses\w*\(\s*{checker}\b", cell.source)]
    assert tests, f"{checker}: no test lists wrong answers"

    def note(check, answers):
        wrong.update(answers)
        return zth.check.refuses(check, answers)

    names = here.space(tests[0])
    for name, value in list(names.items()):
        if value is zth.check.refuses:
            names[name] = note
    with mock.patch.dict(names.get("refuses_stub_", note).__globals__, refuses=note):
        run(here.cells[tests[0]].code, names)
    assert len(wrong) >= 3, f"{checker}: {len(wrong)} wrong answers are known"
    stub = here.cells[index]
    (_, arg), = stub.calls()
    several = isinstance(arg, ast.Tuple) and len(arg.elts)
    for mistake, answer in wrong.items():
        if several and not (isinstance(answer, tuple) and len(answer) == several):
            continue  # a reader cannot hand it in: the cell has two functions
        with pytest.raises(Refused) as e:
            filled(stub, answer)
        said = str(e.value).partition(": ")[2]
        assert len(said.split()) >= 3, f"{mistake}: {said!r} is no hint"


def test_the_book_has_stubs_and_no_old_ones():
    "In the first editions a stub cell ended in a test of itself, which a right answer failed."
    assert len(list(exercises())) > 40
    for path in sorted(ROOT.glob("book/*.ipynb")) + sorted(ROOT.glob("book/*/*.ipynb")):
        for cell in page(path).cells:
            if "NotImplementedError" in cell.source and "test_fail(" in cell.source:
                assert path.stem == "check", f"{path}: {cell.source[:200]}"
