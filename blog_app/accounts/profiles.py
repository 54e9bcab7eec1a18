"""Profiles: every account is opened with one, but users that were loaded from files may lack it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.accounts.models import Profile


def of(user_id: UUID) -> Any:
    """Return the query for a user's profile, and see to it that there is one; call it in a transaction."""
    Profile.insert(user=user_id).on_conflict(conflict_target=[Profile.user], action="IGNORE").execute()
    return Profile.select().where(Profile.user == user_id)
