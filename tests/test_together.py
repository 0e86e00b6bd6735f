"""Work that is needed together."""

import asyncio

import pytest

from gra.together import a_few_at_once, together


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


async def test_a_few_at_once_are_no_more_and_come_in_order() -> None:
    under_way, most = 0, 0

    async def one(value: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (value % 3))
        under_way -= 1
        return value

    assert await a_few_at_once((one(n) for n in range(20)), 4) == list(range(20))
    assert most == 4
    assert await a_few_at_once((one(n) for n in range(0)), 4) == []


async def test_when_one_of_a_few_fails_nothing_further_is_begun() -> None:
    begun: list[int] = []

    async def one(value: int) -> int:
        begun.append(value)
        return await (failing(KeyError("odd")) if value == 1 else after(60, value, []))

    with pytest.raises(KeyError, match="odd"):
        await a_few_at_once((one(n) for n in range(10)), 3)
    assert begun == [0, 1, 2]
