using System.Globalization;
using Sealift.Guests.Luks;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Hooks;
using Sealift.Plans.Running;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Plans.Validation;

/// <summary>Looks for all that would stop a plan or a machine of it: not the first only, each with its field and what to do.</summary>
public static class PlanValidation
{
    private const string NotChecked = "keys of encrypted volumes are given and file systems are not checked, so that a wrong one would be found only after the copy";
    private static readonly TimeSpan LookDeadline = TimeSpan.FromMinutes(10);

    /// <summary>What can be said without asking anybody.</summary>
    /// <param name="documents">The plan and what it names.</param>
    /// <param name="now">What time it is.</param>
    public static IReadOnlyList<PlanProblem> Check(PlanDocuments documents, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(documents);
        return [.. References(documents), .. Providers(documents), .. Machines(documents), .. Types(documents), .. Windows(documents.Plan.Spec, now), .. Storage(documents), .. Networks(documents), .. Hooks(documents), .. Policies(documents.Plan.Spec), .. Keys(documents.Plan.Spec)];
    }

    /// <summary>The same, by machines.</summary>
    /// <param name="documents">The plan and what it names.</param>
    /// <param name="now">What time it is.</param>
    public static PlanReport Report(PlanDocuments documents, DateTimeOffset now)
    {
        var problems = Check(documents, now);
        var own = problems.ToLookup(p => PlanFields.MachineOf(p.Field));
        return new PlanReport([.. own[null]], [.. documents.Plan.Spec.Vms.Select((v, i) => new MachineForecast(v.Name, TargetNaming.Of(documents.Plan, v, documents.Source?.Type), null, [.. own[i]]))]);
    }

    /// <summary>The same, and what the providers say of each machine. A machine that cannot be looked at is a problem of its own, never the end of the others.</summary>
    /// <param name="store">The state directory, with the servers of vSphere.</param>
    /// <param name="documents">The plan and what it names.</param>
    /// <param name="now">What time it is.</param>
    /// <param name="parallelism">Machines at once, 1 to 64.</param>
    /// <param name="progress">Told of each machine as it is looked at.</param>
    /// <param name="cancel">Gives up.</param>
    public static Task<PlanReport> LookAsync(MigrationStore store, PlanDocuments documents, DateTimeOffset now, int parallelism, IProgress<MachineForecast>? progress, CancellationToken cancel) =>
        LookAsync((request, stop) => MigrationRunner.DescribeAsync(store, request, stop), documents, now, parallelism, LookDeadline, progress, cancel);

    /// <summary>The same, by another way to look.</summary>
    internal static async Task<PlanReport> LookAsync(
        Func<MigrationRequest, CancellationToken, Task<MigrationForecast>> look, PlanDocuments documents, DateTimeOffset now, int parallelism, TimeSpan deadline, IProgress<MachineForecast>? progress, CancellationToken cancel)
    {
        var problems = Check(documents, now);
        var vms = documents.Plan.Spec.Vms;
        var own = problems.ToLookup(p => PlanFields.MachineOf(p.Field));
        var ofPlan = own[null].ToList();
        var machines = new MachineForecast[vms.Count];
        // Without its providers and maps no machine can be found.
        var blind = ofPlan.Any(p => p.IsObstacle && p.Code is "SL7630" or "SL7635" or "SL7640");
        await Parallel.ForEachAsync(Enumerable.Range(0, vms.Count), new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(parallelism, 1, 64), CancellationToken = cancel }, async (i, stop) =>
        {
            var mine = own[i].ToList();
            var forecast = blind || mine.Any(p => p.Code == "SL7644") ? null : await ForecastAsync(look, documents, i, deadline, mine, stop);
            machines[i] = new MachineForecast(vms[i].Name, TargetNaming.Of(documents.Plan, vms[i], documents.Source?.Type), forecast, mine);
            progress?.Report(machines[i]);
        });

        ofPlan.AddRange(HooksHere(documents));
        ofPlan.AddRange(KeysHere(documents.Plan.Spec));
        foreach (var place in machines.Select(m => m.Forecast).OfType<MigrationForecast>().SelectMany(SpacesOf).GroupBy(s => s.Place))
        {
            var (needed, free) = (place.Sum(s => s.NeededBytes), place.Min(s => s.FreeBytes));
            if (place.Count() > 1 && needed > free) ofPlan.Add(PlanProblems.Space(place.Key, needed, free));
        }

