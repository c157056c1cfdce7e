"""Programs of the kind that courses and repositories hold, run with PyTorch and with Convlet: the same results.

Each takes the library as ``torch`` and returns numbers, texts and tensors in the order in which a script prints them.
"""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import convlet
import convlet.nn.functional
import convlet.optim.lr_scheduler
import convlet.utils.data

pytest.importorskip("torch")

pytestmark = pytest.mark.parity


def image_classifier(torch):
    """MNIST's network with dropout, a loader, Adadelta and StepLR; its state saved and loaded again."""
    nn, F = torch.nn, torch.nn.functional

    class Digits(torch.utils.data.Dataset):
        def __init__(self, count, seed):
            g = torch.Generator().manual_seed(seed)
            self.targets = torch.randint(0, 10, (count,), generator=g)
            self.data = torch.rand(count, 16, 16, generator=g) * 0.3
            for index, target in enumerate(self.targets):
                self.data[index, int(target) : int(target) + 5, 2:12] += 0.7

        def __len__(self):
            return len(self.data)

        def __getitem__(self, index):
            return (self.data[index].unsqueeze(0) - 0.13) / 0.31, self.targets[index]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 8, 3, 1)
            self.conv2 = nn.Conv2d(8, 16, 3, 1)
            self.dropout1 = nn.Dropout(0.25)
            self.fc1 = nn.Linear(16 * 36, 32)
            self.fc2 = nn.Linear(32, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
            x = F.relu(self.fc1(torch.flatten(self.dropout1(x), 1)))
            return F.log_softmax(self.fc2(x), dim=1)

    model = Net().to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    optimizer = torch.optim.Adadelta(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    results = [repr(model), repr(optimizer)]
    for _ in range(2):
        model.train()
        for data, target in torch.utils.data.DataLoader(Digits(96, 0), batch_size=16, shuffle=True):
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
            results.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for data, target in torch.utils.data.DataLoader(Digits(40, 1), batch_size=20):
                output = model(data)
                prediction = output.argmax(dim=1, keepdim=True)
                results.append(prediction.eq(target.view_as(prediction)).sum().item())
        results.append(scheduler.get_last_lr())
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = Net().eval()
    results.append(str(other.load_state_dict(torch.load(file))))
    results.append(torch.equal(other(data), model(data)))
    return results


def residual_network(torch):
    """Bottlenecks with groups, zero-initialised residuals, label smoothing, cosine decay, running statistics."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, planes, stride=1, groups=2):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, groups=groups, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inputs != planes:
                projection = nn.Conv2d(inputs, planes, 1, stride, bias=False)
                self.downsample = nn.Sequential(projection, nn.BatchNorm2d(planes))

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            out += identity
            return self.relu(out)

    model = nn.Sequential(
        OrderedDict([
            ("stem", nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)), ("bn", nn.BatchNorm2d(8)),
            ("relu", nn.ReLU(inplace=True)), ("pool", nn.MaxPool2d(3, 2, 1)), ("layer1", Block(8, 8)),
            ("layer2", Block(8, 16, 2, 4)), ("avg", nn.AdaptiveAvgPool2d((1, 1))), ("flat", nn.Flatten()),
            ("fc", nn.Linear(16, 5)),
        ])
    )  # fmt: skip
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(m, Block):
            nn.init.constant_(m.bn2.weight, 0)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    x, y = torch.randn(6, 3, 32, 32), torch.randint(0, 5, (6,))
    results = [repr(model), sum(p.numel() for p in model.parameters() if p.requires_grad)]
    for _ in range(3):
        loss = criterion(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        scheduler.step()
        results += [loss.item(), optimizer.param_groups[0]["lr"]]
    results += [name for name, _ in model.named_buffers()]
    return [*results, model.bn.running_mean, model.eval()(x).softmax(1).max(1).values]


def segmentation(torch):
    """A U-Net with bilinear upsampling, concatenation and padding; Dice and cross-entropy; clipping; a plateau."""
    nn, F = torch.nn, torch.nn.functional

    def double(i, o):
        return nn.Sequential(
            nn.Conv2d(i, o, 3, padding=1, bias=False), nn.GroupNorm(2, o), nn.SiLU(),
            nn.Conv2d(o, o, 3, padding=1, padding_mode="reflect"), nn.InstanceNorm2d(o, affine=True), nn.LeakyReLU(0.1),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.levels = nn.ModuleList([double(3, 4), double(4, 8)])
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.heads = nn.ModuleDict({"mix": double(12, 4), "out": nn.Conv2d(4, 2, 1)})

        def forward(self, x):
            first = self.levels[0](x)
            second = self.up(self.levels[1](F.max_pool2d(first, 2)))
            dy, dx = first.size(2) - second.size(2), first.size(3) - second.size(3)
            second = F.pad(second, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
            return self.heads["out"](self.heads["mix"](torch.cat([first, second], dim=1)))

    net = UNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=0)
    x = torch.randn(2, 3, 13, 14).to(memory_format=torch.channels_last)
    y = (x.sum(1) > 0).long()
    results = [repr(net)]
    for step in range(3):
        prediction = net(x)
        hot = F.one_hot(y, 2).permute(0, 3, 1, 2).float()
        p = prediction.softmax(dim=1)
        dice = 1 - (2 * (p * hot).sum((2, 3)) / (p.sum((2, 3)) + hot.sum((2, 3)) + 1e-6)).mean()
        loss = F.cross_entropy(prediction, y) + dice
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        scheduler.step(-step)
        results += [loss.item(), norm, optimizer.param_groups[0]["lr"]]
    return results


def adversarial_training(torch):
    """A generator, a discriminator and a gradient penalty, which differentiates a gradient."""
    nn = torch.nn

    def weights_init(m):
        if "Conv" in m.__class__.__name__:
            nn.init.normal_(m.weight.data, 0.0, 0.1)

    critic = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(4, 4, 3, groups=4), nn.GELU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 1),
    )  # fmt: skip
    generator = nn.Sequential(
        nn.Linear(8, 64), nn.Unflatten(1, (4, 4, 4)), nn.Upsample(scale_factor=3), nn.Conv2d(4, 1, 3, 1, 1), nn.Tanh()
    )
    critic.apply(weights_init)
    optimizers = [torch.optim.Adam(each.parameters(), lr=1e-3, betas=(0.5, 0.9)) for each in (critic, generator)]
    results = []
    for _ in range(2):
        real, fake = torch.rand(4, 1, 12, 12) * 2 - 1, generator(torch.randn(4, 8))
        alpha = torch.rand(4, 1, 1, 1)
        mixed = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_(True)
        scores = critic(mixed)
        (gradient,) = torch.autograd.grad(scores, mixed, torch.ones_like(scores), create_graph=True, retain_graph=True)
        penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        loss = critic(fake.detach()).mean() - critic(real).mean() + 10 * penalty
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        cost = nn.functional.softplus(-critic(fake)).mean()
        cost.backward()
        optimizers[1].step()
        results += [loss.item(), penalty.item(), cost.item(), *(p.grad.norm() for p in critic.parameters())]
    return results


def looking_inside(torch):
    """Forward and backward hooks: features, Grad-CAM, Gram matrices; gradients of the input."""
    nn, F = torch.nn, torch.nn.functional
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4),
    )  # fmt: skip
    image = torch.rand(1, 3, 12, 12, requires_grad=True)
    seen, order = {}, []
    handles = [
        module.register_forward_hook(lambda m, i, o, name=name: seen.update({name: o.detach()}))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    net[3].register_forward_hook(lambda m, i, o: seen.update(activation=o))
    net[3].register_full_backward_hook(lambda m, gi, go: seen.update(gradient=go[0]))
    for m in net.children():
        m.register_full_backward_hook(lambda m, gi, go: order.append(type(m).__name__))
    out = net(image)
    out[0, out.argmax(1).item()].backward()
    for handle in handles:
        handle.remove()
    weights = seen["gradient"].mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weights * seen["activation"]).sum(1, keepdim=True))
    cam = F.interpolate(cam, size=image.shape[2:], mode="bilinear", align_corners=False)
    features = seen["0"].view(4, -1)
    attack = torch.clamp(image + 0.1 * image.grad.sign(), 0, 1)
    return [
        out, order, cam.detach(), (features @ features.t()).div(features.numel()), image.grad, attack, net(attack),
        {name: tuple(each.shape) for name, each in seen.items()},
    ]  # fmt: skip


def own_layers(torch):
    """A custom Function, a padded convolution, squeeze-and-excitation, weight standardisation, depthwise filters."""
    nn, F = torch.nn, torch.nn.functional

    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sign()

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x.abs() <= 1).to(grad)

    class Same(nn.Conv2d):
        def forward(self, x):
            pad = []
            for size, k, s, d in list(zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation))[::-1]:
                total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
                pad += [total // 2, total - total // 2]
            settings = self.stride, self.padding, self.dilation, self.groups
            return F.conv2d(F.pad(x, pad), self.weight, self.bias, *settings)

    class Excite(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc = nn.Sequential(nn.Linear(channels, 2, bias=False), nn.ReLU(), nn.Linear(2, channels), nn.Sigmoid())
            self.register_buffer("calls", torch.zeros(1, dtype=torch.long))

        def forward(self, x):
            self.calls += 1
            b, c, _, _ = x.size()
            return x * self.fc(x.mean((2, 3))).view(b, c, 1, 1).expand_as(x)

        def extra_repr(self):
            return f"calls={self.calls.item()}"

    class Standardised(nn.Conv2d):
        def forward(self, x):
            w = self.weight
            w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
            return self._conv_forward(x, w, self.bias)

    net = nn.Sequential(
        Same(3, 4, (3, 5), stride=2, dilation=(1, 2)), Excite(4), Standardised(4, 6, 3, padding="same"), nn.PReLU(6)
    )
    x = torch.randn(2, 3, 11, 14)
    y = Sign.apply(net(x))
    y.mul(torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    filters = torch.rand(6, 1, 3, 3, requires_grad=True)
    z = F.conv2d(x.view(1, 6, 11, 14), filters, groups=6, padding=1).view(2, 3, 11, 14)
    z.pow(2).sum().backward()
    copied, pickled = copy.deepcopy(net), pickle.loads(pickle.dumps(nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())))
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    edges = F.conv2d(x.mean(1, keepdim=True), torch.stack([sobel, sobel.t()]).unsqueeze(1), padding=1).norm(dim=1)
    return [
        repr(net), y, *(p.grad for p in net.parameters()), filters.grad, edges, list(net.state_dict()), repr(pickled),
        torch.equal(copied(x), net(x)), net[1].calls, type(y.grad_fn).__name__,
    ]  # fmt: skip


def vision_transformer(torch):
    """Patches by a convolution, attention by einsum, LayerNorm, gradient accumulation, averaged weights, groups."""
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self, dim, heads=2):
            super().__init__()
            self.heads = heads
            self.norm = nn.LayerNorm(dim)
            self.qkv = nn.Linear(dim, dim * 3, bias=False)
            self.mlp = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

        def forward(self, x):
            b, n, c = x.shape
            qkv = self.qkv(self.norm(x)).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
            q, k, v = qkv.unbind(0)
            weights = torch.einsum("bhid,bhjd->bhij", q, k) * (c // self.heads) ** -0.5
            mask = torch.tril(torch.ones(n, n)) == 0
            weights = weights.masked_fill(mask, float("-inf")).softmax(dim=-1)
            x = x + (weights @ v).transpose(1, 2).reshape(b, n, c)
            return x + self.mlp(x)

    class ViT(nn.Module):
        def __init__(self, dim=8):
            super().__init__()
            self.patches = nn.Conv2d(3, dim, 4, stride=4)
            self.token = nn.Parameter(torch.zeros(1, 1, dim))
            self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 10, dim), std=0.02))
            self.blocks = nn.ModuleList([Attention(dim) for _ in range(2)])
            self.head = nn.Linear(dim, 4)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.position
            for block in self.blocks:
                x = block(x)
            return self.head(x[:, -1])

    net = ViT()
    average = copy.deepcopy(net).requires_grad_(False)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0, "lr": 1e-2}], lr=3e-3
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[1e-2, 2e-2], total_steps=4)
    x, y = torch.randn(8, 3, 12, 12), torch.randint(0, 4, (8,))
    results = [repr(net)]
    for _ in range(3):
        optimizer.zero_grad()
        for images, labels in zip(x.split(4), y.chunk(2)):
            loss = F.cross_entropy(net(images), labels) / 2
            loss.backward()
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            for mine, other in zip(average.parameters(), net.parameters()):
                mine.mul_(0.9).add_(other, alpha=0.1)
        results += [loss.item(), [group["lr"] for group in optimizer.param_groups]]
    out = average(x)
    top = out.topk(2, dim=1, largest=True, sorted=True)[1]
    correct = top.t().eq(y.view(1, -1).expand_as(top.t()))
    confusion = torch.zeros(4, 4, dtype=torch.int64)
    confusion.index_put_((y, out.argmax(1)), torch.ones(8, dtype=torch.int64), accumulate=True)
    return [*results, out, top, correct[:2].reshape(-1).float().sum(0), confusion, repr(optimizer)]


def data_and_augmentation(torch):
    """random_split, weighted sampling, a collate function, mixup, flips and crops drawn from torch's generator."""
    data, F = torch.utils.data, torch.nn.functional
    images = torch.arange(20 * 3 * 6 * 6, dtype=torch.float32).view(20, 3, 6, 6) / 100
    labels = torch.arange(20) % 3

    class Augmented(data.Dataset):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            image = images[index]
            if torch.rand(1) < 0.5:
                image = image.flip(-1)
            image = F.pad(image, [1] * 4, mode="reflect")
            i, j = torch.randint(0, 3, size=(2,)).tolist()
            return {"image": image[..., i : i + 6, j : j + 6], "label": int(labels[index]), "name": f"{index}.png"}

    train, rest = data.random_split(Augmented(), [15, 5], generator=torch.Generator().manual_seed(3))
    results = [list(train.indices), list(rest.indices)]
    for batch in data.DataLoader(train, batch_size=4, shuffle=True, drop_last=True):
        results += [batch["image"], batch["label"], batch["name"]]
    sampler = data.WeightedRandomSampler(torch.tensor([0.1, 0.2, 0.7]), 8)
    results.append(list(sampler))
    whole = data.TensorDataset(images, labels)
    together = data.DataLoader(
        whole, batch_sampler=data.BatchSampler(data.RandomSampler(whole), 8, False),
        collate_fn=lambda batch: (torch.stack([x for x, _ in batch]), torch.stack([y for _, y in batch])),
    )  # fmt: skip
    x, y = next(iter(together))
    order = torch.randperm(8)
    results += [0.3 * x + 0.7 * x[order], F.one_hot(y[order], 3), x.mean((0, 2, 3)), x.std((0, 2, 3))]
    return results


PROGRAMS = [
    image_classifier, residual_network, segmentation, adversarial_training, looking_inside, own_layers,
    vision_transformer, data_and_augmentation,
]  # fmt: skip


def flat(result):
    if isinstance(result, dict):
        result = list(result.items())
    return [part for each in result for part in flat(each)] if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_program(program):
    import torch
    import torch.utils.data

    outcomes = []
    for library in (torch, convlet):
        library.manual_seed(0)
        outcomes.append(flat(program(library)))
    assert len(outcomes[0]) == len(outcomes[1])
    for index, (theirs, ours) in enumerate(zip(*outcomes)):
        if isinstance(theirs, torch.Tensor):
            assert str(ours.dtype) == str(theirs.dtype)
            theirs, ours = theirs.detach().numpy(), ours.detach().numpy()
            assert ours.shape == theirs.shape
            bound = 2e-4 * float(np.abs(theirs).max(initial=0)) + 1e-7
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=bound, err_msg=f"result {index}")
        elif isinstance(theirs, float):
            assert ours == pytest.approx(theirs, rel=5e-4, abs=1e-6), f"result {index}"
        else:
            assert ours == theirs, f"result {index}"
