using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary><c>sealift copy</c> to a new raw file, with checkpoints and a map that is kept.</summary>
public record KilledCopy(string Sealift, string Name = "sealift copy") : KilledCommand(Name, Sealift)
{
    private string? root;

    /// <summary>The format.</summary>
    protected virtual string Format => "raw";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Reads => ["source.raw", "/disk", "/blockmap", "/copy.json"];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Writes => ["/disk", "/blockmap", ".new"];

    private static string Map(Workspace place) => place.In("kept.blockmap");

    private static string Work(Workspace place) => place.Target + ".sealift-copy";

    /// <summary>What is copied.</summary>
    protected virtual string Source(Workspace place) => place.Source;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) =>
        ["copy", Source(place), place.Target, "--format", Format, "--map", Map(place), "--checkpoint", "1M"];

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel) =>
        root ??= (await RunAsync(place, ["hash", place.Source], cancel)).Output.Split(' ')[0];

    /// <inheritdoc/>
    public override bool IsRight(string output) => output.StartsWith(root!, StringComparison.Ordinal) && root!.Length == 64;

    /// <inheritdoc/>
    public override string? WhatIsWrongAfterDeath(Workspace place)
    {
        if (!File.Exists(place.Target)) return null;
        if (WhatIsWrong(place) is { } wrong) return $"the target has its name and is not whole: {wrong}";
        var record = Path.Combine(Work(place), "copy.json");
        return File.Exists(record) && !File.ReadAllText(record).Contains(root!, StringComparison.Ordinal) ? "the target has its name and is not proven" : null;
    }

    /// <inheritdoc/>
    public override async Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel)
    {
        var (begun, finished) = (Directory.Exists(Work(place)), File.Exists(place.Target));
        if (!begun && finished) return (Recovery.Finished, null);
        var result = await RunAsync(place, [.. Arguments(place), .. begun ? ["--resume"] : Array.Empty<string>()], cancel);
        // Killed between its very last calls: the file has its name, and only an empty directory was left.
        if (begun && finished && result.ExitCode == 5 && result.ErrorTail.Contains("SL4256", StringComparison.Ordinal)) return (Recovery.Finished, null);
        var how = begun ? Recovery.Resumed : Recovery.Anew;
        if (result.ExitCode != 0) return (how, Said(begun ? "--resume" : "anew", result));
        return (how, result.Output.StartsWith(root!, StringComparison.Ordinal) ? null : Said("another root", result));
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Result(Workspace place) => new SortedDictionary<string, string>(
        Directory.EnumerateFileSystemEntries(place.Path).Select(p => Path.GetFileName(p)!).Except(["state", "tmp"]).ToDictionary(n => n, _ => string.Empty), StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place) => place.WhatDiffers(place.Target);
}

/// <summary>The same where the kernel copies from file to file.</summary>
public sealed record KilledOffload(string Sealift) : KilledCopy(Sealift, "sealift copy --transfer copy-range")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => [.. base.Arguments(place), "--transfer", "copy-range"];
}

/// <summary>The same where the file system shares blocks: the directory of the trial must lie on one that can.</summary>
public sealed record KilledReflink(string Sealift) : KilledCopy(Sealift, "sealift copy --transfer reflink")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => [.. base.Arguments(place), "--transfer", "reflink"];
}

/// <summary>The same to a qcow2 image, which qemu-nbd writes.</summary>
public sealed record KilledQcow2Copy(string Sealift) : KilledCopy(Sealift, "sealift copy --format qcow2")
{
    /// <inheritdoc/>
    public override bool WritesItself => false;

    /// <inheritdoc/>
    protected override string Format => "qcow2";

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place)
    {
        var raw = place.Path + ".raw";
        try
        {
            var converted = ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "qcow2", "-O", "raw", place.Target, raw) { AcceptedExitCodes = [0, 1] }, CancellationToken.None).GetAwaiter().GetResult();
            return converted.ExitCode == 0 ? place.WhatDiffers(raw) : converted.ErrorTail;
        }
        finally
        {
            File.Delete(raw);
        }
    }
}

/// <summary>The same from a fixed VHD, whose name does not say so: a raw disk but for its last sector, by which alone it is known.</summary>
public sealed record KilledVhdCopy(string Sealift) : KilledCopy(Sealift, "sealift copy of a fixed VHD")
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Reads => ["source.disk"];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Writes => [];

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        await base.PrepareAsync(place, cancel);
        _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", place.Source, Source(place)), cancel); // its exit code is checked
    }

    /// <inheritdoc/>
    protected override string Source(Workspace place) => place.In("source.disk");
}

/// <summary><c>sealift copy --resume</c>, killed as the copy before it was.</summary>
/// <param name="Sealift">Path of the command.</param>
/// <param name="Library">Path of the compiled library.</param>
public sealed record KilledResume(string Sealift, string Library) : KilledCopy(Sealift, "sealift copy --resume")
{
    // In the middle of the data: two checkpoints are durable by then.
    private const int FirstDeath = 62;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => [.. base.Arguments(place), "--resume"];

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        await base.PrepareAsync(place, cancel);
        try
        {
            var first = await RunAsync(place, base.Arguments(place), cancel, new Kill(FirstDeath, Moment.Before).Environment(Library, place.In("first.log"), place.In("first.stash")));
            throw new InvalidOperationException(Said("the first copy was not killed", first));
        }
        catch (ChildException e) when (e.Code == "SL1103")
        {
            File.Delete(place.In("first.log"));
        }
    }

    /// <inheritdoc/>
    public override async Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel)
    {
        var (how, wrong) = await base.GoOnAsync(place, cancel);
        return (how, wrong ?? (how == Recovery.Anew ? "what had been copied is gone" : null));
    }
}
