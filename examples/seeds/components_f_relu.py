# Text 3, "torch.nn.functional", 3: activation. As in the text, with its line breaks put back and the import that it
# takes for granted; the last line is added, since the program prints nothing.
import torch
import torch.nn.functional as F

input = torch.randn(1, 10)
output = F.relu(input)
print(output)
