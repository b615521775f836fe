"""Models in service: requests, the scheduler, and the scorers that callers hold."""
