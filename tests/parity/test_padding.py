"""Padding (lines 90 to 98 of the list of compatibility), call by call as PyTorch gives it."""

from __future__ import annotations

import pytest

from .calls import DIFFERENTIABLE, compare

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

# Equal in everything: values, gradients, dtypes, shapes, strides, views, names of nodes, warnings, errors.
SAME = """\
F.pad(x,(1,1,1,1,1,1))
F.pad(x,(1,2),value=3.)
F.pad(x,(-1,2,0,-1),value=3.)
F.pad(x,(1,2),mode='reflect')
F.pad(x,(1,2,2,1),mode='reflect')
F.pad(x,(1,2,2,1),mode='replicate')
F.pad(x,(1,2,2,1),mode='circular')
F.pad(m,(3,4),mode='circular')
F.pad(m,(3,3),mode='reflect')
F.pad(m,(7,4),mode='replicate')
F.pad(x[None],(1,2,2,1),mode='reflect')
F.pad(x[None],(1,2,2,1),mode='replicate')
F.pad(x[None],(1,2,2,1),mode='circular')
F.pad(x[None],(1,2,2,1,1,1),mode='reflect')
F.pad(x[None],(1,2,2,1,0,1),mode='replicate')
F.pad(x[None],(1,2,2,1,2,1),mode='circular')
F.pad(x[None],(0,0,0,0),mode='circular')
F.pad(m,(0,0),mode='replicate')
F.pad(v,(2,1))
F.pad(x.permute(2,0,1),(1,1),mode='reflect')
F.pad(x.expand(2,2,3,4),(1,1,1,1),mode='reflect')
F.pad(x,(1,))
F.pad(x,(1,1,1,1,1,1,1,1))
F.pad(x,())
F.pad(x,(-3,-2))
F.pad(s,())
F.pad(s,(1,1))
F.pad(x,(1,1),mode='foo')
F.pad(x,(1,1),mode='reflect',value=1)
F.pad(x,(1,1),mode='reflect',value=0)
F.pad(x,(1,1),mode='replicate',value=1.)
F.pad(x,(1,1),mode='circular',value=1.)
F.pad(v,(1,1),mode='reflect')
F.pad(v,(1,1),mode='replicate')
F.pad(v,(1,1),mode='circular')
F.pad(torch.ones(2,3,4,5),(1,1),mode='reflect')
F.pad(x,(1,1,1,1,1,1),mode='reflect')
F.pad(x,(4,1),mode='reflect')
F.pad(x,(1,4),mode='reflect')
F.pad(x,(1,1,3,1),mode='reflect')
F.pad(torch.ones(2,3,4,5),(1,5,1,1),mode='reflect')
F.pad(torch.ones(2,3,4,5),(1,1,4,1),mode='reflect')
F.pad(torch.ones(1,2,3,4,5),(1,1,1,1,3,1),mode='reflect')
F.pad(x,(5,1),mode='circular')
F.pad(x,(1,5),mode='circular')
F.pad(x,(1,1,4,1),mode='circular')
F.pad(x,(-3,-2),mode='circular')
F.pad(x,(-3,-2),mode='reflect')
F.pad(x,(-3,-2),mode='replicate')
F.pad(x,(-2,-2),mode='replicate')
F.pad(x,(-2,-2),mode='reflect')
F.pad(x,(-2,-2),mode='circular')
F.pad(x,(-1,1,-2,1),mode='reflect')
F.pad(x,(-1,1,-2,1),mode='replicate')
F.pad(x,(-1,1,-2,1),mode='circular')
F.pad(x,(-2,3),mode='reflect')
F.pad(torch.ones(0,3,4),(1,1),mode='reflect')
F.pad(torch.ones(2,0,4),(1,1),mode='reflect')
F.pad(torch.ones(2,3,0),(1,1),mode='reflect')
F.pad(torch.ones(2,3,0),(1,1),mode='replicate')
F.pad(torch.ones(2,3,0),(1,1),mode='circular')
F.pad(torch.ones(2,3,0),(0,0),mode='circular')
F.pad(torch.ones(2,3,0),(1,1))
F.pad(torch.ones(0,3,4,5),(1,1,1,1),mode='replicate')
F.pad(torch.ones(2,0,4,5),(1,1,1,1),mode='replicate')
F.pad(x.long(),(1,1),mode='reflect').dtype
F.pad(x.bool(),(1,1),mode='reflect').dtype
F.pad(x.bool(),(1,1),mode='replicate').dtype
F.pad(x.bool(),(1,1),mode='circular').dtype
F.pad(x.long(),(1,1),mode='replicate').dtype
F.pad(x.bool(),(1,1),value=1)
F.pad(x.long(),(1,1),value=1.5)
F.pad(x.byte(),(1,1),value=300)
F.pad(x.half(),(1,1),mode='reflect').dtype
F.pad(x.half(),(1,1),mode='replicate').dtype
F.pad(x.bfloat16(),(1,1),mode='replicate').dtype
F.pad(x.to(torch.complex64),(1,1),mode='replicate').dtype
F.pad(x,(1.5,1))
F.pad(x,1)
F.pad(x,[1,1])
F.pad(x,torch.tensor([1,1]))
F.pad([1],(1,1))
F.pad(torch.ones(1,2,3,4).contiguous(memory_format=torch.channels_last),(1,1,1,1)).stride()
F.pad(torch.ones(1,2,3,4).contiguous(memory_format=torch.channels_last),(1,1,1,1),mode='reflect').stride()
F.pad(torch.ones(1,2,3,4).contiguous(memory_format=torch.channels_last),(1,1,1,1),mode='replicate').stride()
F.pad(torch.ones(1,2,3,4).contiguous(memory_format=torch.channels_last),(1,1,1,1),mode='circular').stride()
F.pad(torch.ones(1,3,4).transpose(1,2),(1,1)).stride()
F.pad(x,(1,1,1,1,1,1)).shape
F.pad(x,(1,1),value=None).shape
F.pad(x,(1,1),value='a').shape
F.pad(x,(1,1),value=1j).shape
F.pad(x,(1,1),value=torch.tensor(2.)).sum()
torch.constant_pad_nd(x,(1,1),2.).sum()
F.pad(x,(10**18,1))
F.pad(x,(0,0),mode='reflect')
F.pad(x,(),mode='reflect')
F.pad(torch.ones(3),(-2,-2))
F.pad(torch.ones(3),(-4,0))
F.pad(torch.ones(3),(-4,2))
F.pad(torch.ones(3),(2,-6))
F.pad(torch.ones(2,3,4),(0,0,-4,0))
F.pad(torch.ones(2,3,4,5),(-3,-2,0,0),mode='reflect')
F.pad(torch.ones(2,3,4,5),(0,0,-2,-2),mode='replicate')
F.pad(torch.ones(1,2,3,4,5),(-3,-2,0,0,0,0),mode='reflect')
F.pad(torch.ones(1,2,3,4,5),(-3,-2,0,0,0,0),mode='replicate')
F.pad(torch.ones(3,4),(-3,-2),mode='replicate')
F.pad(torch.ones(3,4).bool(),(1,1),mode='replicate')
F.pad(torch.ones(1,3,4,4).bool(),(1,1,1,1),mode='replicate')
F.pad(torch.ones(1,3,4,4).bool(),(1,1,1,1),mode='reflect')
F.pad(torch.ones(1,1,3,4,4).bool(),(1,1,1,1,1,1),mode='reflect')
F.pad(torch.ones(1,1,3,4,4).bool(),(1,1,1,1,1,1),mode='replicate')
F.pad(torch.ones(1,1,3,4,4).int(),(1,1,1,1,1,1),mode='replicate').dtype
F.pad(torch.ones(1,1,3,4,4).int(),(1,1,1,1,1,1),mode='reflect').dtype
F.pad(torch.ones(3,4),(1,1),'constant',True)
F.pad(torch.ones(3,4),(True,1))
F.pad(torch.ones(3,4),(np.int64(1),torch.tensor(1))).shape
F.pad(torch.ones(3,4),('a',1))
F.pad(torch.ones(3,4),(1,1),mode=None)
F.pad(torch.ones(3,4),None)
F.pad(torch.ones(2,3,4),(-5,6),mode='circular')
F.pad(torch.ones(2,3,4),(-5,6),mode='reflect')
F.pad(torch.ones(2,3,4),(-5,6),mode='replicate')
F.pad(torch.ones(2,3,4),(-5,6))
"""

# Equal but for the layout of empty results, warnings, or how PyTorch composes the result (its views and nodes).
VALUES = """\
F.pad(x,(-2,-2))
"""

DTYPES = ("float32", "float16", "bfloat16", "complex128", "int64", "uint8", "bool")
IN_EVERY_DTYPE = """\
F.pad(x,(1,2,-1,1))
F.pad(x,(1,2),mode='reflect')
F.pad(x,(1,2,2,1),mode='replicate')
F.pad(x,(2,2,1,1),mode='circular')
"""


@pytest.mark.parametrize("call", SAME.splitlines())
def test_same(call: str) -> None:
    compare(torch, call)


@pytest.mark.parametrize("call", VALUES.splitlines())
def test_values(call: str) -> None:
    compare(torch, call, layout=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", IN_EVERY_DTYPE.splitlines())
def test_dtypes(call: str, dtype: str) -> None:
    differentiable = dtype.startswith(DIFFERENTIABLE)
    rtol = {"float16": 4e-3, "bfloat16": 3e-2}.get(dtype, 1e-5)
    compare(torch, call, dtype, grad=differentiable, layout=False, rtol=rtol)
