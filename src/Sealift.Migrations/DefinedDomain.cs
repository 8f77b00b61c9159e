using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// The domain that a migration has libvirt define. Its UUID is journaled before it is defined, and its metadata names the migration: only a
/// domain that has both is ever undefined again. It is the last thing that a hand-over makes, and the first that is taken back.
/// </summary>
internal static class DefinedDomain
{
    /// <summary>How the journal names it: as libvirt would, by its UUID.</summary>
    public static string NameOf(LibvirtTarget target, Guid uuid) => NameOf(target, uuid.ToString("D"));

    /// <summary>As libvirt's own tools take it: the domain is the end of the path, before what says how its host is reached.</summary>
    public static string NameOf(LibvirtTarget target, string domain)
    {
        var daemon = LibvirtHost.WithoutParameters(target.Uri);
        return $"{daemon}/{domain}{target.Uri[daemon.Length..]}";
    }

    /// <summary>What keeps the machine from being defined, as far as that can be known before anything is copied.</summary>
    public static async Task<IReadOnlyList<SealiftException>> LookAsync(MigrationRequest request, SourceMachine source, string? migration, CancellationToken cancel)
    {
        if (request.Target.Libvirt is not { } libvirt) return [];
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        var problems = new List<SealiftException>();
        try
        {
            await VerifyPoolAsync(request, libvirt, host, cancel);
        }
        catch (SealiftException e) when (e.Code is "SL6602" or "SL6603" or "SL6604" or "SL6605" or "SL7123")
        {
            problems.Add(e); // the others are told, too
        }

        var target = TargetMachine.For(source.Machine, request.TargetDirectory, request.Format, request.Convert);
        if (await TakenAsync(host, target, migration, cancel) is { } taken) problems.Add(taken);
        problems.AddRange(await NetworksAsync(libvirt, host, target, cancel));
        // Whoever runs as somebody else than root cannot try it as QEMU's user.
        var pool = libvirt.PoolDirectory ?? request.TargetDirectory;
        if (await host.QemuUserAsync(cancel) is { } user && await host.CanReachAsync(user, pool, cancel) is false) problems.Add(MigrationErrors.QemuCannotReach(pool, user.UserId));
        return problems;
    }

    /// <summary>Defines the domain and has libvirt look at the pool. The disks have their final names by now.</summary>
    /// <returns>What could not be done and does not matter for the proof, one sentence each.</returns>
    /// <exception cref="SealiftException">SL7120: another domain has its name or UUID by now. SL7123: the pool is another. SL6412: libvirt refused.</exception>
    public static async Task<IReadOnlyList<string>> MakeAsync(MigrationContext context, TargetMachine machine, CancellationToken cancel)
    {
        if (context.Request.Target.Libvirt is not { } libvirt) return [];
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        await VerifyPoolAsync(context.Request, libvirt, host, cancel);
        var concerns = new List<string>();
        if (await RefreshAsync(libvirt, cancel) is { } why) concerns.Add($"The volumes are in the pool's directory, and libvirt was not told of them: {why}");
        if (await TakenAsync(host, machine, context.Id, cancel) is { } taken) throw taken;
        var name = NameOf(libvirt, machine.Uuid);
        if (await host.FindDomainAsync(machine.Uuid, cancel) is null || context.Files.Find(name) is null)
        {
            context.Journal.Claim(context.Id, name, Artefacts.DefinedDomain);
            try
            {
                await host.DefineAsync(new TargetNames(context.Request, context.Source.Machine).Domain, cancel);
            }
            catch (ChildException)
            {
                context.MayStillBeDefined = true; // virsh has no answer, and libvirt may do it yet
                throw;
            }
        }

        await VerifyAsync(context, cancel);
        return concerns;
    }

    /// <summary>Throws unless the domain is defined, is ours, and was not started: its disks would not be what was proven.</summary>
    /// <exception cref="SealiftException">SL7124 or SL7125.</exception>
    public static async Task VerifyAsync(MigrationContext context, CancellationToken cancel)
    {
        if (context.Request.Target.Libvirt is not { } libvirt) return;
        var uuid = UuidOf(context);
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        var found = await host.FindDomainAsync(uuid, cancel);
        if (found?.MigrationId != context.Id) throw MigrationErrors.DomainReplaced(NameOf(libvirt, uuid), found is null ? "it is not defined any more" : "it is not the one that Sealift defined");
        if (found.IsActive) throw MigrationErrors.DomainRuns(found.Name);
    }

