"""The command `zth tokens`, as it is called: what it prints, what it refuses, what it leaves behind."""

import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner

from zth.cli import app
from zth.tokenizer.own_tokens import ids_of
from zth.tokenizer.special import RegexTokenizer
from zth.tokenizer.tables import open_table

POEM = """The rain in Spain stays mainly in the plain.
The train in Maine stays mainly in the main.
The crane in Bahrain strains mainly in the drain,
and all of it will happen soon again.
"""
ODD = "naïve\r\n안녕 \n\n  👋"
TRAIN = "train", "poem.txt", "--vocab-size", "300"


def call(*args, stdin=""):
    "The status, the output and the errors of a call."
    args, stdin = ["tokens", *map(str, args)], stdin.encode() if isinstance(stdin, str) else stdin
    done = CliRunner().invoke(app, args, input=stdin, prog_name="zth")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout_bytes.decode(), done.stderr


def ours(*args, stdin=""):
    return call(*args, "-t", "poem.model", stdin=stdin)


def complaint(answer, status=1):
    "The line that a call has printed, which failed with this status and did nothing else."
    got, out, err = answer
    assert (got, out) == (status, "") and err.count("\n") == 1, answer
    return err


def program(*args, **how):
    "Start `zth tokens` as a program."
    code = ("import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from zth.cli import main; main()")
    how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    env = {**os.environ, **how.pop("env", {})}
    return subprocess.Popen([sys.executable, "-c", code, "tokens", *args], env=env, **how)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    "A folder with the poem and a table of it; the tests work there."
    monkeypatch.chdir(tmp_path)
    Path("poem.txt").write_bytes(POEM.encode())
    Path("odd.txt").write_bytes(ODD.encode())
    assert call(*TRAIN, "-o", "poem.model") == (0, "44 merges in poem.model\n", "")
    return tmp_path


# --- encode, decode, count, show


def test_encode_prints_the_ids_of_a_file_and_of_standard_input(desk):
    tok = RegexTokenizer()
    tok.load("poem.model")
    for name in ("poem.txt", "odd.txt"):
        text = Path(name).read_bytes().decode()
        for args, stdin in ((("encode", name), ""), (("encode",), text), (("encode", "-"), text)):
            assert ours(*args, stdin=stdin) == (
                0, " ".join(map(str, tok.encode_ordinary(text))) + "\n", "")
    assert ours("encode") == (0, "\n", "")


def test_decode_undoes_encode(desk):
    for name in ("poem.txt", "odd.txt"):
        ids, text = ours("encode", name)[1], Path(name).read_bytes().decode()
        for typed in (ids, ids.replace(" ", ", "), f"[{ids.strip().replace(' ', ',')}]"):
            assert ours("decode", stdin=typed) == (0, text, "")
    assert ours("decode", stdin="128 97")[1] == "\ufffda"
    assert ours("decode", stdin="") == (0, "", "")


def test_what_is_no_id_is_named(desk):
    Path("ids.txt").write_text("97 98 999")
    status, out, err = ours("decode", "ids.txt")
    assert (status, out) == (1, "ab") and err == (
        "zth: ids.txt: there is no token 999; the largest is 299\n")
    for typed, said in {"97 x": "'x' is no id", "-1": "there is no token -1", "1.5": "'1.5'",
                        "１": "is no id", "9" * 5000: "is no id", "9" * 5000 + " ": "is no id",
                        "--5": "'--5' is no id", "9" * 30: "token 999"}.items():
        status, out, err = ours("decode", stdin=typed)
        assert status == 1 and said in err and err.count("\n") == 1 and len(err) < 99, (typed, err)


def test_count_has_a_row_for_each_text_and_one_for_all(desk):
    Path("other.txt").write_text("The rain")
    Path("empty.txt").write_text("")
    tok = open_table("poem.model")
    n, m = (len(tok.encode_ordinary(t)) for t in (POEM, "The rain"))
    status, out, err = ours("count", "poem.txt", "other.txt", "empty.txt")
    rows = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "") and rows[0] == ["TOKENS", "CHARACTERS", "PER", "TOKEN", "FILE"]
    assert rows[1] == [f"{n:,}", f"{len(POEM):,}", f"{len(POEM) / n:.2f}", "poem.txt"]
    assert rows[3] == ["0", "0", "0.00", "empty.txt"] and rows[4][0] == f"{n + m:,}"
    assert ours("count", stdin="The rain")[1].splitlines()[1].split() == [
        str(m), "8", f"{8 / m:.2f}", "-"]


