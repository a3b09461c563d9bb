"""Calls with requests: the key stays hidden, and once the budget is spent, the next call is refused."""

import requests

from evolink_nb import BudgetExceeded, EvoLinkClient, meter

client = EvoLinkClient()  # with the key in EVOLINK_API_KEY, or in the system keyring
url = f"{client.base_url}/v1/images/generations"
made = 0

with meter(max_credits=2) as cost:
    try:
        for prompt in ("a lighthouse", "a harbour", "a pier"):
            body = {"model": "z-image-turbo", "prompt": prompt}
            requests.post(url, json=body, auth=client.auth, timeout=60).raise_for_status()
            made += 1
    except BudgetExceeded as stop:
        print(stop)

print(f"{made} images for {cost.credits} credits")
