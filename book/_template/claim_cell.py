claim = claims.Claim(
    id="@FIRST@",
    chapter="@NAME@",
    hypothesis="Replace: noise on the features costs less than 20 points.",
    metric="R@1 among 64",
    threshold=-0.2,
    treatment="noisy features",
    control="clean features",
    baselines=("shuffled texts",),
)
labels = torch.arange(64)
for seed in range(5):
    generator = seeds.seed_everything(seed)
    clean = F.normalize(torch.randn(64, 32, generator=generator), dim=-1)
    noise = 0.25 * torch.randn(64, 32, generator=generator)
    arms = (clean + noise, clean, clean[torch.randperm(64, generator=generator)])
    for arm, texts in zip(claim.arms, arms, strict=True):
        right = (clean @ texts.T).argmax(1) == labels
        claim.record(arm, seed, right.float().mean().item())
claim.verdict()