def test_special_tokens_are_text_unless_somebody_asks(desk):
    call(*TRAIN, "-o", "poem.model", "--force", "--special", "<|end|>", "--special", "<|end|>now")
    ids = ours("encode", stdin="a<|end|>now")[1].split()
    assert len(ids) > 5 and not {"300", "301"} & {*ids}
    assert ours("encode", "--special", stdin="a<|end|>now")[1] == "97 301\n"
    assert ours("decode", stdin="97 300") == (0, "a<|end|>", "")


def test_show_writes_a_page_and_does_not_replace_one(desk):
    Path("tag.txt").write_text("<b>rain</b>")
    for name in ("poem", "tag"):
        assert ours("show", f"{name}.txt", "--out", f"{name}.html") == (
            0, f"the page is in {name}.html\n", "")
    page = Path("poem.html").read_text("utf-8")
    assert page.count("<span") == len(open_table("poem.model").encode_ordinary(POEM))
    assert "http" not in page and "<b>" not in Path("tag.html").read_text("utf-8")
    again = ours("show", "tag.txt", "--out", "poem.html")
    assert "--out poem.html is there already: --force replaces it" in complaint(again)
    assert Path("poem.html").read_text("utf-8") == page
    assert ours("show", "tag.txt", "--out", "poem.html", "--force")[0] == 0


def test_a_text_of_four_times_the_length_needs_no_more_memory(desk):
    tok, peaks = open_table("poem.model"), {}
    for n in (160, 160, 640):  # the first one fills what is kept anyway
        tracemalloc.start()
        got = sum(1 for _ in ids_of((POEM for _ in range(n)), tok))
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert got == n * len(tok.encode_ordinary(POEM))
    assert peaks[640] < 1.3 * peaks[160], peaks


def test_ids_come_before_the_text_has_ended(desk):
    with program("encode", "-t", "poem.model") as going:
        going.stdin.write(POEM.encode() * 160)
        going.stdin.flush()
        first = going.stdout.read(100)  # standard input is still open
        going.stdin.close()
        rest = going.stdout.read()
    ids = open_table("poem.model").encode_ordinary(POEM * 160)
    assert [*map(int, (first + rest).split())] == ids


# --- train


def test_a_pattern_is_a_name_or_an_expression(desk):
    for name in ("gpt2", "gpt4", "o200k", r"\S+|\s+"):
        assert call(*TRAIN, "-o", "poem.model", "--force", "--pattern", name)[0] == 0
        tok = open_table("poem.model")
        assert tok.decode(tok.encode_ordinary(POEM)) == POEM and ours("count", "odd.txt")[0] == 0
    assert tok.pattern == r"\S+|\s+"
    wrong = call(*TRAIN, "--pattern", "(", "-o", "x.model")
    said = complaint(wrong, 2)
    assert "none of gpt2, gpt4, o200k, and no regular expression" in said


def test_training_is_quiet_if_asked_and_learns_from_all_files(desk):
    Path("more.txt").write_text(POEM.upper())
    more = call("train", "poem.txt", "more.txt", "--vocab-size", 300, "-o", "both.model", "-q")
    tok, both, upper = open_table("poem.model"), open_table("both.model"), POEM.upper()
    assert more == (0, "", "")
    assert len(both.encode_ordinary(upper)) < len(tok.encode_ordinary(upper))


def test_a_folder_is_its_files_and_a_checkpoint_keeps_the_counts(desk):
    Path("texts").mkdir()
    for name in "ab":
        Path("texts", name).write_text(POEM, "utf-8")
    more = "--vocab-size", 290, "-q", "--checkpoint", "counts"
    for out in ("one.model", "two.model"):
        assert call("train", "texts", *more, "-o", out) == (0, "", "")
    assert Path("one.model").read_bytes() == Path("two.model").read_bytes()
    said = complaint(call("train", "poem.txt", *more, "-o", "three.model"))
    assert "counts is of another corpus" in said and Path("counts").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_trains_as_its_file_does(desk):
    os.mkfifo("pipe")
    code = "open('pipe', 'wb').write(open('poem.txt', 'rb').read())"
    writer = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert call("train", "pipe", "--vocab-size", 300, "-o", "piped.model")[0] == 0
    finally:
        writer.kill()
        writer.wait()
    assert Path("piped.model").read_bytes() == Path("poem.model").read_bytes()


def test_an_interrupt_leaves_every_file_as_it_was(desk):
    before = contents(desk)
    with mock.patch("zth.tokenizer.corpus.train_files", side_effect=KeyboardInterrupt):
        again = call("train", "poem.txt", "--vocab-size", 280, "-o", "poem.model", "--force")
    assert again == (130, "", "zth: stopped; poem.model is not written\n")
    assert contents(desk) == before


