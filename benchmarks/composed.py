"""The same card twice, as code for a kernel: composed of core ipywidgets by hand, and ours."""

COMPOSED = """
import ipywidgets as w

class ComposedCard:
    def __init__(self):
        self.title, self.status = w.HTML("<b>EvoLink credits</b>"), w.Label("live")
        self.message, self.updated = w.Label(""), w.Label("")
        self.button = w.Button(description="Refresh")
        self.halves = {name: (w.FloatProgress(max=1), w.Label(""), w.Label("")) for name in ("user", "token")}
        top = w.HBox([self.title, self.status, self.button])
        halves = w.HBox([w.VBox(list(half)) for half in self.halves.values()])
        self.view = w.VBox([top, halves, self.message, self.updated])

    def show(self, reading):
        for name, (ring, number, used) in self.halves.items():
            half = getattr(reading, name)
            total = half.remaining + half.used
            ring.value = float(half.remaining / total)
            number.value = f"{half.remaining:,} credits left"
            used.value = f"of {total:,} · {half.used:,} used"
        self.updated.value = f"updated {reading.read_at:%H:%M:%S}"
"""
"""Defines ``ComposedCard``, whose ``show`` shows a reading."""
