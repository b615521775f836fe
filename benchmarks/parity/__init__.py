"""Our scores held against each library that a model's card shows; docs/models.md is written from it.

Weights are random, in the exact configuration and depth of each card: what is proven is that the same
numbers come out, not that they rank well.
"""
