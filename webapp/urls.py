"""Addresses: the nouns of the pages are those of the models, templates and view modules."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path, register_converter

from webapp.views import accounts, analyses, batches, home, regimes, samples, search, spaces, workers


class RowIdConverter:
    """An id that fits the column; a longer number is no address at all."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(RowIdConverter, "id")

urlpatterns = [
    path("", home.home, name="home"),
    path("running/", home.home_running, name="home-running"),
    path("search/", search.search_page, name="search"),
    path("start/", home.start_from_presets, name="start-from-presets"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-in/link/", accounts.sign_in_by_link, name="sign-in-by-link"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("teams/new/", accounts.first_team, name="first-team"),
    path("teams/<id:team_id>/choose/", accounts.choose_team, name="choose-team"),
    path("spaces/", spaces.space_list, name="spaces"),
    path("spaces/new/", spaces.new_space, name="new-space"),
    path("spaces/preview/", spaces.preview_space, name="preview-space"),
    path("spaces/<id:space_id>/", spaces.space_page, name="space"),
    path("spaces/<id:space_id>/refine/", spaces.refine_space, name="refine-space"),
    path("spaces/<id:space_id>/edit/", spaces.edit_space, name="edit-space"),
    path("regimes/", regimes.regime_list, name="regimes"),
    path("regimes/new/", regimes.new_regime, name="new-regime"),
    path("regimes/<id:regime_id>/", regimes.regime_page, name="regime"),
    path("batches/", batches.batch_list, name="batches"),
    path("batches/new/", batches.new_batch, name="new-batch"),
    path("batches/<id:batch_id>/", batches.batch_page, name="batch"),
    path("batches/<id:batch_id>/progress/", batches.batch_progress, name="batch-progress"),
    path("batches/<id:batch_id>/edf/", batches.batch_edf, name="batch-edf"),
    path("batches/<id:batch_id>/runs.csv", batches.batch_runs_csv, name="batch-runs-csv"),
    path("batches/<id:batch_id>/pause/", batches.pause_batch, name="pause-batch"),
    path("batches/<id:batch_id>/resume/", batches.resume_batch, name="resume-batch"),
    path("batches/<id:batch_id>/cancel/", batches.cancel_batch, name="cancel-batch"),
    path("batches/<id:batch_id>/retry/", batches.retry_batch, name="retry-batch"),
    path("batches/<id:batch_id>/extend/", batches.extend_batch, name="extend-batch"),
    path("batches/<id:batch_id>/priority/", batches.prioritise_batch, name="prioritise-batch"),
    path("samples/<id:sample_id>/", samples.sample_page, name="sample"),
    path("samples/<id:sample_id>/design.json", samples.sample_design, name="sample-design"),
    path("analyses/", analyses.analysis_page, name="analyses"),
    path("analyses/edf.csv", analyses.edf_csv, name="analysis-edf-csv"),
    path("populations/<id:space_id>-<id:regime_id>.csv", analyses.population_csv, name="population-csv"),
    path("workers/", workers.worker_list, name="workers"),
    path("admin/", admin.site.urls),
]

handler400 = "webapp.views.errors.bad_request"
handler403 = "webapp.views.errors.permission_denied"
handler404 = "webapp.views.errors.not_found"
handler500 = "webapp.views.errors.server_error"
