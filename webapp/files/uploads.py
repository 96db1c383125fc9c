"""Which uploads are taken at all: one form's, up to a size, streamed to disk."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.urls import reverse

LARGEST_FILE = 256 * 2**20  # bytes
UPLOAD_FORM = "new-import"


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Files of the import form, in a temporary file; anything else is read and dropped.

    ``request.refused_upload`` says why there is no file.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        self.received = 0
        if self.request is None or self.request.path_info != reverse(UPLOAD_FORM):
            self._refuse("This form takes no file.")
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        if self.received > LARGEST_FILE:
            self._refuse(f"The file is larger than {LARGEST_FILE // 2**20} MiB, which is the limit.")
        super().receive_data_chunk(raw_data, start)

    def _refuse(self, why: str) -> None:
        if self.request is not None:
            self.request.refused_upload = why  # type: ignore[attr-defined]
        raise StopUpload(connection_reset=False)
