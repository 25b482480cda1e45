"""One file a system; the same class serves the toy and the pretrained scale."""
