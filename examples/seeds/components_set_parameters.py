# Text 3, 1.2.1, second program, and 1.2.2, which continues it. As in the text.
import torch
import torch.nn as nn

# 实例化一个二维卷积
conv_layer = torch.nn.Conv2d(in_channels=1, out_channels=1, kernel_size=(3, 3), 
                             stride=1, padding=0, bias=True)
print('----------------初始化参数----------------')
print(f"conv_layer.bias: {conv_layer.bias}")
print(f"conv_layer.weight: {conv_layer.weight}")
conv_layer.bias=nn.Parameter(torch.zeros(conv_layer.bias.size()))
conv_layer.weight=nn.Parameter(torch.ones(conv_layer.weight.size()))
print('----------------新参数----------------')
print(f"conv_layer.bias: {conv_layer.bias}")
print(f"conv_layer.weight: {conv_layer.weight}")
print(conv_layer.in_channels)  # 输出输入通道数
print(conv_layer.out_channels)  # 输出输出通道数
print(conv_layer.kernel_size)  # 输出卷积核的大小
print(conv_layer.stride)  # 输出卷积操作的步长
print(conv_layer.padding)  # 输出填充层数
print(conv_layer.dilation)  # 输出卷积核元素之间的间距
print(conv_layer.groups)  # 输出输入和输出通道之间的连接方式
print(conv_layer.padding_mode)  # 输出填充的模式
print(conv_layer.weight)  # 输出卷积核的权重参数
print(conv_layer.bias)  # 输出偏置项的参数
