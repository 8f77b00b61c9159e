using System.Text.Json;
using System.Text.RegularExpressions;
using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>The commands of sealift that touch data, and what is demanded of them beyond right bytes.</summary>
public static partial class SealiftTools
{
    /// <summary>All of them.</summary>
    /// <param name="sealift">Path of the command.</param>
    public static IReadOnlyList<Tool> All(string sealift) =>
        [new Copy(sealift), new OffloadedCopy(sealift), new ResumedCopy(sealift), new Qcow2Copy(sealift), new Hash(sealift), new Migrate(sealift), new Resume(sealift), new Verify(sealift)];

    /// <summary>A command of sealift: whatever goes wrong, it says where, by a code, and exits with a documented code.</summary>
    /// <param name="Name">What the table calls it.</param>
    /// <param name="Sealift">Path of the command.</param>
    public abstract partial record SealiftTool(string Name, string Sealift) : Tool(Name)
    {
        /// <inheritdoc/>
        public override async Task<string?> ComplaintAsync(Workspace place, Injection injection, FinishedRun run, CancellationToken cancel)
        {
            if (run.ExitCode is not (1 or 3 or 5 or 6)) return $"exit code {run.ExitCode}";
            if (!ErrorCode().IsMatch(run.Said) && !run.Said.Contains("FAIL", StringComparison.Ordinal)) return "no error code, and no claim that fails";
            if (run.Said.Contains("   at ", StringComparison.Ordinal)) return "a stack trace";
            if (!run.Said.Contains(place.Path, StringComparison.Ordinal)) return "nothing in the trial's directory is named";
            return await LeftoverAsync(place, cancel);
        }

        /// <inheritdoc/>
        public override bool Tells(FinishedRun run) => ErrorCode().IsMatch(run.Said);

        /// <summary>
        /// The journal is SQLite's, which ignores close and what its last checkpoint's flushes say. Nothing is lost by that: each
        /// transaction was flushed to the log when it was committed, a failed flush there is an error, and the log is kept until a
        /// checkpoint of the database has been flushed without one. A lock is opened for writing, because NFS locks no other file, and
        /// nothing is ever written to it.
        /// </summary>
        public override bool IsProvenAfterwards(string file) =>
            file.StartsWith("state/sealift.db", StringComparison.Ordinal) || file.EndsWith("/lock", StringComparison.Ordinal);

        /// <summary>Goes on after the failure, undisturbed.</summary>
        protected virtual Task<string?> LeftoverAsync(Workspace place, CancellationToken cancel) => Task.FromResult<string?>(null);

        /// <summary>Runs sealift undisturbed.</summary>
        protected async Task<ChildResult> RunAsync(Workspace place, IReadOnlyList<string> arguments, CancellationToken cancel) => await ChildProcess.RunAsync(
            new ChildCommand(Sealift, [.. arguments, "--state", place.State]) { Deadline = Trial.Deadline, AcceptedExitCodes = [.. Enumerable.Range(0, 256)], WorkingDirectory = place.Path }, cancel);

        [GeneratedRegex(@"SL\d{4}: ")]
        private static partial Regex ErrorCode();
    }

    private record Copy(string Sealift, string Name = "sealift copy") : SealiftTool(Name, Sealift)
    {
        protected virtual string[] Options => [];

        public override IReadOnlyList<string> Command(Workspace place) => [Sealift, "copy", place.Source, place.Target, .. Options, "--checkpoint", "1M", "--state", place.State];

