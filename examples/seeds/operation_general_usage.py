# Text 0, "General usage". As in the text; only the line breaks, which its page lost, are put back.
import torch.nn as nn
import torch

img=torch.arange(49,dtype=torch.float32).view(1,1,7,7)
conv=nn.Conv2d(in_channels=1,out_channels=1,kernel_size=3)
img_2=conv(img)
print(img)
print(img_2)
