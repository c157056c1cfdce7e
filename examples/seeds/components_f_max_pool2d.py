# Text 3, "torch.nn.functional", 2: pooling. As in the text, with its line breaks put back and the import that it
# takes for granted; the last line is added, since the program prints nothing.
import torch
import torch.nn.functional as F

input = torch.randn(1, 1, 28, 28)
output = F.max_pool2d(input, kernel_size=2, stride=2)
print(output)
