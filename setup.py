"""Packaging: everything is read from settings.ini, so that no fact is written twice."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(here / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]


def words(key): return cfg.get(key, "").split()


extras = {name: words(f"{name}_requirements") for name in ("dev", "book", "gpt2")}
readme = here / "README.md"
lo = int(cfg["min_python"].split(".")[1])

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    license="MIT",
    license_files=["LICENSE"],
    keywords=cfg["keywords"],
    url=cfg["git_url"],
    project_urls={"Book": cfg["doc_host"] + cfg["doc_baseurl"], "Source": cfg["git_url"],
                  "Issues": cfg["git_url"] + "/issues"},
    packages=find_packages(include=["zth", "zth.*"]),
    package_data={"zth": ["*.txt", "*.json", "py.typed"]},
    python_requires=f">={cfg['min_python']},<3.14",
    install_requires=words("requirements"),
    extras_require=extras,
    entry_points={"console_scripts": [cfg["console_scripts"]], "nbdev": [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"]},
    classifiers=["Development Status :: 3 - Alpha", "Intended Audience :: Education",
                 "Intended Audience :: Developers", "Natural Language :: English",
                 "Operating System :: OS Independent",
                 "Topic :: Scientific/Engineering :: Artificial Intelligence"]
                + [f"Programming Language :: Python :: 3.{m}" for m in range(lo, 14)],
    zip_safe=False,
)
