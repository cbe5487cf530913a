"""Pages as a reader without data and without a network gets them: on the embedded samples.

Such a page must not contradict itself: a number of the lecture's data may stand in its text only where
the sentence says whose it is. The quickest pages that live on data are run here.
"""

import ast
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CANONICAL = {  # numbers that are true of the lecture's data alone: characters, vocabulary, ln 65, losses
    "07_gpt/text": ("1,115,394", "65", "4.17", "2.49"),
    "07_gpt/averaging": ("1,115,394", "65", "2.49", "2.51"),
}
RUN = """
import json, os, sys, nbformat, nbclient
from pathlib import Path
from zth.weave.cells import tag_notebook
path = Path(sys.argv[1])
nb = nbformat.reads(tag_notebook(path.read_text("utf-8")), as_version=4)
nbclient.NotebookClient(nb, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
kept = [(o["metadata"]["scrapbook"]["name"], next(iter(o["data"].values())))
        for c in nb.cells for o in c.get("outputs", []) if "scrapbook" in o.get("metadata", {})]
print("RECORDS", json.dumps(dict(kept)))
"""


@functools.cache
def records(doc, home):
    "What a page records when it has nothing but the samples."
    ours = ("TIKTOKEN_CACHE_DIR", "ZTH_CACHE_DIR", "PYTEST_CURRENT_TEST")  # a page is no test
    env = {k: v for k, v in os.environ.items() if k not in ours}
    nowhere = "http://127.0.0.1:9"  # whoever asks the network is refused at once
    env |= dict(HOME=str(home), XDG_CACHE_HOME=f"{home}/cache", ZTH_DATA_DIR=f"{home}/none", TMPDIR=str(home),
                PIP_NO_INDEX="1", http_proxy=nowhere, https_proxy=nowhere, OMP_NUM_THREADS="1")
    done = subprocess.run([sys.executable, "-c", RUN, str(ROOT / f"book/{doc}.ipynb")],
                          env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("RECORDS ")[2])


def paragraphs(doc, known):
    "The text that a reader sees, with what was recorded filled in."
    def shown(found):
        no, name, inside = found.groups()
        return inside if bool(ast.literal_eval(known[name])) != bool(no) else ""

    def value(found):
        return str(ast.literal_eval(known[found[1]]))
    cells = json.loads((ROOT / f"book/{doc}.ipynb").read_text("utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = re.sub(r":::+\{when\} (not )?(\S+)\n(.*?)\n:::+", shown, "".join(cell["source"]), flags=re.S)
            yield from re.split(r"\n\n+", re.sub(r"\{glue:text\}`([^`]+)`", value, text))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("doc", CANONICAL)
def test_a_page_on_the_sample_does_not_contradict_itself(doc, home):
    text = list(paragraphs(doc, records(doc, home)))
    whose = re.compile(r"lecture|log\b|logged|tiny Shakespeare")
    if doc == "07_gpt/text":  # where the chapter meets its data
        assert any("sample" in p for p in text)
    for number in CANONICAL[doc]:
        alone = re.compile(rf"(?<![\d.,]){re.escape(number)}(?![\d,]|\.\d)")
        assert not [p for p in text if alone.search(p) and not whose.search(p)], number
