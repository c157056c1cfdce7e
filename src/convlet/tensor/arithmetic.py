"""Which of the elementwise operations are methods and operators of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import Variable
from ..ops import activation as a
from ..ops import blending as b
from ..ops import comparison as k
from ..ops import complex_numbers as c
from ..ops import elementwise as e
from ..ops import powers as p
from ..ops import selection as s
from ..ops import two_operands as t
from ..ops import unary as u
from ..ops.conversion import OPERANDS

Method = Callable[[Any, Any], Any]


def _operator(function: Method) -> Method:
    """A function of two operands as an operator: beside something that is no operand, Python asks the other one."""

    def method(self: Any, other: Any) -> Any:
        try:
            return function(self, other)
        except TypeError:
            if isinstance(other, OPERANDS):
                raise
            return NotImplemented

    return method


def _reflected(function: Method) -> Method:
    """``other OP self`` from a function (self, other) -> self OP other."""
    return _operator(lambda self, other: function(other, self))


def _reciprocal_times(self: Any, other: Any) -> Any:
    return e.mul(u.reciprocal(self), other)


class Arithmetic(Variable):
    """Arithmetic, comparisons and functions applied element by element."""

    __add__ = __radd__ = _operator(e.add)
    __sub__, __rsub__ = _operator(e.sub), _operator(e.rsub)
    __mul__ = __rmul__ = _operator(e.mul)
    __truediv__, __rtruediv__ = _operator(e.div), _operator(_reciprocal_times)
    __floordiv__, __rfloordiv__ = _operator(e.floor_divide), _reflected(e.floor_divide)
    __mod__, __rmod__ = _operator(e.remainder), _reflected(e.remainder)
    __pow__, __rpow__ = _operator(p.pow), _reflected(p.pow)
    __eq__, __ne__ = _operator(k.eq), _operator(k.ne)
    __lt__, __le__, __gt__, __ge__ = _operator(k.lt), _operator(k.le), _operator(k.gt), _operator(k.ge)
    __and__, __rand__ = _operator(k.bitwise_and), _reflected(k.bitwise_and)
    __or__, __ror__ = _operator(k.bitwise_or), _reflected(k.bitwise_or)
    __xor__, __rxor__ = _operator(k.bitwise_xor), _reflected(k.bitwise_xor)
    __lshift__, __rlshift__ = _operator(k.bitwise_left_shift), _reflected(k.bitwise_left_shift)
    __rshift__, __rrshift__ = _operator(k.bitwise_right_shift), _reflected(k.bitwise_right_shift)
    __invert__, __hash__ = k.invert, object.__hash__
    __neg__, __pos__, __abs__ = u.neg, u.positive, u.abs
    __iadd__, __isub__, __imul__ = _operator(e.add_), _operator(e.sub_), _operator(e.mul_)
    __itruediv__, __ifloordiv__ = _operator(e.div_), _operator(e.floor_divide_)
    __imod__, __ipow__ = _operator(e.remainder_), _operator(p.pow_)
    __iand__, __ior__, __ixor__ = _operator(k.bitwise_and_), _operator(k.bitwise_or_), _operator(k.bitwise_xor_)
    __ilshift__, __irshift__ = _operator(k.bitwise_left_shift_), _operator(k.bitwise_right_shift_)

    add, add_ = e.add, e.add_
    sub, sub_ = e.sub, e.sub_
    subtract, subtract_ = e.sub, e.sub_
    mul, mul_ = e.mul, e.mul_
    multiply, multiply_ = e.mul, e.mul_
    div, div_ = e.div, e.div_
    divide, divide_ = e.div, e.div_
    true_divide, true_divide_ = e.div, e.div_
    floor_divide, floor_divide_ = e.floor_divide, e.floor_divide_
    remainder, remainder_ = e.remainder, e.remainder_
    fmod, fmod_ = e.fmod, e.fmod_
    pow, pow_ = p.pow, p.pow_
    float_power, float_power_ = p.float_power, p.float_power_
    atan2, atan2_ = t.atan2, t.atan2_
    arctan2, arctan2_ = t.atan2, t.atan2_
    hypot, hypot_ = t.hypot, t.hypot_
    copysign, copysign_ = t.copysign, t.copysign_
    heaviside, heaviside_ = t.heaviside, t.heaviside_
    xlogy, xlogy_ = t.xlogy, t.xlogy_
    ldexp, ldexp_ = p.ldexp, p.ldexp_
    logaddexp, logaddexp2 = t.logaddexp, t.logaddexp2
    lerp, lerp_ = b.lerp, b.lerp_
    addcmul, addcmul_ = b.addcmul, b.addcmul_
    addcdiv, addcdiv_ = b.addcdiv, b.addcdiv_

    neg, neg_ = u.neg, u.neg_
    negative, negative_ = u.neg, u.neg_
    positive = u.positive
    abs, abs_ = u.abs, u.abs_
    absolute, absolute_ = u.abs, u.abs_
    sign, sign_ = u.sign, u.sign_
    sgn, sgn_ = u.sgn, u.sgn_
    square, square_ = u.square, u.square_
    sqrt, sqrt_ = u.sqrt, u.sqrt_
    rsqrt, rsqrt_ = u.rsqrt, u.rsqrt_
    reciprocal, reciprocal_ = u.reciprocal, u.reciprocal_
    exp, exp_ = u.exp, u.exp_
    exp2, exp2_ = u.exp2, u.exp2_
    expm1, expm1_ = u.expm1, u.expm1_
    log, log_ = u.log, u.log_
    log2, log2_ = u.log2, u.log2_
    log10, log10_ = u.log10, u.log10_
    log1p, log1p_ = u.log1p, u.log1p_
    sin, sin_ = u.sin, u.sin_
    cos, cos_ = u.cos, u.cos_
    tan, tan_ = u.tan, u.tan_
    asin, asin_ = u.asin, u.asin_
    acos, acos_ = u.acos, u.acos_
    atan, atan_ = u.atan, u.atan_
    arcsin, arcsin_ = u.asin, u.asin_
    arccos, arccos_ = u.acos, u.acos_
    arctan, arctan_ = u.atan, u.atan_
    sinh, sinh_ = u.sinh, u.sinh_
    cosh, cosh_ = u.cosh, u.cosh_
    tanh, tanh_ = u.tanh, u.tanh_
    asinh, asinh_ = u.asinh, u.asinh_
    acosh, acosh_ = u.acosh, u.acosh_
    atanh, atanh_ = u.atanh, u.atanh_
    arcsinh, arcsinh_ = u.asinh, u.asinh_
    arccosh, arccosh_ = u.acosh, u.acosh_
    arctanh, arctanh_ = u.atanh, u.atanh_
    sinc, sinc_ = u.sinc, u.sinc_
    deg2rad, deg2rad_ = u.deg2rad, u.deg2rad_
    rad2deg, rad2deg_ = u.rad2deg, u.rad2deg_
    sigmoid, sigmoid_ = u.sigmoid, u.sigmoid_
    logit, logit_ = u.logit, u.logit_
    relu, relu_ = a.relu, a.relu_
    prelu, hardshrink = a.prelu, a.hardshrink
    erf, erf_ = u.erf, u.erf_
    erfc, erfc_ = u.erfc, u.erfc_
    erfinv, erfinv_ = u.erfinv, u.erfinv_
    floor, floor_ = u.floor, u.floor_
    ceil, ceil_ = u.ceil, u.ceil_
    trunc, trunc_ = u.trunc, u.trunc_
    fix, fix_ = u.trunc, u.trunc_
    frac, frac_ = u.frac, u.frac_
    round, round_ = u.round, u.round_

    eq, eq_ = k.eq, k.eq_
    ne, ne_ = k.ne, k.ne_
    lt, lt_ = k.lt, k.lt_
    le, le_ = k.le, k.le_
    gt, gt_ = k.gt, k.gt_
    ge, ge_ = k.ge, k.ge_
    not_equal, not_equal_ = k.not_equal, k.not_equal_
    less, less_ = k.less, k.less_
    less_equal, less_equal_ = k.less_equal, k.less_equal_
    greater, greater_ = k.greater, k.greater_
    greater_equal, greater_equal_ = k.greater_equal, k.greater_equal_
    logical_and, logical_and_ = k.logical_and, k.logical_and_
    logical_or, logical_or_ = k.logical_or, k.logical_or_
    logical_xor, logical_xor_ = k.logical_xor, k.logical_xor_
    logical_not, logical_not_ = k.logical_not, k.logical_not_
    bitwise_and, bitwise_and_ = k.bitwise_and, k.bitwise_and_
    bitwise_or, bitwise_or_ = k.bitwise_or, k.bitwise_or_
    bitwise_xor, bitwise_xor_ = k.bitwise_xor, k.bitwise_xor_
    bitwise_not, bitwise_not_ = k.bitwise_not, k.bitwise_not_
    bitwise_left_shift, bitwise_left_shift_ = k.bitwise_left_shift, k.bitwise_left_shift_
    bitwise_right_shift, bitwise_right_shift_ = k.bitwise_right_shift, k.bitwise_right_shift_
    gcd, gcd_ = k.gcd, k.gcd_
    lcm, lcm_ = k.lcm, k.lcm_
    isnan, isinf, isfinite, isreal = k.isnan, k.isinf, k.isfinite, k.isreal
    isposinf, isneginf, signbit = k.isposinf, k.isneginf, k.signbit
    isclose, allclose, equal = k.isclose, k.allclose, k.equal

    where = s._method_where
    maximum, minimum, fmax, fmin = s.maximum, s.minimum, s.fmax, s.fmin
    clamp, clamp_ = s.clamp, s.clamp_
    clip, clip_ = s.clip, s.clip_
    clamp_min, clamp_min_ = s.clamp_min, s.clamp_min_
    clamp_max, clamp_max_ = s.clamp_max, s.clamp_max_
    masked_fill, masked_fill_ = s.masked_fill, s.masked_fill_
    nan_to_num, nan_to_num_ = s.nan_to_num, s.nan_to_num_

    conj, conj_physical, resolve_conj, angle = c.conj, c.conj_physical, c.resolve_conj, c.angle
    conj_physical_ = c.conj_physical_
    real = property(c.real, doc=c.real.__doc__)
    imag = property(c.imag, doc=c.imag.__doc__)

    def is_conj(self) -> bool:
        """Whether a conjugation is pending: never."""
        return False
