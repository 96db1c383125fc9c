"""Requests to the API, as tests make them."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from webapp import services
from webapp.models import Team, User


class Caller:
    """A script with a token, or without one; answers are (status, JSON)."""

    def __init__(self, token: str | None, client: Client | None = None) -> None:
        self.client = client or Client(enforce_csrf_checks=True)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> tuple[int, Any]:
        return answered(self.client.get(f"/api{path}", headers=self.headers))

    def post(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        return self.send(path, json.dumps(body or {}).encode())

    def put(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return self.send(path, json.dumps(body).encode(), method="PUT")

    def send(
        self, path: str, body: bytes, content_type: str = "application/json", method: str = "POST"
    ) -> tuple[int, Any]:
        sent = self.client.generic(method, f"/api{path}", body, content_type=content_type, headers=self.headers)
        return answered(sent)


def answered(response: Any) -> tuple[int, Any]:
    assert isinstance(response, HttpResponse)
    assert response["Content-Type"].startswith("application/json"), response.content[:300]
    return response.status_code, json.loads(response.content)


def caller(user: User, team: Team) -> Caller:
    return Caller(services.create_api_token(user=user, team=team, name="notebook")[1])
