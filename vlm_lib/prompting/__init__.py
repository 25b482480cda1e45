"""Systems that use trained models through words alone: what is seen becomes text, and the text a prompt.

`pica`: questions about pictures, put to a language model with chosen examples.
"""
