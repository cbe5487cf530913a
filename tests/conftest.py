"""What all tests share: which `zth` they are about, and that the network is not asked by itself."""

import os
from pathlib import Path

import pytest


def pytest_report_header(config):
    "Names the package under test, so that a log shows whether it was the installed one."
    import zth

    return f"zth {zth.__version__} from {Path(zth.__file__).parent}"


def pytest_sessionstart(session):
    "`make test-package` installs the wheel into a folder and means that one, not this tree."
    import zth

    wanted = os.environ.get("ZTH_INSTALLED")
    if wanted and not Path(zth.__file__).is_relative_to(wanted):
        pytest.exit(f"zth was imported from {zth.__file__}, not from {wanted}", returncode=4)


def pytest_collection_modifyitems(config, items):
    "Tests marked `online` are skipped unless asked for: by ZTH_ONLINE=1, or by name with -m."
    if os.environ.get("ZTH_ONLINE", "") not in ("", "0") or "online" in config.option.markexpr:
        return
    for item in items:
        if "online" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs the network: ZTH_ONLINE=1 runs it"))
