"""Every state of the card in every theme and width, as pictures to look at and pages to measure.

`python -m tests.gallery` leaves them in `screenshots/gallery/`; `index.html` there shows them all.
"""
