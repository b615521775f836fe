"""The machine: its devices and its processor."""
