using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.Bench.Faults.Kills;

/// <summary><c>sealift migrate</c> of one disk, without conversion and checks: describe, copy, read-back, gate, hand-over, seal.</summary>
public partial record KilledMigration(string Sealift, string Name = "sealift migrate") : KilledCommand(Name, Sealift)
{
    // Degraded: what was left out on purpose is in the seal.
    private const int Degraded = 3;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Reads => ["source.raw", "/disk1.raw", "source-disk1.raw", ".blockmap", "source.xml"];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Writes => ["/disk1.raw", ".blockmap", ".new", "sealift.db-wal"];

    /// <summary>The disks, as they must be in the end.</summary>
    protected virtual IReadOnlyList<(string Name, Func<string, string?> WhatDiffers)> Disks(Workspace place) => [("source-disk1.raw", place.WhatDiffers)];

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => ["migrate", place.Source, "--to", Machines(place), "--no-convert", "--no-check", "--accept-degraded", "--checkpoint", "1M"];

    /// <inheritdoc/>
    public override string? WhatIsWrongAfterDeath(Workspace place)
    {
        foreach (var (name, whatDiffers) in Disks(place))
        {
            var path = Path.Combine(Machines(place), name);
            if (File.Exists(path) && whatDiffers(path) is { } wrong) return $"a disk has its name and is not whole: {wrong}";
        }

        return null;
    }

    /// <inheritdoc/>
    public override async Task<(Recovery How, string? Wrong)> GoOnAsync(Workspace place, CancellationToken cancel)
    {
        var anyNamed = Disks(place).Any(d => File.Exists(Path.Combine(Machines(place), d.Name)));
        var list = await RunAsync(place, ["list", "--json"], cancel);
        if (list.ExitCode != 0) return (Recovery.Anew, Said("list", list));
        var known = list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var how = Recovery.Finished;
        if (known.Count > 1) return (how, "more than one migration");
        if (known.Count == 0)
        {
            how = Recovery.Anew;
            if (Directory.Exists(Machines(place)) && Directory.EnumerateFileSystemEntries(Machines(place)).Any()) return (how, "something was made that the journal does not know");
            var again = await RunAsync(place, Arguments(place), cancel);
            if (again.ExitCode != Degraded) return (how, Said("migrate again", again));
        }
        else if (known[0].GetProperty("canResume").GetBoolean())
        {
            how = Recovery.Resumed;
            var id = known[0].GetProperty("id").GetString()!;
            if (anyNamed)
            {
                var show = await RunAsync(place, ["show", id, "--json"], cancel);
                if (show.ExitCode != 0 || !Gate().IsMatch(show.Output)) return (how, Said("a disk has its name, and its gate is not passed", show));
            }

            var resumed = await RunAsync(place, ["resume", id], cancel);
            if (resumed.ExitCode != Degraded) return (how, Said("resume", resumed));
        }
        else if (known[0].GetProperty("verdict").GetString() != "degraded")
        {
            return (how, "a verdict that the undisturbed run has not: " + known[0]);
        }

        return (how, await WhatDoesNotHoldAsync(place, cancel));
    }

    /// <inheritdoc/>
    public override async Task<string?> WhatDoesNotHoldAsync(Workspace place, CancellationToken cancel)
    {
        var verified = await RunAsync(place, ["verify", Path.Combine(Machines(place), "source.seal.json")], cancel);
        return verified.ExitCode == 0 ? null : Said("verify", verified);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> Result(Workspace place)
    {
        var end = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in Directory.EnumerateFileSystemEntries(place.Path).Where(e => Path.GetFileName(e) is not ("state" or "tmp"))) end[Path.GetFileName(entry)] = string.Empty;
        foreach (var entry in Directory.EnumerateFileSystemEntries(Machines(place)))
        {
            end[Path.GetRelativePath(place.Path, entry)] = Path.GetExtension(entry) switch
            {
                ".raw" => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(entry))),
                ".json" => Roots(entry),
                ".sh" or ".xml" => File.ReadAllText(entry).Replace(place.Path, "PLACE", StringComparison.Ordinal),
                _ => string.Empty, // the map and the page: verified with the seal
            };
        }

        // Besides the journal's own: what belongs to the migration that was finished, and nothing of one that was not.
        foreach (var entry in Directory.EnumerateFileSystemEntries(place.State).Where(e => !Path.GetFileName(e).StartsWith("sealift.db", StringComparison.Ordinal))) end["state/" + Path.GetFileName(entry)] = string.Empty;
        return end;
    }

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place) => Disks(place).Select(d => d.WhatDiffers(Path.Combine(Machines(place), d.Name))).FirstOrDefault(w => w is not null);

    /// <summary>Where the machine goes to.</summary>
    protected static string Machines(Workspace place) => place.In("machines");

    /// <summary>The roots in a seal, read without any code of the product.</summary>
    private static string Roots(string path)
    {
        using var envelope = JsonDocument.Parse(File.ReadAllText(path));
        var statement = System.Text.Encoding.UTF8.GetString(envelope.RootElement.GetProperty("payload").GetBytesFromBase64());
        return string.Join(' ', Root().Matches(statement).Select(m => m.Value));
    }

    [GeneratedRegex("\"(verdict|[a-zA-Z]*[rR]oot|blkhash)\": ?\"[^\"]*\"")]
    private static partial Regex Root();

    [GeneratedRegex("\"step\":\"gate\",\"disk\":\"\",\"state\":\"done\"", RegexOptions.IgnoreCase)]
    private static partial Regex Gate();
}

