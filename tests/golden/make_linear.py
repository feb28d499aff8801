#!/usr/bin/env python3
"""Writes linear.json: linear C-SVMs by LIBSVM and the additive χ² kernel's feature map, both as scikit-learn has them. Needs scikit-learn."""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.kernel_approximation import AdditiveChi2Sampler
from sklearn.svm import SVC

random = np.random.default_rng(5)
problems = []
for count, width, c in [(60, 5, 0.1), (60, 5, 1.0), (90, 12, 10.0), (40, 60, 1.0), (300, 33, 0.3)]:
    rows = random.normal(size=(count, width)).astype(np.float32)
    labels = np.where(rows[:, 0] + 0.5 * rows[:, 1] + 0.7 * random.normal(size=count) > 0.4, 1, -1)
    svm = SVC(C=c, kernel="linear", tol=1e-10).fit(rows.astype(float), labels)
    weights, bias = svm.coef_[0], float(svm.intercept_[0])
    alpha = np.abs(svm.dual_coef_[0])
    problems.append({
        "c": c, "rows": rows.astype(float).tolist(), "labels": labels.tolist(), "weights": weights.tolist(), "bias": bias,
        "objective": float(0.5 * weights @ weights - alpha.sum()),
    })

values = [0.0, 1e-6, 1e-3, 0.02, 0.3, 0.77, 1.0]
maps = []
for order, interval in [(1, 0.8), (2, 0.5), (4, 0.35)]:
    sampler = AdditiveChi2Sampler(sample_steps=order + 1, sample_interval=interval)
    maps.append({"order": order, "interval": interval, "features": sampler.fit_transform(np.array(values)[:, None]).tolist()})

document = {"scikit-learn": sklearn.__version__, "problems": problems, "values": values, "additive_chi2": maps}
(pathlib.Path(__file__).parent / "linear.json").write_text(json.dumps(document) + "\n")
