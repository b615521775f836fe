"""docs/adapters.md, with tables that are measured; `python -m tests.workspace.adapters_page` writes it."""
