"""Ours beside sentence-transformers on one accelerator, in one run."""
