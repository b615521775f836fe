"""Remote engine: scoring and embedding through a server, with the same interfaces as a local model."""
