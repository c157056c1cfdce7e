"""The backward walk: order, accumulation, freeing, hooks, in-place writes and views."""

import threading

import numpy as np
import pytest

import convlet as torch
from convlet import autograd


def leaf(*values, dtype=None):
    return torch.tensor(values, dtype=dtype or torch.float64, requires_grad=True)


def test_a_value_used_twice_gets_both_gradients():
    x = leaf(2.0, 3.0)
    y = x * x + x
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    (x * 2).sum().backward()
    assert x.grad.tolist() == [7.0, 9.0]


def test_the_gradient_of_one_leaf_is_not_another_leafs_memory():
    x, y = leaf(1.0), leaf(2.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0]


def test_the_given_gradient_is_not_kept_as_the_leafs():
    x = leaf(1.0, 2.0)
    given = torch.ones(2, dtype=torch.float64)
    (x + 0).backward(given)
    x.grad.zero_()
    assert given.tolist() == [1.0, 1.0]


def test_deep_graphs_do_not_recurse():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0]
    del y  # nor does freeing one


def test_a_freed_graph_says_so():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"^Trying to backward through the graph a second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_keeps_it():
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: (leaf(1.0, 2.0) * 2).backward(), "grad can be implicitly created only for scalar outputs"),
        (
            lambda: torch.ones(1).backward(),
            "element 0 of tensors does not require grad and does not have a grad_fn",
        ),
        (
            lambda: (leaf(1.0, 2.0) * 2).backward(torch.ones(3, dtype=torch.float64)),
            r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)",
        ),
        (
            lambda: autograd.grad(leaf(1.0).sum(), leaf(1.0)),
            "The differentiated Tensor at index 0 appears to not have been used in the graph",
        ),
        (
            lambda: autograd.grad(leaf(1.0).sum(), torch.ones(1)),
            "One of the differentiated Tensors does not require grad",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(RuntimeError, match=message):
        make()


def test_grad_of_intermediate_values_and_leaves_touches_no_leaf():
    x = leaf(2.0)
    y = x * x
    z = (y * 3).sum()
    gy, gx = autograd.grad(z, [y, x])
    assert (gy.item(), gx.item()) == (3.0, 12.0)
    assert x.grad is None


def test_unused_inputs():
    x, other = leaf(2.0), leaf(1.0)
    assert autograd.grad(x.sum(), other, allow_unused=True) == (None,)
    (zero,) = autograd.grad(x.sum(), other, materialize_grads=True)
    assert zero.tolist() == [0.0]


def test_backward_into_chosen_inputs_only():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3.0]
    assert y.grad is None


def test_double_backward():
    x = leaf(2.0)
    (first,) = autograd.grad((x * x * x).sum(), x, create_graph=True)
    assert first.requires_grad
    (second,) = autograd.grad(first.sum(), x, create_graph=True)
    (third,) = autograd.grad(second.sum(), x)
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)


def test_hooks_see_and_replace_gradients():
    x = leaf(1.0, 1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda grad: seen.append(grad.tolist()))
    handle = y.register_hook(lambda grad: grad * 10)
    y.retain_grad()
    (y * 3).sum().backward(retain_graph=True)
    assert seen == [[3.0, 3.0]]
    assert y.grad.tolist() == [30.0, 30.0]  # after the hooks
    assert x.grad.tolist() == [60.0, 60.0]
    handle.remove()
    x.grad = None
    x.register_hook(lambda grad: grad + 1)
    (y * 3).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_node_hooks():
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: tuple(g * 2 for g in grads))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + 1, *inputs[1:]))
    y.sum().backward()
    assert x.grad.tolist() == [5.0]


def test_post_accumulate_hook():
    x = leaf(1.0)
    x.register_post_accumulate_grad_hook(lambda t: t.grad.mul_(5))
    (x * 2).sum().backward()
    assert x.grad.tolist() == [10.0]


def test_modes():
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    assert torch.is_grad_enabled()

    @torch.no_grad()
    def off():
        return (x * 2).requires_grad

    @torch.no_grad
    def off_too():
        return (x * 2).requires_grad

    assert not off()
    assert not off_too()
    with torch.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    seen = []
    with torch.no_grad():  # a flag of each thread
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_mode():
    x = leaf(1.0)
    with torch.inference_mode():
        y = x * 2
    assert y.is_inference()
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
        y.add_(1)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        x * y


def test_meta_tensors_have_no_backward_pass():
    x = torch.ones(3, device="meta", requires_grad=True)
    y = (x * x).sum()
    assert (y.shape, y.requires_grad) == ((), True)
    with pytest.raises(NotImplementedError, match="a meta tensor has a shape only"):
        y.backward()
    assert x.grad is None


# Writing in place -----------------------------------------------------------------------------------------------------


