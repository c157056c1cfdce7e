"""Saving and loading: safetensors files, never pickles."""

from .checkpoint import CheckpointError, load, save

__all__ = ["CheckpointError", "load", "save"]
