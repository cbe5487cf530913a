"""What needs the network runs if it is asked for, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = """import pytest
@pytest.mark.online
def test_far(): assert True
def test_near(): assert True
"""


def environment(value):
    env = {k: v for k, v in os.environ.items() if k not in ("ZTH_ONLINE", "MAKEFLAGS", "MARKS", "FLAGS")}
    return env | ({"ZTH_ONLINE": value} if value else {})


@pytest.mark.parametrize(
    "value, marks, said",
    [
        ("", [], "1 passed, 1 skipped"),
        ("0", [], "1 passed, 1 skipped"),
        ("1", [], "2 passed"),
        ("", ["-m", "online"], "1 passed, 1 deselected"),
        ("", ["-m", "not online"], "1 passed, 1 deselected"),
    ],
)
def test_online_tests_are_skipped_unless_asked_for(tmp_path, value, marks, said):
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = online: needs the network\n")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *marks, "test_it.py"]
    env = environment(value) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert said in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    "value, marks, flags",
    [("", "not slow and not gpu and not online", ""), ("1", "not slow and not gpu", "online")],
)
def test_make_asks_for_them_with_one_variable(value, marks, flags):
    make = ["make", "-n", "test-notebooks", "test-package"]
    done = subprocess.run(make, cwd=ROOT, env=environment(value), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f'-m "{marks}"' in done.stdout and f'--flags "{flags}"' in done.stdout, done.stdout
