"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.template import engines
from django.urls import get_resolver

from engine.designs.linear_fit import fit_quantized_linear

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

application = get_wsgi_application()

# Django loads the views and the templates' tags with the first request. With them come scipy and Bokeh, which take a
# second that nobody should wait for; nor should anybody for the grid of linear fits.
get_resolver().url_patterns  # noqa: B018  (reading it loads them)
engines.all()
fit_quantized_linear(stage_depths=[1], stage_widths=[8], refine=False)  # lays out the grid of all fits
