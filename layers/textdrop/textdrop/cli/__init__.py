"""The command `textdrop`: a thin layer on textdrop.client. What it does, by example: docs/command.md."""


def main() -> None:
    """Run the command that the shell has given, and end the process with its exit code."""
    try:
        from textdrop.cli.app import run
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        raise SystemExit(
            f'textdrop: the package {missing.name} is missing: pip install ".[cli]", in a checkout'
        ) from None
    run()
