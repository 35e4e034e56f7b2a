"""Compress vision models and run them on edge devices, still right on every engine."""

__version__ = "0.1.0"
