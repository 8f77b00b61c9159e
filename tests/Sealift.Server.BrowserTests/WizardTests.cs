using Microsoft.Playwright;
using Sealift.Plans.Documents;
using Sealift.Rigs;
using static Microsoft.Playwright.Assertions;

namespace Sealift.Server.BrowserTests;

/// <summary>The wizard: back and forward, what cannot be understood, and whoever was faster.</summary>
public sealed class WizardTests(Chromium chromium)
{
    [Fact]
    public async Task BackAndForwardLoseNothingAndAskNothing()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("other", [new PlannedMachine { Name = "x.raw" }]);
        await rig.LogInAsync();
        var page = rig.Page;
        await BeginAsync(page, "night");
        await page.GetByLabel("Machines by name, one a line").FillAsync("a.raw\nb.raw");
        await ClickAsync(page, "On to storage and networks");
        await ClickAsync(page, "On to the way");
        await page.GetByLabel("Names").FillAsync("new-{{.VmName}}");
        await ClickAsync(page, "On to the policies");
        // Each page first, as people do: a browser refuses to go back while it is still on its way.
        await Expect(page.GetByLabel("Bytes per second that all may read together")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Expect(page.GetByLabel("Names")).ToHaveValueAsync("new-{{.VmName}}");
        await page.GoBackAsync();
        await Expect(page.GetByRole(AriaRole.Group, new() { Name = "Storage" })).ToBeVisibleAsync();
        await page.GoForwardAsync();
        await Expect(page.GetByLabel("Names")).ToHaveValueAsync("new-{{.VmName}}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Review" }).ClickAsync();
        await Expect(page.GetByLabel("The documents as YAML")).ToContainTextAsync("targetNameTemplate: \"new-{{.VmName}}\"");
        await ClickAsync(page, "Store the plan");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "night", Level = 1 })).ToBeVisibleAsync();
        var stored = (PlanDocument)(await rig.Plans.Store.FindAsync(DocumentKind.Plan, "night", BrowserRig.Cancel))!.Document;
        Assert.Equal(["a.raw", "b.raw"], stored.Spec.Vms.Select(m => m.Name));
        Assert.Equal("new-{{.VmName}}", stored.Spec.TargetNameTemplate);
    }

    [Fact]
    public async Task WhatCannotBeUnderstoodIsSaidBesideItsFieldAndKept()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("other", [new PlannedMachine { Name = "x.raw" }]);
        await rig.LogInAsync();
        var page = rig.Page;
        await BeginAsync(page, "night");
        await page.GetByLabel("Machines by name, one a line").FillAsync("a.raw");
        await ClickAsync(page, "On to storage and networks");
        await page.GetByRole(AriaRole.Link, new() { Name = "Policies" }).ClickAsync();
        await page.GetByLabel("Bytes per second that all may read together").FillAsync("a lot");
        await ClickAsync(page, "On to the review");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("spec.limits.bandwidth");
        await Expect(page.GetByLabel("Bytes per second that all may read together")).ToHaveValueAsync("a lot");
        await Expect(page.GetByLabel("Bytes per second that all may read together")).ToHaveAttributeAsync("aria-invalid", "true");
        await rig.LookAsync("wizard-mistake");
        await page.GetByLabel("Bytes per second that all may read together").FillAsync("200M");
        await ClickAsync(page, "On to the review");
        await Expect(page.GetByLabel("The documents as YAML")).ToContainTextAsync("bandwidth: 200M");
    }

    [Fact]
    public async Task WhatCouldNeverBeRunIsSaidOnTheReviewAndNotStored()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("other", [new PlannedMachine { Name = "x.raw" }]);
        await rig.LogInAsync();
        var page = rig.Page;
        await BeginAsync(page, "night");
        await page.GetByLabel("Machines by name, one a line").FillAsync("a.raw");
        await ClickAsync(page, "On to storage and networks");
        await ClickAsync(page, "On to the way");
        await page.GetByLabel("Start machines with their host").CheckAsync();
        await ClickAsync(page, "On to the policies");
        await ClickAsync(page, "On to the review");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("SL7635 spec.autostart");
        await Expect(page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Store") })).ToHaveCountAsync(0);
        await rig.LookAsync("wizard-refused");
        await page.GetByRole(AriaRole.Link, new() { Name = "Correct it in “Way”" }).ClickAsync();
        await page.GetByLabel("Start machines with their host").UncheckAsync();
        await ClickAsync(page, "On to the policies");
        await ClickAsync(page, "On to the review");
        await ClickAsync(page, "Store the plan");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "night", Level = 1 })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task WhoeverWasFasterIsNotOverwrittenUnseen()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        var plan = await rig.PlanAsync("night", [new PlannedMachine { Name = "a.raw" }]);
        await rig.LogInAsync();
        var page = rig.Page;
        await page.GotoAsync("/plans/night/edit");
        await ClickAsync(page, "Begin a draft");
        await page.GetByLabel("Description").FillAsync("mine");
        await ClickAsync(page, "On to the machines");
        await rig.Plans.Store.PutAsync(plan with { Spec = plan.Spec with { Description = "theirs" } }, 1, BrowserRig.Cancel);
        await page.GetByRole(AriaRole.Link, new() { Name = "Review" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Somebody changed the plan meanwhile" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Store") })).ToHaveCountAsync(0);
        await rig.LookAsync("wizard-conflict");
        await ClickAsync(page, "I have looked: this draft shall take its place");
        await ClickAsync(page, "Store the plan");
        await Expect(page.GetByText("mine", new() { Exact = true })).ToBeVisibleAsync();
        Assert.Equal(3, (await rig.Plans.Store.FindAsync(DocumentKind.Plan, "night", BrowserRig.Cancel))!.Generation);
    }

    private static async Task BeginAsync(IPage page, string name)
    {
        await page.GotoAsync("/plans/new");
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.GetByLabel("From", new() { Exact = true }).SelectOptionAsync("images");
        await page.GetByLabel("To", new() { Exact = true }).SelectOptionAsync("shelf");
        await ClickAsync(page, "On to the machines");
    }

    private static Task ClickAsync(IPage page, string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();
}
