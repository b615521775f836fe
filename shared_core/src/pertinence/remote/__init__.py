"""The remote wing: scoring and embedding through a server, behind the same contracts as a local model."""
