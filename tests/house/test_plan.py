"""The plan in the README is the plan of the code."""

import re

from tests.house.plan import PICTURE, drawing, floors, imports


def test_every_import_between_rooms_goes_down() -> None:
    floor = {room: k for k, room in enumerate(floors())}
    assert not [pair for pair in imports() if pair[1] in floor and floor[pair[0]] >= floor[pair[1]]]


def test_the_picture_is_that_of_the_code() -> None:
    """Rooms, their sentences, who imports whom; how much is told in widths and shades, which may lag."""
    assert _structure(PICTURE.read_text("utf-8")) == _structure(drawing()), "run: make plan"


def _structure(picture: str) -> str:
    return re.sub(r'(opacity|width)="[^"]*"', "", picture)
