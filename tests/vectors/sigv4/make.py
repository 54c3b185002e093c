#!/usr/bin/env python3
"""Writes the expected file of each stage beside each case's `request`, with botocore's signer.

    make.py [CASE...]      needs botocore: .cache/venv/bin/python3 tests/vectors/sigv4/make.py
"""

import pathlib
import sys

import botocore_signer

here = pathlib.Path(__file__).parent
cases = sys.argv[1:] or sorted(p.parent.name for p in here.glob("*/request"))
for name in cases:
    case = botocore_signer.parse((here / name / "request").read_text())
    stages = botocore_signer.sign(case)
    (here / name / "canonical_request").write_text(stages.canonical)
    (here / name / "string_to_sign").write_text(stages.text)
    (here / name / ("presigned_query" if case.form == "presign" else "authorization")).write_text(stages.result)
print(f"{len(cases)} cases")
