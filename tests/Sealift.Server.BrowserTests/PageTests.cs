using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;
using Sealift.Server.Accounts;
using Sealift.Server.Api;
using static Microsoft.Playwright.Assertions;

namespace Sealift.Server.BrowserTests;

/// <summary>The pages in a real browser: who cannot see, has no mouse, no script, a small screen, or something hostile in a name.</summary>
public sealed class PageTests(Chromium chromium)
{
    [Fact]
    public async Task ANameThatIsMarkupIsShownAsThatNameEverywhere()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("night", [new PlannedMachine { Name = BrowserRig.HostileName }, new PlannedMachine { Name = "plain" }], s => s with { Description = BrowserRig.HostileName });
        var (run, machines) = await rig.RunAsync("night");
        await rig.Plans.MoveAsync(run.Id, machines[0] with { State = MachineRunState.Failed, Reasons = [BrowserRig.HostileName], Step = BrowserRig.HostileName });
        await File.WriteAllTextAsync(Path.Combine(rig.Below("in"), "<b onclick=alert(3)>.raw"), "x", BrowserRig.Cancel);
        await rig.LogInAsync();
        foreach (var address in new[] { "/", "/plans/night", $"/plans/night/order?run={run.Id}&order=Retry", "/plans/night/validation" })
        {
            await rig.Page.GotoAsync(address);
            await Expect(rig.Page.GetByText(BrowserRig.HostileName).First).ToBeVisibleAsync();
            Assert.Equal(0, await rig.Page.Locator("main script, main img").CountAsync());
        }

