"""Conversion of texts into token ids, and of token ids into batches."""
