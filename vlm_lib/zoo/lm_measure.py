"""How good the small language model is: perplexities, remembered facts, and whether the context steers it."""

from __future__ import annotations

from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from vlm_lib.data import openmoji_metadata, scenes
from vlm_lib.data.tokenizer import BOS
from vlm_lib.evaluation.perplexity import next_word_accuracy, perplexity
from vlm_lib.zoo.lm_texts import ask, knowledge_documents, scene_documents

TEST_SEED = 9_000


def measure_lm(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """The zoo's figures for the small LM.

    scene perplexity: of documents about scenes that training did not draw. knowledge perplexity, fact
    accuracy: of the facts it was trained on, so they tell what it remembers; the accuracy is of the first
    word after "X is a kind of". answers: to questions about a scene whose caption stands before the question;
    "(no caption)": the same questions with nothing before them, the part that needs no context.
    """
    drawn = scenes.generate(512, TEST_SEED)
    described = [f"{BOS} {caption}" for caption in scenes.captions(drawn)]
    asked = scenes.questions(drawn, TEST_SEED)
    answers = [answer for _, answer in asked]
    facts = [
        (f"{BOS} {record.name} is a kind of", record.subgroup.split()[0]) for record in openmoji_metadata.records()
    ]
    return {
        "scene perplexity": perplexity(model, tokenizer, scene_documents(512, TEST_SEED)),
        "knowledge perplexity": perplexity(model, tokenizer, knowledge_documents(TEST_SEED)),
        "fact accuracy": next_word_accuracy(model, tokenizer, *zip(*facts, strict=True)),
        "answers": next_word_accuracy(
            model,
            tokenizer,
            [f"{text} {ask(question)}" for text, (question, _) in zip(described, asked, strict=True)],
            answers,
        ),
        "answers (no caption)": next_word_accuracy(
            model, tokenizer, [f"{BOS} {ask(question)}" for question, _ in asked], answers
        ),
    }
