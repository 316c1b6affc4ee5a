"""The plan in the README is the plan of the code."""

from tests.house.plan import PICTURE, drawing, floors, imports


def test_every_import_between_rooms_goes_down() -> None:
    floor = {room: k for k, room in enumerate(floors())}
    assert not [pair for pair in imports() if pair[1] in floor and floor[pair[0]] >= floor[pair[1]]]


def test_the_picture_is_that_of_the_code() -> None:
    assert PICTURE.read_text("utf-8") == drawing(), "run: make plan"
