"""A kernel in which everything goes on for long, and much of it goes wrong: does anything grow or hang?"""
