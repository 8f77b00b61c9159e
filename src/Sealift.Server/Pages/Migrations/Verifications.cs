using System.Collections.Concurrent;
using Sealift.Migrations;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>Seals that are verified because somebody asked for it. It reads whole disks: it goes on while nobody looks, and few are done at once.</summary>
internal sealed class Verifications(VerificationTurns turns, TimeProvider time, IHostApplicationLifetime application, ILogger<Verifications> log)
{
    private const int MostKept = 200;

    private static readonly Action<ILogger, string, string, Exception?> LogUnexpected = LoggerMessage.Define<string, string>(LogLevel.Error, new EventId(1, "unexpected"), "Verification of {Migration}: unexpected {Kind}");

    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<string, Verification> all = new(StringComparer.Ordinal);

    /// <summary>That of a migration; null where nobody asked since the server was started.</summary>
    public Verification? Find(string migration) => all.GetValueOrDefault(migration);

    /// <summary>Begins one; where it is at work already, nothing more is done.</summary>
    /// <exception cref="SealiftException">SL9106: there is no seal. SL9108: too many are at work, or a program has this one verified.</exception>
    public void Begin(MigrationDetails details, string stateDirectory)
    {
        var id = details.Summary.Id;
        lock (gate)
        {
            if (all.TryGetValue(id, out var there) && !there.Work.IsCompleted) return;
            if (details.Outcome?.SealPath is not { } path || FileFacts.OfPathIfExists(path) is null) throw PageErrors.NoSeal(id);
            var turn = turns.TryTake(id) ?? throw PageErrors.Verifying(id);
            foreach (var old in all.Values.Where(v => v.Work.IsCompleted).OrderByDescending(v => v.BegunAt).Skip(MostKept)) _ = all.TryRemove(old.Migration, out var _); // false: it is gone already
            var begun = all[id] = new Verification(id, time.GetUtcNow(), path, stateDirectory, application.ApplicationStopping);
            _ = EndAsync(begun, turn); // it throws nothing
        }
    }

    /// <summary>Gives the turn back, and logs what is no error of ours: the page says that the log has it.</summary>
    private async Task EndAsync(Verification begun, IDisposable turn)
    {
        await ((Task)begun.Work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        turn.Dispose();
        if (begun.Work.Exception?.GetBaseException() is { } e and not SealiftException) LogUnexpected(log, begun.Migration, e.GetType().Name, e);
    }
}

/// <summary>A verification that is at work, or over.</summary>
internal sealed class Verification : IProgress<SealProgress>
{
    private readonly ConcurrentDictionary<string, SealProgress> disks = new(StringComparer.Ordinal);

    public Verification(string migration, DateTimeOffset begunAt, string sealPath, string stateDirectory, CancellationToken cancel)
    {
        (Migration, BegunAt) = (migration, begunAt);
        // On threads of its own: reading disks must not wait for requests, nor they for it.
        Work = Task.Factory.StartNew(() => SealVerifier.VerifyAsync(sealPath, new SealVerifyOptions { StateDirectory = stateDirectory }, this, cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    /// <summary>The migration.</summary>
    public string Migration { get; }

    /// <summary>When it was asked for, in UTC.</summary>
    public DateTimeOffset BegunAt { get; }

    /// <summary>What comes of it.</summary>
    public Task<SealVerification> Work { get; }

    /// <summary>How far its disks are.</summary>
    public IReadOnlyList<SealProgress> Disks => [.. disks.Values.OrderBy(d => d.Disk, StringComparer.Ordinal)];

    /// <inheritdoc/>
    public void Report(SealProgress value) => disks[value.Disk] = value;
}
