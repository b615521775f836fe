"""Embed on this machine: the rooms of the local wing that only models of vectors need."""
