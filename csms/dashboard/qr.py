"""QR codes as SVG that needs no style: the policy of the pages allows none inline. Pure."""

import io

import segno
from markupsafe import Markup

SCALE = 4
BORDER = 4
"""Modules of quiet around the code (ISO/IEC 18004, section 6.3.8)."""


def qr(text: str) -> Markup:
    """Return the QR code of a text as an `svg` element; a label is the caller's."""
    svg = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        svg,
        kind="svg",
        xmldecl=False,
        svgns=False,
        svgclass="qr",
        lineclass=None,
        scale=SCALE,
        border=BORDER,
        dark="#000",
        light="#fff",
        omitsize=True,
        nl=False,
    )
    # Made of numbers only: the text is in it as modules.
    return Markup(svg.getvalue().decode())  # noqa: S704
