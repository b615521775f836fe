"""Documentation strings as passages: prose in, code and tables out."""

from __future__ import annotations

from pathlib import Path

from recipe.texts import SHORTEST, _of_file

SOURCE = '''
def rank(items):
    """Order the items by how much each is worth to the reader.

    The worth of an item is what :func:`worth` gives, and ties keep the order in which the items came. {prose}

    Parameters
    ----------
    items : list
        What to order, of any length.

    Examples
    --------
    >>> rank([1, 2])
    [2, 1]
    """


def short(x):
    """Too short."""
'''


def test_a_function_gives_its_summary_and_its_prose(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(SOURCE.format(prose="An item without worth comes last of all. " * 8), encoding="utf-8")
    (found,) = _of_file(file)
    assert found.summary == "Order the items by how much each is worth to the reader."
    assert found.body.startswith("The worth of an item is what worth gives, and ties keep")
    assert "What to order, of any length." in found.body
    assert ">>>" not in found.body
    assert "----" not in found.body


def test_a_function_that_says_little_is_no_passage(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(SOURCE.format(prose=""), encoding="utf-8")
    assert SHORTEST > 30
    assert list(_of_file(file)) == []


def test_a_file_that_is_no_python_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def (", encoding="utf-8")
    assert list(_of_file(file)) == []
