using System.Text.RegularExpressions;
using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;
using Sealift.Posix;

namespace Sealift.Faults.Kills;

/// <summary>
/// What a killed command left, damaged meanwhile: the command that goes on, or only looks, ends with a clear error or with the right
/// result, and never with success and wrong data. The damages are drawn by seed: the same ones in every run.
/// </summary>
public sealed partial class TornStateTests(OtherSide side)
{
    private const int Seeds = 12;

    private int correct, clean;
    private string? library;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A migration killed in the read-back: journal, block map and disk are there.</summary>
    [Fact]
    public async Task A_damaged_journal_is_not_believed()
    {
        var command = new KilledMigration(side.Sealift);
        for (var seed = 0; seed < 4 * Seeds; seed++)
        {
            using var place = await KilledAsync(command, await CallOfAsync(command, seed % 2 == 0 ? "renameat2 /machines/source-disk1.raw" : "close /machines/.sealift*"));
            var torn = new Random(seed);
            var file = place.In("state/" + torn.GetItems(["sealift.db", "sealift.db-wal", "sealift.db-wal"], 1)[0]);
            var how = $"seed {seed}: {Tear(file, torn)}";
            var list = await LookAsync(command, place, how, ["list", "--json"]);
            var id = Path.GetFileName(Directory.EnumerateDirectories(place.In("state/migrations")).Single());
            await LookAsync(command, place, how, ["show", id]);
            var resumed = await LookAsync(command, place, how, ["resume", id]);
            Judge(command, place, how, resumed);
            // A journal that lists nothing would hide a migration under way.
            if (list.ExitCode == 0) Assert.True(list.Output.Contains(id, StringComparison.Ordinal), $"{how}: list does not know it: {list.Output}");
        }

        Console.WriteLine($"torn journal: {correct + clean} cases: {clean} clean errors, {correct} correct results");
    }

    [Fact]
    public async Task A_damaged_record_map_or_disk_of_an_unfinished_copy_is_not_believed()
    {
        var command = new KilledCopy(side.Sealift);
        var late = await CallOfAsync(command, "renameat2 /target.raw");
        var early = await CallOfAsync(command, "pwrite /target.raw.sealift-copy/disk") + 5;
        string[] names = ["copy.json", "blockmap", "blockmap", "disk"];
        for (var seed = 0; seed < 4 * Seeds; seed++)
        {
            using var place = await KilledAsync(command, seed % 2 == 0 ? late : early);
            var torn = new Random(seed);
            var how = $"seed {seed}: {Tear(Path.Combine(place.Target + ".sealift-copy", names[seed % names.Length]), torn)}";
            Judge(command, place, how, await LookAsync(command, place, how, [.. command.Arguments(place), "--resume"]));
            if (File.Exists(place.Target)) continue;
            // The way out that the message names; a map that was kept already is to be moved away.
            File.Delete(place.In("kept.blockmap"));
            var restarted = await LookAsync(command, place, how, [.. command.Arguments(place), "--restart"]);
            Assert.True(restarted.ExitCode == 0 && command.WhatIsWrong(place) is null, $"{how}: --restart: {restarted.ErrorTail}");
        }

        Console.WriteLine($"torn copy: {correct + clean} cases: {clean} clean errors, {correct} correct results");
    }

    /// <summary>Cut at the end of each of its pages, in the middle of each, and everything in between by chance.</summary>
    [Fact]
    public async Task A_block_map_that_was_cut_anywhere_or_is_of_another_disk_is_not_believed()
    {
        var command = new KilledCopy(side.Sealift);
        var at = await CallOfAsync(command, "renameat2 /target.raw");
        int length;
        using (var whole = await KilledAsync(command, at)) length = (int)new FileInfo(Path.Combine(whole.Target + ".sealift-copy", "blockmap")).Length;
        var cuts = Enumerable.Range(0, (length / 512) + 1).Select(n => n * 512).Concat(Enumerable.Range(0, 8).Select(n => (n * length / 8) + 13)).Where(c => c < length).Distinct().ToList();
        // About forty of them, spread over the whole file.
        foreach (var cut in cuts.Where((_, i) => i % ((cuts.Count / 40) + 1) == 0))
        {
            using var place = await KilledAsync(command, at);
            var map = Path.Combine(place.Target + ".sealift-copy", "blockmap");
            using (var file = PosixFile.Open(map, OpenMode.ReadWrite)) file.SetLength(cut);
            var how = $"the map is cut at {cut} of {length}";
            Assert.NotEqual(0, (await LookAsync(command, place, how, ["map", "verify", map])).ExitCode);
            Judge(command, place, how, await LookAsync(command, place, how, [.. command.Arguments(place), "--resume"]));
        }

        using (var place = await KilledAsync(command, at))
        {
            var other = place.In("other.raw");
            await File.WriteAllBytesAsync(other, [.. (await File.ReadAllBytesAsync(place.Source, Cancel)).Select((b, i) => i == 1000 ? (byte)~b : b)], Cancel);
            var map = Path.Combine(place.Target + ".sealift-copy", "blockmap");
            File.Delete(map);
            await command.RunAsync(place, ["hash", "--map", map, other], Cancel);
            Judge(command, place, "a map of another disk of the same length", await LookAsync(command, place, "another map", [.. command.Arguments(place), "--resume"]));
        }

        Console.WriteLine($"cut block map: {correct + clean} cases: {clean} clean errors, {correct} correct results");
    }

