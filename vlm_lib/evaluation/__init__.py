"""What models are measured by: retrieval, zero-shot, perplexity, scores of captions and answers.

Chapters: 02_contrastive, 51_evaluation.
"""

from vlm_lib.evaluation.captions import bleu, cider, rouge_l
from vlm_lib.evaluation.perplexity import next_word_accuracy, perplexity
from vlm_lib.evaluation.retrieval import recall_at_k
from vlm_lib.evaluation.vqa import vqa_accuracy
from vlm_lib.evaluation.zero_shot import class_vectors, classify, prompts

__all__ = [
    "bleu",
    "cider",
    "class_vectors",
    "classify",
    "next_word_accuracy",
    "perplexity",
    "prompts",
    "recall_at_k",
    "rouge_l",
    "vqa_accuracy",
]
