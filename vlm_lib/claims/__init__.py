"""Claims declared before they are measured, verdicts computed from seeds, records for the scoreboard.

`Claim` and `answer` write a record into the notebook's output; `load_records`, `promised` and `problems` read
the committed notebooks back. `python -m vlm_lib.claims` prints all records. Chapters: every one.
"""

from vlm_lib.claims.declare import Claim
from vlm_lib.claims.ledger import Chapter, LedgerItem, Part, load_ledger, load_parts
from vlm_lib.claims.records import load_records, problems, promised
from vlm_lib.claims.results import MIME, Answer, Verdict, answer

__all__ = [
    "MIME",
    "Answer",
    "Chapter",
    "Claim",
    "LedgerItem",
    "Part",
    "Verdict",
    "answer",
    "load_ledger",
    "load_parts",
    "load_records",
    "problems",
    "promised",
]
