using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Faults.Storage;

/// <summary>How a disk is brought from a file to another by one of the commands.</summary>
public enum Way
{
    /// <summary><c>sealift copy</c>.</summary>
    Copy,

    /// <summary><c>sealift migrate</c>, without looking into the guest.</summary>
    Migrate,

    /// <summary><c>sealift hash</c>: nothing is written.</summary>
    Hash,
}

/// <summary>One disk on its way from file to file, with something about that disturbs it, and then gone on with when that is gone.</summary>
internal sealed class DisturbedCopy
{
    private readonly OtherSide side;
    private readonly Way way;
    private readonly DisturbedRun run;

    /// <param name="side">The rig.</param>
    /// <param name="way">By which command.</param>
    /// <param name="mustSay">What must be said; empty: it must succeed.</param>
    /// <param name="folder">Where the target goes; null: beside the source.</param>
    /// <param name="maySucceed">Whether success, with right bytes, is an answer too.</param>
    public DisturbedCopy(OtherSide side, Way way, IReadOnlyList<string> mustSay, string? folder = null, bool maySucceed = false)
    {
        this.side = side;
        this.way = way;
        run = new DisturbedRun(side) { MustSay = mustSay, MaySucceed = maySucceed };
        Source = run["box.raw"];
        side.WriteDisk(Source);
        Folder = folder ?? run.Folder;
        Right = side.Disk;
    }

    public string Source { get; }

    public string Folder { get; }

    /// <summary>What the source holds when all is said and done.</summary>
    public byte[] Right { get; set; }

    public string this[string name] => run[name];

    private string Target => way == Way.Migrate ? Path.Combine(Folder, "box", "box-disk1.raw") : Path.Combine(Folder, "target.raw");

    private string[] Arguments => way switch
    {
        Way.Copy => ["copy", Source, Target],
        Way.Migrate => ["migrate", Source, "--to", Path.Combine(Folder, "box"), "--no-convert", "--no-check", "--accept-degraded"],
        _ => ["hash", "--format", "raw", Source],
    };

    /// <summary>The environment in which storage misbehaves; see tests/rigs/faulty-storage.c.</summary>
    public Dictionary<string, string?> Fault(string fault, string file, long offset, int times = 1, long length = 0) => new()
    {
        ["LD_PRELOAD"] = side.FaultyStorage,
        ["FAULT"] = fault,
        ["FAULT_PATH"] = file,
        ["FAULT_OFFSET"] = offset.ToString(CultureInfo.InvariantCulture),
        ["FAULT_TIMES"] = times.ToString(CultureInfo.InvariantCulture),
        ["FAULT_LENGTH"] = length.ToString(CultureInfo.InvariantCulture),
        ["FAULT_PAUSE"] = run["pause"],
    };

    /// <summary>Waits until the disturbed run has come to where it pauses, does something, and lets it go on.</summary>
    public Func<CancellationToken, Task> AtThePause(Action act) => async ended =>
    {
        while (!File.Exists(run["pause.at"])) await Task.Delay(2, ended);
        try
        {
            act();
        }
        finally
        {
            await File.WriteAllTextAsync(run["pause.go"], string.Empty, CancellationToken.None);
        }
    };

    /// <summary>Runs it disturbed.</summary>
    /// <returns>Whether it succeeded.</returns>
    public async Task<bool> RunAsync(IReadOnlyDictionary<string, string?>? environment, Func<CancellationToken, Task>? meanwhile = null)
    {
        return await run.RunAsync(
            Arguments,
            result => way == Way.Hash ? result.Output.StartsWith(RightHashAsync().GetAwaiter().GetResult() + " ", StringComparison.Ordinal) : DisturbedRun.Bytes(Target).AsSpan().SequenceEqual(Right),
            () => !File.Exists(Target),
            environment,
            meanwhile);
    }

    /// <summary>Goes on where it failed, with nothing in its way any more: the same bytes, and nothing left beside them.</summary>
    /// <param name="sourceChanged">Whether the source is another one now: then what was copied before is of no use, and is said to be.</param>
    public async Task GoOnAsync(bool sourceChanged = false)
    {
        switch (way)
        {
            case Way.Copy:
                var began = Directory.Exists(Target + ".sealift-copy");
                await run.SucceedAsync([.. Arguments, .. began ? (string[])[sourceChanged ? "--restart" : "--resume"] : []]);
                Assert.False(Directory.Exists(Target + ".sealift-copy"));
                break;
            case Way.Migrate:
                var listed = await run.SucceedAsync("list", "--json");
                if (listed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries) is not [.., var last] || !JsonDocument.Parse(last).RootElement.TryGetProperty("id", out var id))
                {
                    await run.SucceedAsync(Arguments);
                    break;
                }

                if (sourceChanged)
                {
                    await run.SucceedAsync("remove", id.GetString()!);
                    Assert.False(Directory.Exists(Path.Combine(Folder, "box")) && Directory.EnumerateFileSystemEntries(Path.Combine(Folder, "box")).Any());
                    await run.SucceedAsync(Arguments);
                }
                else
                {
                    await run.SucceedAsync("resume", id.GetString()!);
                }

                break;
            default:
                Assert.StartsWith(await RightHashAsync() + " ", (await run.SucceedAsync(Arguments)).Output, StringComparison.Ordinal);
                return;
        }

        Assert.Equal(Right, DisturbedRun.Bytes(Target));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(Target)!, ".sealift-*"));
    }

    private async Task<string> RightHashAsync()
    {
        var plain = run["right.raw"];
        await File.WriteAllBytesAsync(plain, Right, TestContext.Current.CancellationToken);
        return (await run.SucceedAsync("hash", "--format", "raw", plain)).Output.Split(' ')[0];
    }
}
