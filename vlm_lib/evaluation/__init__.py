"""What models are measured by: retrieval, zero-shot, perplexity. Chapter: 02_contrastive."""

from vlm_lib.evaluation.perplexity import next_word_accuracy, perplexity
from vlm_lib.evaluation.retrieval import recall_at_k
from vlm_lib.evaluation.zero_shot import class_vectors, classify, prompts

__all__ = ["class_vectors", "classify", "next_word_accuracy", "perplexity", "prompts", "recall_at_k"]