def test_writing_into_a_leaf_is_refused_and_changes_nothing():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        x[0] = 5
    assert x.tolist() == [1.0]
    assert x._version.value == 0
    with torch.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0]


def test_a_changed_saved_tensor_is_noticed():
    x = leaf(2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    message = (
        r"one of the variables needed for gradient computation has been modified by an inplace operation: "
        r"\[torch.DoubleTensor \[1\]\], which is output 0 of Add, is at version 1; expected version 0 instead"
    )
    with pytest.raises(RuntimeError, match=message):
        z.sum().backward()


def test_an_output_that_was_saved_may_be_the_target():
    x = leaf(0.5)
    y = x * 1
    y.exp_()
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), np.exp(0.5))


def test_writing_into_a_view_changes_the_history_of_its_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:] *= 3
    (y * y).sum().backward()
    assert x.grad.tolist() == [2.0, 2 * 6.0 * 3, 2 * 9.0 * 3]


def test_a_view_taken_before_follows_its_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    view = y[:2]
    y.mul_(2)
    assert view.tolist() == [2.0, 4.0]
    view.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 0.0]


def test_two_views_and_a_constant_base():
    x = leaf(5.0)
    base = torch.zeros(4, dtype=torch.float64)
    first, last = base[:2], base[2:]
    first.add_(x)
    assert base.requires_grad
    (last * last).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [0.0]
    base.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_views_of_transposed_and_strided_bases():
    x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4).requires_grad_()
    weights = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
    y = x * 1
    y.t()[1:3, ::2] *= 10
    (y.t() * weights).sum().backward()
    expected = weights.numpy().copy()
    expected[1:3, ::2] *= 10
    assert x.grad.tolist() == expected.T.tolist()


def test_double_backward_through_a_written_view():
    def f(x):
        y = x * 1
        y[1:] *= y[:1] * 1
        return y * y

    x = leaf(1.5, -2.0, 0.5)
    assert autograd.gradcheck(f, x)
    assert autograd.gradgradcheck(f, x)


def test_repeated_memory_is_not_written():
    x = torch.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single memory"):
        x.add_(1)


def test_detached_tensors_share_memory_and_version():
    x = leaf(1.0)
    y = x * 2
    z = y * y
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    assert y.data._version is not y._version
    y.data.add_(1)
    assert y._version.writes == 2


# Functions of the user's own ------------------------------------------------------------------------------------------


class Scale(autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * factor

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x * (2 * ctx.factor), None


def test_a_custom_function():
    x = leaf(1.0, -2.0)
    y = Scale.apply(x, 3.0)
    assert y.grad_fn.name() == "ScaleBackward"
    assert autograd.gradcheck(lambda x: Scale.apply(x, 3.0), x)
    assert autograd.gradgradcheck(lambda x: Scale.apply(x, 3.0), x)


def test_a_custom_function_with_two_outputs_and_setup_context():
    class Two(autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2, x.sign()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx, grad, unused):
            return grad * 2

    x = leaf(1.0, -2.0)
    double, sign = Two.apply(x)
    assert not sign.requires_grad
    double.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_custom_function_that_returns_too_few_gradients():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, grad):
            return grad

    with pytest.raises(RuntimeError, match="returned an incorrect number of gradients"):
        Wrong.apply(leaf(1.0), leaf(2.0)).sum().backward()


def test_once_differentiable():
    class Once(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @autograd.once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * x * 2

    x = leaf(3.0)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]
    (g,) = autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_gradcheck_finds_a_wrong_gradient():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    with pytest.raises(autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        autograd.gradcheck(Wrong.apply, leaf(1.0))
    assert not autograd.gradcheck(Wrong.apply, leaf(1.0), raise_exception=False)


def test_anomaly_detection_names_the_node_and_the_call():
    x = leaf(0.0)
    with autograd.detect_anomaly():
        y = x.sqrt() * 0
        with (
            pytest.warns(UserWarning, match=r"Error detected in SqrtBackward0. Traceback of forward call") as warned,
            pytest.raises(RuntimeError, match=r"Function 'SqrtBackward0' returned nan values in its 0th output."),
        ):
            y.sum().backward()
    assert "y = x.sqrt() * 0" in str(warned[0].message)
    assert not autograd.is_anomaly_enabled()
    assert x.grad is None


@pytest.mark.parametrize("without_history", [lambda x: x.detach(), lambda x: x.data], ids=["detach", "data"])
def test_a_detached_factor_stays_a_constant_in_second_derivatives(without_history):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    for product in (x * without_history(x), without_history(x) * x):
        (gradient,) = torch.autograd.grad(product.sum(), x, create_graph=True)
        assert gradient.tolist() == [2.0, 3.0]
        assert not gradient.requires_grad
