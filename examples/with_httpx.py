"""Calls with httpx, two at a time: a call under way when the budget is spent still gets its response."""

import asyncio

import httpx

from evolink_nb import BudgetExceeded, EvoLinkClient, meter

client = EvoLinkClient()
url = f"{client.base_url}/v1/images/generations"
two_at_a_time = asyncio.Semaphore(2)


async def make(http: httpx.AsyncClient, prompt: str) -> str:
    """Order one image, and return a line that says what became of it."""
    async with two_at_a_time:
        try:
            answer = await http.post(url, json={"model": "z-image-turbo", "prompt": prompt})
        except BudgetExceeded:
            return f"{prompt}: not ordered"
    return f"{prompt}: {answer.raise_for_status().json()['status']}"


async def main() -> None:
    """Order images until two credits are spent."""
    prompts = ("a lighthouse", "a harbour", "a pier", "a gull")
    with meter(max_credits=2) as cost:
        async with httpx.AsyncClient(auth=client.auth, timeout=60) as http:
            for line in await asyncio.gather(*(make(http, prompt) for prompt in prompts)):
                print(line)
    print(f"{cost.credits} credits")


asyncio.run(main())
