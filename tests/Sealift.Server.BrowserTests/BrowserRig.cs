using System.Net;
using Deque.AxeCore.Playwright;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;
using Sealift.Server.Accounts;
using Sealift.Server.Database;

[assembly: AssemblyFixture(typeof(Sealift.Rigs.Chromium))]

namespace Sealift.Server.BrowserTests;

/// <summary>A server of its own with a browser that looks at it.</summary>
internal sealed class BrowserRig : IAsyncDisposable
{
    public const string Password = "correct horse battery staple";

    /// <summary>A name that would be a program in a page that forgot to escape it.</summary>
    public const string HostileName = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

    private readonly string directory;
    private readonly IBrowserContext context;

    private BrowserRig(RunningServer server, string directory, IBrowserContext context, IPage page) => (Server, this.directory, this.context, Page) = (server, directory, context, page);

    public RunningServer Server { get; }

    public IPage Page { get; }

    public RehearsedPlans Plans => (RehearsedPlans)Server.Services.GetRequiredService<IPlanService>();

    /// <summary>What is stored, whoever carries it out.</summary>
    public IPlanStore Store => Server.Services.GetRequiredService<IPlanService>().Store;

    /// <summary>What the page's scripts complained about, and what its policy refused.</summary>
    public List<string> Complaints { get; } = [];

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A directory below the rig's.</summary>
    public string Below(string name) => Path.Combine(directory, name);

    public static async Task<BrowserRig> StartAsync(Chromium chromium, BrowserNewContextOptions? options = null, bool withUser = true, bool isReal = false)
    {
        var directory = Directory.CreateTempSubdirectory("sealift-pages-").FullName;
        foreach (var name in new[] { "in", "out" }) Directory.CreateDirectory(Path.Combine(directory, name));
        var settings = new ServerOptions { StateDirectory = Path.Combine(directory, "state"), Listen = new IPEndPoint(IPAddress.Loopback, 0), LoginsPerMinute = 1000, RequestBurst = 10_000 };
        if (withUser)
        {
            Directory.CreateDirectory(settings.StateDirectory);
            await using var storage = await ServerStorage.OpenAsync(settings, Cancel);
            using var users = new UserAccounts(storage.Database, TimeProvider.System, 1000);
            await users.AddAsync("admin", Password, [Scope.Admin], onlyFirst: true, Cancel);
        }

        var parts = new ServerParts
        {
            PasswordRounds = 1000,
            Heartbeat = TimeSpan.FromSeconds(1),
            Plans = isReal ? null : s => new RehearsedPlans(s.GetRequiredService<ServerStorage>().Plans, s.GetRequiredService<MigrationStore>()),
        };
        var server = await RunningServer.StartAsync(settings, parts, Cancel);
        options ??= new();
        options.BaseURL = server.Address;
        var context = await chromium.Browser.NewContextAsync(options);
        context.SetDefaultTimeout(30_000);
        var page = await context.NewPageAsync();
        var rig = new BrowserRig(server, directory, context, page);
        page.Console += (_, message) =>
        {
            if (message.Type == "error") rig.Complaints.Add(message.Text);
        };
        page.PageError += (_, error) => rig.Complaints.Add(error);
        page.Dialog += async (_, dialog) =>
        {
            rig.Complaints.Add($"dialog: {dialog.Message}");
            await dialog.DismissAsync();
        };
        return rig;
    }

    public async Task LogInAsync(string user = "admin")
    {
        await Page.Context.ClearCookiesAsync();
        await Page.GotoAsync("/login");
        await Page.GetByLabel("User").FillAsync(user);
        await Page.GetByLabel("Password").FillAsync(Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Log in", Exact = true }).ClickAsync();
        await Assertions.Expect(Page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
    }

    /// <summary>Stores providers and a plan.</summary>
    public async Task<PlanDocument> PlanAsync(string name, IEnumerable<PlannedMachine> machines, Func<PlanSpec, PlanSpec>? change = null)
    {
        var spec = new PlanSpec { Provider = new PlanProviders { Source = Named("images"), Destination = Named("shelf") }, Vms = [.. machines] };
        var plan = new PlanDocument { Metadata = new DocumentMetadata { Name = name }, Spec = change?.Invoke(spec) ?? spec };
        await Plans.ApplyAsync([Provider("images", ProviderType.Image, Below("in")), Provider("shelf", ProviderType.Directory, Below("out")), plan], Cancel);
        return plan;

        static DocumentReference Named(string name) => new() { Name = name };
        static ProviderDocument Provider(string name, ProviderType type, string url) => new() { Metadata = new DocumentMetadata { Name = name }, Spec = new ProviderSpec { Type = type, Url = url } };
    }

    /// <summary>A run that the test moves, with its machines.</summary>
    public async Task<(PlanRun Run, IReadOnlyList<MachineRun> Machines)> RunAsync(string plan)
    {
        var run = await Plans.RunAsync(plan, null, "admin", Cancel);
        return (run, await Plans.Store.MachinesAsync(run.Id, Cancel));
    }

    /// <summary>Looks at the page as axe does, at whether it is wider than the screen, and keeps a picture of it.</summary>
    public async Task LookAsync(string name)
    {
        var pictures = Path.Combine(RepositoryRoot(), "out", "screenshots");
        Directory.CreateDirectory(pictures);
        await Page.ScreenshotAsync(new() { Path = Path.Combine(pictures, $"{name}.png"), FullPage = true });
        var seen = await Page.RunAxe();
        var violations = seen.Violations.Select(v => $"{name}: {v.Impact} {v.Id}: {v.Help}: {string.Join("; ", v.Nodes.Take(3).Select(n => n.Html))}").ToList();
        Assert.True(violations.Count == 0, string.Join('\n', violations));
        var (wide, screen) = (await Page.EvaluateAsync<int>("document.documentElement.scrollWidth"), await Page.EvaluateAsync<int>("document.documentElement.clientWidth"));
        Assert.True(wide <= screen, $"{name} is {wide} wide on a screen of {screen}");
    }

    public async ValueTask DisposeAsync()
    {
        await context.DisposeAsync();
        await Server.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    private static string RepositoryRoot()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("This is not run in the repository");
        return at;
    }
}
