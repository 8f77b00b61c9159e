using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Guests.Luks;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// The state directory: <c>sealift.db</c> (the journal of all migrations), <c>keys/</c>, and <c>migrations/ID/</c> with the lock,
/// the logs and the report of each.
/// </summary>
public sealed class MigrationStore : IDisposable
{
    private const string RemovedSuffix = ".removed";

    /// <summary>Opens a state directory, making it (mode 0700) where it does not exist.</summary>
    /// <param name="stateDirectory">Its path.</param>
    /// <exception cref="SealiftException">SL7001: the journal is damaged; nothing is deleted. SL7002: it is of a newer version.</exception>
    public MigrationStore(string stateDirectory)
    {
        StateDirectory = Path.GetFullPath(stateDirectory);
        PosixPath.EnsureDirectory(StateDirectory, 0x1C0 /* 0700 */);
        PosixPath.EnsureDirectory(Path.Combine(StateDirectory, "migrations"), 0x1C0 /* 0700 */);
        Journal = new Journal(Path.Combine(StateDirectory, "sealift.db"));
        Servers = new VSphereRegistry(StateDirectory).Access;
    }

    /// <summary>The state directory, as an absolute path.</summary>
    public string StateDirectory { get; }

    /// <summary>Where the signing keys are.</summary>
    public string KeysDirectory => Path.Combine(StateDirectory, "keys");

    /// <summary>The keys of the encrypted volumes of the machine that is worked on, by <see cref="MigrationRequest.LuksKeys"/>. They are written nowhere; the caller clears them.</summary>
    public IReadOnlyList<VolumeKey> Keys { get; set; } = [];

    /// <summary>The servers of vSphere by what their user calls them: those of <c>providers/</c>. Tests put in what they made.</summary>
    internal Func<string, VSphereAccess> Servers { get; set; }

    internal Journal Journal { get; }

    /// <summary>What converts guests. Tests put a converter here that needs no appliance, to die in the midst of commits cheaply.</summary>
    internal Func<ConversionRequest, IProgress<string>?, CancellationToken, Task<ConversionResult>> Converter { get; set; } = GuestConversion.RunAsync;

    /// <summary>What looks into disks. Tests put in what needs no appliance.</summary>
    internal Func<IReadOnlyList<GuestDrive>, GuestOptions, IProgress<string>?, CancellationToken, Task<GuestReport>> Examiner { get; set; } = GuestExamination.RunAsync;

    /// <summary>What proves a boot. Tests put in what needs no QEMU.</summary>
    internal Func<BootMachine, BootOptions, IProgress<string>?, CancellationToken, Task<BootReport>> Booter { get; set; } = BootProof.RunAsync;

    /// <summary>What time it is, for what waits. Tests put a clock here.</summary>
    internal TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Whether KVM works here.</summary>
    internal Func<CancellationToken, Task<bool>> KvmUsable { get; set; } = Hypervisor.KvmUsableAsync;

    /// <summary>Logs and reports of one migration.</summary>
    public string DirectoryOf(string id) => Path.Combine(StateDirectory, "migrations", id);

    /// <summary>All migrations, oldest first.</summary>
    /// <exception cref="SealiftException">SL7001: there is the directory of one that the journal does not know.</exception>
    public IReadOnlyList<MigrationSummary> List()
    {
        // Directories first: a migration has its directory only after it was journaled, and loses it before the journal forgets it.
        var names = PosixPath.List(Path.Combine(StateDirectory, "migrations"));
        var rows = Journal.Migrations();
        var known = rows.Select(r => r.Id).ToHashSet();
        var unknown = names.FirstOrDefault(n => !n.EndsWith(RemovedSuffix, StringComparison.Ordinal) && !known.Contains(n) && FileFacts.OfPathIfExists(DirectoryOf(n)) is { Kind: FileKind.Directory });
        if (unknown is not null)
            throw MigrationErrors.JournalDamaged(Path.Combine(StateDirectory, "sealift.db"), $"it does not know migration {unknown}, whose directory is there: it was replaced, or has lost what was written to it");
        return [.. rows.Select(m => Summarize(m, Journal.Steps(m.Id)))];
    }

