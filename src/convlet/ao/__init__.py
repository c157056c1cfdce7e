"""What changes models after training: ``torch.ao``."""

from . import quantization

__all__ = ["quantization"]
