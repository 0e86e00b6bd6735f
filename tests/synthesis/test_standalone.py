"""Texts that send their reader to a page which is not there."""

import pytest

from gra.synthesis.standalone import points_away

POINTING = """
According to the passage, how do bees dance?
What is the main idea of this text?
Summarise the following paragraph.
Based on the document, list three causes.
List the steps described in the section.
Which command is mentioned on the page?
What does the article say? Explain what the text above means.
Translate this passage: it.
Read the text and answer.
""".strip().split("\n")

STANDING = """
Write a paragraph about bees, and give the paragraph a title.
How do I centre text on the page of a website?
Explain why dough rises in a warm kitchen.
Summarise the following paragraph: "Honey bees tell each other where flowers are by dancing for some time."
Name three books about the sea.
""".strip().split("\n")


@pytest.mark.parametrize("text", POINTING)
def test_it_points_away(text: str) -> None:
    assert points_away(text)


@pytest.mark.parametrize("text", [*STANDING, "", "Rewrite this text:\nWe was at sea for all of the long summer."])
def test_it_stands_alone(text: str) -> None:
    assert not points_away(text)
