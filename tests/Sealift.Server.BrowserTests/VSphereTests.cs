using Microsoft.Playwright;
using Sealift.Plans.Documents;
using Sealift.Rigs;
using static Microsoft.Playwright.Assertions;

namespace Sealift.Server.BrowserTests;

/// <summary>A vCenter in the pages: how it is added, what is on it, a plan of its machines, and what is said when it is gone.</summary>
public sealed class VSphereTests(Chromium chromium)
{
    private const string Datastore = "LocalDS_0", Network = "VM Network";

    [Fact]
    public async Task FromAVCenterToAStoredPlan()
    {
        await using var rig = await BrowserRig.StartAsync(chromium, isReal: true);
        var page = rig.Page;
        await ShelfAsync(rig);
        await rig.LogInAsync();
        var center = await VCenter.StartAsync(BrowserRig.Cancel);
        try
        {
            // Another certificate than it has: it is not logged in to, and not added.
            await AddAsync(center, new string('0', 64));
            await Expect(page.Locator("main")).ToContainTextAsync("SL");
            await rig.LookAsync("vsphere-refused");
            await page.GotoAsync("/providers");
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "vc1", Exact = true })).ToHaveCountAsync(0);

            await AddAsync(center, center.Sha256);
            await Expect(page.GetByText("It answers.")).ToBeVisibleAsync();
            await Expect(page.Locator("main")).ToContainTextAsync("vCenter");
            await rig.LookAsync("vsphere-provider");
            await page.GotoAsync("/providers");
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "vc1", Exact = true })).ToBeVisibleAsync();
            await rig.LookAsync("vsphere-providers");

            // What is on it, and what a migration will meet, opened to be read.
            await page.GotoAsync("/providers/vc1/inventory");
            var boxes = page.GetByRole(AriaRole.Checkbox, new() { NameRegex = new("^Pick ") });
            await Expect(boxes).ToHaveCountAsync(4);
            await page.Locator("td[data-label=Concerns] summary").First.ClickAsync();
            await Expect(page.Locator("td[data-label=Concerns] details[open] li").First).ToBeVisibleAsync();
            await rig.LookAsync("vsphere-inventory");
            await page.GetByLabel("Power").SelectOptionAsync("off");
            await ClickAsync("Show");
            await Expect(page.GetByText("No machine is like that.")).ToBeVisibleAsync();
            await page.GotoAsync("/providers/vc1/inventory?power=on");
            List<string> names = [];
            foreach (var box in (await boxes.AllAsync()).Take(2))
            {
                names.Add((await box.GetAttributeAsync("value"))!);
                await box.CheckAsync();
            }

            await ClickAsync("Plan those that are ticked");
            await page.GetByLabel("Name", new() { Exact = true }).FillAsync("night");
            await page.GetByLabel("To", new() { Exact = true }).SelectOptionAsync("shelf");
            await ClickAsync("On to the machines");
            foreach (var name in names) await Expect(page.GetByRole(AriaRole.Rowheader, new() { Name = name })).ToBeVisibleAsync();
            await rig.LookAsync("vsphere-machines");
            await ClickAsync("On to storage and networks");

            // Its datastores and networks are proposed.
            await Expect(page.Locator($"#datastores option[value='{Datastore}']")).ToHaveCountAsync(1);
            await Expect(page.Locator($"#networks option[value='{Network}']")).ToHaveCountAsync(1);
            await page.GetByLabel("Which map").First.SelectOptionAsync(new SelectOptionValue { Index = 1 });
            await page.GetByLabel("Storage of the source, row 1").FillAsync(Datastore);
            await page.GetByLabel("Storage at the target, row 1").FillAsync("fast");
            await rig.LookAsync("vsphere-maps");
            await ClickAsync("On to the way");
            await page.GetByLabel("Warm", new() { Exact = true }).CheckAsync();
            await rig.LookAsync("vsphere-way");
            await ClickAsync("On to the policies");
            await ClickAsync("On to the review");
            await Expect(page.GetByLabel("The documents as YAML")).ToContainTextAsync(names[0]);
            await rig.LookAsync("vsphere-review");
            await ClickAsync("Store the plan");
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "night", Level = 1 })).ToBeVisibleAsync();

            var plan = (PlanDocument)(await rig.Store.FindAsync(DocumentKind.Plan, "night", BrowserRig.Cancel))!.Document;
            Assert.Equal(names.Order(StringComparer.Ordinal), plan.Spec.Vms.Select(m => m.Name).Order(StringComparer.Ordinal));
            Assert.Equal(("vc1", "shelf", PlanType.Warm), (plan.Spec.Provider.Source.Name, plan.Spec.Provider.Destination.Name, plan.Spec.Type));
            var map = (StorageMapDocument)(await rig.Store.FindAsync(DocumentKind.StorageMap, plan.Spec.Map!.Storage!.Name, BrowserRig.Cancel))!.Document;
            Assert.Equal(Datastore, Assert.Single(map.Spec.Map).Source.Name);

            // Each machine is asked for.
            await page.GetByRole(AriaRole.Link, new() { Name = "Validate", Exact = true }).ClickAsync();
            foreach (var name in names) await Expect(page.Locator("main")).ToContainTextAsync(name);
            await rig.LookAsync("vsphere-validation");
        }
        finally
        {
            await center.DisposeAsync();
        }

        // It is gone: said within the time that somebody waits, and with what to do.
        await page.GotoAsync("/providers/vc1");
        await Expect(page.GetByText("It does not answer:")).ToBeVisibleAsync();
        await rig.LookAsync("vsphere-gone");
        await page.GotoAsync("/providers/vc1/inventory?fresh=true");
        await Expect(page.Locator("main")).ToContainTextAsync("SL");
        await rig.LookAsync("vsphere-inventory-gone");
        Assert.DoesNotContain(VCenter.Password, await page.ContentAsync(), StringComparison.Ordinal);

        Task ClickAsync(string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

        async Task AddAsync(VCenter center, string thumbprint)
        {
            await page.GotoAsync("/providers/add");
            var form = page.GetByRole(AriaRole.Region, new() { Name = "A vCenter or an ESXi host" });
            await form.GetByLabel("Name").FillAsync("vc1");
            await form.GetByLabel("Address").FillAsync(center.Address.AbsoluteUri);
            await form.GetByLabel("User").FillAsync(VCenter.User);
            await form.GetByLabel("Password").FillAsync(VCenter.Password);
            await form.GetByLabel("Thumbprint of its certificate").FillAsync(thumbprint);
            await form.GetByRole(AriaRole.Button, new() { Name = "Log in to it, and add it" }).ClickAsync();
        }
    }

    private static async Task ShelfAsync(BrowserRig rig) => _ = await rig.Store.PutAllAsync( // its generation is 1
        [new(new ProviderDocument { Metadata = new DocumentMetadata { Name = "shelf" }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = rig.Below("out") } }, null)], BrowserRig.Cancel);
}
