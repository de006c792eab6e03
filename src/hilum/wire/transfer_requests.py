"""Who asks for a transfer, as the layers of the HTTP application noted it."""

from starlette.requests import Request

from hilum.operations.transfers.asking import Asker


def asker_of(request: Request) -> Asker:
    """Caller and correlation id."""
    state = request.scope.get("state", {})
    principal = getattr(state.get("principal"), "name", "")
    return Asker(principal, state.get("correlation_id", ""))
