#!/usr/bin/env bash
# SciPy 1.17.1: wilcoxon(zero_method="wilcox", method="auto") drops differences of zero, but chooses between the exact
# test and the normal approximation by the number of cases with them. Five differences of one sign have p = 0.0625
# alone and beside 8 zeros, and 0.043 beside 9; dropping zeros first gives 0.0625 always. One tie does the same from
# 14 cases on.
packages=(scipy==1.17.1 numpy==2.4.6)
source "$(dirname "$0")/_run.sh"

"$PYTHON" - <<'P'
import numpy as np
import scipy
from scipy import stats

print("SciPy", scipy.__version__)
five = [0.01, 0.02, 0.03, 0.04, 0.05]
seen = {zeros: float(stats.wilcoxon(five + [0.0] * zeros).pvalue) for zeros in (0, 8, 9, 20)}
for zeros, p in seen.items():
    print(f"5 differences of one sign, {zeros} of zero: p = {p:.4f}")
assert np.isclose([seen[0], seen[8]], 0.0625).all(), seen
assert np.isclose([seen[9], seen[20]], 0.0431, atol=1e-4).all(), seen

many = np.array([-1, -2, -3, -4, 5, 6, 7, 8, 9, 10, 11, 12, 13]) / 100
alone, beside = stats.wilcoxon(many).pvalue, stats.wilcoxon([*many, 0, 0, 0]).pvalue
print(f"13 differences: p = {alone:.4f}; with 3 of zero beside them: {beside:.4f}")
assert abs(alone - beside) > 1e-3

steps = np.arange(1.0, 15)
tied = steps.copy()
tied[1] = 1.0
for name, differences in (("14 different steps up", steps), ("two of them alike", tied)):
    print(f"{name}: p = {stats.wilcoxon(differences).pvalue:.6f}, exact {2 / 2**14:.6f}")
assert np.isclose(stats.wilcoxon(steps).pvalue, 2 / 2**14)
assert stats.wilcoxon(tied).pvalue > 5 * 2 / 2**14
P