    /// <summary>A machine that was sealed, and then damaged: verify says so, whatever it is.</summary>
    [Fact]
    public async Task Verify_calls_nothing_right_that_was_damaged_after_the_seal()
    {
        var command = new KilledVerify(side.Sealift);
        // Not the block map: the disk is then proven from its root alone, and where it differs could not be said.
        string[] names = ["source-disk1.raw", "source.seal.json", "source.xml", "source-start.sh"];
        for (var seed = 0; seed < 2 * Seeds; seed++)
        {
            using var place = new Workspace(side.NewDirectory() + "/t");
            await command.PrepareAsync(place, Cancel);
            var how = $"seed {seed}: {Tear(place.In("machines/" + names[seed % names.Length]), new Random(seed))}";
            var verified = await LookAsync(command, place, how, command.Arguments(place));
            Assert.True(verified.ExitCode is 1 or 5, $"{how}: {verified.Output}");
            clean++;
        }

        Console.WriteLine($"torn machine: {clean} cases: {clean} clean errors");
    }

    /// <summary>Damages a file by chance: cut, a piece zeroed or of other bytes, one bit, a page of its own elsewhere, or gone.</summary>
    private static string Tear(string path, Random torn)
    {
        var bytes = File.ReadAllBytes(path);
        var at = bytes.Length == 0 ? 0 : torn.Next(bytes.Length);
        var length = Math.Min(bytes.Length - at, 1 << torn.Next(4, 13));
        var kind = torn.Next(6);
        var before = bytes.ToArray();
        switch (kind)
        {
            case 0: bytes = bytes[..at]; break;
            case 1: bytes.AsSpan(at, length).Clear(); break;
            case 2: torn.NextBytes(bytes.AsSpan(at, length)); break;
            case 3 when bytes.Length > 0: bytes[at] ^= (byte)(1 << torn.Next(8)); break;
            case 4: bytes.AsSpan(bytes.Length / 2 / 4096 * 4096, Math.Min(4096, bytes.Length - (bytes.Length / 2 / 4096 * 4096))).CopyTo(bytes); break;
            default: bytes = []; break;
        }

        if (bytes.AsSpan().SequenceEqual(before)) bytes = bytes.Length > 0 ? bytes[..^1] : [1]; // zeros that were zeros are no damage
        // The same file, so that nothing but its content says that something happened.
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite))
        {
            file.SetLength(bytes.Length);
            if (bytes.Length > 0) file.WriteAt(bytes, 0);
        }

        return $"{Path.GetFileName(path)} damaged by way {kind} at {at} ({length} bytes)";
    }

    private void Judge(KilledCommand command, Workspace place, string how, ChildResult result)
    {
        if (result.ExitCode is 0 or 3)
        {
            Assert.True(command.WhatIsWrong(place) is null, $"{how}: success, and {command.WhatIsWrong(place)}: {result.Output}{result.ErrorTail}");
            correct++;
        }
        else
        {
            Assert.True(command.WhatIsWrongAfterDeath(place) is null, $"{how}: {command.WhatIsWrongAfterDeath(place)}: {result.Output}{result.ErrorTail}");
            clean++;
        }
    }

    /// <summary>Runs a command; where it fails, then as it is documented.</summary>
    private static async Task<ChildResult> LookAsync(KilledCommand command, Workspace place, string how, IReadOnlyList<string> arguments)
    {
        var result = await command.RunAsync(place, arguments, Cancel);
        var said = $"{how}: {arguments[0]}: exit code {result.ExitCode}: {result.Output}{result.ErrorTail}";
        Assert.True(result.ExitCode is 0 or 1 or 3 or 5, said);
        Assert.False(said.Contains("   at ", StringComparison.Ordinal), said);
        if (result.ExitCode is 1 or 5) Assert.True(ErrorCode().IsMatch(said) || said.Contains("FAIL", StringComparison.Ordinal), said);
        Assert.True(place.WhatHappenedToTheSource() is null, said);
        return result;
    }

    /// <summary>A fresh directory in which a command was killed before a call.</summary>
    private async Task<Workspace> KilledAsync(KilledCommand command, int call)
    {
        var directory = side.NewDirectory();
        var place = new Workspace(Path.Combine(directory, "t"));
        await command.PrepareAsync(place, Cancel);
        var killed = await Assert.ThrowsAsync<ChildException>(() =>
            command.RunAsync(place, command.Arguments(place), Cancel, new Kill(call, Moment.Before).Environment(library!, Path.Combine(directory, "log"), Path.Combine(directory, "stash"))));
        Assert.Equal("SL1103", killed.Code);
        return place;
    }

    /// <summary>The number of the first call of an undisturbed run that is this one; with a * at its end, that begins so.</summary>
    private async Task<int> CallOfAsync(KilledCommand command, string what)
    {
        library ??= await Rig.CompileAsync(OtherSide.Script("kill-at.c"), side.NewDirectory(), Cancel);
        var directory = Path.Combine(side.NewDirectory(), "t");
        var (calls, _) = await KillTrial.ObserveAsync(command, library, directory, Cancel);
        var at = calls.Select(c => c.Replace(directory, string.Empty, StringComparison.Ordinal)).ToList().FindIndex(c => c == what || (what[^1] == '*' && c.StartsWith(what[..^1], StringComparison.Ordinal)));
        Assert.True(at >= 0, $"no call is '{what}'");
        return at + 1;
    }

    [GeneratedRegex(@"SL\d{4}: ")]
    private static partial Regex ErrorCode();
}
