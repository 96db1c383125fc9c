"""Addresses: the nouns of the pages are those of the models, templates and view modules."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter

from webapp.api.site import api_urls
from webapp.views import (
    accounts,
    analyses,
    api_tokens,
    batches,
    exports,
    filing,
    home,
    imports,
    notifications,
    regimes,
    result_files,
    results,
    samples,
    search,
    spaces,
    teams,
    workers,
)


class RowIdConverter:
    """An id that fits the column; a longer number is no address at all."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class TableKindConverter(StringConverter):
    """The ending of a file of rows."""

    regex = "csv|json|parquet"


class PictureKindConverter(StringConverter):
    """The ending of a figure in print size."""

    regex = "svg|png"


register_converter(RowIdConverter, "id")
register_converter(TableKindConverter, "table")
register_converter(PictureKindConverter, "picture")


def filing_of(noun: str, folder: str) -> list[URLPattern]:
    """Tags, archive and deletion of one kind of row."""
    verbs = {
        "tag": filing.tag_row,
        "untag": filing.untag_row,
        "archive": filing.archive_row,
        "restore": filing.restore_row,
        "delete": filing.delete_row,
    }
    return [
        path(f"{folder}/<id:row_id>/{verb}/", view, {"noun": noun}, name=f"{verb}-{noun}")
        for verb, view in verbs.items()
    ]


