"""`make package`: what `sam build` has built becomes a folder that the aws command can deploy without sam."""

import json
import shutil
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


def main() -> None:
    """Make `dist` from what is in `.aws-sam`, and list it."""
    folder = ROOT / "dist"
    package(ROOT / ".aws-sam" / "build" / "template.yaml", folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
