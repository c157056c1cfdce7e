# Text 2, "Example 1: Basic Convolutional Layer". As in the text.
import torch
from torch import nn

# Define the convolutional layer
conv_layer = nn.Conv2d(in_channels=3, out_channels=6, kernel_size=3)

# Example input data (assuming a batch of 2 grayscale images)
input_data = torch.randn(2, 3, 32, 32)  # Batch size, channels, height, width

# Pass the input through the convolutional layer
output_data = conv_layer(input_data)

print(output_data.shape)  # Output shape: torch.Size([2, 6, 30, 30])
