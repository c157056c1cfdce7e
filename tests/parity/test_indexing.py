"""Reading and writing parts of a tensor, call by call as PyTorch gives it."""

from __future__ import annotations

import pytest

from .calls import DIFFERENTIABLE, compare

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

# Equal in everything: values, gradients, dtypes, shapes, strides, views, names of nodes, warnings, errors.
SAME = """\
v[5]
v[-4]
x[0,5]
x[:,None,5]
x[None,:,5]
x[...,9]
x[0,0,0,0]
x[0,0,0,...]
x[...,...]
x[::-1]
x[::0]
x[5:]
x[1.0]
x['a']
x[1.0:]
x[torch.tensor(0):torch.tensor(1)]
x[True]
x[False]
x[torch.tensor(True)]
x[0,True]
x[[True,False]]
x[[0,1]]
x[[[0,1],[1,0]]]
x[[0,slice(None)]]
x[[0,None]]
x[(0,1)]
x[np.array([0,1])]
x[np.int64(1)]
x[np.array(1)]
x[np.array([True,False])]
x[torch.tensor([0,1],dtype=torch.int32)]
x[torch.tensor([0,1],dtype=torch.int16)]
x[torch.tensor([0,1],dtype=torch.uint8)]
x[torch.tensor([0.,1])]
x[torch.tensor(1,dtype=torch.int8)]
x[torch.tensor(1.)]
x[torch.tensor([5])]
x[:,torch.tensor([5])]
x[0,torch.tensor([5])]
x[torch.tensor([-3])]
x[torch.tensor([0,1]),torch.tensor([0,1,2])]
x[torch.tensor([True,False,True])]
x[:,torch.tensor([True,False])]
x[torch.zeros(2,2,dtype=torch.bool)]
x[torch.zeros(2,3,dtype=torch.bool)]
x[torch.zeros(2,3,4,1,dtype=torch.bool)]
x[torch.tensor([0]),:,torch.tensor([0,1])]
x[0,:,[0,1]]
x[[0,1],0]
x[:,[0,1],0]
x[[0,1],0,[0,1]]
x[:,[0,1],[0,1]]
x[[0,1],None,[0,1]]
x[None,[0,1],:,[0,1]]
x[torch.tensor([],dtype=torch.long)]
x[[]]
x[torch.tensor([])]
x[range(2)]
s[()]
s[0]
s[...]
s[None]
s[:]
s[True]
s[torch.tensor(True)]
s[torch.tensor(0)]
s[[0]]
x[()]
x[{}]
x[{0}]
x[None,None]
x[:,:]
x[..., :]
x[1:0]
x[-10:10]
torch.index_select(x,0,torch.tensor([[0]]))
torch.index_select(x,0,torch.tensor([5]))
torch.index_select(x,0,torch.tensor([-1]))
torch.index_select(x,0,torch.tensor([0.]))
torch.index_select(x,0,torch.tensor(1))
torch.index_select(x,0,torch.tensor([1],dtype=torch.int32))
torch.index_select(x,3,torch.tensor(1))
torch.index_select(s,0,torch.tensor(0))
torch.gather(x,0,torch.tensor([0]))
torch.gather(x,0,torch.zeros(1,4,1,dtype=torch.long))
torch.gather(x,0,torch.zeros(1,1,1))
torch.gather(x,0,torch.full((1,1,1),5))
torch.gather(x,0,torch.full((1,1,1),-1))
torch.gather(x,0,torch.zeros(1,1,1,dtype=torch.int32))
torch.gather(x,0,torch.zeros(0,dtype=torch.long))
torch.gather(s,0,torch.tensor(0))
torch.gather(v,0,torch.tensor(0))
x.scatter(0,torch.zeros(1,4,1,dtype=torch.long),x)
x.scatter(0,torch.zeros(3,1,1,dtype=torch.long),x)
x.scatter(0,torch.full((1,1,1),5),x)
x.scatter(0,torch.full((1,1,1),5),1)
x.scatter(0,torch.zeros(1,1,1),x)
x.scatter(0,torch.zeros(1,1,dtype=torch.long),x)
x.scatter(0,torch.zeros(1,1,1,dtype=torch.long),1,reduce='foo')
x.scatter(0,torch.zeros(1,1,1,dtype=torch.int32),1)
x.scatter_add(0,torch.full((1,1,1),5),x)
x.take(torch.tensor([30]))
x.take(torch.tensor([-1]))
x.take(torch.tensor([1.]))
torch.take_along_dim(x,torch.tensor([[[0]]]),0)
torch.take_along_dim(x,torch.tensor([0]))
torch.take_along_dim(x,torch.tensor([0]),0)
x.masked_select(torch.tensor([True]))
x.masked_select(torch.tensor([True,True]))
x.masked_select(torch.tensor([1]))
x.index_add(0,torch.tensor([0]),x)
x.index_add(0,torch.tensor([0,5]),x)
x.index_add(0,torch.tensor([0,1]),x,alpha=2)
x.index_add(0,torch.tensor([0,1]),x.double())
x.index_add(0,torch.tensor([0.,1]),x)
x.index_add(0,torch.tensor([0,1]),v)
x.index_copy(0,torch.tensor([0]),x)
x.index_copy(0,torch.tensor([0,5]),x)
x.index_copy(0,torch.tensor([0,1]),x.double())
x.index_copy(0,torch.tensor([0,1]),x[:,:2])
x.index_fill(0,torch.tensor([0]),torch.tensor([1.]))
x.index_fill(0,torch.tensor([5]),1)
x.index_fill(0,torch.tensor([-1]),1)
x.index_fill(0,torch.tensor([0.]),1)
x.index_fill(0,torch.tensor([[0]]),1)
x.index_fill(0,torch.tensor([0]),1j)
torch.nonzero(s)
torch.argwhere(s)
F.one_hot(torch.tensor([0,2]))
F.one_hot(torch.tensor([0,2]),2)
F.one_hot(torch.tensor([-1]))
F.one_hot(torch.tensor([0.]))
F.one_hot(torch.tensor([],dtype=torch.long))
F.one_hot(torch.tensor([],dtype=torch.long),3)
F.one_hot(torch.tensor(1),3)
F.one_hot(torch.tensor(1),0)
F.one_hot(torch.tensor([0],dtype=torch.int32))
F.embedding(torch.tensor([5]),x[0])
F.embedding(torch.tensor([0.]),x[0])
F.embedding(torch.tensor([0]),v)
F.embedding(torch.tensor([[0,1]]),x[0])
F.embedding(torch.tensor([0]),x[0],padding_idx=5)
F.embedding(torch.tensor([0]),x[0],padding_idx=-5)
F.embedding(torch.tensor([-1]),x[0])
x.masked_scatter(x>20,torch.zeros(2))
x.masked_scatter(x>20,torch.zeros(3).double())
x.index_put((torch.tensor([0]),),torch.tensor(1.))
x.index_put((torch.tensor([0]),),torch.ones(3,4),accumulate=True)
x.index_put([torch.tensor([0])],torch.tensor(1.).double())
x.put(torch.tensor([0]),torch.tensor([1.]))
x.select_scatter(torch.zeros(3,4),0,0)
x.slice_scatter(torch.zeros(1,3,4),0,0,1)
x.scatter(0,torch.zeros(1,3,4,dtype=torch.long),x[:1])
x.scatter(0,torch.zeros(2,3,4,dtype=torch.long)+1,2.)
x.scatter_add(0,torch.zeros(2,3,4,dtype=torch.long)+1,x*2)
s.scatter(0,torch.tensor(0),2.)
s.scatter_add(0,torch.tensor(0),s*3)
v.scatter(0,torch.tensor([1]),s.reshape(1))
v.scatter(0,i,v*2)
v.scatter_add(0,i,v)
m.gather(1,torch.tensor([[0,1],[2,3],[1,1]]))
m.gather(-1,torch.tensor([[0,0,0,0,3]]))
x.gather(1,torch.tensor([[[0,1,2,2]],[[2,1,0,0]]]))
m.index_select(1,i)
m.index_select(0,i)
x[:,i]
x[...,i]
x[i[:1],:,i]
x[:,i,i]
x[0][:,i]
m[i]
m[i,i]
m[ii,ii]
m[:,ii]
x[0,ii,:]
x[ii[0],0,i[:2]]
x[x>0]
x[:,m>0]
x[(x>0).any(-1)]
x[torch.tensor([True,False])]
v[v>100]
m.take(ii)
torch.take_along_dim(x, x.argsort(1), 1)
x.masked_select(x>0)
x.masked_select(m>0)
s.masked_select(torch.tensor(True))
v.masked_select(torch.tensor(True))
v[:1].masked_select(torch.tensor([True,False,True]))
m.masked_scatter(m>0, x)
v.masked_scatter(torch.tensor(True), x)
m.index_add(0,i,m)
m.index_add(1,i,m[:,:3],alpha=2)
s.index_add(0,torch.tensor([0]),s.reshape(1))
m.index_copy(0,torch.tensor([2,0]),m[:2]*3)
m.index_fill(1,i,5.)
m.index_fill(1,i,s)
m.index_put((i,),v.new_ones(4)*s)
m.index_put((i,i),v,accumulate=True)
m.index_put((m>0,),s)
m.put(ii, q[:2,:2])
m.put(ii, q[:2,:2], accumulate=True)
m.repeat_interleave(torch.tensor([1,0,2]),0)
m.repeat_interleave(torch.tensor([2]),1)
x.select_scatter(m,0,1)
x.slice_scatter(x[:1]*2,0,0,1)
x.select_scatter(m,0,5)
x.select_scatter(v,0,1)
F.embedding(ii,m)
F.embedding(i,m,padding_idx=2)
F.embedding(i,m,scale_grad_by_freq=True)
F.embedding(torch.tensor(1),m)
F.one_hot(i,4)
y=x*1; y[0]=1.; y
y=x*1; y[0]=m; y
y=x*1; y[0]=m[:1]; y
y=x*1; y[:,1:,::2]=s; y
y=x*1; y[y>0]=0.; y
y=x*1; y[y>0]*=2; y
y=x*1; y[:,i]=v[:,None]; y
y=x*1; y[0,:,i]=q; y
y=x*1; y[0][1]=v[:1]; y
y=x*1; z=y[0]; z[1]=v[0]; (y,z)
y=x*1; y[0,0,0]+=s; y
y=x*1; y[None,0]=m; y
y=torch.zeros(3,4); y[i,i]=v.float(); y
y=torch.zeros(3,4,dtype=torch.float64); y[i,i]=v; y
y=torch.zeros(3,4,dtype=torch.float64); y[i]=m; y
y=x.detach().clone(); y[0]=m; y
y=m*1; y.index_add_(0,i,m); y
y=m*1; y.index_copy_(0,torch.tensor([2,0]),m[:2]*3); y
y=m*1; y.index_fill_(1,i,5.); y
y=m*1; y.index_fill_(1,i,s); y
y=m*1; y.index_put_((i,i),v,accumulate=True); y
y=m*1; y.scatter_(0,torch.zeros(1,4,dtype=torch.long),m[:1]*2); y
y=m*1; y.scatter_(1,torch.tensor([[1],[2],[3]]),5.); y
y=m*1; y.t().scatter_add_(0,torch.zeros(1,3,dtype=torch.long),m.t()[:1]*2); y
y=m*1; y.masked_scatter_(y>0,x); y
y=m*1; y.squeeze_(); y
y=m*1; y.unsqueeze_(0); y
y=m*1; y.t_(); y
y=m*1; y.transpose_(0,1); y
y=m*1; z=y[0]; y.unsqueeze_(0); z*2
y=m*1; y.fill_(2.); y
y=m*1; y.fill_(s); y
y=m*1; y.zero_(); y
y=m*1; y[1].zero_(); y
y=m*1; y[1].fill_(s); y
y=m*1; y.fill_diagonal_(3.); y
y=m*1; y.diagonal().mul_(3.); y
y=m*1; y.view(-1)[::2].mul_(3.); y
y=m*1; a,b=y.split(2,1); y*3
y=m*1; y.t()[0]=v; y
y=x*1; y.permute(2,0,1)[0].copy_(m[:2,:3]); y
list(v)
3. in m
list(reversed(v))
v[0] in v
torch.nonzero(m>0)
torch.argwhere(m)
y=torch.zeros(3).expand(2,3); y[0]=1.; y
y=torch.zeros(2).expand(3,2).zero_(); y
y=torch.zeros(2).expand(3,2).fill_(2); y
m.reshape(2,6).t().reshape(3,4)
y=torch.arange(6.); y[1:][1:]=5; y
y=torch.arange(6.); y[y>2]=torch.tensor(-1.); y
"""

