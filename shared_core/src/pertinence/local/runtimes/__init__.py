"""Runtimes: each backend opens a model from its spec and turns batches into rows of floats."""