def test_a_special_token_may_be_named_twice(desk):
    assert call(*TRAIN, "-o", "s.json", *["--special", "<|x|>"] * 2)[0] == 0
    assert open_table("s.json").special_tokens == {"<|x|>": 300}


# --- what is refused

WRONG = {
    ("count", "gone.txt"): (1, "gone.txt: there is no such file"),
    ("count", "."): (1, ". is a folder, not a file"),
    ("count", "latin.txt"): (1, "latin.txt is not a text file in UTF-8 (byte 2)"),
    ("encode", "latin.txt"): (1, "latin.txt is not a text file in UTF-8 (byte 2)"),
    ("show", "wide.txt"): (1, "wide.txt looks like UTF-16 or UTF-32: save it as UTF-8"),
    ("encode", "poem.txt", "-t", "gpt5"): (1, "gpt5 is neither a file nor one of the tables"),
    ("encode", "poem.txt", "-t", "poem.txt"): (1, "poem.txt"),
    ("encode", "poem.txt", "-t", "."): (1, ". is a folder, not a table"),
    ("decode", "poem.txt"): (1, "poem.txt: 'The' is no id"),
    ("encode", "--tabel", "gpt2"): (2, "No such option"),
    ("show", "poem.txt", "--out", "no/p.html"): (1, "no/p.html: there is no folder no"),
    ("show", "poem.txt", "--out", "."): (1, "--out . is a folder; name a file in it"),
    ("train", "poem.txt"): (2, "Missing option '--vocab-size'"),
    ("train", "--vocab-size", "300"): (2, "Missing argument"),
    ("train", "poem.txt", "--vocab-size", "255"): (2, "'--vocab-size'"),
    (*TRAIN, "-o", "a.txt"): (2, "ends in none of .model,"),
    (*TRAIN, "-o", "no/a.model"): (1, "there is no folder no"),
    (*TRAIN, "-o", "poem.model"): (1, "--out poem.model is there already: --force replaces it"),
    ("train", "gone.txt", *TRAIN[2:], "-o", "a.model"): (1, "gone.txt does not exist"),
    ("train", "latin.txt", *TRAIN[2:], "-o", "a.model"): (1, "in UTF-8 (byte 2)"),
    ("train", "wide.txt", *TRAIN[2:], "-o", "a.model"): (1, "looks like UTF-16"),
    # what another file would suffer from, or could not hold
    (*TRAIN, "-o", "notes.model"): (1, "notes.vocab is there already: --force replaces it"),
    (*TRAIN, "-o", "shelf.model", "--force"): (1, "--out shelf.model"),
    (*TRAIN, "-o", "a.tiktoken", "--special", "<|x|>"): (2, "has no place for special tokens"),
    (*TRAIN, "-o", "a.json", "--special", "he"): (2, "'he' may be an ordinary token, too"),
    (*TRAIN, "-o", "a.model", "--special", ""): (1, "--special: a special token is a text"),
    (*TRAIN, "-o", "a.model", "--special", "\udcff"): (1, "--special: "),
    (*TRAIN, "-o", "a.model", "--checkpoint", "no/c"): (1, "--checkpoint no/c: No such file"),
    (*TRAIN, "-o", "a.model", "--checkpoint", "a.model"): (2, "are one file"),
    (*TRAIN, "-o", "a.model", "--checkpoint", "./a.vocab"): (2, "are one file"),
    ("train", "-", *TRAIN[2:], "--checkpoint", "c"): (2, "--checkpoint needs files, not a pipe"),
    (*TRAIN, "-o", "a.model", "--pattern", ".+"): (2, r"'.+' leaves out '\n'"),
    # tables that are damaged, or were made to do harm
    ("count", "poem.txt", "-t", "pattern.model"): (1, "pattern.model"),
    ("count", "poem.txt", "-t", "number.model"): (1, "number.model"),
    ("count", "poem.txt", "-t", "list.model"): (1, "list.model"),
    ("count", "poem.txt", "-t", "skips.model"): (1, "skips.model"),
    ("encode", "poem.txt", "-t", "skips.json"): (1, "skips.json"),
    ("show", "poem.txt", "-t", "skips.model"): (1, "skips.model"),
}
FORGED = {
    "pattern.model": "minbpe v1\n(((\n0\n97 98\n", "number.model": "minbpe v2\n5\n0\n97 98\n",
    "list.model": 'minbpe v2\n"."\n1\n[1] 300\n97 98\n', "skips.model": "minbpe v1\n\\w+\n0\n97 98\n",
}


