"""Claims declared before they are measured, verdicts computed from seeds, records for the scoreboard.

`Claim`, `exact` and `answer` write a record into the notebook's output; `Arms` trains what several claims share;
`theirs` is what a paper measured. `load_records`, `promised` and `problems` read the committed notebooks back.
`python -m vlm_lib.claims` prints all records. Chapters: every one.
"""

from vlm_lib.claims.arms import Arms
from vlm_lib.claims.declare import Claim
from vlm_lib.claims.evidence import Theirs, theirs
from vlm_lib.claims.ledger import Chapter, LedgerItem, Part, load_ledger, load_parts
from vlm_lib.claims.records import load_records, problems, promised
from vlm_lib.claims.results import MIME, Answer, Exact, Verdict, answer, exact
from vlm_lib.claims.seeds import seeds, spare_seeds

__all__ = [
    "MIME",
    "Answer",
    "Arms",
    "Chapter",
    "Claim",
    "Exact",
    "LedgerItem",
    "Part",
    "Theirs",
    "Verdict",
    "answer",
    "exact",
    "load_ledger",
    "load_parts",
    "load_records",
    "problems",
    "promised",
    "seeds",
    "spare_seeds",
    "theirs",
]
