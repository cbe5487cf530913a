"""Run the benches.

    python -m bench                       every bench, with its usual settings
    python -m bench --list                what there is
    python -m bench NAME [OPTIONS]        one of them; NAME --help explains its options
"""
import sys
from importlib import import_module
from pkgutil import iter_modules

from . import __path__ as here


def benches() -> dict:  # name -> module
    "Every module of this folder that has a `main`; a race whose log a chapter reads has none."
    names = sorted(m.name for m in iter_modules(here) if not m.name.startswith("_"))
    found = {name: import_module(f"{__package__}.{name}") for name in names}
    return {name: module for name, module in found.items() if hasattr(module, "main")}


def main(
    args: list,  # the command line without the program's name
) -> int:  # exit status: 0 if all went well
    "Lists the benches, runs one, or runs them all."
    if args[:1] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    found = benches()
    if args == ["--list"]:
        for name, module in found.items(): print(f"{name:20} {module.__doc__.splitlines()[0]}")
        return 0
    if not args or args[0].startswith("-"):  # options alone go to every bench
        return max(module.main(args) for module in found.values())
    if args[0] not in found:
        print(f"bench: no bench named {args[0]!r}; there is: {', '.join(found)}", file=sys.stderr)
        return 2
    return found[args[0]].main(args[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
