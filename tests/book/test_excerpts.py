"""Texts for the search: formulas in readable form, a section's own text and no more."""

import excerpts
import pytest
from docutils import nodes
from docutils.utils import new_document


@pytest.mark.parametrize(
    ("tex", "plain"),
    [
        (r"\phi(\ell)", "φ(ell)"),
        (r"\frac{1}{M^2} \sum_m \sigma_m", "1/M^2 sum_m σ_m"),
        (r"\mathcal L = \left( x \right)", "L = ( x )"),
        (r"\Phi", "Φ"),
        (r"\begin{aligned} a &= b \end{aligned}", "a = b"),
    ],
)
def test_formulas_become_what_a_reader_would_type(tex, plain):
    assert excerpts.plain_formula(tex) == plain


def test_sections_hold_their_own_text_without_titles_scripts_and_latex():
    inner = nodes.section("", nodes.title("", "Inner"), nodes.paragraph("", "Below."), ids=["inner"])
    formula = nodes.math("", r"\alpha")
    raw = nodes.raw("", "<script>hidden()</script>", format="html")
    text = nodes.paragraph("", "", nodes.Text("The gate "), formula, nodes.Text(" opens."))
    block = nodes.math_block("", r"\beta = 1")
    outer = nodes.section("", nodes.title("", "Outer"), text, block, raw, inner, ids=["outer"])
    doctree = new_document("page")
    doctree += outer
    assert excerpts.sections(doctree) == [("outer", "The gate α opens. β = 1"), ("inner", "Below.")]
