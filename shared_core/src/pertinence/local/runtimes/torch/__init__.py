"""The torch backend: padded or packed batches, on a processor or on GPUs."""
