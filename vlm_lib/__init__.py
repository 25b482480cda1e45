"""The library of the book *Vision-Language Models, Verified*."""
