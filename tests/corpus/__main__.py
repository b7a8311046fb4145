"""What is sent of real files, beside what viewers show of them: `make corpus`.

The files are fetched into .local/corpus. Exits 1 if a file differs in a way that `explained.toml` does not say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from corpus import generated
from corpus.fetch import ENDINGS, fetch
from corpus.viewers import require_poppler

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local" / "corpus"
PICTURES = ROOT / ".local" / "corpus-differences"
MAX_BYTES = 30_000_000
SECONDS_A_FILE = 300
WORKERS = 2

Finding = dict[str, Any]


def main() -> int:
    """Prints the tables; the exit code. ONLY, a regular expression, chooses files by their names."""
    require_poppler()
    for name, reason in fetch(FOLDER).items():
        print(f"{name} is left out: {reason}")
    _generate(FOLDER / "generated")
    shutil.rmtree(PICTURES, ignore_errors=True)
    only = re.compile(os.environ.get("ONLY", ""))
    paths = [
        path
        for path in sorted(FOLDER.glob("*/*"))
        if path.suffix.lower() in ENDINGS
        and path.stat().st_size <= MAX_BYTES
        and only.search(f"{path.parent.name}/{path.name}")
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        findings = list(pool.map(_finding, paths))
    _print_figures("PDF", [finding for finding in findings if finding["name"].lower().endswith(".pdf")])
    _print_figures("images", [finding for finding in findings if not finding["name"].lower().endswith(".pdf")])
    unexplained = _print_differences(findings)
    print(f"{unexplained} unexplained; pictures of what differs are in {PICTURES.relative_to(ROOT)}")
    return 1 if unexplained or not findings else 0


def _generate(folder: Path) -> None:
    """Afterwards the folder has the PDFs that pagekit's tests make now."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "corpus.generated",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=0",
    ]
    environment = {**os.environ, generated.FOLDER: str(folder)}
    subprocess.run([*command, "tests/unit/pagekit"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)


def _finding(path: Path) -> Finding:
    """As corpus.check finds it, in a process of its own that is ended when it takes too long."""
    command = [sys.executable, "-m", "corpus.check", str(path), str(PICTURES)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, problems = process.communicate(timeout=SECONDS_A_FILE)
        if process.returncode == 0:
            return dict(json.loads(out))
        what = f"ended with {process.returncode}: {''.join(problems.strip().splitlines()[-1:])}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        what = f"took longer than {SECONDS_A_FILE} s"
    name = f"{path.parent.name}/{path.name}"
    empty: dict[str, int] = {}
    return {
        "name": name,
        "pages": 0,
        "how": empty,
        "warnings": empty,
        "searchable": "",
        "differences": [("failed", 0, what)],
    }


def _print_figures(what: str, findings: list[Finding]) -> None:
    how, warnings, searchable = Counter[str](), Counter[str](), Counter[str]()
    for finding in findings:
        how.update(finding["how"])
        warnings.update(finding["warnings"])
        if finding["searchable"]:
            searchable[finding["searchable"]] += 1
    print(
        f"{what}: {len(findings):,} files with {sum(finding['pages'] for finding in findings):,} pages; of those tried:"
    )
    for title, counted in (("", how), ("warning: ", warnings), ("searchable PDF: ", searchable)):
        for name, count in counted.most_common():
            print(f"  {count:6,} {title}{name}")


def _print_differences(findings: list[Finding]) -> int:
    """How many files have a difference of a kind that is not explained."""
    entries = tomllib.loads((Path(__file__).parent / "explained.toml").read_text())["explained"]
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in findings:
        for kind, page, what in finding["differences"]:
            found[finding["name"], kind].append(f"page {page}: {what}" if page else what)
    explained = {
        (name, kind): entry
        for name, kind in sorted(found)
        for entry in entries
        if entry["kind"] == kind and fnmatch(name, entry["file"])
    }
    for cause, count in Counter(entry["cause"] for entry in explained.values()).most_common():
        print(f"explained: {count:4} {cause}")
    for (name, kind), entry in explained.items():
        print(f"  {kind} {name}: {entry['why']}")
    unexplained = {key: what for key, what in found.items() if key not in explained}
    for kind, count in Counter(kind for _, kind in unexplained).most_common():
        print(f"unexplained: {count:4} {kind}")
    for (name, kind), what in sorted(unexplained.items(), key=lambda item: (item[0][1], item[0][0])):
        print(f"  {kind} {name}: {'; '.join(what)}")
    for entry in entries:
        if entry not in explained.values() and any(fnmatch(finding["name"], entry["file"]) for finding in findings):
            print(f"explained.toml has {entry['file']} ({entry['kind']}), which does not differ any more")
    return len({name for name, _ in unexplained})


if __name__ == "__main__":
    sys.exit(main())
