"""A real worker hands its mails to a real server."""

from __future__ import annotations

import socketserver
import threading
from pathlib import Path

import pytest
from django.db.models.functions import Now

from tests.tasks import fleet
from tests.webapp import pages, rows
from webapp.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)


class MailServer(socketserver.TCPServer):
    """Takes every mail and keeps it."""

    allow_reuse_address = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), Conversation)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 well\r\n")
            if verb == b"QUIT":
                return


def test_a_worker_that_knows_a_mail_server_mails_what_is_due_once(tmp_path: Path) -> None:
    batch = rows.a_study(size=1)
    pages.finish(batch, [30.0])
    Notification.objects.update(mail_due_at=Now())
    log = tmp_path / "log"
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with fleet.worker(log, EMAIL_URL=server.url, NETSPACE_URL="https://netspace.example.org"):
                fleet.wait_for(lambda: Notification.objects.filter(mailed_at__isnull=False).exists(), log=log)
        finally:
            server.shutdown()
    assert len(server.mails) == 1
    assert "To: owner@example.org" in server.mails[0]
    assert f"https://netspace.example.org/notifications/{Notification.objects.get().pk}/" in server.mails[0]
