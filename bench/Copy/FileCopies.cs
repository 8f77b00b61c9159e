namespace Sealift.Bench.Copies;

/// <summary>Copies of one disk to a new raw file: the same state before each, and the same demands on its result.</summary>
/// <param name="bench">Where it is run.</param>
/// <param name="image">The name of the file that is copied: the disk itself, or an image of it.</param>
/// <param name="disk">The disk.</param>
/// <param name="target">The name of the file that is made.</param>
internal sealed class FileCopies(Bench bench, string image, TestDisk disk, string target = "target.raw")
{
    /// <summary>sealift, which makes the target itself.</summary>
    /// <param name="options">Its options.</param>
    /// <param name="proven">Whether it is to prove the target; without --no-proof it must.</param>
    public Contestant Ours(string options, bool proven = true)
    {
        var words = new[] { "sealift copy", proven ? string.Empty : "--no-proof", options, image, target };
        return new Contestant(string.Join(' ', words.Where(w => w.Length > 0)))
        {
            ExitCode = proven ? 0 : 3,
            Before = cancel => PrepareAsync(makeTarget: false, cancel),
            Beforehand = $"{image} is read into the page cache; no {target}",
            WhatIsWrong = (run, cancel) => Task.FromResult(
                !run.Output.StartsWith($"{disk.Hash}  ", StringComparison.Ordinal) ? $"not the hash {disk.Hash}: {run.Output}"
                : !run.Output.Contains(proven ? "verdict: proven" : "verdict: degraded", StringComparison.Ordinal) ? $"another verdict: {run.Output}"
                : WhatDiffers(cancel)),
        };
    }

    /// <summary>A peer.</summary>
    /// <param name="line">What is run.</param>
    /// <param name="makeTarget">Whether the target is there before, as one hole.</param>
    /// <param name="digests">Whether it prints digests of both sides, which must be the same.</param>
    public Contestant Peer(string line, bool makeTarget, bool digests = false) => new(line)
    {
        Before = cancel => PrepareAsync(makeTarget, cancel),
        Beforehand = $"{image} is read into the page cache; " + (makeTarget ? $"rm -f {target}; truncate -s {disk.LengthBytes} {target}" : $"no {target}"),
        WhatIsWrong = (run, cancel) => Task.FromResult((digests && !AreTwoAndTheSame(run.Output) ? $"not twice the same digest: {run.Output}" : null) ?? WhatDiffers(cancel)),
    };

    private static bool AreTwoAndTheSame(string output)
    {
        var digests = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ')[0]).ToList();
        return digests.Count == 2 && digests[0] == digests[1] && digests[0].Length == 64;
    }

    private string? WhatDiffers(CancellationToken cancel) => RawFiles.WhatDiffers(disk.Path, bench.Scratch.In(target), cancel);

    private Task PrepareAsync(bool makeTarget, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        bench.Scratch.Remove(target);
        bench.Scratch.Remove($"{target}.sealift-copy"); // of a run that did not end
        if (makeTarget) RawFiles.MakeEmpty(bench.Scratch.In(target), disk.LengthBytes);
        RawFiles.Warm(bench.Scratch.In(image));
        return Task.CompletedTask;
    }
}
