"""Work that is needed together."""

import asyncio

import pytest

from gra.together import together


async def after(seconds: float, value: int, ended: list[int]) -> int:
    try:
        await asyncio.sleep(seconds)
        return value
    finally:
        ended.append(value)


async def failing(error: Exception) -> int:
    await asyncio.sleep(0)
    raise error


async def test_results_come_in_order() -> None:
    assert await together(after(0.01 / n, n, []) for n in (1, 2, 3)) == [1, 2, 3]


async def test_when_one_fails_the_others_are_called_off_first() -> None:
    ended: list[int] = []
    with pytest.raises(KeyError, match="odd"):
        await together([after(60, 1, ended), failing(KeyError("odd")), after(60, 2, ended)])
    assert sorted(ended) == [1, 2]


async def test_an_error_inside_is_the_error_outside() -> None:
    async def inner() -> list[int]:
        return await together([failing(ValueError("deep"))])

    with pytest.raises(ValueError, match="deep"):
        await together([inner()])
