# Text 0, "Parameters of output convolution operation: convolution layer value". As in the text; only the line breaks,
# which its page lost, are put back.
import torch.nn as nn
import torch

conv=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=3)
print(conv.weight)
print(conv.bias)
print(type(conv.weight))
# Call parameters with the. parameters() method
for i in conv.parameters():
    print(i)
    print(type(i))