/// <summary>
/// <c>sealift migrate</c> of two disks with a conversion and its commit; the converter is a script that writes into the overlays as
/// virt-v2v would. Killed from the conversion on.
/// </summary>
public sealed record KilledCommit(string Sealift) : KilledMigration(Sealift, "sealift migrate, two disks converted")
{
    private const int SecondBytes = 1 << 20, ChangedOffset = 700_000, ChangedBytes = 100_000, ZeroedOffset = 262_144, ZeroedBytes = 65_536;

    // What it says about devices is what sealift looks for in the log of the real one.
    private const string Converter = """
        #!/bin/sh
        [ "$1" = --version ] && { echo 'virt-v2v-in-place 0'; exit 0; }
        for domain; do :; done
        sed -n 's/.*<source file="\([^"]*\)".*/\1/p' "$domain" | while read -r overlay; do
            qemu-io -f qcow2 -c 'write -P 0xc0 700000 100000' -c 'write -z 262144 65536' "$overlay" || exit 1
        done
        printf 'gcaps_block_bus = virtio-blk\ngcaps_net_bus = virtio-net\ngcaps_machine = q35\n' >&2

        """;

    private static readonly Lazy<byte[]> SecondContent = new(() =>
    {
        var bytes = new byte[SecondBytes];
        new Random(20261125).NextBytes(bytes);
        bytes.AsSpan(446, 64).Clear();
        (bytes[510], bytes[511]) = (0x55, 0xAA);
        return bytes;
    });

    private string? first;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments(Workspace place) => ["migrate", place.Source, place.In("second.raw"), "--to", Machines(place), "--no-check", "--accept-degraded", "--checkpoint", "1M", "--no-boot-check"];

    /// <inheritdoc/>
    public override int FirstCall(IReadOnlyList<string> calls)
    {
        var at = calls.ToList().FindIndex(c => c.Contains("overlay", StringComparison.Ordinal));
        return at >= 0 ? at + 1 : throw new InvalidOperationException("The undisturbed run made no overlay");
    }

    /// <inheritdoc/>
    public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
    {
        first ??= Converted(await File.ReadAllBytesAsync(place.Source, cancel));
        using (var second = PosixFile.Open(place.In("second.raw"), OpenMode.ReadWrite | OpenMode.CreateNew)) second.WriteAt(SecondContent.Value, 0);
        Directory.CreateDirectory(place.In("bin"));
        // KVM does not matter here, and finding out whether it hangs takes eight seconds.
        foreach (var (name, script) in new[] { ("virt-v2v-in-place", Converter), ("qemu-system-x86_64", "#!/bin/sh\nexit 1\n") })
        {
            await File.WriteAllTextAsync(place.In($"bin/{name}"), script, cancel);
            PosixPath.SetPermissions(place.In($"bin/{name}"), 0x1ED /* 0755 */);
        }
    }

    /// <inheritdoc/>
    public override string? WhatIsWrong(Workspace place) =>
        base.WhatIsWrong(place) ?? (File.ReadAllBytes(place.In("second.raw")).AsSpan().SequenceEqual(SecondContent.Value) ? null : "the second source was written to");

    /// <inheritdoc/>
    protected override IReadOnlyList<(string Name, Func<string, string?> WhatDiffers)> Disks(Workspace place) =>
        [("source-disk1.raw", path => WhatDiffersFrom(first!, path)), ("source-disk2.raw", path => WhatDiffersFrom(Converted([.. SecondContent.Value]), path))];

    private static string? WhatDiffersFrom(string digest, string path) =>
        !File.Exists(path) ? $"{path} does not exist" : Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))) == digest ? null : $"{path} is not as it was to be converted";

    private static string Converted(byte[] disk)
    {
        disk.AsSpan(ChangedOffset, ChangedBytes).Fill(0xC0);
        disk.AsSpan(ZeroedOffset, ZeroedBytes).Clear();
        return Convert.ToHexString(SHA256.HashData(disk));
    }
}
