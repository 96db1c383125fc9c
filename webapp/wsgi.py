"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.template import engines
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

application = get_wsgi_application()

# Django loads the views and the templates' tags with the first request. With them come scipy and Bokeh, which take a
# second that nobody should wait for.
get_resolver().url_patterns  # noqa: B018  (reading it loads them)
engines.all()
