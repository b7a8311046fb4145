"""The demo: files in, progress on the screen, text out."""