urlpatterns = [
    path("", home.home, name="home"),
    path("running/", home.home_running, name="home-running"),
    path("notifications/", notifications.notification_list, name="notifications"),
    path("notifications/bell/", notifications.bell, name="bell"),
    path("notifications/read/", notifications.mark_all_read, name="mark-all-read"),
    path("notifications/<id:notification_id>/", notifications.open_notification, name="notification"),
    path("search/", search.search_page, name="search"),
    path("start/", home.start_from_presets, name="start-from-presets"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-in/link/", accounts.sign_in_by_link, name="sign-in-by-link"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("account/", accounts.account, name="account"),
    path("account/password/", accounts.change_password, name="change-password"),
    path("account/tokens/", api_tokens.api_tokens, name="api-tokens"),
    path("account/tokens/<id:token_id>/revoke/", api_tokens.revoke_api_token, name="revoke-api-token"),
    path("password/forgotten/", accounts.forgotten_password, name="forgotten-password"),
    path("password/sent/", accounts.password_mail_sent, name="password-mail-sent"),
    path("password/new/<uidb64>/<token>/", accounts.new_password, name="new-password"),
    path("teams/new/", teams.first_team, name="first-team"),
    path("teams/<id:team_id>/choose/", teams.choose_team, name="choose-team"),
    path("team/", teams.team_people, name="team"),
    path("team/log/", teams.team_log, name="team-log"),
    path("team/rename/", teams.rename_team, name="rename-team"),
    path("team/leave/", teams.leave_team, name="leave-team"),
    path("team/invite/", teams.invite, name="invite"),
    path("team/invitations/<id:invitation_id>/revoke/", teams.revoke_invitation, name="revoke-invitation"),
    path("team/members/<id:membership_id>/role/", teams.change_role, name="change-role"),
    path("team/members/<id:membership_id>/remove/", teams.remove_member, name="remove-member"),
    path("invitations/<str:token>/", teams.invitation, name="invitation"),
    path("join/", teams.join_team, name="join-team"),
    path("spaces/", spaces.space_list, name="spaces"),
    path("spaces/new/", spaces.new_space, name="new-space"),
    path("spaces/preview/", spaces.preview_space, name="preview-space"),
    path("spaces/<id:space_id>/", spaces.space_page, name="space"),
    path("spaces/<id:space_id>/holds/", spaces.space_holds, name="space-holds"),
    path("spaces/<id:space_id>/refine/", spaces.refine_space, name="refine-space"),
    path("spaces/<id:space_id>/edit/", spaces.edit_space, name="edit-space"),
    *filing_of("space", "spaces"),
    path("regimes/", regimes.regime_list, name="regimes"),
    path("regimes/new/", regimes.new_regime, name="new-regime"),
    path("regimes/<id:regime_id>/", regimes.regime_page, name="regime"),
    *filing_of("regime", "regimes"),
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
    path("batches/<id:batch_id>/figures/<str:element>.<picture:kind>", exports.batch_figure, name="batch-figure"),
    path("batches/<id:batch_id>/tables/<str:element>.<table:kind>", exports.batch_table, name="batch-table"),
    *filing_of("batch", "batches"),
    path("samples/<id:sample_id>/figures/<str:element>.<picture:kind>", exports.sample_figure, name="sample-figure"),
    path("samples/<id:sample_id>/tables/<str:element>.<table:kind>", exports.sample_table, name="sample-table"),
    path("samples/<id:sample_id>/", samples.sample_page, name="sample"),
    path("samples/<id:sample_id>/design.json", samples.sample_design, name="sample-design"),
    path("analyses/", analyses.analysis_page, name="analyses"),
    path("analyses/edf.csv", analyses.edf_csv, name="analysis-edf-csv"),
    path("analyses/report.html", exports.analysis_report, name="analysis-report"),
    path("analyses/figures/<str:element>.<picture:kind>", exports.analysis_figure, name="analysis-figure"),
    path("analyses/tables/<str:element>.<table:kind>", exports.analysis_table, name="analysis-table"),
    path("analyses/parts/<str:name>", analyses.analysis_part, name="analysis-part"),
    path("populations/<id:space_id>-<id:regime_id>.<table:kind>", analyses.population_file, name="population-file"),
    path("imports/", imports.import_list, name="imports"),
    path("imports/new/", imports.new_import, name="new-import"),
    path("imports/new/<str:token>/", imports.import_preview, name="import-preview"),
    path("imports/new/<str:token>/discard/", imports.discard_import, name="discard-import"),
    path("imports/<id:imported_id>/", imports.imported_page, name="imported"),
    *filing_of("imported", "imports"),
    path("imports/<id:imported_id>.<table:kind>", imports.imported_file, name="imported-file"),
    path("results/", results.result_list, name="results"),
    path("results/new/", results.new_result, name="new-result"),
    path("results/<id:result_id>/", results.result_page, name="result"),
    path("results/<id:result_id>/line/", results.result_line, name="result-line"),
    path("results/<id:result_id>/edit/", results.edit_result, name="edit-result"),
    path("results/<id:result_id>/duplicate/", results.duplicate_result, name="duplicate-result"),
    *filing_of("result", "results"),
    path("results/<id:result_id>/freeze/", results.freeze_result, name="freeze-result"),
    path("results/<id:result_id>/thaw/", results.thaw_result, name="thaw-result"),
    path("results/<id:result_id>/share/", results.share_result, name="share-result"),
    path("results/<id:result_id>/links/<id:link_id>/revoke/", results.revoke_link, name="revoke-link"),
    path("results/<id:result_id>/report.html", result_files.result_report, name="result-report"),
    path("results/<id:result_id>/edf.csv", result_files.result_edf_csv, name="result-edf-csv"),
    path(
        "results/<id:result_id>/figures/<str:element>.<picture:kind>", result_files.result_figure, name="result-figure"
    ),
    path("results/<id:result_id>/tables/<str:element>.<table:kind>", result_files.result_table, name="result-table"),
    path("results/<id:result_id>/parts/<str:name>", result_files.result_part, name="result-part"),
    path(
        "results/<id:result_id>/populations/<str:pair>.<table:kind>",
        result_files.result_population,
        name="result-population",
    ),
    path("share/<str:token>/", results.shared, name="shared"),
    path("share/<str:token>/report.html", result_files.shared_report, name="shared-report"),
    path("share/<str:token>/edf.csv", result_files.shared_edf_csv, name="shared-edf-csv"),
    path("share/<str:token>/figures/<str:element>.<picture:kind>", result_files.shared_figure, name="shared-figure"),
    path("share/<str:token>/tables/<str:element>.<table:kind>", result_files.shared_table, name="shared-table"),
    path("share/<str:token>/parts/<str:name>", result_files.shared_part, name="shared-part"),
    path(
        "share/<str:token>/populations/<str:pair>.<table:kind>",
        result_files.shared_population,
        name="shared-population",
    ),
    path("workers/", workers.worker_list, name="workers"),
    path("api/", api_urls()),
    path("workers/drain/", workers.drain_worker, name="drain-worker"),
    path("workers/undrain/", workers.undrain_worker, name="undrain-worker"),
    path("admin/", admin.site.urls),
]

handler400 = "webapp.views.errors.bad_request"
handler403 = "webapp.views.errors.permission_denied"
handler404 = "webapp.views.errors.not_found"
handler500 = "webapp.views.errors.server_error"