        return new PlanReport(ofPlan, machines);
    }

    /// <summary>Where a machine takes space: in its directory, and in the pool of another host.</summary>
    private static IEnumerable<TargetSpace> SpacesOf(MigrationForecast forecast)
    {
        if (forecast.TargetPaths.Count > 0) yield return new TargetSpace(Path.GetDirectoryName(forecast.TargetPaths[0])!, forecast.SpaceNeededBytes, forecast.SpaceFreeBytes);
        if (forecast.FarSpace is { } far) yield return far;
    }

    private static async Task<MigrationForecast?> ForecastAsync(
        Func<MigrationRequest, CancellationToken, Task<MigrationForecast>> look, PlanDocuments documents, int index, TimeSpan deadline, List<PlanProblem> problems, CancellationToken cancel)
    {
        var field = PlanFields.Machine(index);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(deadline);
        try
        {
            var forecast = await look(PlanTranslation.RequestOf(documents, documents.Plan.Spec.Vms[index], documents.Plan.Spec.Limits.Bandwidth), patience.Token);
            problems.AddRange(forecast.Problems.Select(p => ProblemOf(field, p)));
            return forecast;
        }
        catch (SealiftException e)
        {
            problems.Add(new PlanProblem(e.Code, field, $"cannot {e.Attempt}: {e.Subject}: {e.Said}", e.NextStep, true));
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            problems.Add(PlanProblems.NotLookedAt(field, string.Create(CultureInfo.InvariantCulture, $"nothing was heard of it for {deadline.TotalMinutes:0.##} minutes")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException or ArgumentException or FormatException or NotSupportedException or TimeoutException or OverflowException or KeyNotFoundException or IndexOutOfRangeException or NullReferenceException)
        {
            // A defect that one machine brings to light must not hide what is to be said of the others.
            problems.Add(PlanProblems.NotLookedAt(field, $"unexpected {e.GetType().Name}: {e.Message}"));
        }

        return null;
    }

    /// <summary>A sentence with its code at the beginning, as forecasts have them.</summary>
    private static PlanProblem ProblemOf(string field, string said)
    {
        var colon = said.IndexOf(": ", StringComparison.Ordinal);
        return colon > 0 && said.StartsWith("SL", StringComparison.Ordinal) ? new PlanProblem(said[..colon], field, said[(colon + 2)..], string.Empty, true) : new PlanProblem(string.Empty, field, said, string.Empty, true);
    }

    private static IEnumerable<PlanProblem> References(PlanDocuments documents) =>
        DocumentReferences.Of(documents.Plan).Where(r => !documents.Has(r.Kind, r.Name)).Select(r => PlanProblems.Missing(r.Field, r.Kind, r.Name));

    private static IEnumerable<PlanProblem> Providers(PlanDocuments documents)
    {
        const string Source = "spec.provider.source", Destination = "spec.provider.destination";
        if (documents.Source is { } source)
        {
            if (source.Type == ProviderType.Directory) yield return PlanProblems.WrongProvider(Source, "a provider of type directory receives machines, and has none", "Name one of type vsphere, libvirt, ova or image");
            else if (AddressFault(source) is { } fault) yield return PlanProblems.WrongProvider(Source, fault, "Mend the url of the provider");
        }

        if (documents.Destination is not { } destination) yield break;
        if (destination.Type is not (ProviderType.Directory or ProviderType.Libvirt)) yield return PlanTranslation.WrongDestination(destination.Type);
        else if ((AddressFault(destination) ?? (destination.Type == ProviderType.Libvirt ? HostFault(destination.Url) : null)) is { } fault) yield return PlanProblems.WrongProvider(Destination, fault, "Mend the url of the provider");
        if (documents.Plan.Spec.Autostart && destination.Type == ProviderType.Directory) yield return PlanProblems.WrongProvider("spec.autostart", "a directory starts no machines", "Leave it out, or name a target of type libvirt");
        if (documents.Plan.Spec.Precopy is { ReadBack: ReadBackScope.Changed } && PlanTranslation.IsFar(destination)) yield return PlanProblems.WrongProvider("spec.precopy.readBack", "the disks go to another host, where a time of modification alone shows whether anybody has written to them between two passes", "Leave it out, or set readBack: full");
    }

    private static string? AddressFault(ProviderSpec provider) => provider.Type switch
    {
        ProviderType.Vsphere => provider.Url.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') ? null : $"{provider.Url} is no name of a server of vSphere that was added by `sealift provider add`",
        ProviderType.Libvirt => provider.Url.StartsWith("qemu:", StringComparison.Ordinal) || provider.Url.StartsWith("qemu+ssh:", StringComparison.Ordinal) ? null : $"{provider.Url} is no URI of libvirt such as qemu:///system",
        _ => !Path.IsPathRooted(provider.Url) ? $"{provider.Url} is not an absolute path" : Path.GetFullPath(provider.Url).TrimEnd('/').Length == 0 ? "the root directory is named" : null,
    };

    private static string? HostFault(string url)
    {
        try
        {
            return LibvirtHost.Parse(url).Length > 0 ? null : url;
        }
        catch (SealiftException e)
        {
            return $"{e.Subject}: {e.Said}";
        }
    }

    private static IEnumerable<PlanProblem> Machines(PlanDocuments documents)
    {
        var (plan, source) = (documents.Plan, documents.Source);
        if (plan.Spec.TargetNameTemplate is { } template && TargetNaming.Fault(template) is { } fault)
        {
            yield return PlanProblems.BadTemplate("spec.targetNameTemplate", fault);
            template = null;
        }
        else template = plan.Spec.TargetNameTemplate ?? "{{.VmName}}";

        var (names, ids, targets) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase), new Dictionary<string, int>(StringComparer.Ordinal));
        for (var i = 0; i < plan.Spec.Vms.Count; i++)
        {
            var machine = plan.Spec.Vms[i];
            if (!names.TryAdd(machine.Name, i)) yield return PlanProblems.MachineTwice(PlanFields.Machine(i, "name"), machine.Name, names[machine.Name]);
            else if (machine.Id is { } id && !ids.TryAdd(id, i)) yield return PlanProblems.MachineTwice(PlanFields.Machine(i, "id"), id, ids[id]);
            if (source is not null && PlanTranslation.SourceProblem(source, machine, PlanFields.Machine(i)) is { } wrong) yield return wrong;
            if (template is null && machine.TargetName is null) continue;
            var (field, name) = (PlanFields.Machine(i, "targetName"), TargetNaming.Of(plan, machine, source?.Type));
            if (TargetNaming.FaultOf(name) is { } said) yield return PlanProblems.BadTargetName(field, name, said);
            // By what the files are called, which may be the same where the names are not.
            if (!targets.TryAdd(SafeName.Of(name), i)) yield return PlanProblems.TargetNameTwice(field, name, targets[SafeName.Of(name)]);
        }
    }

    private static IEnumerable<PlanProblem> Types(PlanDocuments documents)
    {
        var spec = documents.Plan.Spec;
        var warm = spec.Vms.Any(v => spec.TypeOf(v) == PlanType.Warm);
        if (spec.Precopy is not null && !warm) yield return PlanProblems.NotWarm("spec.precopy", "no machine of the plan is migrated warm", "Leave it out, or set type: warm");
        if (spec.Precopy is { Cutover: not null, Downtime: not null }) yield return PlanProblems.NotWarm("spec.precopy.downtime", "machines would be cut over by themselves before the time that is set for their cutover", "Leave out downtime or cutover");
        if (documents.Source is not { Type: var type } || PlanTranslation.IsRunning(type)) yield break;
        if (spec.Type == PlanType.Warm) yield return PlanProblems.NotWarm("spec.type", $"what a provider of type {type.ToString().ToLowerInvariant()} has does not run", "Set type: cold");
        for (var i = 0; i < spec.Vms.Count; i++)
            if (spec.Vms[i].Type == PlanType.Warm) yield return PlanProblems.NotWarm(PlanFields.Machine(i, "type"), $"what a provider of type {type.ToString().ToLowerInvariant()} has does not run", "Set type: cold");
    }

    private static IEnumerable<PlanProblem> Windows(PlanSpec spec, DateTimeOffset now)
    {
        var windows = spec.MaintenanceWindows;
        for (var i = 0; i < windows.Count; i++)
        {
            var field = string.Create(CultureInfo.InvariantCulture, $"spec.maintenanceWindows[{i}]");
            if (windows[i].End <= windows[i].Start) yield return PlanProblems.BadWindow($"{field}.end", "the window ends before it starts");
            else if (windows[i].End <= now) yield return PlanProblems.Window(field, "the window is over");
        }

        if (windows.Count > 0 && windows.All(w => w.End <= now)) yield return PlanProblems.BadWindow("spec.maintenanceWindows", "all windows are over: nothing would ever be begun");
        if (spec.Precopy?.Cutover is not { } cutover) yield break;
        if (cutover <= now) yield return PlanProblems.BadCutover("spec.precopy.cutover", "it is in the past");
        else if (windows.Count > 0 && !windows.Any(w => w.Contains(cutover))) yield return PlanProblems.BadCutover("spec.precopy.cutover", "it is in none of the maintenance windows");
    }

    private static IEnumerable<PlanProblem> Storage(PlanDocuments documents)
    {
        if (documents.Storage is not { } map) yield break;
        const string Field = "spec.map.storage";
        foreach (var twice in map.Map.GroupBy(p => p.Source.Name, StringComparer.Ordinal).Where(g => g.Count() > 1)) yield return PlanProblems.StorageMap(Field, $"the map has {twice.Key} more than once", "Leave one of the pairs");
        if (map.Map.Select(p => p.Destination).Distinct().Count() > 1) yield return PlanProblems.StorageMap(Field, "its pairs lead to different places, and all disks of a machine, and all machines of a plan, go to one", "Use a map with one place, and a plan for each");
        foreach (var pair in map.Map)
        {
            var place = pair.Destination;
            if (documents.Destination is { } destination && PlanTranslation.PlaceProblem(destination, place) is { } problem) yield return problem;
            if (place is { Format: "qcow2", Transfer: not (null or "auto" or "stream") }) yield return PlanProblems.StorageMap(Field, $"disks of format qcow2 cannot be copied by {place.Transfer}", "Set format: raw, or transfer: auto");
            if (place.Transfer is not (null or "auto" or "stream") && documents.Destination is { } far && PlanTranslation.IsFar(far)) yield return PlanProblems.StorageMap(Field, $"disks that go to another host cannot be copied by {place.Transfer}", "Set transfer: auto");
            else if (place.Transfer is not (null or "auto" or "stream" or "reflink" or "copy-range") && documents.Source is { } source && PlanTranslation.IsRunning(source.Type)) yield return PlanProblems.StorageMap(Field, $"disks of machines that run cannot be copied by {place.Transfer}", "Set transfer: auto");
        }
    }

    private static IEnumerable<PlanProblem> Networks(PlanDocuments documents)
    {
        if (documents.Network is not { } map) yield break;
        const string Field = "spec.map.network";
        foreach (var twice in map.Map.GroupBy(p => p.Source.Name, StringComparer.Ordinal).Where(g => g.Count() > 1)) yield return PlanProblems.NetworkMap(Field, $"the map has {twice.Key} more than once", "Leave one of the pairs");
        foreach (var pair in map.Map)
        {
            if (pair.Destination is { Type: NetworkType.Ignored, Name: not null }) yield return PlanProblems.NetworkMap(Field, $"{pair.Source.Name} is ignored, and has a name at the target", "Leave out the name, or set type: network or bridge");
            else if (pair.Destination.Type != NetworkType.Ignored && (string.IsNullOrWhiteSpace(pair.Destination.Name) || pair.Destination.Name.Any(char.IsControl))) yield return PlanProblems.NetworkMap(Field, $"{pair.Source.Name} has no name at the target", "Add the name of the libvirt network or of the bridge");
            else if (pair.Destination is { Type: NetworkType.Network, Name: { } name } && name.StartsWith("bridge:", StringComparison.Ordinal)) yield return PlanProblems.NetworkMap(Field, $"{name} is a bridge, and type says network", $"Set type: bridge and name: {name["bridge:".Length..]}");
        }
    }

    private static IEnumerable<PlanProblem> Hooks(PlanDocuments documents)
    {
        var reached = ReachedHooks(documents).ToList();
        foreach (var (name, field) in reached)
        {
            if (documents.Hook(name) is not { } hook) continue;
            foreach (var fault in HookFaults(hook, field)) yield return fault;
            foreach (var after in hook.Spec.After)
                if (documents.Hook(after.Name) is null) yield return PlanProblems.Missing(field, DocumentKind.Hook, $"{after.Name}, which hook {name} runs after");
        }

        var done = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, field) in reached)
            if (CycleFrom(documents, name, done) is { } cycle) yield return PlanProblems.HookCycle(field, cycle);
    }

    /// <summary>The hooks that a plan reaches, each once, and the field by which it was.</summary>
    private static IEnumerable<(string Name, string Field)> ReachedHooks(PlanDocuments documents)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Queue<(string Name, string Field)>(DocumentReferences.Of(documents.Plan).Where(r => r.Kind == DocumentKind.Hook).Select(r => (r.Name, r.Field)));
        while (open.TryDequeue(out var next))
        {
            if (!seen.Add(next.Name)) continue;
            yield return next;
            foreach (var after in documents.Hook(next.Name)?.Spec.After ?? []) open.Enqueue((after.Name, next.Field));
        }
    }

    /// <summary>Which hooks could not be run on this host: a program that is not there, or no podman.</summary>
    private static IEnumerable<PlanProblem> HooksHere(PlanDocuments documents)
    {
        // What its document has wrong was said already.
        foreach (var (name, field) in ReachedHooks(documents))
            if (documents.Hook(name) is { } hook && !HookFaults(hook, field).Any() && Fault(hook) is { } e) yield return new PlanProblem(e.Code, field, $"cannot {e.Attempt}: {e.Subject}: {e.Said}", e.NextStep, true);

        static SealiftException? Fault(HookDocument hook)
        {
            try
            {
                HookProcess.Verify(hook);
                return null;
            }
            catch (SealiftException e)
            {
                return e;
            }
        }
    }

    /// <summary>Keys that no migration could be given.</summary>
    private static IEnumerable<PlanProblem> Keys(PlanSpec spec)
    {
        if (spec.Vms.Count > 1 && spec.LuksKeys.FirstOrDefault(k => k.Volume != VolumeKey.AnyVolume) is { } one) yield return PlanProblems.Keys("spec.luksKeys", $"volume {one.Volume} is of one machine, and the plan has {spec.Vms.Count.ToString(CultureInfo.InvariantCulture)}", "Give it to its machine, or set volume: all");
        if (Twice(spec.LuksKeys) is { } volume) yield return PlanProblems.Keys("spec.luksKeys", $"volume {volume} has two keys", "Leave out one of them");
        for (var i = 0; i < spec.Vms.Count; i++)
        {
            if (Twice(spec.Vms[i].LuksKeys) is { } own) yield return PlanProblems.Keys(PlanFields.Machine(i, "luksKeys"), $"volume {own} has two keys", "Leave out one of them");
            if (PlanTranslation.KeysOf(spec, spec.Vms[i]).Count is var count and > VolumeKey.Most) yield return PlanProblems.Keys(PlanFields.Machine(i, "luksKeys"), $"there are {count.ToString(CultureInfo.InvariantCulture)} with those of the plan, and a machine can be given {VolumeKey.Most.ToString(CultureInfo.InvariantCulture)}", "Leave out what it has no volume for");
        }

        if (spec.Check) yield break;
        if (spec.LuksKeys.Count > 0) yield return PlanProblems.Keys("spec.luksKeys", NotChecked, "Leave out the one or the other");
        for (var i = 0; i < spec.Vms.Count; i++)
            if (spec.Vms[i].LuksKeys.Count > 0) yield return PlanProblems.Keys(PlanFields.Machine(i, "luksKeys"), NotChecked, "Leave out the one or the other");
    }

    private static string? Twice(IReadOnlyList<PlannedKey> keys) => keys.GroupBy(k => k.Volume, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;

    /// <summary>Which files of keys cannot be used on this host.</summary>
    private static IEnumerable<PlanProblem> KeysHere(PlanSpec spec)
    {
        var known = new Dictionary<string, SealiftException?>(StringComparer.Ordinal);
        foreach (var problem in Of("spec.luksKeys", spec.LuksKeys)) yield return problem;
        for (var i = 0; i < spec.Vms.Count; i++)
            foreach (var problem in Of(PlanFields.Machine(i, "luksKeys"), spec.Vms[i].LuksKeys)) yield return problem;

        IEnumerable<PlanProblem> Of(string field, IReadOnlyList<PlannedKey> keys)
        {
            foreach (var key in keys)
            {
                if (!known.TryGetValue(key.File, out var fault)) known[key.File] = fault = PlanKeys.Fault(new VolumeKeySource(key.Volume, key.File));
                if (fault is not null) yield return new PlanProblem(fault.Code, field, $"cannot {fault.Attempt}: {fault.Subject}: {fault.Said}", fault.NextStep, true);
            }
        }
    }

    private static IEnumerable<PlanProblem> HookFaults(HookDocument hook, string field)
    {
        var (name, spec) = (hook.Metadata.Name, hook.Spec);
        if (spec.Program is null == spec.Image is null) yield return PlanProblems.BadHook(field, $"hook {name} has {(spec.Program is null ? "neither a program nor an image" : "a program and an image")}", "Give it one of the two");
        if (spec.Program is { } program && (!Path.IsPathRooted(program) || program.Any(char.IsControl))) yield return PlanProblems.BadHook(field, $"the program of hook {name} is not an absolute path: {program}", "Give its whole path");
        if (spec.Image is { } image && (image.StartsWith('-') || image.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))) yield return PlanProblems.BadHook(field, $"the image of hook {name} is no name of one", "Give the image as podman takes it");
        if (spec.Network && spec.Image is null) yield return PlanProblems.BadHook(field, $"hook {name} has `network`, which is for containers: a program has the host's", "Leave it out");
    }

    /// <summary>The hooks on a way that leads back to where it began; null where there is none that was not told.</summary>
    private static List<string>? CycleFrom(PlanDocuments documents, string start, HashSet<string> done)
    {
        // Without recursion: a chain may be as long as there are hooks.
        var way = new List<string>();
        var on = new HashSet<string>(StringComparer.Ordinal);
        var next = new Stack<(string Name, bool Leaves)>([(start, false)]);
        while (next.TryPop(out var step))
        {
            if (step.Leaves)
            {
                way.RemoveAt(way.Count - 1);
                _ = on.Remove(step.Name); // it was put in when it was entered
                _ = done.Add(step.Name); // a way through it is known to lead nowhere back
                continue;
            }

            if (on.Contains(step.Name))
            {
                done.UnionWith(on);
                return [.. way.SkipWhile(n => n != step.Name), step.Name];
            }

            if (done.Contains(step.Name)) continue;
            way.Add(step.Name);
            _ = on.Add(step.Name); // it was looked at just now
            next.Push((step.Name, true));
            foreach (var after in documents.Hook(step.Name)?.Spec.After ?? []) next.Push((after.Name, false));
        }

        return null;
    }

    private static IEnumerable<PlanProblem> Policies(PlanSpec spec)
    {
        if (!spec.Check && !spec.AcceptDegraded) yield return PlanProblems.Policy("spec.check", "without checks no verdict is better than degraded, and the plan does not accept that", "Set acceptDegraded: true, or leave out check");
        if (!spec.Check && spec.Waivers.Count > 0) yield return PlanProblems.Waivers("spec.waivers", "findings are waived and file systems are not checked", "Leave out the one or the other");
        if (spec.Limits.MachinesPerHost > spec.Limits.Machines) yield return PlanProblems.Limits("spec.limits.machinesPerHost", "it is more than `machines`", "Lower it, or leave it out");
        if (spec.Limits.Bandwidth is { } all && all / spec.Limits.Machines < Disks.BandwidthLimit.MinimumBytesPerSecond) yield return PlanProblems.Limits("spec.limits.bandwidth", "shared among the machines at once it is less than 64 KiB a second for each", "Raise it, or lower `machines`");
        for (var i = 0; i < spec.Vms.Count; i++)
            if (!spec.Check && spec.Vms[i].Waivers.Count > 0) yield return PlanProblems.Waivers(PlanFields.Machine(i, "waivers"), "findings are waived and file systems are not checked", "Leave out the one or the other");
    }
}
