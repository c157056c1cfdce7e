"""Chains, lists and dicts of modules and of parameters."""

from collections import OrderedDict

import pytest

import convlet as torch
from convlet import nn


def test_a_chain_calls_one_after_the_other():
    chain = nn.Sequential(OrderedDict(twice=nn.Linear(1, 1, bias=False), relu=nn.ReLU()))
    with torch.no_grad():
        chain.twice.weight.fill_(2)
    assert chain(torch.tensor([[3.0], [-1.0]])).tolist() == [[6], [0]]
    assert list(chain.state_dict()) == ["twice.weight"]


def test_a_chain_is_a_sequence():
    a, b, c, d = (nn.Linear(i + 1, 1) for i in range(4))
    chain = nn.Sequential(a, b)
    assert len(chain) == 2
    assert list(chain) == [a, b]
    assert chain[0] is a
    assert chain[-1] is b
    assert list(chain[1:]) == [b]
    assert chain.append(c) is chain
    chain.insert(1, d)
    assert list(chain) == [a, d, b, c]
    assert list(chain._modules) == ["0", "1", "2", "3"]
    del chain[1]
    assert list(chain) == [a, b, c]
    assert list(chain._modules) == ["0", "1", "2"]
    chain[1] = d
    assert chain.pop(0) is a
    assert list(chain) == [d, c]
    assert list(chain + nn.Sequential(a)) == [d, c, a]
    assert list(chain * 2) == [d, c, d, c]
    chain += nn.Sequential(b)
    chain.extend(chain)
    assert list(chain) == [d, c, b, d, c, b]
    del chain[1:5]
    assert list(chain) == [d, b]


@pytest.mark.parametrize("container", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
@pytest.mark.parametrize("index", [2, -3, 100])
def test_indices_out_of_range(container, index):
    modules = container(nn.ReLU(), nn.ReLU())
    for call in (modules.__getitem__, modules.__delitem__, modules.pop):
        with pytest.raises(IndexError, match=f"^index {index} is out of range$"):
            call(index)
    assert len(modules) == 2


def test_what_is_no_module_is_refused():
    for build in (lambda: nn.Sequential(3), lambda: nn.ModuleList([3]), lambda: nn.ModuleDict({"a": 3})):
        with pytest.raises(TypeError, match=r"^int is not a Module subclass$"):
            build()
    modules = nn.ModuleList([nn.ReLU()])
    with pytest.raises(TypeError):
        modules.insert(0, "x")
    assert len(modules) == 1


def test_a_list_of_modules():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Linear(1, 1)
    modules = nn.ModuleList([a, b])
    modules.insert(0, c)
    assert list(modules) == [c, a, b]
    modules.insert(-1, modules.pop(0))
    assert list(modules) == [a, c, b]
    assert [name for name, _ in modules.named_parameters()] == ["1.weight", "1.bias"]
    assert list(modules[::2]) == [a, b]
    assert list(modules + [c]) == [a, c, b, c]  # noqa: RUF005
    assert b in modules
    with pytest.raises(NotImplementedError, match=r'Module \[ModuleList\] is missing the required "forward"'):
        modules(1)


def test_equal_neighbours_are_printed_once():
    def block():
        return nn.Sequential(nn.ReLU(), nn.Tanh())

    assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.ReLU(), block(), block(), nn.Tanh()])) == (
        "ModuleList(\n"
        "  (0-2): 3 x ReLU()\n"
        "  (3-4): 2 x Sequential(\n    (0): ReLU()\n    (1): Tanh()\n  )\n"
        "  (5): Tanh()\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_a_dict_of_modules():
    modules = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
    assert list(modules) == ["b", "a"]
    modules["c"] = nn.Tanh()
    assert "c" in modules
    assert repr(modules.pop("c")) == "Tanh()"
    modules.update([("d", nn.ReLU())])
    assert list(modules.keys()) == ["b", "a", "d"]
    assert list(modules.state_dict()) == ["a.weight", "a.bias"]
    with pytest.raises(KeyError, match="attribute 'keys' already exists"):
        modules["keys"] = nn.ReLU()
    with pytest.raises(ValueError, match="ModuleDict update sequence element #0 has length 1; 2 is required"):
        modules.update([(nn.ReLU(),)])


def test_lists_and_dicts_of_parameters():
    parameters = nn.ParameterList([torch.ones(2, 3), nn.Parameter(torch.ones(1)), "text"])
    assert [type(each).__name__ for each in parameters] == ["Parameter", "Parameter", "str"]
    assert list(parameters.state_dict()) == ["0", "1"]
    parameters.append(torch.zeros(2))
    parameters[0] = torch.zeros(1)
    assert [list(each.shape) for each in parameters.parameters()] == [[1], [1], [2]]
    assert repr(nn.ParameterList([torch.ones(2, 3), 3])) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Object of type: int\n)"
    )
    named = nn.ParameterDict({"a": torch.ones(2), "b": 3})
    assert list(named.state_dict()) == ["a"]
    assert named.pop("b") == 3
    assert named.setdefault("c", torch.ones(1)).requires_grad
    assert list(named) == ["a", "c"]
    for each in (parameters, named):
        with pytest.raises(RuntimeError, match="should not be called"):
            each(1)
