"""Serving of local models: requests, the scheduler, and the scorers that callers hold."""
