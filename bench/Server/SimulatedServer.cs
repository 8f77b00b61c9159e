using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Rigs;
using Sealift.Server;
using Sealift.Server.Accounts;
using Sealift.Server.Database;

namespace Sealift.Bench.Server;

/// <summary>A server whose plans are carried out by nobody: each machine tells of progress as a migration does, and once a second where it stands is written down as by the scheduler.</summary>
internal static class SimulatedServer
{
    public const string Password = "correct horse battery staple", Plan = "fleet", Quiet = "quiet";

    public static async Task<int> RunAsync(string state, int machines)
    {
        var options = new ServerOptions { StateDirectory = state, Listen = new IPEndPoint(IPAddress.Loopback, 0), RequestBurst = 1_000_000, LoginsPerMinute = 100_000 };
        Directory.CreateDirectory(state);
        await using (var storage = await ServerStorage.OpenAsync(options, CancellationToken.None))
        {
            using var users = new UserAccounts(storage.Database, TimeProvider.System, 1000);
            await users.AddAsync("bench", Password, [Scope.Admin], onlyFirst: true, CancellationToken.None);
        }

        var parts = new ServerParts { PasswordRounds = 1000, Plans = s => new SimulatedPlans(s.GetRequiredService<ServerStorage>().Plans, s.GetRequiredService<MigrationStore>()) };
        await using var server = await RunningServer.StartAsync(options, parts, CancellationToken.None);
        var plans = (SimulatedPlans)server.Services.GetRequiredService<IPlanService>();
        using var end = new CancellationTokenSource();
        await plans.PrepareAsync(Plan, machines);
        await plans.PrepareAsync(Quiet, 1);
        var work = plans.WorkAsync(end.Token);
        Console.Out.WriteLine(server.Address);
        // It ends with whoever started it.
        while (await Console.In.ReadLineAsync() is not null)
        {
        }

        await end.CancelAsync();
        await work;
        return 0;
    }
}

/// <summary>Runs whose machines go on by themselves.</summary>
internal sealed class SimulatedPlans(IPlanStore store, MigrationStore migrations) : StandInPlans(store, migrations)
{
    private const string Owner = "bench";
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>Stores a plan and begins it, with all of its machines at work.</summary>
    public async Task PrepareAsync(string name, int machines)
    {
        var plan = new PlanDocument
        {
            Metadata = new DocumentMetadata { Name = name },
            Spec = new PlanSpec { Provider = new PlanProviders { Source = new DocumentReference { Name = "from" }, Destination = new DocumentReference { Name = "to" } }, Vms = [.. Enumerable.Range(1, machines).Select(i => new PlannedMachine { Name = $"vm{i:0000}" })] },
        };
        await ApplyAsync([Provider("from", ProviderType.Ova), Provider("to", ProviderType.Directory), plan], CancellationToken.None);
        var id = $"261127-000000-{name[..3]}";
        await Store.CreateRunAsync(
            new PlanRun(id, name, 1, PlanRunState.Running, 1, DateTimeOffset.UtcNow, null, Owner, [plan]),
            [.. plan.Spec.Vms.Select(m => new MachineRun { Run = id, Machine = m.Name, Wave = 1, State = MachineRunState.Migrating, StartedAt = DateTimeOffset.UtcNow, Step = "copy disk1", TotalBytes = 64L << 30 })],
            CancellationToken.None);

        static ProviderDocument Provider(string name, ProviderType type) => new() { Metadata = new DocumentMetadata { Name = name }, Spec = new ProviderSpec { Type = type, Url = "/nowhere" } };
    }

    /// <summary>Lets the machines of the fleet go on.</summary>
    public async Task WorkAsync(CancellationToken end)
    {
        var run = (await Store.RunsAsync(SimulatedServer.Plan, false, 1, CancellationToken.None))[0];
        if (!await Store.LeaseAsync(run.Id, Owner, TimeSpan.FromHours(2), CancellationToken.None)) throw new InvalidOperationException("The run is somebody else's");
        var machines = await Store.MachinesAsync(run.Id, CancellationToken.None);
        using var timer = new PeriodicTimer(Step);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                machines = [.. machines.Select(m => m with { DoneBytes = (m.DoneBytes + (100L << 20)) % m.TotalBytes, HeardAt = DateTimeOffset.UtcNow })];
                await Store.UpdateAsync(run.Id, machines, Owner, CancellationToken.None);
                Tell(run.Id, new RunNews(null, machines));
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The measurement is over.
        }
    }

    /// <summary>An order is news at once: by it the way from an order to a browser is measured.</summary>
    public override Task OrderAsync(RunOrder order, CancellationToken cancel)
    {
        Tell(order.Run, new RunNews(null, []));
        return Task.CompletedTask;
    }

    public override Task<PlanReport> ValidateAsync(string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => throw new NotSupportedException("Nobody asks for it here");

    public override Task<PlanReport> ValidateAsync(IReadOnlyList<Document> documents, string plan, IProgress<MachineForecast>? progress, CancellationToken cancel) => ValidateAsync(plan, progress, cancel);

    // As the service's own news: who is slow misses what was replaced by newer.
    protected override Channel<RunNews> NewChannel() => Channel.CreateBounded<RunNews>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
}
