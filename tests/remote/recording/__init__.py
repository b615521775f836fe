"""Recordings of real servers: what is asked of them (`scenes`), how they are started, and how it is kept."""
