"""Servers that score: real ones on a loopback port, one file for each family, as strict as that family is.

A fake refuses what the real server would refuse and writes what it would write; its scores are a plain
function of the query and the text (`scoring`), so that a test can tell a right order from a wrong one.
"""
