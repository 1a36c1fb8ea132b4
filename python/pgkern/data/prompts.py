"""Prompt templates, by name."""

R1_ZERO = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves it. "
    "The Assistant first thinks about the reasoning process in the mind and then provides the User with the answer. "
    "The reasoning process is enclosed within <think> </think> and answer is enclosed within <answer> </answer> tags, "
    "respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>.\n"
    "User: {question}\n"
    "Assistant: <think>"
)
"""The prompt of DeepSeek-R1-Zero (arXiv 2501.12948, table 1). A response starts inside `<think>`."""

QUESTION_ONLY = "{question}"

TEMPLATES = {"r1_zero": R1_ZERO, "question_only": QUESTION_ONLY}


def render(template: str, question: str) -> str:
    """The template's text with the question in its place (the question's own braces are left alone).

    Raises `ValueError` for an unknown template, with the names there are.
    """
    if template not in TEMPLATES:
        raise ValueError(f"unknown prompt template {template!r}; there are {', '.join(sorted(TEMPLATES))}")
    return TEMPLATES[template].replace("{question}", question)


def r1_zero_solution(reasoning: str, answer: str) -> str:
    """The text that a perfect response to `R1_ZERO` would be."""
    return f" {reasoning.strip()} </think> <answer> {answer.strip()} </answer>"
