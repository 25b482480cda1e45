"""Problem sheets: checkers that say what is wrong, student versions, and grading of a whole class.

- `vlm_lib.grading.kit`: one checker for each task; needs nothing but the library, so it also runs in a chapter.
- `python -m vlm_lib.grading`: `release`, `student` and `grade` (needs nbgrader: `pip install "vlm_lib[grading]"`).

**Grading runs the students' code as you, with your rights: a process of its own is not a sandbox.** Grade on a
machine, or in a container or account, where a program that deletes files or reads your mail could do no harm.
"""

from vlm_lib.grading.kit.report import NotYet, Report

__all__ = ["NotYet", "Report"]
