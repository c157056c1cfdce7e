# Text 0, "Convolution layer parameter size". As in the text; only the line breaks, which its page lost, are put back.
import torch.nn as nn
import torch

conv=nn.Conv2d(in_channels=64,out_channels=128,kernel_size=[5,3],padding=2)
print(conv.weight.shape)
print(conv.bias.shape)
