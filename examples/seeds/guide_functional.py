# Text 2, "torch.nn.functional.conv2d". As in the text.
import torch
from torch import nn

# Define input data
input_data = torch.randn(2, 3, 32, 32)

# Convolutional operation using functional API
output_data = nn.functional.conv2d(input_data, weight=torch.randn(6, 3, 3, 3), bias=torch.zeros(6))

print(output_data.shape)  # Output shape: torch.Size([2, 6, 30, 30])
