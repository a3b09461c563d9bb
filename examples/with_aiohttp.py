"""Calls with aiohttp (3.12 or newer), which takes a middleware in place of an auth object."""

import asyncio

import aiohttp

from evolink_nb import BudgetExceeded, EvoLinkClient, meter

client = EvoLinkClient()


async def main() -> None:
    """Order images until two credits are spent."""
    made = 0
    with meter(max_credits=2) as cost:
        async with aiohttp.ClientSession(client.base_url, middlewares=[client.middleware]) as http:
            try:
                for prompt in ("a lighthouse", "a harbour", "a pier"):
                    body = {"model": "z-image-turbo", "prompt": prompt}
                    async with http.post("/v1/images/generations", json=body) as answer:
                        answer.raise_for_status()
                        made += 1
            except BudgetExceeded as stop:
                print(stop)
    print(f"{made} images for {cost.credits} credits")


asyncio.run(main())
