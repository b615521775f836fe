"""Conversion of a model into the files that backends read."""
