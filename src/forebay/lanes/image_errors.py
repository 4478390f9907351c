"""What may be wrong with an image, under the codes that the vendor has for it.

Source: the `error.code` values of OpenAI's Response object. No message names the URL, whose query
may hold a secret, or repeats what its host said.
"""

from __future__ import annotations

from forebay.core.errors import InvalidParameter


class InvalidImage(InvalidParameter):
    """The image at `place` cannot be shown to a model; `reason` ends "the image at ... "."""

    code = "invalid_image_url"

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"The image at '{place}' {reason}.", param=place)


class ImageNotFetched(InvalidImage):
    """Its host did not hand it out, or not in time."""

    code = "failed_to_download_image"


class ImageTooLarge(InvalidImage):
    """It has too many bytes, alone or with the turn's others."""

    code = "image_file_too_large"


class NotAnImage(InvalidImage):
    """Its bytes are of no type that the vendors take."""

    code = "unsupported_image_media_type"


class BadImageText(InvalidImage):
    """It is no base64."""

    code = "invalid_base64_image"
