using System.Diagnostics;
using Microsoft.Playwright;
using Sealift.Rigs;
using static Microsoft.Playwright.Assertions;

namespace Sealift.Server.BrowserTests;

/// <summary>From a server that nobody has used to a machine with a seal that was verified, by clicking.</summary>
public sealed class StoryTests(Chromium chromium)
{
    [Fact]
    public async Task FromTheSetUpLinkToAVerifiedSeal()
    {
        await using var rig = await BrowserRig.StartAsync(chromium, withUser: false, isReal: true);
        var page = rig.Page;
        await ImageAsync(Path.Combine(rig.Below("in"), "small.raw"));

        await page.GotoAsync(rig.Server.SetUpLink!);
        await rig.LookAsync("set-up");
        await page.GetByLabel("User").FillAsync("anna");
        await page.GetByLabel("Password").FillAsync(BrowserRig.Password);
        await ClickAsync("Make the first user");
        await Expect(Heading("Overview")).ToBeVisibleAsync();
        await rig.LookAsync("overview-empty");

        await AddAsync("images", "directory of disk images (source)", rig.Below("in"));
        await rig.LookAsync("provider");
        await AddAsync("shelf", "directory (target)", rig.Below("out"));
        await page.GotoAsync("/providers");
        await rig.LookAsync("providers");
        await page.GetByRole(AriaRole.Link, new() { Name = "images", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Inventory", Exact = true }).ClickAsync();
        await page.GetByLabel("Pick small.raw").CheckAsync();
        await rig.LookAsync("inventory");
        await ClickAsync("Plan those that are ticked");

        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("weekend");
        await page.GetByLabel("To", new() { Exact = true }).SelectOptionAsync("shelf");
        await rig.LookAsync("wizard-plan");
        await ClickAsync("On to the machines");
        await Expect(page.GetByRole(AriaRole.Rowheader, new() { Name = "small.raw" })).ToBeVisibleAsync();
        await rig.LookAsync("wizard-machines");
        await ClickAsync("On to storage and networks");
        await rig.LookAsync("wizard-maps");
        await ClickAsync("On to the way");
        await rig.LookAsync("wizard-way");
        await ClickAsync("On to the policies");
        await page.GetByLabel("Leave guests as they are").CheckAsync();
        await page.GetByLabel("Hand over machines with verdict degraded").CheckAsync();
        await page.GetByLabel("Prove that the new machine boots").SelectOptionAsync("never");
        await rig.LookAsync("wizard-policies");
        await ClickAsync("On to the review");
        await Expect(page.GetByLabel("The documents as YAML")).ToContainTextAsync("name: small.raw");
        await rig.LookAsync("wizard-review");
        await ClickAsync("Store the plan");

        await Expect(Heading("weekend")).ToBeVisibleAsync();
        await rig.LookAsync("plan-new");
        await page.GetByRole(AriaRole.Link, new() { Name = "Start", Exact = true }).ClickAsync();
        await rig.LookAsync("plan-start");
        await ClickAsync("Start");
        // Nobody reloads: the page follows.
        await Expect(page.GetByRole(AriaRole.Cell, new() { Name = "handed over" })).ToBeVisibleAsync(new() { Timeout = 120_000 });
        await Expect(page.Locator("#run ~ dl")).ToContainTextAsync("finished");
        await rig.LookAsync("plan-run");

        await page.GetByRole(AriaRole.Link, new() { Name = "small.raw" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { NameRegex = new("disk1.*of data.*read back and proven") })).ToBeVisibleAsync();
        await rig.LookAsync("migration");
        await ClickAsync("Verify now");
        await Expect(page.GetByText("Every claim holds.")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await rig.LookAsync("migration-verified");
        await page.GetByRole(AriaRole.Link, new() { Name = "View the seal" }).ClickAsync();
        await Expect(page.GetByText("Its signature holds")).ToBeVisibleAsync();
        await rig.LookAsync("seal");
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Download as JSON" }).ClickAsync());
        Assert.EndsWith(".seal.json", download.SuggestedFilename, StringComparison.Ordinal);
        await page.GetByRole(AriaRole.Link, new() { Name = "Whole page, to print" }).ClickAsync();
        await Expect(page.GetByText("Migration seal")).ToBeVisibleAsync();
        Assert.Equal("rgb(252, 251, 248)", await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));

        await page.GotoAsync("/");
        await rig.LookAsync("overview-sealed");
        await page.GotoAsync("/migrations");
        await rig.LookAsync("migrations");
        await page.GotoAsync("/users");
        await rig.LookAsync("users");
        await page.GotoAsync("/account");
        await rig.LookAsync("account");
        await page.GotoAsync("/audit");
        await Expect(page.GetByRole(AriaRole.Cell, new() { Name = "run.begin" })).ToBeVisibleAsync();
        await rig.LookAsync("audit");
        await ClickAsync("Log out");
        await Expect(Heading("Log in")).ToBeVisibleAsync();
        await rig.LookAsync("login");
        Assert.Empty(rig.Complaints);

        ILocator Heading(string name) => page.GetByRole(AriaRole.Heading, new() { Name = name, Level = 1 });

        Task ClickAsync(string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

        async Task AddAsync(string name, string kind, string path)
        {
            await page.GotoAsync("/providers/add");
            await rig.LookAsync("provider-add");
            var form = page.GetByRole(AriaRole.Region, new() { Name = "A directory of this server, or libvirt" });
            await form.GetByLabel("Name").FillAsync(name);
            await form.GetByLabel("Kind").SelectOptionAsync(new SelectOptionValue { Label = kind });
            await form.GetByLabel("Where").FillAsync(path);
            await form.GetByRole(AriaRole.Button, new() { Name = "Add it" }).ClickAsync();
            await Expect(page.GetByText("It answers.")).ToBeVisibleAsync();
        }
    }

    /// <summary>A small disk with a file system on it.</summary>
    private static async Task ImageAsync(string path)
    {
        using (var file = File.Create(path)) file.SetLength(32 << 20);
        using var made = Process.Start(new ProcessStartInfo("mkfs.ext4", ["-q", "-F", path]) { RedirectStandardError = true })!;
        await made.WaitForExitAsync(BrowserRig.Cancel);
        Assert.Equal(0, made.ExitCode);
    }
}
