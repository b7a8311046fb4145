"""What a file is, and what is made of it: pages, text, Markdown, tables, searchable PDFs. Knows nothing of textdrop."""
