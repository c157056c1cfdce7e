"""Coefficients of series for float32, highest power first; those of no source have the least error of their degree."""

# Phi(-u) = exp(-u**2 / 2) t P(t), t = 1 / (1 + TAIL_SCALE u), of the normal distribution, for u >= 0: to 1.3e-7 of it
TAIL_SCALE = 0.306
TAIL = (
    0.03653772175312042, -0.1506994366645813, 0.179384246468544, -0.03303534910082817,
    0.11862898617982864, 0.10436753928661346, 0.12277224659919739, 0.12204409390687943,
)  # fmt: skip
# 2**r for |r| <= 1/2, to 8e-8 of it
EXP2 = (
    0.0013276472454890609, 0.009675541892647743, 0.05550713092088699, 0.24022120237350464,
    0.6931469440460205, 1.0000001192092896,
)  # fmt: skip
# exp r = 1 + r + r**2 P(r) for |r| <= log(2) / 2, to float32 (Cephes' expf)
EXP = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
)  # fmt: skip
# log(1 + r) = r - r**2 / 2 + r**3 P(r) for sqrt(1/2) <= 1 + r <= sqrt(2), to float32 (Cephes' logf)
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