    /// <summary>Everything that the journal holds about one migration.</summary>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <exception cref="SealiftException">SL7003: there is none, or several.</exception>
    public MigrationDetails Show(string id)
    {
        var row = Find(id);
        var steps = Journal.Steps(row.Id);
        return new MigrationDetails(
            Summarize(row, steps),
            row.Request,
            [.. steps.Select(s => new StepRecord(s.Step.Step, s.Step.Disk, s.State, s.StartedAt, s.EndedAt, s.ElapsedSeconds, s.Summary))],
            Journal.Artefacts(row.Id),
            row.Outcome,
            DirectoryOf(row.Id));
    }

    /// <summary>The keys that a migration needs to go on; none where every step that looks inside is done.</summary>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <exception cref="SealiftException">SL7003: there is none, or several.</exception>
    public IReadOnlyList<VolumeKeySource> KeysNeeded(string id)
    {
        var row = Find(id);
        var done = Journal.Steps(row.Id).Where(s => s.State == StepState.Done).Select(s => s.Step.Step).ToHashSet();
        var looksInside = done.Contains(StepName.CheckSource) && done.Contains(StepName.CheckTarget) && (!row.Request.Convert || done.Contains(StepName.Convert));
        return looksInside ? [] : row.Request.LuksKeys;
    }

    /// <inheritdoc/>
    public void Dispose() => Journal.Dispose();

    /// <summary>The migration of an id or of the unambiguous beginning of one.</summary>
    internal MigrationRow Find(string id)
    {
        if (Journal.Exists(id)) return Journal.Migration(id); // without reading all others
        var found = Journal.Migrations().Where(m => m.Id.StartsWith(id, StringComparison.Ordinal)).ToList();
        return found.Count == 1 && id.Length > 0 ? found[0] : throw MigrationErrors.Unknown(id);
    }

    /// <summary>An id for a migration that is to be begun: <c>261123-014430-k3f</c>, the time in UTC and three letters.</summary>
    /// <param name="now">The time that it says.</param>
    /// <param name="letters">How many letters: more where many are made at once.</param>
    public static string NewId(DateTimeOffset now, int letters = 3)
    {
        const string Letters = "bcdfghjkmnpqrstvwxz23456789"; // no vowels, so no words; nothing that reads like another
        return $"{now.UtcDateTime.ToString("yyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{RandomNumberGenerator.GetString(Letters, letters)}";
    }

    /// <summary>How a migration ended; null where it did not, or where there is none.</summary>
    /// <param name="id">Its whole id.</param>
    /// <exception cref="SealiftException">SL7001, SL7007: the journal cannot be read.</exception>
    public MigrationOutcome? OutcomeOf(string id) => Exists(id) ? Journal.Migration(id).Outcome : null;

    /// <summary>When a migration ended, in UTC; null where it did not, or where there is none. It tells one end of it from another.</summary>
    /// <param name="id">Its whole id.</param>
    /// <exception cref="SealiftException">SL7001, SL7007: the journal cannot be read.</exception>
    public DateTimeOffset? EndOf(string id) => Exists(id) && Journal.Migration(id) is { Outcome: not null } over ? over.EndedAt : null;

    /// <summary>Whether there is a migration of this id.</summary>
    /// <param name="id">The whole of it.</param>
    /// <exception cref="SealiftException">SL7001, SL7007: the journal cannot be read.</exception>
    public bool Exists(string id) => Journal.Exists(id);

