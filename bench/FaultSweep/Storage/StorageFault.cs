using System.Globalization;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Storage;

/// <summary>One kind of storage that fails, lies or changes for real, where no call is tampered with.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Targets">What a program must be able to copy to.</param>
/// <param name="Cases">Its variants, one run each.</param>
public abstract record StorageFault(string Name, TargetKinds Targets, IReadOnlyList<string> Cases)
{
    /// <summary>The library of tests/rigs/faulty-storage.c, compiled.</summary>
    public required string FaultyStorage { get; init; }

    /// <summary>Runs a program with it and judges what it claimed by the bytes on the medium.</summary>
    /// <param name="tool">The program.</param>
    /// <param name="variant">One of <see cref="Cases"/>.</param>
    /// <param name="place">A fresh directory.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="InvalidOperationException">The fault did not come about.</exception>
    public abstract Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel);

    /// <summary>Runs the program, nothing but a deadline over it.</summary>
    /// <returns>Null where it did not end.</returns>
    protected static Task<FinishedRun?> CopyAsync(CopyTool tool, Workspace place, string source, string target, CancellationToken cancel, IReadOnlyDictionary<string, string?>? environment = null, IReadOnlyList<string>? inside = null)
    {
        string[] words = [.. inside ?? [], .. tool.Command(source, target, place.State)];
        return FinishedRun.OfAsync(
            new ChildCommand(words[0], [.. words.Skip(1)]) { Deadline = Trial.Deadline, WorkingDirectory = place.Path, Environment = environment ?? new Dictionary<string, string?>() },
            cancel);
    }

    /// <summary>What a run was worth.</summary>
    /// <param name="tool">The program.</param>
    /// <param name="variant">The case.</param>
    /// <param name="run">How it ended.</param>
    /// <param name="wrong">What is wrong on the medium, if anything.</param>
    /// <param name="refused">Whether the storage said that it did not store what it had accepted.</param>
    protected StorageTrial Judge(CopyTool tool, string variant, FinishedRun? run, string? wrong, bool refused = false)
    {
        var outcome = run switch
        {
            null => Outcome.Hang,
            { ExitCode: > 128 } => Outcome.Complaint,
            { ExitCode: not 0 } => Outcome.CleanError,
            _ when wrong is not null => Outcome.SilentCorruption,
            _ => refused ? Outcome.SwallowedError : Outcome.CorrectResult,
        };
        return new StorageTrial(tool.Name, Name, variant, outcome, outcome == Outcome.SilentCorruption ? wrong! : run?.Said ?? string.Empty);
    }

    /// <summary>The environment in which the source lies or pauses.</summary>
    protected Dictionary<string, string?> Preload(Workspace place, string fault, string offset, string length = "0") => new()
    {
        ["LD_PRELOAD"] = FaultyStorage,
        ["FAULT"] = fault,
        ["FAULT_PATH"] = "/source.raw",
        ["FAULT_OFFSET"] = offset,
        ["FAULT_LENGTH"] = length,
        ["FAULT_TIMES"] = "0",
        ["FAULT_PAUSE"] = place.In("pause"),
    };

    /// <summary>The first bytes of a file, a disk's length of them, compared with the source's.</summary>
    protected static string? WhatDiffers(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        var bytes = new byte[Workspace.SourceContent.Length];
        var n = file.ReadAt(bytes, 0);
        if (n < bytes.Length) return string.Create(CultureInfo.InvariantCulture, $"{n} bytes in place of {bytes.Length}");
        var same = bytes.AsSpan().CommonPrefixLength(Workspace.SourceContent);
        return same == bytes.Length ? null : string.Create(CultureInfo.InvariantCulture, $"differs from the source at offset {same}");
    }
}

/// <summary>One run of a program on one such storage.</summary>
/// <param name="Tool">Its name.</param>
/// <param name="Fault">The kind.</param>
/// <param name="Variant">The case.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What was said, or what is wrong.</param>
public sealed record StorageTrial(string Tool, string Fault, string Variant, Outcome Outcome, string Detail);
