# Text 3, 2.2. As in the text, but for the last line: the text comes from a notebook, which shows the value of a last
# expression by itself; a script has to print it.
import torch
import torch.nn as nn
import torch.nn.functional as F

# 定义输入图像
input_feature_map=torch.FloatTensor([
    [3,3,2,1,0],
    [0,0,1,3,1],
    [3,1,2,2,3],
    [2,0,0,2,2],
    [2,0,0,0,1]
]).view((1,1,5,5))

# 定义卷积核
kernel_weight = torch.Tensor([[[[0.0, 1.0,  2.0],
                                [2.0, 2.0,  0.0],
                                [0.0, 1.0,  2.0]]]])

# 实例化一个二维卷积并设置卷积核
conv_layer = torch.nn.Conv2d(in_channels=1, out_channels=1, kernel_size=(3, 3),
                             stride=2, padding=1, bias=False)
conv_layer.weight=nn.Parameter(kernel_weight)

# 将输入特征图送入卷积层对象得到输出特征图1
output_feature_map = conv_layer(input_feature_map)
print(output_feature_map)