    /// <summary>Whether a domain is journaled: defined, or about to be.</summary>
    public static bool IsJournaled(MigrationContext context) => context.Request.Target.Libvirt is not null && context.Journal.Artefacts(context.Id).Any(a => a.Kind == Artefacts.DefinedDomain);

    /// <summary>Takes a domain back that was defined by a hand-over which did not come to its end.</summary>
    /// <remarks>It stays journaled where libvirt may define it yet: the run that comes after looks again.</remarks>
    /// <exception cref="SealiftException">SL7124: somebody has started it. SL6412: libvirt refused.</exception>
    public static async Task TakeBackAsync(MigrationContext context, CancellationToken cancel)
    {
        if (context.Request.Target.Libvirt is not { } libvirt) return;
        foreach (var artefact in context.Journal.Artefacts(context.Id).Where(a => a.Kind == Artefacts.DefinedDomain))
        {
            // One of somebody else's stays as it is: ours was never defined, or they have replaced it.
            var (fate, _) = await UndefineAsync(libvirt, context.Id, artefact.Path, cancel); // its name is of no use here
            if (fate == DomainFate.NotThere && context.MayStillBeDefined) continue;
            context.Journal.Disown(context.Id, artefact.Path);
        }
    }

    /// <summary>Undefines the domain of a migration that is removed.</summary>
    /// <returns>What became of it, and what it is called where it was there.</returns>
    /// <exception cref="SealiftException">SL7124: it runs, whoever's it is by now: its disks are not to be taken from it. SL6412: libvirt refused.</exception>
    public static async Task<(DomainFate Fate, string Name)> UndefineAsync(LibvirtTarget libvirt, string migration, string name, CancellationToken cancel)
    {
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        var path = LibvirtHost.WithoutParameters(name);
        if (!Guid.TryParse(path[(path.LastIndexOf('/') + 1)..], out var uuid) || await host.FindDomainAsync(uuid, cancel) is not { } found) return (DomainFate.NotThere, string.Empty);
        if (found.IsActive) throw MigrationErrors.DomainRuns(found.Name);
        if (found.MigrationId != migration) return (DomainFate.NotOurs, found.Name);
        await host.UndefineAsync(uuid, cancel);
        return (DomainFate.Undefined, found.Name);
    }

    /// <summary>After the seal: what the plan says of the domain's power.</summary>
    /// <exception cref="SealiftException">SL7126: it could not be done.</exception>
    public static async Task PowerAsync(MigrationContext context, CancellationToken cancel)
    {
        if (context.Request.Target.Libvirt is not { } libvirt) return;
        var uuid = UuidOf(context);
        try
        {
            await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
            if (libvirt.Autostart) await host.StartWithHostAsync(uuid, cancel);
            // A run that was killed right here has started it already.
            if (libvirt.Start && await host.FindDomainAsync(uuid, cancel) is not { IsActive: true }) await host.StartAsync(uuid, cancel);
        }
        catch (SealiftException e)
        {
            throw MigrationErrors.NotStarted(context.Source.Machine.FileName, e);
        }

        if (libvirt.Autostart) context.Events.Send(new Note(StepName.Seal, $"the domain {context.Source.Machine.FileName} starts with its host"));
        if (libvirt.Start) context.Events.Send(new Note(StepName.Seal, $"the domain {context.Source.Machine.FileName} was started"));
    }

    /// <summary>Has libvirt look at the pool.</summary>
    /// <returns>Why it could not; null where it did.</returns>
    public static async Task<string?> RefreshAsync(LibvirtTarget libvirt, CancellationToken cancel)
    {
        try
        {
            await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
            await host.RefreshAsync(libvirt.PoolUuid ?? libvirt.Pool, cancel);
            return null;
        }
        catch (SealiftException e)
        {
            return e.Message; // the domain names its disks by path; a later `virsh pool-refresh` does the same
        }
    }

