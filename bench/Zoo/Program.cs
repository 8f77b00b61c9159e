using System.Diagnostics;
using System.Globalization;
using Sealift.Bench.FileSystems;
using Sealift.Guests;
using Sealift.Posix;

var (seed, each, name, output, appliance) = (1, 3, string.Empty, string.Empty, true);
for (var i = 0; i < args.Length; i++)
{
    var value = i + 1 < args.Length ? args[i + 1] : string.Empty;
    switch (args[i])
    {
        case "--no-appliance": appliance = false; continue;
        case "--seed" when int.TryParse(value, CultureInfo.InvariantCulture, out seed): break;
        case "--each" when int.TryParse(value, CultureInfo.InvariantCulture, out each) && each > 0: break;
        case "--kind" when value.Length > 0: name = value; break;
        case "--output" when value.Length > 0: output = value; break;
        default:
            Console.Error.WriteLine("usage: bench/zoo [--seed N] [--each N] [--kind NAME] [--no-appliance] [--output FILE]\n"
                + "  --seed N         which damages: the same ones for the same number (1)\n"
                + "  --each N         how many of each kind of damage each structure gets (3)\n"
                + "  --kind NAME      only what is called NAME, or begins so\n"
                + "  --no-appliance   leave out what only the appliance can answer\n"
                + "  --output FILE    the table goes there and not to standard output");
            return 2;
    }

    i++;
}

var kinds = Collection.All.Where(k => k.Name.StartsWith(name, StringComparison.OrdinalIgnoreCase)).ToList();
if (kinds.Count == 0)
{
    Console.Error.WriteLine($"zoo: nothing is called {name}");
    return 2;
}

var clock = Stopwatch.StartNew();
void Say(string line) => Console.Error.WriteLine($"{clock.Elapsed:mm\\:ss} {line}");
string FirstLine(string text) => text.Trim().Split('\n')[0];
var directory = Directory.CreateTempSubdirectory("sealift-zoo-").FullName;
try
{
    var trials = await Visit.SeeAsync(directory, kinds, seed, each, Say, CancellationToken.None);
    Say($"{trials.Count} exhibits seen, {trials.Count(t => t.IsLeft)} of them are left to the appliance");
    if (appliance) await Visit.AskApplianceAsync(trials, new GuestOptions { WorkDirectory = directory, LogPath = Path.Combine(directory, "appliance.log") }, CancellationToken.None);
    trials = [.. trials.Where(t => !t.IsLeft)];
    foreach (var t in trials)
    {
        if (t.Damage is null && t.IsDamaged) Say($"FALSE ALARM: {t}: {t.Findings.First(f => f.Severity == FindingSeverity.Damage).Text}");
        if (t.IsMentioned && t.Says != Saying.Damage) Say($"{(t.Says == Saying.Nothing ? "MISSED" : $"only {t.Says}")}: {t}: {FirstLine(t.Plain!.Text)}");
        if (t.IsLocatedByMap == false) Say($"NOT LOCATED: {t}");
    }

    foreach (var t in trials.Where(t => t is { Damage.IsToData: false, IsMentioned: false, Says: Saying.Nothing })) Say($"nobody sees: {t}");
    var kernel = await ChildProcess.RunAsync(new ChildCommand("uname", "-srm"), CancellationToken.None);
    var versions = await ChildProcess.RunAsync(new ChildCommand("dpkg-query", "-W", "-f", ", ${Package} ${Version}", "btrfs-progs", "dosfstools", "e2fsprogs", "exfatprogs", "genisoimage", "lvm2", "mdadm", "ntfs-3g", "xfsprogs"), CancellationToken.None);
    var page = string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd}, {kernel.Output.Trim()}{versions.Output.Trim()}; seed {seed}, each structure {each} times zeros, noise and a flipped bit.\n\n{ZooTable.Of(trials)}");
    if (output.Length == 0) Console.Write(page);
    else await File.WriteAllTextAsync(output, page);
}
finally
{
    PosixTree.Remove(directory);
}

Say("done");
return 0;
