"""Makes the generated parts of docs/results.md: `PYTHONPATH=layers/textdrop .venv/bin/python -m local.results_page`."""