        protected override async Task<string?> LeftoverAsync(Workspace place, CancellationToken cancel)
        {
            // A failure after the last rename leaves a whole target; before it there is none under its name.
            if (File.Exists(place.Target) && Wrong(place) is { } wrong) return $"a target that failed has its final name: {wrong}";
            var unfinished = Directory.Exists(place.Target + ".sealift-copy");
            var again = await RunAsync(place, ["copy", place.Source, place.Target, .. Options.Except(["--resume"]), unfinished ? "--resume" : "--overwrite"], cancel);
            if (again.ExitCode != 0) return $"it cannot be gone on from ({(unfinished ? "--resume" : "anew")}): exit code {again.ExitCode}: {again.Output}{again.ErrorTail}";
            var left = Directory.EnumerateFileSystemEntries(place.Path).Select(Path.GetFileName).Except(["source.raw", "target.raw", "state"]).ToList();
            return Wrong(place) ?? (left.Count > 0 ? $"left behind: {string.Join(' ', left)}" : null);
        }

        protected virtual string? Wrong(Workspace place) => place.WhatDiffers(place.Target);
    }

    private sealed record OffloadedCopy(string Sealift) : Copy(Sealift, "sealift copy --transfer copy-range")
    {
        protected override string[] Options => ["--transfer", "copy-range"];
    }

    private sealed record Qcow2Copy(string Sealift) : Copy(Sealift, "sealift copy --format qcow2")
    {
        protected override string[] Options => ["--format", "qcow2"];

        // Closed by qemu-nbd, which does not look; then synced by us and read back past the page cache by another one.
        public override bool IsProvenAfterwards(string file) => file.EndsWith("/disk", StringComparison.Ordinal) || base.IsProvenAfterwards(file);

        public override string? WhatIsWrong(Workspace place, string output) => Wrong(place);

