using System.Diagnostics;
using System.Text.Json;
using Sealift.Bench.Copies;
using Sealift.Migrations;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Bench.Warm;

/// <summary>A machine that the sealift command followed, cut over and proved; the target is the source, byte by byte.</summary>
/// <param name="Line">What was run.</param>
/// <param name="Passes">Its passes, in order, as the journal and the seal have them.</param>
/// <param name="DowntimeSeconds">From the beginning of the cutover, whose first act is the request to shut down, to the last proof.</param>
/// <param name="ReadBackSeconds">How much of that the read-back took.</param>
/// <param name="Whole">The run of the command.</param>
internal sealed record FollowedMachine(string Line, IReadOnlyList<PassRecord> Passes, double DowntimeSeconds, double ReadBackSeconds, Run Whole)
{
    private const int Degraded = 3; // its file systems are not checked: there are none

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Follows it to the end.</summary>
    /// <param name="bench">Where it is run.</param>
    /// <param name="image">The name of the raw image of its only disk, which is there.</param>
    /// <param name="options">Options of <c>sealift migrate</c>.</param>
    /// <param name="afterPass">Told of each pass but the last, with the migration's id, and called before the next one can begin; it has to ask for the cutover at some time.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="BenchException">It failed, or the target is not the source.</exception>
    public static async Task<FollowedMachine> FollowAsync(Copies.Bench bench, string image, string options, Func<RunningQemu, string, PassRecord, Task> afterPass, CancellationToken cancel)
    {
        bench.Scratch.Remove("target");
        // No system is there to be checked, converted or shut down: it is stopped where it is.
        var line = string.Join(' ', $"sealift migrate qmp:qmp --to target --name box --no-convert --no-check --no-boot-check --accept-degraded --force-off --shutdown-deadline 20ms --interval 1h --json {options}".Split(' ', StringSplitOptions.RemoveEmptyEntries));
        await using var qemu = await RunningQemu.StartAsync(bench.Scratch.Path, "raw", [bench.Scratch.In(image)], models: null, cancel);
        const string Figures = "followed.figures";
        var (clock, startedAt) = (Stopwatch.StartNew(), DateTimeOffset.UtcNow);
        var events = new List<MigrationEvent>();
        await using (var sealift = bench.Clock.Start(line.Split(' '), Figures, Degraded, Limit))
        {
            try
            {
                var id = string.Empty;
                while (await sealift.ReadLineAsync(cancel) is { } said)
                {
                    var happened = JsonSerializer.Deserialize(said, MigrationJson.Default.MigrationEvent) ?? throw new BenchException($"{line}: it said {said}");
                    events.Add(happened);
                    if (happened is MigrationStarted started) id = started.Id;
                    if (happened is PassFinished { Pass: { IsFinal: false } pass }) await afterPass(qemu, id, pass);
                }

                _ = await sealift.WaitAsync(cancel); // one exit code is accepted
            }
            catch (ChildException e)
            {
                throw new BenchException($"{line}: {e.Message} {string.Join(' ', events.OfType<StepFailed>().Select(f => f.Message))}");
            }
            catch (JsonException e)
            {
                throw new BenchException($"{line}: what it said is no event: {e.Message}");
            }
        }

        var seconds = clock.Elapsed.TotalSeconds;
        var peak = bench.Clock.PeakOf(Figures);
        await qemu.EndedAsync(cancel); // by sealift, when all was proven; what it wrote is in its image now
        if (RawFiles.WhatDiffers(bench.Scratch.In(image), bench.Scratch.In(Path.Combine("target", WarmRequest.DiskName)), cancel) is { } wrong) throw new BenchException($"{line}: wrong result: {wrong}");
        var proofs = events.OfType<StepFinished>().Where(s => s.Step is StepName.ReadBack or StepName.Prove).ToList();
        if (proofs.Count == 0 || events.OfType<StepStarted>().FirstOrDefault(s => s.Step == StepName.Cutover) is not { } cutover) throw new BenchException($"{line}: it was not cut over and proven");
        return new FollowedMachine(
            line,
            [.. events.OfType<PassFinished>().Select(p => p.Pass)],
            (proofs[^1].At - cutover.At).TotalSeconds,
            proofs.Sum(p => p.ElapsedSeconds),
            new Run(seconds, peak, string.Empty, startedAt.ToUnixTimeMilliseconds() / 1e3));
    }

    /// <summary>Asks for the cutover.</summary>
    public static Task CutOverAsync(Copies.Bench bench, string id, CancellationToken cancel) => bench.Clock.RunAsync($"sealift cutover {id}", cancel);

    /// <summary>As the report lists it.</summary>
    public Contestant Side => new(Line) { ExitCode = Degraded, Beforehand = "a QEMU without a system, with its QMP socket qmp and the disk; after the first pass it is written to, and `sealift cutover` is asked for" };
}
