using Microsoft.Playwright;

namespace Sealift.Rigs;

/// <summary>One Chromium for all tests; each has profiles of its own in it.</summary>
public sealed class Chromium : IAsyncLifetime
{
    // Nothing of it calls anybody: it has what it shows from the loopback or from this host's files, and keeps nothing up to date.
    private static readonly string[] Arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private IPlaywright driver = null!;

    public IBrowser Browser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        driver = await Playwright.CreateAsync();
        Browser = await driver.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Headless = true, Args = Arguments });
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        driver.Dispose();
    }
}
