"""Figures in plain HTML and JavaScript that need neither kernel nor network.

A new figure is one Python file that calls `figure(name, ...)` and one `assets/<name>.js` that defines
`mount(root, config, publish)`; an optional `assets/<name>.css` adds to the style that all figures share.
Chapters: every one.
"""

from vlm_lib.interactive.figure import Html, figure
from vlm_lib.interactive.flamingo_page import flamingo_page
from vlm_lib.interactive.mask_explorer import mask_explorer
from vlm_lib.interactive.quiz import Option, Question, quiz
from vlm_lib.interactive.similarity_matrix import similarity_matrix

__all__ = [
    "Html",
    "Option",
    "Question",
    "figure",
    "flamingo_page",
    "mask_explorer",
    "quiz",
    "similarity_matrix",
]
