"""Convolution on plain NumPy arrays: problems, gradients, algorithms and their plans."""
