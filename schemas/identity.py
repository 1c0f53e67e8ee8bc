"""The audit record of identity: who was given an identifier, who lost one, and who became whom."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Closed


class IdentityAudit(Closed):
    """One change of whose an identifier is, or of who is who, told of one customer (key), with the event behind it.

    ``linked``: the identifier is his from now on; ``moved_away``: a later link gave it to somebody else; ``unlinked``:
    the CRM took it from him; ``merged``: the CRM says that another customer is the same.
    """

    action: Literal["linked", "moved_away", "unlinked", "merged"] = Field(description="What changed.")
    customer_id: str = Field(description="Customer it is about; of a merge the one who stays.")
    identifier: str | None = Field(None, description="The identifier, such as anon:… or card:…; of a merge none.")
    merged: str | None = Field(None, description="Customer whose history became his with it.")
    unknown: str | None = Field(None, description="Unlinked: customer whose the identifier's later events are.")
    source: str = Field(description="Input topic of the event behind it.")
    event_id: str = Field(description="Event behind it.")
    occurred_at: str = Field(description="When that event happened.")
    effective_at: str = Field(description="From when on it counts.")
