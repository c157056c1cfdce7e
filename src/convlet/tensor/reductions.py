"""Which reductions, scans and sorts are methods of a tensor."""

from __future__ import annotations

from ..autograd.variable import Variable
from ..ops import extremes as x
from ..ops import reduction as r
from ..ops import scan as c
from ..ops import softmax as f
from ..ops import sorting as s
from ..ops import statistics as t


class Reductions(Variable):
    """Sums, means, extremes and sorting."""

    sum, nansum, mean, nanmean, prod = r.sum, r.nansum, r.mean, r.nanmean, r.prod
    var, std, norm, dist = r.var, r.std, r.norm, r.dist
    cov, corrcoef = t.cov, t.corrcoef
    logsumexp, count_nonzero, any, all = r.logsumexp, r.count_nonzero, r.any, r.all

    max, min, amax, amin, aminmax = x.max, x.min, x.amax, x.amin, x.aminmax
    argmax, argmin = x.argmax, x.argmin

    softmax, log_softmax = f.softmax, f.log_softmax

    cumsum, cumsum_ = c.cumsum, c.cumsum_
    cumprod, cumprod_ = c.cumprod, c.cumprod_
    cummax, cummin, logcumsumexp, diff = c.cummax, c.cummin, c.logcumsumexp, c.diff

    sort, argsort, msort, topk = s.sort, s.argsort, s.msort, s.topk
    median, nanmedian, mode, kthvalue = s.median, s.nanmedian, s.mode, s.kthvalue
    quantile, nanquantile = s.quantile, s.nanquantile
    unique, unique_consecutive, bincount, histc = s.unique, s.unique_consecutive, s.bincount, s.histc