# Equal but for the layout of empty results, warnings, or how PyTorch composes the result (its views and nodes).
VALUES = """\
x[torch.tensor(1,dtype=torch.uint8)]
torch.nonzero(x>20)
torch.nonzero(x>20,as_tuple=True)
torch.nonzero(s,as_tuple=True)
torch.nonzero(torch.tensor(0))
m.repeat_interleave(2)
m.repeat_interleave(2,0)
"""

# Where PyTorch cannot give the gradient.
FORWARD = """\
x.scatter(0,torch.zeros(1,1,1,dtype=torch.long),x.double())
x.scatter(0,torch.zeros(1,1,1,dtype=torch.long),1,reduce='add')
x.scatter_add(0,torch.zeros(1,1,1,dtype=torch.long),x.double())
x.scatter(0,torch.zeros(1,1,1,dtype=torch.long),x)
y=x*1; y[...]=m; y
"""

DTYPES = ("float32", "float16", "bfloat16", "complex128", "int64", "uint8", "bool")
IN_EVERY_DTYPE = """\
x[0,1:,None]
x[:,i]
x[ii,0]
x[m.bool()[:2,0]]
m.gather(1,torch.tensor([[0,1],[2,3],[1,1]]))
m.scatter(0,torch.zeros(1,4,dtype=torch.long),m[1:2])
m.scatter_add(0,torch.zeros(2,4,dtype=torch.long),m[:2])
m.index_add(0,i,m)
m.index_select(1,i)
m.take(ii)
m.masked_select(torch.tensor([True,False,True,True]))
y=m*m; y[0]=y[1]; y
y=m*m; y[i,i]=v; y
"""


@pytest.mark.parametrize("call", SAME.splitlines())
def test_same(call: str) -> None:
    compare(torch, call)


@pytest.mark.parametrize("call", VALUES.splitlines())
def test_values(call: str) -> None:
    compare(torch, call, layout=False)


@pytest.mark.parametrize("call", FORWARD.splitlines())
def test_forward(call: str) -> None:
    compare(torch, call, grad=False, layout=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", IN_EVERY_DTYPE.splitlines())
def test_dtypes(call: str, dtype: str) -> None:
    differentiable = dtype.startswith(DIFFERENTIABLE)
    rtol = {"float16": 4e-3, "bfloat16": 3e-2}.get(dtype, 1e-5)
    compare(torch, call, dtype, grad=differentiable, layout=False, rtol=rtol)
