using System.Diagnostics;
using System.Globalization;
using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;
using Sealift.Bench.Faults.Rigs;
using Sealift.Bench.Faults.Storage;
using Sealift.Posix;

// Sealift's commands make several times the calls that a peer makes: each third fault of them is as many, and all is over in minutes.
var (stride, ofSealift, name, output) = (1, 3, string.Empty, string.Empty);
var parts = new List<string> { "calls", "storage" };
for (var i = 0; i < args.Length; i += 2)
{
    var value = i + 1 < args.Length ? args[i + 1] : string.Empty;
    switch (args[i])
    {
        case "--stride" when int.TryParse(value, CultureInfo.InvariantCulture, out stride) && stride > 0: ofSealift = stride; break;
        case "--tool" when value.Length > 0: name = value; break;
        case "--output" when value.Length > 0: output = value; break;
        case "--part" when parts.Contains(value): parts = [value]; break;
        default:
            Console.Error.WriteLine("usage: bench/faults [--stride N] [--tool NAME] [--part calls|storage] [--output FILE]\n"
                + "  --stride N     only each N-th fault of a system call; each one by default, of sealift each third\n"
                + "  --tool NAME    only the tools whose command contains NAME\n"
                + "  --part PART    only faults of system calls, or only faulty storage and servers\n"
                + "  --output FILE  the tables go there and not to standard output");
            return 2;
    }
}

var sealift = Path.Combine(RigFiles.Repository, "out", "sealift");
bool Wanted(Tool tool) => tool.Name.Contains(name, StringComparison.Ordinal);
IReadOnlyList<Tool> disturbed = [.. SealiftTools.All(sealift).Where(Wanted), .. PeerTools.All.Where(Wanted)];
IReadOnlyList<CopyTool> copying = [.. ((CopyTool[])[PeerTools.Sealift(sealift), .. PeerTools.All.Where(t => !t.OverOldBytes)]).Where(Wanted)];
if (disturbed.Count + copying.Count == 0)
{
    Console.Error.WriteLine($"faults: no tool is called {name}");
    return 2;
}

var clock = Stopwatch.StartNew();
void Say(string line) => Console.Error.WriteLine($"{clock.Elapsed:mm\\:ss} {line}");
string FirstLine(string text) => text.Split('\n')[0];

var page = new List<string>();
if (parts.Contains("calls"))
{
    var trials = new List<Trial>();
    foreach (var tool in disturbed)
    {
        var own = await Sweep.RunAsync([tool], tool is SealiftTools.SealiftTool ? ofSealift : stride, null, CancellationToken.None);
        foreach (var t in own.Where(t => t.Outcome > Outcome.CleanError).OrderBy(t => t.Injection.ToString(), StringComparer.Ordinal)) Say($"  {t.Outcome}: {t.Injection}: {FirstLine(t.Detail)}");
        Say($"{tool.Name}: {Sweep.Summary(own)}");
        trials.AddRange(own);
    }

    page.Add(FaultTable.OfCalls(disturbed, trials));
}

if (parts.Contains("storage"))
{
    var directory = Directory.CreateTempSubdirectory("sealift-rig-").FullName;
    try
    {
        var library = Path.Combine(directory, "faulty-storage.so");
        await RigFiles.BuildFaultyStorageAsync(library, CancellationToken.None);
        var faults = StorageSweep.Faults(library);
        var trials = await StorageSweep.RunAsync(copying, faults, t => Say($"{t.Outcome}: {t.Fault} ({t.Variant}): {t.Tool}: {FirstLine(t.Detail)}"), CancellationToken.None);
        page.Add(FaultTable.OfStorage(copying, faults, trials));
    }
    finally
    {
        Directory.Delete(directory, recursive: true);
    }
}

var versions = await ChildProcess.RunAsync(new ChildCommand("dpkg-query", "-W", "-f", ", ${Package} ${Version}", "coreutils", "libnbd-bin", "nbdkit", "qemu-utils", "rsync", "strace"), CancellationToken.None);
var kernel = await ChildProcess.RunAsync(new ChildCommand("uname", "-srm"), CancellationToken.None);
page.Insert(0, string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd}, {kernel.Output.Trim()}{versions.Output.Trim()}; of the faults of system calls 1 in {stride}, of sealift's 1 in {ofSealift}.\n"));
var text = string.Join('\n', page);
if (output.Length == 0) Console.Write(text);
else await File.WriteAllTextAsync(output, text);
Say("done");
return 0;
