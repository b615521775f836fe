"""Torch backend: padded or packed batches, on a CPU or on GPUs."""
