"""Mailing notifications: claim, send, record; beside the drawing, on machines that know a mail server."""

from __future__ import annotations

import logging
import threading

from celery import signals
from django.conf import settings
from django.core.mail import EmailMessage

from tasks.processes import HOUSEKEEPING, has_role, poll, start_thread
from webapp import services
from webapp.wording import counted

logger = logging.getLogger(__name__)
_stopping = threading.Event()


def send_next_mail() -> bool:
    """Send the mail that has waited longest; False where there is none, or where the server does not take it now."""
    if given_up := services.give_up_mails():
        logger.warning("%s could not be mailed for a day; no further try is made.", counted(given_up, "notification"))
    mail = services.claim_mail()
    if mail is None:
        return False
    try:
        EmailMessage(mail.subject, mail.text, to=[mail.address]).send()
    except OSError as error:  # which errors of SMTP are as well
        logger.warning("A mail to %s was not taken (%s); it is tried again later.", mail.address, error)
        return False
    services.record_mailed(mail)
    return True


# A thread of its own beside the drawing: a mail server may take its time.
@signals.celeryd_after_setup.connect
def _on_start(**_: object) -> None:
    if has_role(HOUSEKEEPING) and settings.MAIL_CONFIGURED:
        start_thread(lambda: poll(send_next_mail, _stopping), name="mails")


@signals.worker_shutting_down.connect
def _on_shutting_down(**_: object) -> None:
    _stopping.set()
