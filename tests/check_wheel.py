"""Try a wheel where nothing else is installed: `python -I check_wheel.py settings.ini`."""

import configparser
import importlib
import importlib.metadata as metadata
import importlib.resources as resources
import json
import re
import subprocess
import sys
from pathlib import Path

settings = configparser.ConfigParser(delimiters=["="])
settings.read(sys.argv[1], encoding="utf-8")
cfg = settings["DEFAULT"]


def name_of(requirement):
    "The name of a distribution, as indexes compare it, without versions and extras."
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def check_metadata():
    "What an index shows and a resolver reads is what settings.ini says."
    wheel = metadata.metadata("zth")
    assert wheel["Version"] == cfg["version"], wheel["Version"]
    assert cfg["min_python"] in wheel["Requires-Python"], wheel["Requires-Python"]
    said = {c.rsplit(" ", 1)[1] for c in wheel.get_all("Classifier") if "Python :: 3." in c}
    assert said == {"3.10", "3.11", "3.12", "3.13"}, said
    assert set(wheel.get_all("Provides-Extra")) == {"dev", "book", "gpt2", "fast", "reference"}
    needed = {name_of(r) for r in metadata.requires("zth") if "extra ==" not in r}
    assert needed == {name_of(r) for r in cfg["requirements"].split()}, needed
    readme = wheel.get_payload() or wheel["Description"]
    assert "## " in readme, "the README is missing"
    relative = re.findall(r"\]\((?!https:|#)[^)]*\)", readme)
    assert not relative, f"links that lead nowhere on an index: {relative}"


def check_files():
    "The wheel holds the package, its data and its licence, and no other folder of ours."
    files = [Path(str(f)) for f in metadata.files("zth")]
    stray = {
        f.parts[0]
        for f in files
        if f.parts[0] not in ("zth", "..") and ".dist-info" not in f.parts[0]
    }
    assert not stray, stray
    assert any(f.name == "LICENSE" for f in files)
    sample = resources.files("zth").joinpath("sample_names.txt").read_text(encoding="utf-8")
    assert len(set(sample.split())) >= 2000


def check_modules():
    "Every module of the checkout is in the wheel, those of packages too."
    root = Path(sys.argv[1]).resolve().parent
    wanted = {p.relative_to(root).as_posix() for p in (root / cfg["lib_path"]).rglob("*.py")}
    held = {f.as_posix() for f in map(Path, map(str, metadata.files("zth")))}
    assert len(wanted) > 20 and not wanted - held, f"missing in the wheel: {sorted(wanted - held)}"


def check_light(module):
    "A module that needs only the standard library imports here, and brings nothing heavy along."
    before = set(sys.modules)
    importlib.import_module(module)
    brought = {name.split(".")[0] for name in set(sys.modules) - before}
    foreign = brought - set(sys.stdlib_module_names) - {"zth"}
    assert not foreign, (module, foreign)


def check_gradient():
    "Reverse-mode differentiation works from the wheel alone."
    from zth.micrograd import Value

    a, b = Value(2.0), Value(-3.0)
    (a * b + a).backward()
    assert (a.grad, b.grad) == (-2.0, 2.0), (a.grad, b.grad)


def check_tokens():
    "A tokenizer learns, encodes and decodes from the wheel alone, splits by a pattern included."
    from zth.tokenizer import GPT4_SPLIT_PATTERN, RegexTokenizer

    tokenizer = RegexTokenizer(GPT4_SPLIT_PATTERN)
    tokenizer.train("the theatre and the other thing, the end: 안녕 1234", 270)
    text = "the other end's 안녕 👋 12345\n   "
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text and len(ids) < len(text.encode()), ids


def check_entry_points():
    "The `zth` command is declared, and what it names is in the wheel."
    (command,) = (e for e in metadata.entry_points(group="console_scripts") if e.name == "zth")
    module = command.value.split(":")[0]
    assert resources.files("zth").joinpath(module.split(".")[1] + ".py").is_file(), command.value


def check_mains():
    "Each package that holds labs or a command can be run, as `python -m zth.gpt`."
    for folder in [f for f in resources.files("zth").iterdir() if f.is_dir()]:
        names = [f.name for f in folder.iterdir()]
        if "command.py" in names or any(name.startswith("lab_") for name in names):
            assert "__main__.py" in names, folder.name


def check_instant():
    "`import zth` loads nothing but itself."
    code = (
        "import json, sys; old = set(sys.modules); import zth; "
        "print(json.dumps(sorted(set(sys.modules) - old)))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == ["zth"], run.stdout


check_metadata()
check_files()
for module in ("zth", "zth.micrograd", "zth.tokenizer", "zth.check", "zth.runs", "zth.weave"):
    check_light(module)
check_gradient()
check_tokens()
check_entry_points()
check_modules()
check_mains()
check_instant()
print(
    f"zth {cfg['version']} installs and imports in an empty environment ({sys.version.split()[0]})"
)
