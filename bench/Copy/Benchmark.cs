using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Sealift.Bench.Copies;

/// <summary>One run of a command of the benchmark: the rows that were asked for, one after the other, and the report.</summary>
internal static class Benchmark
{
    /// <summary>Runs it.</summary>
    /// <returns>The exit code: 0 where every run ended as it should and every result was right, 1 where one did not, 2 where the command line is wrong, 130 where it was interrupted.</returns>
    public static async Task<int> RunAsync(string[] args, Offer offer)
    {
        if (args is ["--list"])
        {
            foreach (var row in offer.Rows) Console.WriteLine($"{row.Name,-9}{row.About}");
            return 0;
        }

        if (Options.Parse(args, offer) is not { } options)
        {
            Console.Error.WriteLine(offer.Usage);
            return 2;
        }

        using var stop = new CancellationTokenSource();
        // What runs is ended, and the data removed, before this ends.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

        var clock = Stopwatch.StartNew();
        void Say(string line) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed:mm\\:ss} {line}"));

        var load = Machine.Load();
        var sizes = options.Quick ? Sizes.Small : Sizes.Full;
        var rows = offer.Rows.Where(r => options.Rows.Count == 0 || options.Rows.Contains(r.Name)).ToList();
        try
        {
            using var scratch = Scratch.Make(options.Directory, rows.Max(r => r.RoomBytes(options, sizes)));
            var bench = new Bench(options, sizes, scratch, new Clock(scratch, Path.GetFullPath(options.Sealift ?? Path.Combine(Repository(), "out"))), new Report(), Say);
            foreach (var row in rows)
            {
                Say($"{row.Name}: {row.About}");
                try
                {
                    await row.MeasureAsync(bench, stop.Token);
                }
                catch (BenchException e)
                {
                    // The other rows are worth their figures all the same; the command fails at its end.
                    bench.Report.AddFailure(row.Name, e.Message);
                    Say($"{row.Name}: FAILED: {e.Message}");
                }

                scratch.Clear();
            }

            var text = bench.Report.Markdown(await Machine.DescribeAsync(bench.Clock, load, offer.Packages, stop.Token), options, clock.Elapsed);
            if (options.Output is { } output) await File.WriteAllTextAsync(output, text, stop.Token);
            else Console.Write(text);
            Say("done");
            return bench.Report.HasFailed ? 1 : 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Say("interrupted; everything that was made is removed");
            return 130;
        }
        catch (BenchException e)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return 1;
        }
    }

    /// <summary>The directory of the repository that this was built in.</summary>
    public static string Repository()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return at;
    }
}
