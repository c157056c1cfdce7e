"""How a convolution is computed: the only folder that imports Numba. Kernels take addresses, not arrays."""
