"""Answers as JSON: what is exact inside is rounded there, once."""

import json

from jmmc.answers.column_types import struct_row
from jmmc.answers.model import Grades, Point
from jmmc.answers.serialization import encode
from jmmc.quality.differences import Difference
from jmmc.quality.ratings import Ratings


def test_shares_have_four_places_in_json_and_all_of_them_inside() -> None:
    grades = Grades.of(7189, 0, 11, 0)
    assert grades.poor_share == 11 / 7200
    found = json.loads(encode(grades))
    assert (found["good_share"], found["poor_share"]) == (0.9985, 0.0015)
    assert json.loads(encode(Grades.of(0, 0, 0, 5)))["poor_share"] is None


def test_intervals_and_means_are_rounded_too() -> None:
    difference = json.loads(encode(Difference(0.123456, (-0.00004, 0.25))))
    assert (difference["share"], difference["interval"]) == (0.1235, [-0.0, 0.25])
    ratings = json.loads(encode(Ratings(3, 3, 13 / 3, (1.005001, 4.999))))
    assert (ratings["mean"], ratings["interval"]) == (4.33, [1.01, 5.0])
    assert json.loads(encode(Ratings()))["interval"] is None
    point = Point(0, 300, False, 2 / 3, Grades.of(300, 0, 0, 0), 0, 0)
    assert json.loads(encode(point))["participants"] == 0.67


def test_rows_of_files_are_rounded_like_json() -> None:
    point = Point(0, 300, False, 2 / 3, Grades.of(2, 0, 1, 0), 0, 0)
    row = struct_row(point)
    assert (row["participants"], row["grades_poor_share"]) == (0.67, 0.3333)
    difference = struct_row(Difference(0.123456, (-0.123456, 0.5)))
    assert (difference["share"], difference["interval_low"]) == (0.1235, -0.1235)
    assert struct_row(Ratings(3, 3, 13 / 3, (1.0066, 5.0)))["interval"] == (1.01, 5.0)
    assert struct_row(Ratings())["interval"] is None
