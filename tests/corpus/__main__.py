"""Renders real files and checks what comes out: `make corpus`. The files are fetched into .local/corpus first."""

from __future__ import annotations

import logging
import sys
import warnings
from collections import Counter
from pathlib import Path

from corpus.check import Finding, check
from corpus.fetch import ENDINGS, fetch

FOLDER = Path(__file__).resolve().parents[2] / ".local" / "corpus"


def main() -> int:
    """Prints what is wrong, and figures; the exit code."""
    # What libraries that are used to compare say of the files.
    warnings.simplefilter("ignore")
    logging.disable()
    for name, reason in fetch(FOLDER).items():
        print(f"{name} is left out: {reason}")
    findings: dict[str, list[Finding]] = {}
    paths = sorted(path for path in FOLDER.glob("*/*") if path.suffix.lower() in ENDINGS)
    for path in paths:
        finding = check(path)
        if finding is None:
            continue
        findings.setdefault("PDF" if path.suffix.lower() == ".pdf" else "images", []).append(finding)
        for fault in finding.wrong:
            print(f"{finding.name}: {fault}")
    for kind, found in findings.items():
        _print_figures(kind, found)
    wrong = sum(bool(finding.wrong) for found in findings.values() for finding in found)
    print(f"{wrong} of {sum(map(len, findings.values()))} files are wrong")
    return 1 if wrong or not findings else 0


def _print_figures(kind: str, found: list[Finding]) -> None:
    made = [finding for finding in found if not finding.refused]
    pages = sum(finding.pages for finding in made)
    layered, own_text = sum(finding.layered for finding in made), sum(finding.own_text for finding in made)
    replaced, seconds = sum(finding.replaced for finding in made), sum(finding.seconds for finding in made)
    print(f"{kind}: {len(found)} files, {len(made)} made; of their {pages:,} pages {layered:,} got a layer,")
    print(
        f"  {own_text:,} show their text, {replaced:,} had an old layer; {1000 * seconds / max(pages, 1):.1f} ms a page"
    )
    print(f"  {sum(finding.otherwise for finding in made):,} pages look otherwise once qpdf has written them")
    refusals = Counter(finding.refused for finding in found if finding.refused)
    warned = Counter(warning.partition(".")[0] for finding in made for warning in finding.warnings)
    for what, count in [*refusals.most_common(), *warned.most_common()]:
        print(f"  {count:4} {what}")


if __name__ == "__main__":
    sys.exit(main())
