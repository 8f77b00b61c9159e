using System.Collections.Concurrent;
using System.Globalization;
using Sealift.Bench.FileSystems.Kinds;
using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems;

/// <summary>Builds exhibits, damages each of them in every structure that it has, and asks everybody.</summary>
public sealed class Visit
{
    private readonly string directory;
    private readonly int seed;
    private readonly int each;
    private readonly SampleFiles files;
    private readonly ConcurrentBag<(int Kind, int Number, Trial Trial)> trials = [];

    private Visit(string directory, int seed, int each) => (this.directory, this.seed, this.each, files) = (directory, seed, each, SampleFiles.Make(Path.Combine(directory, "files"), seed));

    /// <summary>Sees everything that this host can say alone. Of the rest the disks are kept: <see cref="Trial.IsLeft"/>.</summary>
    /// <param name="directory">An existing directory that the caller removes; checkers, who are nobody, must get into it.</param>
    /// <param name="kinds">What to see.</param>
    /// <param name="seed">Which damages: the same ones for the same number.</param>
    /// <param name="each">How many of each kind of damage each structure gets.</param>
    /// <param name="progress">Told when a kind is done; null for nobody.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>The sound exhibit and then its damages, kind by kind.</returns>
    public static async Task<IReadOnlyList<Trial>> SeeAsync(string directory, IReadOnlyList<Kind> kinds, int seed, int each, Action<string>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        var visit = new Visit(directory, seed, each);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel };
        // By its place among all of them, so that one that is seen alone suffers the same.
        await Parallel.ForEachAsync(Collection.All.Index().Where(k => kinds.Contains(k.Item)), parallel, async (kind, stop) =>
        {
            await visit.SeeAsync(kind.Item, kind.Index, stop);
            progress?.Invoke(kind.Item.Name);
        });
        return [.. visit.trials.OrderBy(t => t.Kind).ThenBy(t => t.Number).Select(t => t.Trial)];
    }

    /// <summary>What this host can say alone of the disks of one machine.</summary>
    /// <returns>Null where only the appliance can. Where damage was found here already, it is not asked for more.</returns>
    public static async Task<GuestReport?> AskHereAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, CancellationToken cancel)
    {
        var (report, isWhole) = await GuestExamination.WithoutApplianceAsync(drives, options, cancel);
        return isWhole || report.Findings.Any(f => f.Severity == FindingSeverity.Damage) ? report : null;
    }

    /// <summary>Asks the appliance about what is left, started once for as many disks as fit into a machine.</summary>
    /// <param name="trials">All of them.</param>
    /// <param name="options">Where to work and how long it may take.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task AskApplianceAsync(IReadOnlyList<Trial> trials, GuestOptions options, CancellationToken cancel)
    {
        var left = trials.Where(t => t.IsLeft).ToList();
        while (left.Count > 0)
        {
            var batch = new List<Trial>();
            for (var disks = 0; batch.Count < left.Count && (disks += left[batch.Count].Drives.Count) <= Appliance.MaximumDrives;) batch.Add(left[batch.Count]);
            var report = await GuestExamination.RunAsync([.. batch.SelectMany(t => t.Drives)], options with { Inspect = false }, null, cancel);
            foreach (var trial in batch) trial.Hear(report);
            left.RemoveRange(0, batch.Count);
        }
    }

    private async Task SeeAsync(Kind kind, int index, CancellationToken cancel)
    {
        var random = new Random((seed * 1000) + index);
        var number = (index + 1) * 1000;
        var home = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"k{index:d2}"));
        PosixPath.CreateDirectory(home);
        var disks = DisksIn(home, kind, "sound");
        await kind.BuildAsync(disks, number, files, cancel);
        var maps = await MapsAsync(disks, "sound", cancel);
        var before = await SeeOneAsync(kind, null, null, disks, index, 0, null, cancel);
        var wanted = Wanted(kind, await kind.PlacesAsync(disks, cancel), random);
        var made = wanted.Select(w => kind.IsUnique ? null : Damage.At(w.Place, w.How, random, disks[w.Place.Disk])).ToList();
        var edits = kind.Edits(disks).ToList();
        for (var i = 1; i <= wanted.Count + edits.Count; i++)
        {
            var damage = i > wanted.Count ? edits[i - wanted.Count - 1] : made[i - 1];
            var (subject, subjectMaps) = (disks, maps);
            if (kind.IsUnique)
            {
                // Each is born, since no two of them may have one identity.
                subject = DisksIn(home, kind, $"own{i}");
                await kind.BuildAsync(subject, number + i, files, cancel);
                subjectMaps = await MapsAsync(subject, $"own{i}", cancel);
                if (i <= wanted.Count) damage = Damage.At(wanted[i - 1].Place, wanted[i - 1].How, random, subject[wanted[i - 1].Place.Disk]);
            }

            if (damage is null) continue; // zeros over zeros: nothing would be damaged
            var undo = damage.Inflict(subject);
            var trial = await SeeOneAsync(kind, damage, before, subject, index, i, subjectMaps, cancel);
            _ = undo.Inflict(subject); // what undoes the undoing is the damage, which is known
            foreach (var path in (string[])[.. kind.IsUnique && !trial.IsLeft ? subject : [], .. kind.IsUnique ? subjectMaps : []]) File.Delete(path);
            if (kind.IsUnique && trial.IsLeft) _ = damage.Inflict(subject); // to be examined as it was
        }
    }

    /// <summary>Each structure suffers each kind of damage, wherever it has parts; where an exhibit costs seconds, six of them do, the kinds in turn.</summary>
    private List<(Place Place, string How)> Wanted(Kind kind, IReadOnlyList<Place> places, Random random)
    {
        var wanted = new List<(Place Place, string How)>();
        const int FewStructures = 6;
        var structures = places.GroupBy(p => p.Structure).Select(g => g.ToList()).ToList();
        if (kind.NeedsAppliance)
        {
            // What a file holds is the same to a clean one and to a dirty one.
            if (kind.IsDirty) _ = structures.RemoveAll(s => s[0].Structure == Damage.FileData); // how many is no matter
            var chosen = structures.ToArray();
            random.Shuffle(chosen);
            structures = [.. chosen.Take(FewStructures)];
        }

        var count = each * (kind.NeedsAppliance ? 1 : Damage.Kinds.Count);
        foreach (var (index, parts) in structures.Index())
        {
            for (var i = 0; i < count; i++) wanted.Add((parts[random.Next(parts.Count)], Damage.Kinds[(index + i) % Damage.Kinds.Count]));
        }

        return wanted;
    }

    private async Task<Trial> SeeOneAsync(Kind kind, Damage? damage, Trial? before, string[] disks, int index, int number, string[]? soundMaps, CancellationToken cancel)
    {
        var plain = kind.Plain is { } check ? await check.RunAsync(disks, cancel) : null;
        var name = string.Create(CultureInfo.InvariantCulture, $"k{index:d2}t{number:d3}");
        var drives = disks.Select((d, i) => new GuestDrive($"{name}{(char)('a' + i)}", null, d, ImageFormat.Raw)).ToList();
        var work = Path.Combine(directory, name);
        PosixPath.CreateDirectory(work);
        var report = await AskHereAsync(drives, new GuestOptions { WorkDirectory = work, LogPath = Path.Combine(work, "log") }, cancel);
        if (report is null && !(kind.IsUnique && damage is not null))
        {
            // What is in place now is undone before the appliance gets to see it.
            for (var i = 0; i < disks.Length; i++)
            {
                var copy = Path.Combine(work, $"disk{i + 1}");
                _ = await new Command("cp", "--sparse=always", disks[i], copy).RunAsync(cancel);
                drives[i] = drives[i] with { ImagePath = copy };
            }
        }

        var trial = new Trial(kind, damage, drives)
        {
            Before = before!,
            Plain = plain,
            IsLocatedByMap = damage is null ? null : await IsLocatedAsync(damage, disks, soundMaps!, cancel),
        };
        if (report is not null)
        {
            trial.Hear(report);
            PosixTree.Remove(work);
        }

        trials.Add((index, number, trial));
        return trial;
    }

    private static string[] DisksIn(string home, Kind kind, string name) => [.. Enumerable.Range(1, kind.Disks).Select(i => Path.Combine(home, $"{name}-disk{i}"))];

    private static async Task<string[]> MapsAsync(string[] disks, string name, CancellationToken cancel)
    {
        var maps = new List<string>();
        foreach (var disk in disks)
        {
            maps.Add($"{disk}.{name}.map");
            await MapAsync(disk, maps[^1], cancel);
        }

        return [.. maps];
    }

    private static async Task MapAsync(string disk, string path, CancellationToken cancel)
    {
        var length = FileFacts.OfPath(disk).LengthBytes;
        await using var reader = await DiskImage.OpenReadAsync(new ImageReference(new ImageLocation(disk), ImageFormat.Raw, string.Empty, length, length, null, [disk]), Path.GetTempPath(), cancel);
        using var map = BlockMap.Create(path, length, BlkhashParameters.Default);
        _ = await DiskHash.RunAsync(reader, BlkhashParameters.Default, map, CopyOptions.Default, null, cancel); // the root; here the leaves count
        map.Close();
    }

    /// <summary>Whether the leaves of the damaged disk differ where it was damaged, and nowhere else.</summary>
    private static async Task<bool> IsLocatedAsync(Damage damage, string[] disks, string[] soundMaps, CancellationToken cancel)
    {
        var path = disks[damage.Disk] + ".damaged.map";
        await MapAsync(disks[damage.Disk], path, cancel);
        using var sound = BlockMap.Open(soundMaps[damage.Disk]);
        using var damaged = BlockMap.Open(path);
        var found = BlockMap.Diff(sound, damaged).ToList();
        File.Delete(path);
        var (first, last) = (damage.Offset / sound.BlockBytes, (damage.Offset + damage.Bytes.Length - 1) / sound.BlockBytes);
        return found.Count > 0 && found.TrueForAll(d => d.Offset / sound.BlockBytes >= first && (d.Offset + d.LengthBytes - 1) / sound.BlockBytes <= last);
    }
}