    public static Guid UuidOf(MigrationContext context) => Steps.NewMachine.Of(context).Uuid;

    /// <summary>
    /// Demands that the pool is there before anything is made or removed in its directory: that of one which mounts something is empty as
    /// long as it is not active, and what Sealift made would seem to be gone.
    /// </summary>
    /// <exception cref="SealiftException">SL6603: it is not active. SL7123: it has another directory. SL6602, SL6604, SL6605, SL6412: it cannot be asked or used.</exception>
    public static async Task DemandPoolAsync(MigrationRequest request, CancellationToken cancel)
    {
        if (request.Target.Libvirt is not { } libvirt) return;
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        await VerifyPoolAsync(request, libvirt, host, cancel);
    }

    /// <summary>Whether KVM runs machines there.</summary>
    public static async Task<bool> HasKvmAsync(LibvirtTarget libvirt, CancellationToken cancel)
    {
        await using var host = await LibvirtHost.ConnectAsync(libvirt.Uri, cancel);
        return await host.HasKvmAsync(cancel);
    }

    private static async Task VerifyPoolAsync(MigrationRequest request, LibvirtTarget libvirt, LibvirtHost host, CancellationToken cancel)
    {
        var pool = await host.PoolAsync(libvirt.PoolUuid ?? libvirt.Pool, cancel);
        var planned = libvirt.PoolDirectory ?? request.TargetDirectory;
        if (pool.DirectoryPath != planned) throw MigrationErrors.PoolMoved(libvirt.Pool, pool.DirectoryPath, planned);
    }

    private static async Task<SealiftException?> TakenAsync(LibvirtHost host, TargetMachine target, string? migration, CancellationToken cancel)
    {
        if (await host.FindDomainAsync(target.Uuid, cancel) is { } found)
            return migration is not null && found.MigrationId == migration ? null : MigrationErrors.DomainExists(found.Name, $"there is one of its UUID, {target.Uuid:D}: this machine was brought here before", "Remove that migration with `sealift remove ID --handed-over`, or undefine the domain, and start again");
        return await host.HasDomainAsync(target.Machine.FileName, cancel) ? MigrationErrors.DomainExists(target.Machine.FileName, "there is one of this name", "Choose another name with --name, or rename the other: virsh domrename") : null;
    }

    private static async Task<IReadOnlyList<SealiftException>> NetworksAsync(LibvirtTarget libvirt, LibvirtHost host, TargetMachine target, CancellationToken cancel)
    {
        const string Bridge = "bridge:";
        var joined = target.NetworkInterfaces.Select(n => n.Joins).OfType<string>().Distinct().ToList();
        var networks = joined.Exists(j => !j.StartsWith(Bridge, StringComparison.Ordinal)) ? await host.NetworksAsync(cancel) : new Dictionary<string, bool>();
        var problems = new List<SealiftException>();
        foreach (var name in joined)
        {
            if (name.StartsWith(Bridge, StringComparison.Ordinal))
            {
                if (!await host.HasBridgeAsync(name[Bridge.Length..], cancel)) problems.Add(MigrationErrors.NoNetwork(name, "its host has no such bridge", "Make it, or map the network to another with --map-network"));
            }
            else if (!networks.TryGetValue(name, out var isActive)) problems.Add(MigrationErrors.NoNetwork(name, "libvirt has no such network", $"Choose another with --map-network; there {(networks.Count == 0 ? "is none" : $"are {string.Join(", ", networks.Keys)}")}"));
            else if (!isActive && (libvirt.Start || libvirt.Autostart)) problems.Add(MigrationErrors.NoNetwork(name, "it is not active, and a domain on it cannot start", $"Start it: virsh net-start {name}"));
        }

        return problems;
    }
}

/// <summary>What became of a domain that was to go.</summary>
internal enum DomainFate
{
    /// <summary>There is none of its UUID.</summary>
    NotThere,

    /// <summary>It was the migration's, and is defined no more.</summary>
    Undefined,

    /// <summary>It lacks the migration's mark, and stays.</summary>
    NotOurs,
}
