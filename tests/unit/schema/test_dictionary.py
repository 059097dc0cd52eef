"""The generated data dictionary is the one in the tree."""

from gex_pipeline.schema.dictionary import PAGE, page


def test_the_page_is_fresh():
    message = "run `python -m gex_pipeline.schema.dictionary`"
    assert PAGE.read_text() == page(), message
