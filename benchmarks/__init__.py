"""Side by side with peers, in one run: one file per table, see `python -m benchmarks --help`."""
