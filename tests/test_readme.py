"""The README keeps its word: its example prints what it shows, its commands and links exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.M | re.S)
TARGETS = set(
    re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
)


def blocks(language):
    "The contents of the fenced blocks of one language, in order."
    return [body for lang, body in BLOCKS if lang == language]


def test_example_prints_what_is_shown(tmp_path):
    (program,), (shown,) = blocks("python"), blocks("text")
    assert len([line for line in program.splitlines() if line]) <= 6
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == shown


def test_commands_exist():
    named = set(
        re.findall(
            r"\bmake ([a-z-]+)",
            "\n".join(blocks("sh")) + "\n".join(re.findall(r"`([^`\n]+)`", README)),
        )
    )
    assert {"book", "test"} <= named
    assert named <= TARGETS, named - TARGETS


def test_the_book_command_says_where_to_look():
    dry = subprocess.run(
        ["make", "-n", "book"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "The book is ready. Open it: file://" in dry
    assert "The book is ready. Open it:" in README


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_resolve(name):
    path, _, anchor = name.partition("#")
    if "://" in path:
        assert path.startswith("https://"), path
        return
    assert not path or (ROOT / path).exists(), path
    if anchor:
        text = (ROOT / path).read_text(encoding="utf-8") if path else README
        heads = re.findall(r"^#+ (.+)$", text, flags=re.M)
        assert anchor in {
            re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in heads
        }, anchor


def test_the_map_names_every_appendix():
    written = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("book/appendix/*.ipynb")}
    written |= {p.relative_to(ROOT).as_posix() for p in ROOT.glob("book/appendix/*/index.ipynb")}
    assert set(re.findall(r"\]\((book/appendix/[^)]+)\)", README)) == written


def test_the_map_is_the_road_of_the_site():
    "Each chapter has its row, worded as on the landing page, and a link exactly if it is written."
    for number, chapter in enumerate(
        yaml.safe_load((ROOT / "book/chapters.yml").read_text(encoding="utf-8")), 1
    ):
        path = f"book/{chapter['doc']}.ipynb"
        title = f"[{chapter['title']}]({path})" if (ROOT / path).exists() else chapter["title"]
        assert (
            f"| {number} | {title} | {chapter['builds']} | {chapter['lecture']} |"
            in README.splitlines()
        )
