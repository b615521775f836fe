"""One file per way to rerank: each opens a model in a process of its own (see `benchmarks.worker`)."""
