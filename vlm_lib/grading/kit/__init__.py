"""Checkers: a function for each task, which takes the reader's answer and returns a `vlm_lib.grading.Report`.

A checker compares the answer with the right one on small inputs (drawn from `seed`; a sheet's hidden tests use
another seed than a reader does) and, where they differ, with a table of known mistakes. An entry of such a table
is a wrong implementation and what to say to whoever wrote it: teaching a checker one more mistake is one entry.
"""
