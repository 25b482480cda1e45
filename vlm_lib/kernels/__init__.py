"""Implementations that sit behind the functions of `attention` and `losses`; call those, not these."""