@pytest.fixture
def trouble(desk):
    "A desk with files that are wrong in several ways."
    Path("latin.txt").write_bytes("Zoë\n".encode("latin-1"))
    Path("wide.txt").write_text("Zoë and others\n", "utf-16-le")
    Path("notes.vocab").write_text("words to learn")
    Path("shelf.vocab").mkdir()
    Path("shelf.model").write_bytes(Path("poem.model").read_bytes())
    for name, text in FORGED.items():
        Path(name).write_text(text)
    call(*TRAIN, "-o", "skips.json", "--pattern", r"\w+|\W+")
    data = Path("skips.json").read_text("utf-8")
    Path("skips.json").write_text(data.replace(r"\\w+|\\W+", r"\\w+"), "utf-8")
    return desk


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_every_mistake_is_answered_in_one_line(trouble, args):
    before, (status, said) = {p.name: p.is_dir() or p.read_bytes() for p in trouble.iterdir()}, WRONG[args]
    usual = args[0] != "train" and not {"-t", "--tabel"} & {*args}
    err = complaint((ours if usual else call)(*args), status)
    assert said in err and err.startswith("zth"), (args, err)
    assert {p.name: p.is_dir() or p.read_bytes() for p in trouble.iterdir()} == before


def test_a_table_without_a_split_is_used_as_one(desk):
    Path("whole.model").write_text("minbpe v1\n\n0\n97 105\n")
    assert call("encode", "-t", "whole.model", stdin="ai\nai") == (0, "256 10 256\n", "")


# --- terminals and disks


def test_a_closed_pipe_is_quiet_and_a_full_disk_is_said(desk):
    Path("long.txt").write_text(POEM * 2400)
    going = program("encode", "long.txt", "-t", "poem.model")
    going.stdout.read(10), going.stdout.close()
    assert going.stderr.read() == b"" and going.wait(60) == 1
    if Path("/dev/full").exists():
        for command in ("encode", "count", "show"):
            with open("/dev/full", "w") as full:
                going = program(command, "poem.txt", "-t", "poem.model", stdout=full)
                err = going.communicate(timeout=60)[1]
            assert going.returncode == 1
            assert err == b"zth: standard output: No space left on device\n"


def test_a_full_disk_under_the_result_is_one_line(desk):
    full = OSError(28, "No space left on device")
    with mock.patch("zth.tokenizer.own_tokens.replacing", side_effect=full):
        page = complaint(ours("show", "poem.txt", "--out", "p.html"))
    with mock.patch("zth.tokenizer.tables.replacing", side_effect=full):
        model = complaint(call(*TRAIN, "-o", "m.model"))
    assert page == "zth: --out p.html: No space left on device\n"
    assert model == "zth: --out m.model: No space left on device\n"
    assert not Path("p.html").exists() and not Path("m.model").exists()


def test_an_interrupt_ends_it(desk):
    going = program("encode", "-t", "poem.model")
    going.stdin.write(POEM.encode() * 160), going.stdin.flush()
    going.stdout.read(10)  # it is at work, and waits for more
    going.send_signal(signal.SIGTERM if os.name == "posix" else signal.SIGINT)
    assert b"zth: stopped" in going.communicate(timeout=60)[1] and going.returncode == 130


def test_what_is_decoded_into_a_pipe_is_utf8_and_what_is_said_fits_the_terminal(desk):
    text = "Zoë 안"
    ids = " ".join(map(str, text.encode()))
    Path(f"{text}.txt").write_text(text, "utf-8")
    for code, seen in {"ascii": "Zo? ?.txt", "latin-1": "Zoë ?.txt", "utf-8": "Zoë 안.txt"}.items():
        how = {"env": {"PYTHONIOENCODING": code}}
        decoded = program("decode", "-t", "poem.model", **how).communicate(ids.encode(), timeout=60)
        assert decoded == (text.encode(), b"")
        out, err = program("count", f"{text}.txt", "-t", "poem.model", **how).communicate(timeout=60)
        assert err == b"" and seen in out.decode(code), (code, out)


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the standard input")
def test_a_closed_standard_input_is_said(desk):
    run = [sys.executable, "-c", "from zth.cli import main; main()", "tokens", "count", "-t", "poem.model"]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *run], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "zth: standard input is closed\n")


def test_the_command_loads_nothing_heavy(desk):
    code = """import atexit, sys; from zth.cli import main
atexit.register(lambda: print(*sys.modules)); main()"""
    run = [sys.executable, "-c", code, "tokens", "count", "poem.txt", "-t", "poem.model"]
    done = subprocess.run(run, text=True, capture_output=True, timeout=120)
    loaded = done.stdout.splitlines()[-1].split()
    assert done.returncode == 0 and "zth.tokenizer.own_tokens" in loaded, done.stderr
    assert not {"torch", "numpy", "matplotlib", "tiktoken", "numba", "zth.gpt"} & {*loaded}
