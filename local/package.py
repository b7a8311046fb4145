"""`python -m local.package`: what `sam build` has built becomes a folder that the aws command deploys alone."""

import argparse
import json
import shutil
import sys
import zipfile
from pathlib import Path

from local import cloudformation

ROOT = Path(__file__).resolve().parent.parent


def package(built: Path, folder: Path) -> None:
    """The folder holds `template.json` and the zip file of each function and layer, and nothing else.

    `built` is the template that `sam build` has written. The same build gives the same bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    body = cloudformation.load(built)
    for name, resource in body["Resources"].items():
        for content in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            write_zip((built.parent / resource["Properties"][content]).resolve(), folder / f"{name}.zip")
            resource["Properties"][content] = f"{name}.zip"
    (folder / "template.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def write_zip(folder: Path, path: Path) -> None:
    """The zip file holds the folder's files, in the order of their names, all readable and of one date."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16  # Lambda runs as another user
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=3)


def main(arguments: list[str]) -> int:
    """Make the package; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.package", description=__doc__)
    parser.add_argument("--built", type=Path, default=ROOT / ".aws-sam" / "build" / "template.yaml")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="folder, which is made anew (default: dist)")
    options = parser.parse_args(arguments)
    package(options.built, options.into)
    for path in sorted(options.into.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
