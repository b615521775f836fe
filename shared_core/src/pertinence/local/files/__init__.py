"""Model files: search, reading and checks, and a cache of files that are made from them."""
