"""Follow the balance alongside other work in one event loop, and report when it runs low."""

import asyncio

from evolink_nb import Credits, CreditsFetcher, EvoLinkClient

client = EvoLinkClient()


async def say_when_low(limit: int) -> Credits:
    """Print each reading, and return the first one below the limit."""
    async for credits in CreditsFetcher(client, interval=1):
        print(credits)
        if credits.spendable < limit:
            return credits
    raise RuntimeError("The fetcher was stopped.")


async def main() -> None:
    """Read the balance once, then follow it for a while."""
    now = await client.get_credits_async()
    print(f"{now.spendable} to spend")
    try:
        low = await asyncio.wait_for(say_when_low(50), timeout=3)
        print(f"Low: {low.spendable} left.")
    except TimeoutError:
        print("Enough for now.")


asyncio.run(main())
