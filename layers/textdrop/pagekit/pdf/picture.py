"""An image as a PDF holds it, and how large its page is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pikepdf import Array, Dictionary, Name, Object, Pdf

from pagekit.pdf.page_geometry import Matrix

POINTS_PER_INCH = 72
A4_POINTS = (595.276, 841.89)
_LONGEST_SIDE_POINTS = 14_400.0

# What programs write that do not know the resolution.
_MEANINGLESS_DPI = (72, 96)
_SANE_DPI = (75, 2400)

# How an image's unit square, y pointing up, is laid into the page's for each EXIF orientation (CIPA DC-008, tag 274).
_LAID: dict[int, Matrix] = {
    1: Matrix(1, 0, 0, 1, 0, 0),
    2: Matrix(-1, 0, 0, 1, 1, 0),
    3: Matrix(-1, 0, 0, -1, 1, 1),
    4: Matrix(1, 0, 0, -1, 0, 1),
    5: Matrix(0, -1, -1, 0, 1, 1),
    6: Matrix(0, -1, 1, 0, 0, 1),
    7: Matrix(0, 1, 1, 0, 0, 0),
    8: Matrix(0, 1, -1, 0, 1, 0),
}
_ON_THE_SIDE = (5, 6, 7, 8)

_COLOUR_SPACES = {1: (Name.DeviceGray, b"GRAY"), 3: (Name.DeviceRGB, b"RGB "), 4: (Name.DeviceCMYK, b"CMYK")}
_PROFILE_HEADER_BYTES = 128


@dataclass(frozen=True, slots=True)
class Picture:
    """`width` and `height` are pixels as stored, `dpi` along them. `data` is packed as `entries` say: what stands in
    the dictionary of a PDF's image (PDF 1.7, 8.9.5) beside size and colour space.

    `palette`: three bytes a colour, if the pixels are numbers of colours. `alpha`: how much of each pixel shows.
    `orientation` is EXIF's, 1 to 8.
    """

    width: int
    height: int
    components: int
    bits: int
    data: bytes
    entries: dict[str, Any] = field(default_factory=dict)
    palette: bytes | None = None
    profile: bytes | None = None
    alpha: Picture | None = None
    orientation: int = 1
    dpi: tuple[float, float] | None = None

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height in pixels once it is turned as it says."""
        size = self.width, self.height
        return (size[1], size[0]) if self.orientation in _ON_THE_SIDE else size

    def page_size(self) -> tuple[float, float]:
        """Width and height of its page in points: as the file says or, if it says nothing sensible, those of an A4
        page of that shape: as wide as one, upright or lying."""
        width, height = self.shown_size
        dpi = self.dpi if self.dpi is not None and all(map(_is_sane, self.dpi)) else None
        if dpi is not None:
            across, down = (dpi[1], dpi[0]) if self.orientation in _ON_THE_SIDE else dpi
            points = width * POINTS_PER_INCH / across, height * POINTS_PER_INCH / down
        else:
            wide = A4_POINTS[0] if width <= height else A4_POINTS[1]
            points = wide, wide * height / width
        shrunk = min(1.0, _LONGEST_SIDE_POINTS / max(points))
        # The page is no bit smaller than the picture on it: viewers would smooth a picture that goes over its edge.
        return round(points[0] * shrunk, 3), round(points[1] * shrunk, 3)

    def placement(self) -> Matrix:
        """The matrix that lays it over its page."""
        width, height = self.page_size()
        return Matrix(width, 0, 0, height, 0, 0).after(_LAID[self.orientation])


def image_object(document: Pdf, picture: Picture) -> Object:
    """The picture as an image of the document."""
    image = document.make_stream(picture.data)
    image.Type, image.Subtype = Name.XObject, Name.Image
    image.Width, image.Height, image.BitsPerComponent = picture.width, picture.height, picture.bits
    image.ColorSpace = _colour_space(document, picture)
    for name, value in picture.entries.items():
        image[name] = value
    if picture.alpha is not None:
        image.SMask = image_object(document, picture.alpha)
    return image


def flate_entries(picture_width: int, components: int, bits: int) -> dict[str, Any]:
    """What says that data is packed as in a PNG: each row begins with the number of its filter."""
    parameters = Dictionary(Predictor=15, Colors=components, BitsPerComponent=bits, Columns=picture_width)
    return {"/Filter": Name.FlateDecode, "/DecodeParms": parameters}


def _colour_space(document: Pdf, picture: Picture) -> Object:
    components = 3 if picture.palette is not None else picture.components
    device, kind = _COLOUR_SPACES[components]
    space: Object = device
    if picture.profile is not None and _is_profile(picture.profile, kind):
        profile = document.make_stream(picture.profile)
        profile.N, profile.Alternate = components, device
        space = Array([Name.ICCBased, profile])
    if picture.palette is None:
        return space
    colours = document.make_stream(picture.palette)
    return Array([Name.Indexed, space, len(picture.palette) // 3 - 1, colours])


def _is_profile(profile: bytes, kind: bytes) -> bool:
    """Whether it is a profile for these colours (ICC.1:2022, 7.2): with another, viewers show nothing."""
    is_whole = len(profile) >= _PROFILE_HEADER_BYTES and int.from_bytes(profile[:4], "big") <= len(profile)
    return is_whole and profile[36:40] == b"acsp" and profile[16:20] == kind


def _is_sane(dpi: float) -> bool:
    return _SANE_DPI[0] <= dpi <= _SANE_DPI[1] and round(dpi) not in _MEANINGLESS_DPI
