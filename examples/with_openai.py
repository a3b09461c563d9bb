"""Calls with OpenAI's SDK, measured and guarded like any other."""

import httpx
import openai

from evolink_nb import EvoLinkClient, meter

client = EvoLinkClient()

with (
    httpx.Client(auth=client.auth, timeout=60) as http,
    meter(max_credits=5) as cost,
    # The SDK requires a key; `auth` puts the real one into each request.
    openai.OpenAI(api_key="unused", base_url=f"{client.base_url}/v1", http_client=http) as ai,
):
    question = "What is a lighthouse?"
    chat = ai.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": question}])
    print(chat.choices[0].message.content)

cost.wait(60)
print(f"{cost.credits} credits, {cost.confidence}")
