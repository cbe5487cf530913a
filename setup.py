"""Packaging: everything is read from settings.ini, so that no fact is written twice."""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(here / "settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]
package, site = cfg["lib_path"], cfg["doc_host"] + cfg["doc_baseurl"]


def words(key):
    return cfg.get(key, "").split()


def readme():
    "The README as an index of packages shows it: its relative links lead to the repository."
    text = (here / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?!https:|#)", f"]({cfg['git_url']}/blob/{cfg['branch']}/", text)


statuses = {
    "1": "1 - Planning",
    "2": "2 - Pre-Alpha",
    "3": "3 - Alpha",
    "4": "4 - Beta",
    "5": "5 - Production/Stable",
}
oldest, newest = (int(cfg[key].split(".")[1]) for key in ("min_python", "max_python"))

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=readme(),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    license=cfg["license"].upper(),
    license_files=["LICENSE"],
    keywords=[word.strip() for word in cfg["keywords"].split(",")],
    url=cfg["git_url"],
    project_urls={
        "Book": site,
        "Source": cfg["git_url"],
        "Issues": cfg["git_url"] + "/issues",
        "Changelog": f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md",
    },
    packages=find_packages(include=[package, package + ".*"]),
    package_data={package: ["*.txt"]},
    python_requires=f">={cfg['min_python']},<3.{newest + 1}",
    install_requires=words("requirements"),
    extras_require={
        name: words(f"{name}_requirements") for name in ("dev", "book", "gpt2", "fast", "reference")
    },
    entry_points={
        "console_scripts": words("console_scripts"),
        "nbdev": [f"{package}={package}._modidx:d"],
    },
    classifiers=[
        "Development Status :: " + statuses[cfg["status"]],
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        f"Natural Language :: {cfg['language']}",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(oldest, newest + 1)),
        "Topic :: Education",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    zip_safe=False,
)
