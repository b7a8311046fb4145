"""Writes the generated parts of docs/results.md. A test checks that they are up to date."""

from local.results_page.page import PAGE, generated


def main() -> None:
    PAGE.write_text(generated(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
