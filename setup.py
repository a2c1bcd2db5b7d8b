"""Builds the page of `alcseg review` before it is packed; everything else stands in `pyproject.toml`."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
WEB = ROOT / "web"
PAGE = ROOT / "src" / "alcseg" / "reviewing" / "static" / "index.html"


def build_page(command: Any) -> None:
    """Bundle `web/` into the package where that has changed; without Node.js say that it will be missing."""
    sources = [path for name in ("*.js*", "index.html", "src/*") for path in WEB.glob(name)]
    if PAGE.is_file() and all(path.stat().st_mtime <= PAGE.stat().st_mtime for path in sources):
        return
    npm = shutil.which("npm")
    if npm is None or not sources:
        state = (
            "is older than its sources" if PAGE.is_file() else "will be missing: `alcseg review` will say so"
        )
        command.warn(f"no Node.js (npm): the page of the review {state}; all else works")
        return
    subprocess.run([npm, "ci", "--no-fund", "--no-audit", "--loglevel=error"], cwd=WEB, check=True)
    subprocess.run([npm, "run", "--silent", "build"], cwd=WEB, check=True)


class BuildWithPage(build_py):
    """For wheels; an editable installation has `make web`."""

    def run(self) -> None:
        """Build the page, then pack."""
        if not self.editable_mode:
            build_page(self)
        super().run()


class SourcesWithPage(sdist):
    """Source distributions carry the page, too, so that installing from them needs no Node.js."""

    def run(self) -> None:
        """Build the page, then pack."""
        build_page(self)
        super().run()


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithPage, "sdist": SourcesWithPage})
