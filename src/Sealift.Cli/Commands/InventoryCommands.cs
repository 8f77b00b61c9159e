using System.CommandLine;
using Sealift.Cli.Terminal;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift inventory vms|disks|networks|datastores</c>: what there is on a provider, and what a migration of it will meet.</summary>
internal static class InventoryCommands
{
    public static Command Build() => new("inventory", "Show what there is on a provider, as it is read: thousands of machines take no more memory than a few.") { Machines(), Disks(), Networks(), Datastores() };

    private static Option<string?> NameFilter() => new("--name") { Description = "Only those whose name is like this, where * is any text and ? any character; case does not count.", HelpName = "GLOB" };

    private static Argument<string?> OneMachine() => new("MACHINE")
    {
        Description = "One machine, by its name, its path (DC0/vm/folder/name), its UUID or its reference (vm-42).",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static Option<string?> FolderFilter() => new("--folder") { Description = "Only those in a folder of this name, or of this path or a part of one (DC0/vm/prod).", HelpName = "FOLDER" };

    private static Option<string?> PowerFilter()
    {
        var option = new Option<string?>("--power") { Description = "Only those in this power state.", HelpName = "on|off|suspended" };
        option.AcceptOnlyFromAmong("on", "off", "suspended");
        return option;
    }

    private static Command Machines()
    {
        var (provider, place, name, folder, power) = (ProviderCommands.Name(), OneMachine(), NameFilter(), FolderFilter(), PowerFilter());
        var concerns = new Option<bool>("--concerns") { Description = "Show what a migration of each will meet." };
        var severity = new Option<ConcernSeverity?>("--severity") { Description = "Only those of which a migration meets something of at least this weight, and only such concerns; implies --concerns.", HelpName = "note|warning|obstacle" };
        var way = new Option<string?>("--way") { Description = "Weigh concerns for a migration while the machine runs (warm) or while it is off (cold) [default: warm where it runs now].", HelpName = "warm|cold" };
        way.AcceptOnlyFromAmong("warm", "cold");
        var to = new Option<string?>("--to") { Description = "Say as well whose name is taken in this target directory.", HelpName = "DIR" };
        var watch = new Option<bool>("--watch") { Description = "Go on, and show whatever changes, until it is interrupted." };
        var command = new Command("vms", "List virtual machines, or show all that is known of one, with what its migration will meet and what to do about it.") { provider, place, name, folder, power, concerns, severity, way, to, watch };
        command.Validators.Add(result =>
        {
            if (result.GetValue(place) is not null && (result.GetValue(name) ?? result.GetValue(folder) ?? result.GetValue(power)) is not null) result.AddError("One machine is named: --name, --folder and --power choose from many.");
            if (result.GetValue(place) is not null && result.GetValue(watch)) result.AddError("One machine is named: --watch is for lists; name it by --name.");
        });
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            await using var client = await ConnectAsync(parsed, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            var least = parsed.GetValue(severity);
            var examination = parsed.GetValue(concerns) || least is not null || parsed.GetValue(place) is not null ? await VSphereExamination.PrepareAsync(client, inventory.Names, cancel) : null;
            var target = parsed.GetValue(to) is { } directory ? Path.GetFullPath(directory) : null;
            var view = new InventoryView(json, inventory.Names);
            if (parsed.GetValue(place) is { } one)
            {
                var machine = await VSphereInventory.FindAsync(client, one, cancel);
                var met = Weighty((await examination!.OfAsync(machine, IsWarm(machine), Complete, cancel)).Concerns, least);
                if (json) view.Show(machine, inventory.PathOf(machine), met, null);
                else MachineText.Write(machine, inventory.PathOf(machine), inventory.Names, met, IsWarm(machine));
                return ExitCode.Success;
            }

            var filter = new InventoryFilter { Name = parsed.GetValue(name), Folder = parsed.GetValue(folder), Power = PowerState(parsed.GetValue(power)) };
            if (parsed.GetValue(watch)) return await WatchAsync(inventory.WatchAsync(filter, cancel));
            var machines = inventory.MachinesAsync(filter, cancel);
            if (examination is null)
            {
                await foreach (var machine in machines) view.Show(machine, inventory.PathOf(machine), null, null);
                return ExitCode.Success;
            }

            await foreach (var examined in examination.EachAsync(machines, IsWarm, Complete, cancel)) ShowIfWeighty(examined, null);
            return ExitCode.Success;

            async Task<int> WatchAsync(IAsyncEnumerable<MachineChange> changes)
            {
                try
                {
                    await foreach (var change in changes)
                    {
                        if (change.Machine is not { } machine) view.ShowGone(change);
                        else if (examination is null) view.Show(machine, change.Path, null, change.Kind);
                        else ShowIfWeighty(await examination.OfAsync(machine, IsWarm(machine), Complete, cancel), change.Kind);
                    }
                }
                catch (OperationCanceledException) when (cancel.IsCancellationRequested)
                {
                    // This is how it is meant to end.
                }

                return ExitCode.Success;
            }

            void ShowIfWeighty(ExaminedMachine examined, MachineChangeKind? change)
            {
                var met = Weighty(examined.Concerns, least);
                if (least is null || met.Count > 0) view.Show(examined.Machine, inventory.PathOf(examined.Machine), met, change);
            }

            bool IsWarm(Machine machine) => parsed.GetValue(way) is { } asked ? asked == "warm" : machine.PowerState == "poweredOn";

            VSphereConcernScope Complete(Machine machine, VSphereConcernScope scope) => target is null || !IsTaken(target, machine.Name) ? scope : scope with { TakenNames = new HashSet<string> { machine.Name } };
        }));
        return command.WithExamples(
            "sealift inventory vms dc1",
            "sealift inventory vms dc1 web01",
            "sealift inventory vms dc1 --folder prod --power on --severity obstacle",
            "sealift inventory vms dc1 --name 'web*' --watch --json");
    }

    private static Command Disks()
    {
        var (provider, place, name, folder, power) = (ProviderCommands.Name(), OneMachine(), NameFilter(), FolderFilter(), PowerFilter());
        var command = new Command("disks", "List the disks of virtual machines, or of one.") { provider, place, name, folder, power };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            await using var client = await ConnectAsync(parsed, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            var view = new InventoryView(json, inventory.Names);
            if (parsed.GetValue(place) is { } one)
            {
                var machine = await VSphereInventory.FindAsync(client, one, cancel);
                view.ShowDisks(machine, inventory.PathOf(machine));
                return ExitCode.Success;
            }

            var filter = new InventoryFilter { Name = parsed.GetValue(name), Folder = parsed.GetValue(folder), Power = PowerState(parsed.GetValue(power)) };
            await foreach (var machine in inventory.MachinesAsync(filter, cancel)) view.ShowDisks(machine, inventory.PathOf(machine));
            return ExitCode.Success;
        }));
        return command.WithExamples("sealift inventory disks dc1", "sealift inventory disks dc1 web01 --json");
    }

    private static Command Networks()
    {
        var (provider, name) = (ProviderCommands.Name(), NameFilter());
        var command = new Command("networks", "List networks, distributed port groups among them.") { provider, name };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            await using var client = await ConnectAsync(parsed, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            var view = new InventoryView(json, inventory.Names);
            await foreach (var network in inventory.NetworksAsync(new InventoryFilter { Name = parsed.GetValue(name) }, cancel)) view.Show(network);
            return ExitCode.Success;
        }));
        return command.WithExamples("sealift inventory networks dc1");
    }

    private static Command Datastores()
    {
        var (provider, name) = (ProviderCommands.Name(), NameFilter());
        var command = new Command("datastores", "List datastores, with their room.") { provider, name };
        command.SetAction((parsed, cancel) => ErrorReport.OfReadingAsync(parsed.GetValue(GlobalOptions.Json), async json =>
        {
            await using var client = await ConnectAsync(parsed, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            var view = new InventoryView(json, inventory.Names);
            await foreach (var datastore in inventory.DatastoresAsync(new InventoryFilter { Name = parsed.GetValue(name) }, cancel)) view.Show(datastore);
            return ExitCode.Success;
        }));
        return command.WithExamples("sealift inventory datastores dc1 --json");
    }

    private static Task<VSphereClient> ConnectAsync(ParseResult parsed, Argument<string> provider, CancellationToken cancel) =>
        VSphereClient.ConnectAsync(new VSphereRegistry(GlobalOptions.StateDirectory(parsed)).Access(parsed.GetValue(provider)!).Options, cancel);

    private static string? PowerState(string? asked) => asked switch { "on" => "poweredOn", "off" => "poweredOff", _ => asked };

    private static List<Concern> Weighty(IReadOnlyList<Concern> concerns, ConcernSeverity? least) => [.. concerns.Where(c => least is null || c.Severity >= least)];

    /// <summary>Whether a machine of that name was handed over into a directory, or something else is in its way.</summary>
    private static bool IsTaken(string directory, string name) => FileFacts.OfPathIfExists(Path.Combine(directory, SafeName.Of(name) + ".xml")) is not null;
}
