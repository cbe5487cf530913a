"""The logs of long runs say how they were made, and `make runs` lists and repeats them."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from zth.runs import read_log

ROOT = Path(__file__).resolve().parents[1]
runs = runpy.run_path(str(ROOT / "book/runs/__main__.py"))
HEAD = {
    "commit": "0" * 40,
    "dirty": False,
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


def git(*args):
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)


def committed():
    "The logs of the repository; what an interrupted run left beside them is none of them."
    paths = sorted((ROOT / "book/runs").glob("*.jsonl"))
    return [path for path in paths if not path.name.endswith(".partial.jsonl")]


@pytest.mark.parametrize("path", committed(), ids=lambda p: p.stem)
def test_committed_log(path):
    log = read_log(path)
    assert "interrupted" not in log.header, "the run did not end"
    assert "cut" not in log.header, "the last row is cut off"
    assert log.header["commit"] != "unknown", "the run was not made in a checkout"
    known = git("cat-file", "-e", f"{log.header['commit']}^{{commit}}")
    shallow = git("rev-parse", "--is-shallow-repository")
    assert known.returncode == 0 or shallow.stdout.strip() != "false", (
        "the header names a commit that is not here"
    )


def test_git_ignores_what_an_interrupted_run_left():
    if git("rev-parse").returncode:
        pytest.skip("not a git checkout")
    for name, status in (("tiny.partial", 0), ("tiny.0a1b2c3d.partial", 0), ("tiny", 1)):
        assert git("check-ignore", "-q", f"book/runs/{name}.jsonl").returncode == status, name


def test_header_and_table(tmp_path):
    write(tmp_path)
    heads = runs["logs"](tmp_path)
    assert heads == {"tiny": HEAD}
    assert "1.5 min" in runs["table"](heads) and "2 cores" in runs["table"](heads)
    assert "uncommitted" not in runs["table"](heads)


def test_table_marks_a_run_of_changed_code(tmp_path):
    write(tmp_path, dirty=True)
    assert "uncommitted changes" in runs["table"](runs["logs"](tmp_path))


def test_an_interrupted_run_is_not_listed(tmp_path):
    write(tmp_path)
    write(tmp_path, "tiny.partial", wall_time_s=None, interrupted="KeyboardInterrupt")
    write(tmp_path, "tiny.0a1b2c3d.partial", wall_time_s=None, interrupted="killed")
    assert list(runs["logs"](tmp_path)) == ["tiny"]


@pytest.mark.parametrize(
    "changes", [{"seed": None}, {"seed": "0"}, {"versions": "3.11"}, {"wall_time_s": None}]
)
def test_header_lacks_something(tmp_path, changes):
    write(tmp_path, **changes)
    with pytest.raises(ValueError, match=f"tiny.jsonl.*{next(iter(changes))}"):
        runs["logs"](tmp_path)


@pytest.mark.parametrize("text", ["", "step loss\n", "[1, 2]\n"])
def test_not_a_log(tmp_path, text):
    (tmp_path / "tiny.jsonl").write_text(text)
    with pytest.raises(ValueError, match="tiny.jsonl"):
        runs["logs"](tmp_path)


def test_repeats_a_run(tmp_path, capfd):
    write(tmp_path)
    runs["main"](["tiny"], folder=tmp_path)
    assert "42" in capfd.readouterr().out.splitlines()


@pytest.mark.parametrize("name", ["tiny.roll", "tiny_roll"])
def test_a_run_is_called_by_chapter_and_name_or_by_its_log(tmp_path, capfd, name):
    write(tmp_path, "tiny_roll")
    runs["main"]([name], folder=tmp_path)
    assert "42" in capfd.readouterr().out.splitlines()


def test_a_run_without_a_log_is_the_command_of_its_chapter(tmp_path, capfd):
    with pytest.raises(SystemExit) as stop:
        runs["main"](["no_chapter.roll"], folder=tmp_path)
    said = capfd.readouterr()
    assert said.out == "$ python -m zth.no_chapter roll\n" and stop.value.code
    assert "No module named zth.no_chapter" in said.err


def test_a_run_that_fails_ends_with_its_status(tmp_path, capfd):
    write(tmp_path, command="python -c 'exit(3)'")
    with pytest.raises(SystemExit) as stop:
        runs["main"](["tiny"], folder=tmp_path)
    assert stop.value.code == 3 and "Traceback" not in capfd.readouterr().err


def test_refuses_an_unknown_name(tmp_path, capsys):
    write(tmp_path)
    with pytest.raises(SystemExit) as stop:
        runs["main"](["huge"], folder=tmp_path)
    assert stop.value.code == 2
    assert "there are: tiny" in capsys.readouterr().err


class Rows(list):
    "A log that is kept in memory."

    def row(self, **values):
        self.append(values)


@pytest.fixture
def bench(monkeypatch):
    "Makes the folder of the races importable, as it is in the root of the repository."
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_race_of_the_backward_passes(bench):
    from bench.backprop_speed import CONTENDERS, speed
    from zth.data import sample_names
    from zth.runs import race

    assert race("backprop").function is speed
    log = Rows()
    speed(log, sample_names()[:100], 6, 0, rounds=2, threads=(1, 1), checked=20)
    assert [r["name"] for r in log[::2]] == [r["name"] for r in log[1::2]] == list(CONTENDERS)
    assert all(a["best"] + b["best"] == 1 for a, b in zip(log[::2], log[1::2]))
    assert any(r["best"] and r["ratio"] == 1 for r in log[:2])
    assert all(0 < r["low"] <= r["ratio"] <= r["high"] for r in log)
    assert all(r["differs"] < 1e-9 for r in log)
    assert log[0].keys() == read_log(ROOT / "book/runs/backprop_speed.jsonl").rows[0].keys()


def test_races_are_no_benches():
    said = subprocess.run(
        [sys.executable, "-m", "bench", "--list"], cwd=ROOT, capture_output=True, text=True
    )
    assert "gpt_step" in said.stdout and "speed" not in said.stdout, said.stderr


def test_the_race_of_the_gpt_steps(bench):
    from bench import gpt_speed
    from zth.runs import race

    assert race("gpt").function is gpt_speed.speed
    assert gpt_speed.part_of("aten::mm") == "products"
    assert gpt_speed.part_of("aten::lerp_") == "optimizer"
    assert gpt_speed.part_of("aten::bernoulli_") == "randomness"
    assert gpt_speed.part_of("aten::view") == "other"
    shares = gpt_speed.profile(gpt_speed.ready("small", "all"), 1)
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0
    assert shares["products"] > 0 and shares["optimizer"] > 0


@pytest.mark.slow
def test_the_race_of_the_gpt_steps_writes_the_rows_of_its_log(bench, monkeypatch):
    from bench.gpt_speed import VARIANTS, speed

    monkeypatch.chdir(ROOT)
    log = Rows()
    speed(log, None, 1, 0, turns=(("small", 1),), new=4)
    kept = read_log(ROOT / "book/runs/gpt_speed.jsonl").rows
    assert {(r["kind"], *r) for r in log} == {(r["kind"], *r) for r in kept}
    assert [r["variant"] for r in log if r["kind"] == "turn"] == list(VARIANTS)
