clean = F.normalize(torch.randn(64, 32, generator=generator), dim=-1)
noisy = clean + 0.25 * torch.randn(64, 32, generator=generator)
right = ((clean @ noisy.T).argmax(1) == torch.arange(64)).float().mean().item()
claims.answer(
    "@FIRST@",
    "Replace: does noise on the features change which text is nearest?",
    check="for most of 64 images the nearest text stays the same",
    passed=0.5 < right < 1,
    evidence={"R@1 with noise": round(right, 2)},
    chapter="@NAME@",
)