    /// <summary>A new migration, durably journaled.</summary>
    /// <param name="request">Its plan.</param>
    /// <param name="asked">Its id; null for a new one.</param>
    /// <exception cref="SealiftException">SL7010: there is one of this id.</exception>
    internal MigrationRow Create(MigrationRequest request, string? asked = null)
    {
        const int PrimaryKey = 1555; // SQLITE_CONSTRAINT_PRIMARYKEY
        while (true)
        {
            var id = asked ?? NewId(DateTimeOffset.UtcNow);
            try
            {
                Journal.Insert(id, request);
            }
            catch (SealiftException e) when (e.InnerException is SqliteException { SqliteExtendedErrorCode: PrimaryKey })
            {
                // The journal takes an id once, whichever process comes first. Of new ones that is one chance in twenty thousand per second: the next differs.
                if (asked is not null) throw MigrationErrors.BadPlan("id", $"there is a migration {asked} already", "Resume it, or begin another");
                continue;
            }

            PosixPath.EnsureDirectory(DirectoryOf(id), 0x1C0 /* 0700 */);
            return Journal.Migration(id);
        }
    }

    /// <summary>Takes the lock of a migration; the kernel drops it when this process dies.</summary>
    /// <exception cref="SealiftException">SL7004: somebody else holds it. SL7003: it was removed meanwhile.</exception>
    internal async Task<HeldLock> LockAsync(string id, CancellationToken cancel)
    {
        PosixPath.EnsureDirectory(DirectoryOf(id), 0x1C0 /* 0700 */);
        // `list` holds it for an instant to see whether anybody else does: a few tries tell that from work.
        for (var attempt = 0; ; attempt++)
        {
            var file = PosixFile.Open(LockPath(id), OpenMode.ReadWrite | OpenMode.Create | OpenMode.NoFollow, 0x180 /* 0600 */);
            if (file.TryLock())
            {
                var held = new HeldLock(file);
                if (Journal.Exists(id)) return held;
                // Removed meanwhile: the directory was just made again for nothing.
                PosixTree.Remove(DirectoryOf(id));
                held.Dispose();
                throw MigrationErrors.Unknown(id);
            }

            file.Dispose();
            if (attempt == 10) throw MigrationErrors.Busy(id);
            await Task.Delay(50, cancel);
        }
    }

    /// <summary>Takes a migration out of the journal, and then removes its directory.</summary>
    internal void Forget(string id)
    {
        // What a death leaves in between must not look like the directory of a migration that the journal has lost.
        var removed = DirectoryOf(id) + RemovedSuffix;
        if (FileFacts.OfPathIfExists(removed) is not null) PosixTree.Remove(removed);
        PosixPath.Rename(DirectoryOf(id), removed, replace: false);
        Journal.Delete(id);
        PosixTree.Remove(removed);
    }

    private string LockPath(string id) => Path.Combine(DirectoryOf(id), "lock");

    private bool IsLocked(string id)
    {
        if (FileFacts.OfPathIfExists(LockPath(id)) is null) return false;
        using var file = PosixFile.Open(LockPath(id), OpenMode.ReadWrite | OpenMode.NoFollow); // NFS locks only what may be written
        if (!file.TryLock()) return true;
        file.Unlock();
        return false;
    }

    private MigrationSummary Summarize(MigrationRow row, IReadOnlyList<StepRow> steps)
    {
        var running = IsLocked(row.Id);
        var state = running ? MigrationState.Running : row.Outcome is null ? MigrationState.Interrupted : MigrationState.Finished;
        var last = steps.LastOrDefault(s => s.State != StepState.Planned)?.Step;
        return new MigrationSummary(
            row.Id,
            row.Machine,
            state,
            row.Outcome?.Verdict,
            last is null ? string.Empty : last.Disk.Length == 0 ? last.Step : $"{last.Step} {last.Disk}",
            !running && (row.Outcome?.CanResume ?? true),
            row.Request.Sources,
            row.Request.TargetDirectory,
            row.CreatedAt,
            row.EndedAt);
    }
}
