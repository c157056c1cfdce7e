# Text 0, "fill style": initialization and the four fills, which continue it. The line breaks, which its page lost, are
# put back, and two typing errors are corrected: padding_mode= for mode= (nn.Conv2d has no argument of that name) and
# nn.Parameter( for nn.parameter( (which is a module).
import torch.nn as nn
import torch

conv_1=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=1,bias=False,padding=3,padding_mode='zeros')
conv_1.weight=nn.Parameter(torch.ones((1,1,1,1)))
conv_2=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=1,bias=False,padding=3,padding_mode='reflect')
conv_2.weight=nn.Parameter(torch.ones((1,1,1,1)))
conv_3=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=1,bias=False,padding=3,padding_mode='replicate')
conv_3.weight=nn.Parameter(torch.ones((1,1,1,1)))
conv_4=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=1,bias=False,padding=3,padding_mode='circular')
conv_4.weight=nn.Parameter(torch.ones((1,1,1,1)))
img=torch.arange(25,dtype=torch.float32).reshape(1,1,5,5)

# Zero fill
img_1=conv_1(img)
print(img)
print(img_1)

# Mirror fill
img_2=conv_2(img)
print(img)
print(img_2)

# Copy fill
img_3=conv_3(img)
print(img)
print(img_3)

# Cyclic filling
img_4=conv_4(img)
print(img)
print(img_4)
