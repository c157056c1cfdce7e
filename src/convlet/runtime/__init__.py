"""The ground: threads, scratch memory, the kernel cache, trace lines. Imports nothing above it, and no Numba."""
