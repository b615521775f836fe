"""Devices and processor of this machine."""
