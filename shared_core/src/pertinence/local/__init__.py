"""Score on this machine: from a model folder to ordered, exact-length batches through a backend."""
