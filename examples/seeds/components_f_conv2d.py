# Text 3, "torch.nn.functional", 1: convolution. As in the text, with its line breaks put back and the imports that it
# takes for granted; the last line is added, since the program prints nothing.
import torch
import torch.nn as nn
import torch.nn.functional as F

input = torch.randn(1, 1, 28, 28)
conv1 = nn.Conv2d(1, 6, 5)
output = F.conv2d(input, conv1.weight, conv1.bias, stride=1, padding=2)
print(output)
