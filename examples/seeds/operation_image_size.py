# Text 0, "Changes in image size". As in the text; only the line breaks, which its page lost, are put back.
import torch.nn as nn
import torch

img=torch.arange(4*64*28*28,dtype=torch.float32).view(4,64,28,28)
conv=nn.Conv2d(in_channels=64,out_channels=128,kernel_size=3,padding=1)
img_2=conv(img)
print(img.shape)
print(img_2.shape)
