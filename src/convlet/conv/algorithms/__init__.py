"""The ordered table of convolution algorithms."""
