"""Claims of an answer that can be checked against computed facts, one module per kind of claim.

text → tokens → subjects (whose claim is it?) → readers (numbers, counts, groups, …) → verdicts.
"""
