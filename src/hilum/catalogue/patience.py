"""Waiting for the pixel engine once an answer has begun: nobody can be sent away any more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from hilum.domain.errors import PixelEngineBusy

PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.25

_T = TypeVar("_T")


async def patiently(make: Callable[[], Awaitable[_T]], seconds: float = PATIENCE_SECONDS) -> _T:
    """Do what asks the engine, again while it is busy.

    Raises what `make` raises; `PixelEngineBusy` when it is busy for so many `seconds`.
    """
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await make()
        except PixelEngineBusy:
            if asyncio.get_running_loop().time() >= end:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
