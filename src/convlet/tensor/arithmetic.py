"""Which of the elementwise operations are methods and operators of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import Variable
from ..ops import complex_numbers as c
from ..ops import elementwise as e
from ..ops import unary as u
from ..ops.conversion import NotAnOperand

Method = Callable[[Any, Any], Any]


def _operator(function: Method) -> Method:
    """A function of two operands as an operator: beside something that is no operand, Python asks the other one."""

    def method(self: Any, other: Any) -> Any:
        try:
            return function(self, other)
        except NotAnOperand:
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
    __pow__, __rpow__ = _operator(e.pow), _reflected(e.pow)
    __neg__, __pos__, __abs__ = u.neg, u.positive, u.abs
    __iadd__, __isub__, __imul__ = _operator(e.add_), _operator(e.sub_), _operator(e.mul_)
    __itruediv__, __ifloordiv__ = _operator(e.div_), _operator(e.floor_divide_)
    __imod__, __ipow__ = _operator(e.remainder_), _operator(e.pow_)

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
    pow, pow_ = e.pow, e.pow_
    float_power = e.float_power
    atan2, atan2_ = e.atan2, e.atan2_
    arctan2, arctan2_ = e.atan2, e.atan2_
    hypot, hypot_ = e.hypot, e.hypot_
    copysign, copysign_ = e.copysign, e.copysign_
    heaviside, heaviside_ = e.heaviside, e.heaviside_
    xlogy, xlogy_ = e.xlogy, e.xlogy_
    ldexp, logaddexp, logaddexp2 = e.ldexp, e.logaddexp, e.logaddexp2
    lerp, lerp_ = e.lerp, e.lerp_
    addcmul, addcmul_ = e.addcmul, e.addcmul_
    addcdiv, addcdiv_ = e.addcdiv, e.addcdiv_

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
    erf, erf_ = u.erf, u.erf_
    erfc, erfc_ = u.erfc, u.erfc_
    erfinv, erfinv_ = u.erfinv, u.erfinv_
    floor, floor_ = u.floor, u.floor_
    ceil, ceil_ = u.ceil, u.ceil_
    trunc, trunc_ = u.trunc, u.trunc_
    fix, fix_ = u.trunc, u.trunc_
    frac, frac_ = u.frac, u.frac_
    round, round_ = u.round, u.round_

    conj = c.conj
