# Text 2, "Example 2: Controlling Output Size with Stride and Padding". As in the text.
import torch
from torch import nn

# Convolution with stride 2 and padding 1
conv_layer = nn.Conv2d(3, 6, kernel_size=3, stride=2, padding=1)

# Example input: batch of 2 RGB images (32x32)
input_data = torch.randn(2, 3, 32, 32)

output_data = conv_layer(input_data)

print(output_data.shape)  # Output shape: torch.Size([2, 6, 16, 16])