        await rig.Page.GotoAsync("/providers/images/inventory");
        await Expect(rig.Page.GetByText("<b onclick=alert(3)>.raw").First).ToBeVisibleAsync();
        await rig.Page.GotoAsync($"/migrations/{Uri.EscapeDataString(BrowserRig.HostileName)}");
        await Expect(rig.Page.GetByText(BrowserRig.HostileName).First).ToBeVisibleAsync();
        Assert.DoesNotContain(rig.Complaints, c => c.Contains("dialog", StringComparison.Ordinal));
    }

    [Fact]
    public async Task APageFollowsByItselfAndNobodyIsLeftBehindWhenItsBrowserGoes()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("night", [new PlannedMachine { Name = "web01" }]);
        var (run, machines) = await rig.RunAsync("night");
        await rig.LogInAsync();
        await rig.Page.GotoAsync("/plans/night");
        await Expect(rig.Page.GetByRole(AriaRole.Cell, new() { Name = "waiting" })).ToBeVisibleAsync();
        await Expect(rig.Page.GetByText("this page follows by itself")).ToBeVisibleAsync();
        await rig.Plans.MoveAsync(run.Id, machines[0] with { State = MachineRunState.Stuck, Step = "copy disk1", DoneBytes = 1 << 30, TotalBytes = 4L << 30 });
        await Expect(rig.Page.GetByRole(AriaRole.Cell, new() { Name = "stuck" })).ToBeVisibleAsync();
        await Expect(rig.Page.GetByRole(AriaRole.Progressbar, new() { Name = "Progress of web01" })).ToHaveAttributeAsync("value", "25");
        var streams = rig.Server.Services.GetRequiredService<EventStreams>();
        Assert.True(streams.Open > 0);
        await rig.Page.CloseAsync();
        await UntilAsync(() => streams.Open == 0 && rig.Plans.Watchers == 0);
    }

    [Fact]
    public async Task WithoutScriptsAReloadShowsWhatIsNewAndAMachineIsCutOver()
    {
        await using var rig = await BrowserRig.StartAsync(chromium, new() { JavaScriptEnabled = false });
        await rig.PlanAsync("night", [new PlannedMachine { Name = "web01", Type = PlanType.Warm }]);
        var (run, machines) = await rig.RunAsync("night");
        await rig.LogInAsync();
        await rig.Page.GotoAsync("/plans/night");
        await Expect(rig.Page.GetByRole(AriaRole.Cell, new() { Name = "waiting" })).ToBeVisibleAsync();
        await rig.Plans.MoveAsync(run.Id, machines[0] with { State = MachineRunState.Following, IsReady = true });
        await rig.Page.GetByRole(AriaRole.Link, new() { Name = "Reload" }).ClickAsync();
        await rig.Page.GetByRole(AriaRole.Link, new() { Name = "Cut over web01" }).ClickAsync();
        await rig.Page.GetByRole(AriaRole.Button, new() { Name = "Cut over" }).ClickAsync();
        await Expect(rig.Page.GetByRole(AriaRole.Heading, new() { Name = "night", Level = 1 })).ToBeVisibleAsync();
        var order = Assert.Single(rig.Plans.Orders);
        Assert.Equal((run.Id, RunOrderKind.Cutover, "web01", "admin"), (order.Run, order.Kind, order.Machine, order.Actor));
    }

    [Fact]
    public async Task LoginAndStartOfAPlanNeedNoMouse()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("night", [new PlannedMachine { Name = "web01" }]);
        var (page, keyboard) = (rig.Page, rig.Page.Keyboard);
        await page.GotoAsync("/plans/night/start");
        await FocusAsync("INPUT", "user");
        await keyboard.TypeAsync("admin");
        await keyboard.PressAsync("Tab");
        await keyboard.TypeAsync(BrowserRig.Password);
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Start night" })).ToBeVisibleAsync();
        // The first stop is the way past the navigation.
        await keyboard.PressAsync("Tab");
        Assert.Equal("To the content", await page.EvaluateAsync<string>("document.activeElement.textContent"));
        await keyboard.PressAsync("Enter");
        await FocusAsync("BUTTON", "Start");
        Assert.NotEqual("none", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "night", Level = 1 })).ToBeVisibleAsync();
        Assert.Single(await rig.Plans.Store.RunsAsync("night", false, 10, BrowserRig.Cancel));

        async Task FocusAsync(string tag, string word)
        {
            for (var left = 40; left > 0; left--)
            {
                await keyboard.PressAsync("Tab");
                if (await page.EvaluateAsync<bool>("([tag, word]) => document.activeElement.tagName === tag && (document.activeElement.id === word || document.activeElement.textContent.trim() === word)", new[] { tag, word })) return;
            }

            Assert.Fail($"No key leads to {tag} {word}");
        }
    }

    [Theory]
    [InlineData("phone", 360, ColorScheme.Light)]
    [InlineData("dark", 1280, ColorScheme.Dark)]
    public async Task EveryPageFitsASmallScreenAndTheDark(string name, int width, ColorScheme scheme)
    {
        await using var rig = await BrowserRig.StartAsync(chromium, new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
        await rig.PlanAsync("night", Enum.GetValues<MachineRunState>().Select((s, i) => new PlannedMachine { Name = $"machine-with-a-rather-long-name-{s}", Wave = 1 + (i % 3) }), s => s with { MaintenanceWindows = [new MaintenanceWindow { Start = DateTimeOffset.UtcNow, End = DateTimeOffset.UtcNow.AddHours(5) }] });
        var (run, machines) = await rig.RunAsync("night");
        foreach (var (machine, state) in machines.Zip(Enum.GetValues<MachineRunState>()))
            await rig.Plans.MoveAsync(run.Id, machine with { State = state, StartedAt = DateTimeOffset.UtcNow.AddHours(-1), Step = "copy disk1", DoneBytes = 3L << 30, TotalBytes = 8L << 30, Verdict = state == MachineRunState.Succeeded ? Verdict.Degraded : null, Reasons = state == MachineRunState.Failed ? ["SL4101: cannot read the source: /srv/in/disk.vmdk: an I/O error. Look at the storage it lies on."] : [] });
        await rig.Plans.MoveAsync(run with { State = PlanRunState.Halted });
        await File.WriteAllTextAsync(Path.Combine(rig.Below("in"), "a.raw"), "x", BrowserRig.Cancel);
        await rig.Page.GotoAsync("/login");
        await rig.LookAsync($"{name}-login");
        await rig.LogInAsync();
        await rig.LookAsync($"{name}-overview");
        foreach (var (page, address) in new[] { ("plans", "/plans"), ("plan", "/plans/night"), ("order", $"/plans/night/order?run={run.Id}&order=Cancel"), ("validation", "/plans/night/validation"), ("providers", "/providers"), ("provider-add", "/providers/add"), ("inventory", "/providers/images/inventory"), ("plan-new", "/plans/new"), ("users", "/users"), ("account", "/account"), ("audit", "/audit"), ("not-found", "/nowhere") })
        {
            await rig.Page.GotoAsync(address);
            await rig.LookAsync($"{name}-{page}");
        }
    }

    [Fact]
    public async Task TenThousandMachinesArePaged()
    {
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("fleet", Enumerable.Range(1, 10_000).Select(i => new PlannedMachine { Name = $"vm{i:00000}", Wave = 1 + (i / 1000) }));
        await rig.RunAsync("fleet");
        await rig.LogInAsync();
        await rig.Page.GotoAsync("/plans/fleet");
        await Expect(rig.Page.GetByText("1–50 of 10,000")).ToBeVisibleAsync();
        var html = await rig.Page.ContentAsync();
        Assert.True(html.Length < 200_000, $"{html.Length} characters");
        await rig.Page.GetByRole(AriaRole.Link, new() { Name = "Last" }).ClickAsync();
        await Expect(rig.Page.GetByRole(AriaRole.Link, new() { Name = "vm10000", Exact = true })).ToBeVisibleAsync();
        await rig.Page.GetByLabel("Machine contains").FillAsync("vm0777");
        await rig.Page.GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();
        await Expect(rig.Page.GetByRole(AriaRole.Rowheader, new() { NameRegex = new("^vm0777") })).ToHaveCountAsync(10);
    }

    [Fact]
    public async Task EveryFormAndPageNeedsItsScope()
    {
        (string Method, string Address, string Scope)[] table =
        [
            ("POST", "/drafts", Scope.Plan), ("POST", "/plans/night/edit", Scope.Plan), ("POST", "/drafts/x/plan", Scope.Plan), ("POST", "/drafts/x/machines", Scope.Plan), ("POST", "/drafts/x/pick", Scope.Plan),
            ("POST", "/drafts/x/maps", Scope.Plan), ("POST", "/drafts/x/way", Scope.Plan), ("POST", "/drafts/x/policies", Scope.Plan), ("POST", "/drafts/x/rebase", Scope.Plan), ("POST", "/drafts/x/store", Scope.Plan),
            ("POST", "/drafts/x/discard", Scope.Plan), ("POST", "/plans/night/archived", Scope.Plan), ("GET", "/plans/new", Scope.Plan), ("GET", "/plans/night/edit", Scope.Plan),
            ("POST", "/plans/night/start", Scope.Operate), ("POST", "/plans/night/order", Scope.Operate), ("POST", "/migrations/x/verify", Scope.Operate), ("GET", "/plans/night/start", Scope.Operate),
            ("POST", "/providers/add", Scope.Admin), ("POST", "/providers/vsphere", Scope.Admin), ("POST", "/providers/images/remove", Scope.Admin), ("GET", "/providers/add", Scope.Admin),
            ("POST", "/users", Scope.Admin), ("POST", "/users/admin/roles", Scope.Admin), ("POST", "/users/admin/password", Scope.Admin), ("POST", "/users/admin/remove", Scope.Admin), ("GET", "/users", Scope.Admin), ("GET", "/audit", Scope.Admin),
        ];
        await using var rig = await BrowserRig.StartAsync(chromium);
        await rig.PlanAsync("night", [new PlannedMachine { Name = "web01" }]);
        var users = rig.Server.Services.GetRequiredService<UserAccounts>();
        foreach (var user in new[] { Scope.Read, Scope.Plan, Scope.Operate }) await users.AddAsync(user, BrowserRig.Password, [user], onlyFirst: false, BrowserRig.Cancel);
        foreach (var user in Scope.All)
        {
            await rig.LogInAsync(user);
            foreach (var (method, address, scope) in table)
            {
                var status = await rig.Page.EvaluateAsync<int>("async ([method, address]) => (await fetch(address, { method, redirect: 'manual', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })).status", new[] { method, address });
                var may = user == scope || user == Scope.Admin;
                // Whoever may is asked for the form's antiforgery token, which is missing here; or is shown the page.
                Assert.True(may ? status == (method == "GET" ? 200 : 400) : status == 403, $"{method} {address} of '{user}': {status}");
            }
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var left = 300; left > 0 && !condition(); left--) await Task.Delay(100, BrowserRig.Cancel);
        Assert.True(condition());
    }
}
