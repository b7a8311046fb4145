"""`python -m textdrop.cli`: the command, from a checkout too."""

from textdrop.cli import main

main()
