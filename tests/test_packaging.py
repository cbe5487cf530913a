"""The files that install the project agree with one another."""

import configparser
import importlib.metadata as metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = {
    canonicalize_name(name): version
    for name, _, version in (line.partition("==") for line in LINES)
}
CFG = configparser.ConfigParser(delimiters=["="])
CFG.read(ROOT / "settings.ini", encoding="utf-8")
CFG = CFG["DEFAULT"]
solved_here = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="constraints.txt is solved for Python 3.11"
)


def closure(requirements, seen=None):
    "Every distribution that these requirements bring into this environment, with its extras."
    seen = set() if seen is None else seen
    for req in map(Requirement, requirements):
        name, extras = canonicalize_name(req.name), req.extras or {""}
        if (name, *sorted(extras)) in seen:
            continue
        if req.marker and not req.marker.evaluate():
            continue
        seen.add((name, *sorted(extras)))
        needs = []
        for text in metadata.requires(name) or []:
            need, _, marker = text.partition(";")
            holds = not marker or any(
                Requirement(text).marker.evaluate({**default_environment(), "extra": e})
                for e in extras
            )
            if holds:
                needs.append(need.strip())
        closure(needs, seen)
    return seen


def test_constraints_are_exact_versions_in_order():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in LINES)
    assert len(PINS) == len(LINES)
    assert PINS["torch"] == "2.13.0"


@solved_here
def test_constraints_hold_everything_that_make_installs():
    wanted = [
        r
        for key in ("requirements", "dev_requirements", "book_requirements")
        for r in CFG[key].split()
    ]
    brought = {name for name, *_ in closure(wanted)}
    # a build of torch for a graphics card brings libraries that it pins itself
    brought = {name for name in brought if not re.match(r"nvidia-|cuda-|triton$", name)}
    assert len(brought) > 100
    assert not brought - set(PINS), (
        f"run `make constraints`: {sorted(brought - set(PINS))} have no version"
    )


@pytest.mark.parametrize("key", ["requirements", "dev_requirements", "book_requirements"])
def test_constraints_satisfy_settings(key):
    for req in map(Requirement, CFG[key].split()):
        assert req.specifier.contains(PINS[canonicalize_name(req.name)]), req


def test_the_repository_is_named_in_one_place():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    address = f"{CFG['user']}/{CFG['repo']}"
    assert len(address) > 3
    # nbdev copies the addresses from settings.ini into its index of the package
    names = [
        name
        for name in listed.stdout.splitlines()
        if name != "zth/_modidx.py" and (ROOT / name).is_file()
    ]
    assert "settings.ini" in names
    texts = {name: (ROOT / name).read_text(encoding="utf-8", errors="ignore") for name in names}
    assert not [
        name
        for name, text in texts.items()
        if f"github.com/{address}" in text or f"{CFG['user']}.github.io" in text
    ]


def test_workflows_and_forms_are_yaml_with_what_they_need():
    flows = {
        p.stem: yaml.safe_load(p.read_text(encoding="utf-8"))
        for p in (ROOT / ".github/workflows").glob("*.yml")
    }
    assert set(flows) == {"tests", "book", "release", "weekly"}
    matrix = flows["tests"]["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == {"3.10", "3.11", "3.12", "3.13"}
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos"}
    forms = [
        yaml.safe_load(p.read_text(encoding="utf-8"))
        for p in (ROOT / ".github/ISSUE_TEMPLATE").glob("[0-9]*.yml")
    ]
    assert len(forms) == 4
    for form in forms:
        assert {"page", "section", "environment"} <= {part.get("id") for part in form["body"]}, (
            form["name"]
        )


@pytest.mark.parametrize("main", sorted(ROOT.glob("zth/*/__main__.py")), ids=lambda p: p.parent.name)
def test_a_package_that_is_a_command_names_what_it_runs(main, tmp_path):
    "`python -m zth.gpt --help` names every run of the chapter's labs, from anywhere."
    name = main.parent.name
    run = [sys.executable, "-m", f"zth.{name}", "--help"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    labs = "\n".join(p.read_text(encoding="utf-8") for p in main.parent.glob("lab_*.py"))
    runs = re.findall(r'^RUNS = \{\s*"(\w+)"', labs, flags=re.M)
    runs += ["export", "check", "run"] * (name == "weave")
    assert runs and all(run in done.stdout for run in runs), (runs, done.stdout)


def test_the_lockfile_names_no_registry():
    lock = (ROOT / "tests/site/package-lock.json").read_text(encoding="utf-8")
    assert "http" not in lock
    wanted = json.loads((ROOT / "tests/site/package.json").read_text(encoding="utf-8"))[
        "devDependencies"
    ]
    for name, version in wanted.items():
        assert json.loads(lock)["packages"][f"node_modules/{name}"]["version"] == version
