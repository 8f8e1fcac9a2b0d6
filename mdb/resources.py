"""Where the files that come with mdb are, in a checkout and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def migrations() -> Path:
    """The folder that holds the migrations of both backends.

    A wheel carries them inside the package, because a folder of that name beside it would collide
    in other people's environments; a checkout has them at its top.

    Raises FileNotFoundError, naming both places, if neither is there.
    """
    places = (_PACKAGE / "migrations", _PACKAGE.parent / "migrations")
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no migrations in {places[0]} nor in {places[1]}")
