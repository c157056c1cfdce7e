"""Measurements of Convlet beside PyTorch: `python -m benchmarks --help`."""
