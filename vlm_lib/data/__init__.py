"""Two worlds to test claims in: `scenes` (made by us, every fact known) and `openmoji` (drawn by people, harder).

On top of them: `documents` (interleaved pictures and text), `videos` (short clips with narration) and `tokenizer`
(one vocabulary for both worlds). Chapter: 01_worlds.
"""
