# Text 1. As in the text, with its indentation put back, the imports that it takes for granted, and one omission made
# good: the text prints net.conv2d.weight, but never builds net.
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        nn.Module.__init__(self)
        self.conv2d = nn.Conv2d(in_channels=3,out_channels=64,kernel_size=4,stride=2,padding=1)

    def forward(self, x):
        print(x.requires_grad)
        x = self.conv2d(x)
        return x


net = Net()
print(net.conv2d.weight)
print(net.conv2d.bias)
