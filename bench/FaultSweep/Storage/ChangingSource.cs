using System.Globalization;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Storage;

/// <summary>
/// A source that somebody works on while it is read: the first read that covers an offset waits until that is done. Right is what the
/// source held before, or what it holds afterwards; anything else it held at no time. Each case is the change and the offset.
/// </summary>
public sealed record ChangingSource(string Name, IReadOnlyList<string> Cases) : StorageFault(Name, TargetKinds.File, Cases)
{
    /// <inheritdoc/>
    public override async Task<StorageTrial> RunAsync(CopyTool tool, string variant, Workspace place, CancellationToken cancel)
    {
        var words = variant.Split('@');
        var running = CopyAsync(tool, place, place.Source, place.Target, cancel, Preload(place, "pause", words[1]));
        while (!File.Exists(place.In("pause.at")) && !running.IsCompleted) await Task.Delay(2, cancel);
        if (!File.Exists(place.In("pause.at"))) throw new InvalidOperationException($"{tool.Name} did not pause at offset {words[1]}: {(await running)?.Said}");
        try
        {
            Change(place, words[0]);
        }
        finally
        {
            await File.WriteAllTextAsync(place.In("pause.go"), string.Empty, CancellationToken.None);
        }

        var run = await running;
        var copied = File.Exists(place.Target) ? await File.ReadAllBytesAsync(place.Target, cancel) : [];
        var afterwards = await File.ReadAllBytesAsync(place.Source, cancel);
        var held = copied.AsSpan().SequenceEqual(Workspace.SourceContent) || copied.AsSpan().SequenceEqual(afterwards);
        return Judge(tool, variant, run, held ? null : string.Create(CultureInfo.InvariantCulture, $"a copy of {copied.Length} bytes that the source held at no time"));
    }

    private static void Change(Workspace place, string change)
    {
        if (change == "replaced")
        {
            Workspace.WriteOldBytes(place.In("new.raw"));
            File.Move(place.In("new.raw"), place.Source, overwrite: true);
            return;
        }

        using var file = PosixFile.Open(place.Source, OpenMode.ReadWrite);
        switch (change)
        {
            case "shrinks":
                file.SetLength(500_000);
                break;
            case "written to":
                file.WriteAt("changed"u8, 100_000);
                file.WriteAt("changed"u8, 3_400_000);
                break;
            default:
                throw new InvalidOperationException(change);
        }
    }
}
