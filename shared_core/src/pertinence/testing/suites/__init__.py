"""What every component must do, as tests; `pertinence.testing.conformance` names those to subclass."""
