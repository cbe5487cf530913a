"""The logs of long runs say how they were made, and `make runs` lists and repeats them."""

import json
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
runs = runpy.run_path(str(ROOT / "book/runs/__main__.py"))
HEAD = {
    "commit": "0" * 40,
    "command": "python -c 'print(6 * 7)'",
    "data_sha256": "",
    "hardware": "2 cores",
    "versions": {"python": "3.11.7"},
    "seed": 0,
    "wall_time_s": 90.0,
}


def write(folder, name="tiny", **changes):
    "A log with this header, some of it changed."
    path = folder / f"{name}.jsonl"
    path.write_text(
        json.dumps({**HEAD, **changes}) + "\n" + json.dumps({"step": 0, "loss": 3.3}) + "\n"
    )
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "book/runs").glob("*.jsonl")), ids=lambda p: p.stem)
def test_committed_log(path):
    head = runs["header"](path)
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
    known = subprocess.run(["git", "cat-file", "-e", head["commit"]], cwd=ROOT, capture_output=True)
    shallow = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True
    )
    assert known.returncode == 0 or shallow.stdout.strip() != "false", (
        "the header names a commit that is not here"
    )


def test_header_and_table(tmp_path):
    write(tmp_path)
    heads = runs["logs"](tmp_path)
    assert heads == {"tiny": HEAD}
    assert "1.5 min" in runs["table"](heads) and "2 cores" in runs["table"](heads)


@pytest.mark.parametrize(
    "changes", [{"seed": None}, {"seed": "0"}, {"versions": "3.11"}, {"wall_time_s": None}]
)
def test_header_lacks_something(tmp_path, changes):
    with pytest.raises(ValueError, match=f"tiny.jsonl.*{next(iter(changes))}"):
        runs["header"](write(tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "step loss\n", "[1, 2]\n"])
def test_not_a_log(tmp_path, text):
    (tmp_path / "tiny.jsonl").write_text(text)
    with pytest.raises(ValueError, match="tiny.jsonl"):
        runs["logs"](tmp_path)


def test_repeats_a_run(tmp_path, capfd):
    write(tmp_path)
    runs["main"](["tiny"], folder=tmp_path)
    assert "42" in capfd.readouterr().out.splitlines()


def test_refuses_an_unknown_name(tmp_path, capsys):
    write(tmp_path)
    with pytest.raises(SystemExit) as stop:
        runs["main"](["huge"], folder=tmp_path)
    assert stop.value.code == 2
    assert "there are: tiny" in capsys.readouterr().err