        protected override string? Wrong(Workspace place)
        {
            var raw = place.In("converted.raw");
            var converted = ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "qcow2", "-O", "raw", place.Target, raw) { AcceptedExitCodes = [0, 1] }, CancellationToken.None).GetAwaiter().GetResult();
            if (converted.ExitCode != 0) return converted.ErrorTail;
            try
            {
                return place.WhatDiffers(raw);
            }
            finally
            {
                _ = PosixPath.RemoveFile(raw); // false: qemu-img made none
            }
        }
    }

    private sealed record ResumedCopy(string Sealift) : Copy(Sealift, "sealift copy --resume")
    {
        protected override string[] Options => ["--resume"];

        /// <summary>A first copy that fails at a late flush, so that some of its checkpoints are durable.</summary>
        public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
        {
            // strace counts the flushes of each thread, and which thread flushes is the scheduler's choice: the later ones may not be
            // reached in any thread, the first one always is.
            for (var flush = 4; flush > 0; flush--)
            {
                var first = await ChildProcess.RunAsync(
                    new ChildCommand("strace", ["-f", "-qq", "-o", "/dev/null", "-P", place.Target + ".sealift-copy/disk", "-e", $"inject=fsync:error=EIO:when={flush}", "--", Sealift, "copy", place.Source, place.Target, "--checkpoint", "1M", "--state", place.State])
                    { AcceptedExitCodes = [0, 1] },
                    cancel);
                if (Directory.Exists(place.Target + ".sealift-copy")) return;
                if (first.ExitCode != 0) throw new InvalidOperationException($"The copy left nothing to resume: {first.Output}{first.ErrorTail}");
                File.Delete(place.Target);
            }

            throw new InvalidOperationException("The copy could not be interrupted");
        }
    }

    private sealed record Hash(string Sealift) : SealiftTool("sealift hash --map", Sealift)
    {
        private string? expected;

        public override async Task PrepareAsync(Workspace place, CancellationToken cancel) =>
            expected ??= (await RunAsync(place, ["hash", place.Source], cancel)).Output.Split(' ')[0];

        public override IReadOnlyList<string> Command(Workspace place) => [Sealift, "hash", "--map", place.In("source.blockmap"), place.Source, "--state", place.State];

        public override string? WhatIsWrong(Workspace place, string output) => output.StartsWith(expected!, StringComparison.Ordinal) && expected!.Length == 64 ? null : "a wrong hash";

        protected override async Task<string?> LeftoverAsync(Workspace place, CancellationToken cancel)
        {
            var again = await RunAsync(place, ["hash", "--map", place.In("again.blockmap"), place.Source], cancel);
            return again.ExitCode == 0 ? WhatIsWrong(place, again.Output) : $"it does not work again: {again.ErrorTail}";
        }
    }

    private record Migrate(string Sealift, string Name = "sealift migrate") : SealiftTool(Name, Sealift)
    {
        protected static readonly string[] Quick = ["--no-convert", "--no-check", "--accept-degraded"];

        public override IReadOnlyList<int> SuccessCodes => [3]; // degraded: the checks and the conversion were left out on purpose

        public override IReadOnlyList<string> Command(Workspace place) => [Sealift, "migrate", place.Source, "--to", place.In("machines"), .. Quick, "--state", place.State];

        public override string? WhatIsWrong(Workspace place, string output) => place.WhatDiffers(place.In("machines/source-disk1.raw"));

        protected override async Task<string?> LeftoverAsync(Workspace place, CancellationToken cancel)
        {
            var known = await RunAsync(place, ["list", "--json"], cancel);
            if (known.ExitCode != 0) return $"list fails: {known.ErrorTail}";
            var ids = known.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
            var open = ids.Where(m => m.GetProperty("verdict").GetString() is not ("degraded" or "sealed")).Select(m => m.GetProperty("id").GetString()!).ToList();
            if (open.Count > 1) return "more than one migration";
            if (open.Count == 1)
            {
                var resumed = await RunAsync(place, ["resume", open[0]], cancel);
                if (resumed.ExitCode != 3) return $"resume: exit code {resumed.ExitCode}: {resumed.Output}{resumed.ErrorTail}";
            }
            else if (ids.Count == 0)
            {
                var again = await RunAsync(place, ["migrate", place.Source, "--to", place.In("machines"), .. Quick], cancel);
                if (again.ExitCode != 3) return $"migrate again: exit code {again.ExitCode}: {again.Output}{again.ErrorTail}";
            }

            var hidden = Directory.EnumerateFileSystemEntries(place.In("machines"), ".*").Select(Path.GetFileName).ToList();
            return WhatIsWrong(place, string.Empty) ?? (hidden.Count > 0 ? $"left behind: {string.Join(' ', hidden)}" : null);
        }
    }

    private sealed record Resume(string Sealift) : Migrate(Sealift, "sealift resume")
    {
        public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
        {
            var first = await ChildProcess.RunAsync(
                new ChildCommand("prlimit", ["--fsize=2700000", .. base.Command(place)]) { AcceptedExitCodes = [.. Enumerable.Range(0, 256)] }, cancel);
            if (first.ExitCode != 1) throw new InvalidOperationException($"The migration did not fail: {first.Output}{first.ErrorTail}");
        }

        public override IReadOnlyList<string> Command(Workspace place) =>
            [Sealift, "resume", Path.GetFileName(Directory.EnumerateDirectories(place.In("state/migrations")).Single()), "--state", place.State];
    }

    private sealed record Verify(string Sealift) : Migrate(Sealift, "sealift verify")
    {
        public override IReadOnlyList<int> SuccessCodes => [0];

        public override async Task PrepareAsync(Workspace place, CancellationToken cancel)
        {
            var first = await RunAsync(place, ["migrate", place.Source, "--to", place.In("machines"), .. Quick], cancel);
            if (first.ExitCode != 3) throw new InvalidOperationException($"The migration failed: {first.Output}{first.ErrorTail}");
        }

        public override IReadOnlyList<string> Command(Workspace place) => [Sealift, "verify", place.In("machines/source.seal.json"), "--state", place.State];

        protected override async Task<string?> LeftoverAsync(Workspace place, CancellationToken cancel)
        {
            var again = await RunAsync(place, [.. Command(place).Skip(1).Take(2)], cancel);
            return again.ExitCode == 0 ? WhatIsWrong(place, again.Output) : $"it does not verify again: {again.Output}{again.ErrorTail}";
        }
    }
}
