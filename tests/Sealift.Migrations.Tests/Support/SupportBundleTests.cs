using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Sealift.Migrations.Seals;
using Sealift.Migrations.Support;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Tests.Support;

public sealed class SupportBundleTests : IDisposable
{
    private static readonly SupportBundleOptions Plain = new();
    private readonly MigrationRig rig = new();

    private string Output => Path.Combine(rig.Root, "out.tar.gz");

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_bundle_has_the_summary_first_and_all_that_belongs_to_the_migration()
    {
        var outcome = await rig.StartAsync(rig.Request);
        await File.WriteAllTextAsync(Log(outcome.Id, "convert.log"), "virt-v2v: all is well\n", MigrationRig.Cancel);
        var (path, report) = await SupportBundle.WriteFileAsync(rig.State, outcome.Id[..6], Output, overwrite: false, Plain with { Doctor = _ => Task.FromResult("ok  everything\n"), Papers = [new SupportPaper("plan.json", "{}")] }, MigrationRig.Cancel);
        Assert.Equal((outcome.Id, Output), (report.Migration, path));
        Assert.Equal(0x180 /* 0600 */, FileFacts.OfPath(path).Permissions);
        Assert.Empty(Directory.EnumerateFiles(rig.Root, "out.tar.gz.*.new"));
        var files = await UnpackAsync(path);
        foreach (var name in new[] { "SUMMARY.md", "journal.json", "logs/convert.log", "seal/box.seal.json", "seal/box.seal.html", "target/box.seal.json", "target/box.xml", "target/box-start.sh", "block-maps/box-disk1.blockmap", "host.txt", "doctor.txt", "papers/plan.json", "MANIFEST.json" })
            Assert.Contains(name, files.Keys);
        Assert.Equal("SUMMARY.md", (await NamesAsync(path))[0]);

        var summary = Encoding.UTF8.GetString(files["SUMMARY.md"]);
        Assert.Contains("**Verdict: degraded**", summary, StringComparison.Ordinal);
        Assert.Contains("T = S", summary, StringComparison.Ordinal);
        foreach (var step in rig.Show().Steps) Assert.Contains($"| {step.Step}", summary, StringComparison.Ordinal);

        // The manifest has every file, and its digest.
        using var manifest = JsonDocument.Parse(files["MANIFEST.json"]);
        var listed = manifest.RootElement.GetProperty("files").EnumerateArray().ToDictionary(f => f.GetProperty("name").GetString()!, f => f.GetProperty("sha256").GetString()!);
        Assert.Equal(files.Keys.Where(k => k != "MANIFEST.json").Order(StringComparer.Ordinal), listed.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, digest) in listed) Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(files[name])));

        // The seal is as it was signed, the map as it was handed over; no disk is in it.
        Assert.Equal(await File.ReadAllBytesAsync(outcome.SealPath!, MigrationRig.Cancel), files["target/box.seal.json"]);
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.blockmap"), MigrationRig.Cancel), files["block-maps/box-disk1.blockmap"]);
        var disk = await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel);
        Assert.Equal(-1, RawTar(path).AsSpan().IndexOf(disk.AsSpan(4096, 64)));
        using var journal = JsonDocument.Parse(files["journal.json"]);
        Assert.Equal(rig.Show().Steps.Count, journal.RootElement.GetProperty("stepRows").GetArrayLength());
        Assert.Equal(rig.First, journal.RootElement.GetProperty("migrationRows")[0].GetProperty("request").GetProperty("sources")[0].GetString());
    }

    [Fact]
    public async Task No_secret_that_was_planted_is_in_any_byte()
    {
        var outcome = await rig.StartAsync(rig.Request);
        const string Stored = "St0red-Passw0rd!x", InEnvironment = "Env-v4riable-secret", Pattern = "P4ttern-only-secret";
        new VSphereRegistry(rig.State).Add(new VSphereProvider { Name = "vc", Address = new Uri("https://vc.example/"), User = "administrator", Password = PasswordPlace.Store }, Stored);
        Environment.SetEnvironmentVariable("BUNDLE_TEST_PASSWORD", InEnvironment);
        var signing = await File.ReadAllTextAsync(Path.Combine(rig.State, "keys", "seal.key"), MigrationRig.Cancel);
        var signingLine = signing.Split('\n')[1];
        using var other = RSA.Create(2048);
        var pem = other.ExportRSAPrivateKeyPem();
        var pemLine = pem.Split('\n')[7];
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"administrator:{Stored}"));

        await File.WriteAllTextAsync(Log(outcome.Id, "nbdkit.log"), $"nbdkit: debug: config key=password, value={Pattern}\nlogin with {Stored}\nand {InEnvironment}\n{encoded}\n{Stored[..7]}\n{Stored[7..]}\n", MigrationRig.Cancel);
        await File.WriteAllTextAsync(Log(outcome.Id, "convert.log"), $"virt-v2v -ic vpx://root:{Pattern}@vc/DC\nCookie: vmware_soap_session={Pattern}\n{pem}\n{signing}\nLooking at /home/x/password={Pattern}\n", MigrationRig.Cancel);
        await File.WriteAllTextAsync(Log(outcome.Id, $"token={Pattern}.log"), "its name\n", MigrationRig.Cancel);
        Sql("UPDATE step SET summary = $text WHERE name = 'copy'", $"SL1102: cannot run: https://u:{Pattern}@h/: password: {Pattern}. Try {Stored}");
        Sql("UPDATE migration SET request = json_set(request, '$.sources[1]', $text)", $"https://u:{Pattern}@esx/folder/{Stored}");
        Sql("UPDATE step SET result = json_set(result, '$.apiToken', $text, '$.Note', $text) WHERE name = 'preflight'", $"{Pattern} {Stored} {encoded}".Replace(Pattern + " ", string.Empty, StringComparison.Ordinal));
        Sql("UPDATE step SET result = json_set(result, '$.password', $text) WHERE name = 'gate'", Pattern);
        await ReplaceInSealAsync(outcome.Id, Pattern);

        var (path, report) = await SupportBundle.WriteFileAsync(rig.State, outcome.Id, Output, overwrite: false, Plain with { Doctor = _ => Task.FromResult($"note: password={Pattern} {Stored}"), Papers = [new SupportPaper("plan.json", $"{{\"password\":\"{Pattern}\"}}")] }, MigrationRig.Cancel);
        var files = await UnpackAsync(path);
        var raw = RawTar(path);
        foreach (var secret in new[] { Stored, InEnvironment, Pattern, signingLine, pemLine })
        {
            foreach (var spelling in new[] { Encoding.UTF8.GetBytes(secret), Encoding.Unicode.GetBytes(secret), Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)).TrimEnd('=')[..^2]) })
            {
                Assert.Equal(-1, raw.AsSpan().IndexOf(spelling));
                foreach (var (name, content) in files) Assert.True(content.AsSpan().IndexOf(spelling) < 0, $"{secret[..5]} is in {name}");
            }
        }

        Assert.Equal(-1, raw.AsSpan().IndexOf(Encoding.UTF8.GetBytes(encoded)));
        Assert.DoesNotContain(Stored[7..], Encoding.UTF8.GetString(files["logs/nbdkit.log"]), StringComparison.Ordinal);
        Assert.True(report.Removed.Values.Sum() >= 15, string.Join(", ", report.Removed));
        var summary = Encoding.UTF8.GetString(files["SUMMARY.md"]);
        Assert.Contains("- stored secret: ", summary, StringComparison.Ordinal);
        Assert.Contains("had a secret in it", summary, StringComparison.Ordinal);
        Assert.Contains("seal/box.statement.json", files.Keys);
        Assert.Contains("config key=password", Encoding.UTF8.GetString(files["logs/nbdkit.log"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_that_lies_across_the_cut_of_a_long_log_is_not_half_there()
    {
        var outcome = await rig.StartAsync(rig.Request);
        using var key = RSA.Create(2048);
        var pem = key.ExportRSAPrivateKeyPem();
        const int End = 256 << 10;
        foreach (var shift in new[] { 10, 400, 900, 1500 })
        {
            // One key lies across the cut after the beginning, one across the cut before the end.
            var text = new StringBuilder();
            Fill(text, End - shift);
            text.Append('\n').Append(pem).Append('\n');
            Fill(text, 3 << 20);
            Fill(text, text.Length + 1000);
            text.Append('\n').Append(pem).Append('\n');
            var total = text.Length + End - pem.Length + shift;
            Fill(text, total);
            await File.WriteAllTextAsync(Log(outcome.Id, "convert.log"), text.ToString(), MigrationRig.Cancel);
            var (path, report) = await SupportBundle.WriteFileAsync(rig.State, outcome.Id, Output, overwrite: true, Plain with { LogEndBytes = End }, MigrationRig.Cancel);
            var log = Encoding.UTF8.GetString((await UnpackAsync(path))["logs/convert.log"]);
            Assert.InRange(log.Length, End, (2 * End) + 8192);
            Assert.Contains("the middle of this file is left out", log, StringComparison.Ordinal);
            foreach (var line in pem.Split('\n').Where(l => l.Length > 20 && !l.StartsWith('-'))) Assert.DoesNotContain(line[..20], log, StringComparison.Ordinal);
            Assert.NotEmpty(report.Removed);
        }

        static void Fill(StringBuilder text, int length)
        {
            while (text.Length < length) text.Append(text.Length % 64 == 63 ? '\n' : '.');
        }
    }

    [Fact]
    public async Task What_is_there_is_not_overwritten_and_what_fails_leaves_nothing()
    {
        var outcome = await rig.StartAsync(rig.Request);
        await File.WriteAllTextAsync(Output, "mine", MigrationRig.Cancel);
        Assert.Equal("SL7560", (await Assert.ThrowsAnyAsync<SealiftException>(() => WriteAsync(outcome.Id, Plain))).Code);
        Assert.Equal("mine", await File.ReadAllTextAsync(Output, MigrationRig.Cancel));
        await SupportBundle.WriteFileAsync(rig.State, outcome.Id, Output, overwrite: true, Plain, MigrationRig.Cancel);
        Assert.NotEmpty(await UnpackAsync(Output));
        File.Delete(Output);

        // Somebody else makes the file meanwhile.
        var late = Plain with
        {
            Doctor = async _ =>
            {
                await File.WriteAllTextAsync(Output, "theirs", MigrationRig.Cancel);
                return string.Empty;
            },
        };
        Assert.Equal("SL7560", (await Assert.ThrowsAnyAsync<SealiftException>(() => WriteAsync(outcome.Id, late))).Code);
        Assert.Equal("theirs", await File.ReadAllTextAsync(Output, MigrationRig.Cancel));
        File.Delete(Output);

        // Killed here, there would be the temporary name and not the final one.
        var crash = Plain with
        {
            Doctor = _ =>
            {
                Assert.False(File.Exists(Output));
                Assert.NotEmpty(Directory.EnumerateFiles(rig.Root, "out.tar.gz.*.new"));
                throw new SimulatedCrash();
            },
        };
        await Assert.ThrowsAsync<SimulatedCrash>(() => WriteAsync(outcome.Id, crash));
        using var stop = new CancellationTokenSource();
        var cancelled = Plain with
        {
            Doctor = async deadline =>
            {
                await stop.CancelAsync();
                deadline.ThrowIfCancellationRequested();
                return string.Empty;
            },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SupportBundle.WriteFileAsync(rig.State, outcome.Id, Output, false, cancelled, stop.Token));
        Assert.Empty(Directory.EnumerateFiles(rig.Root, "out*"));
        Assert.Equal("SL7560", (await Assert.ThrowsAnyAsync<SealiftException>(() => SupportBundle.WriteFileAsync(rig.State, outcome.Id, rig.Target, true, Plain, MigrationRig.Cancel))).Code);

        Task<(string Path, SupportBundleReport Report)> WriteAsync(string id, SupportBundleOptions options) => SupportBundle.WriteFileAsync(rig.State, id, Output, false, options, MigrationRig.Cancel);
    }

    [Fact]
    public async Task A_full_disk_is_an_error_that_says_so()
    {
        var outcome = await rig.StartAsync(rig.Request);
        using var full = PosixFile.Open("/dev/full", OpenMode.ReadWrite);
        await using var stream = new DurableStream(full);
        var error = await Assert.ThrowsAsync<PosixException>(() => SupportBundle.WriteAsync(rig.State, outcome.Id, stream, Plain, MigrationRig.Cancel));
        Assert.Equal(Errno.ENOSPC, error.Errno);
    }

    [Fact]
    public async Task A_damaged_journal_gives_what_can_be_read_and_says_what_cannot()
    {
        var outcome = await rig.StartAsync(rig.Request);
        await File.WriteAllTextAsync(Log(outcome.Id, "convert.log"), "what was said\n", MigrationRig.Cancel);

        // One result is no JSON any more.
        Sql("UPDATE step SET result = $text WHERE name = 'copy'", "{\"Root\": tr");
        var summary = await SummaryAsync(outcome.Id);
        Assert.Contains("the result of copy disk1 could not be understood", summary, StringComparison.Ordinal);
        Assert.Contains("**Verdict: degraded**", summary, StringComparison.Ordinal);

        // Nothing of it is a database.
        foreach (var file in Directory.EnumerateFiles(rig.State, "sealift.db-*")) File.Delete(file);
        await File.WriteAllTextAsync(Path.Combine(rig.State, "sealift.db"), new string('x', 5000), MigrationRig.Cancel);
        summary = await SummaryAsync(outcome.Id);
        Assert.Contains("sealift.db: ", summary, StringComparison.Ordinal);
        Assert.Contains("unknown: the journal does not tell", summary, StringComparison.Ordinal);
        var files = await UnpackAsync(Output);
        Assert.Contains("logs/convert.log", files.Keys);
        Assert.Contains("seal/box.seal.json", files.Keys);
        Assert.Equal(5000, new FileInfo(Path.Combine(rig.State, "sealift.db")).Length);

        Assert.Equal("SL7561", (await Assert.ThrowsAnyAsync<SealiftException>(() => SummaryAsync("990101"))).Code);
        File.Delete(Path.Combine(rig.State, "sealift.db"));
        Assert.Contains("it is not there", await SummaryAsync(outcome.Id), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(rig.State, "sealift.db"))); // nothing is made anew
    }

    [Fact]
    public async Task A_damaged_seal_is_there_as_text()
    {
        var outcome = await rig.StartAsync(rig.Request);
        await File.WriteAllTextAsync(Log(outcome.Id, "box.seal.json"), "{\"payload\": \"broken\", \"password\":\"P4ttern-only-secret\"", MigrationRig.Cancel);
        var summary = await SummaryAsync(outcome.Id);
        Assert.Contains("seal/box.seal.json is damaged", summary, StringComparison.Ordinal);
        var text = Encoding.UTF8.GetString((await UnpackAsync(Output))["seal/box.seal.json.damaged.txt"]);
        Assert.Contains("broken", text, StringComparison.Ordinal);
        Assert.DoesNotContain("P4ttern", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_pipes_and_files_that_were_replaced_are_told_and_not_read()
    {
        var outcome = await rig.StartAsync(rig.Request);
        var outside = Path.Combine(rig.Root, "outside");
        await File.WriteAllTextAsync(outside, "not-of-this-migration", MigrationRig.Cancel);
        File.CreateSymbolicLink(Log(outcome.Id, "link.log"), outside);
        await ChildProcess.RunAsync(new ChildCommand("mkfifo", Log(outcome.Id, "pipe.log")), MigrationRig.Cancel);
        Directory.CreateDirectory(Log(outcome.Id, "directory.log"));
        // A disk under the name of a map, and a domain of somebody else.
        var map = Path.Combine(rig.Target, "box-disk1.blockmap");
        File.Move(map, map + ".moved"); // it keeps its inode, which a new file would otherwise be given
        File.Copy(rig.First, map);
        File.Delete(Path.Combine(rig.Target, "box.xml"));
        File.CreateSymbolicLink(Path.Combine(rig.Target, "box.xml"), outside);
        File.Delete(Path.Combine(rig.Target, "box-start.sh"));

        var summary = await SummaryAsync(outcome.Id);
        foreach (var told in new[] { "logs/link.log: it is a symbolic link", "logs/pipe.log: it is no regular file", "logs/directory.log: it is no regular file", "box-disk1.blockmap: it is not the file that Sealift made", "target/box.xml: it is a symbolic link", "target/box-start.sh: it is not there any more" })
            Assert.Contains(told, summary, StringComparison.Ordinal);
        Assert.Equal(-1, RawTar(Output).AsSpan().IndexOf("not-of-this-migration"u8));
        Assert.DoesNotContain((await UnpackAsync(Output)).Keys, k => k.Contains("link", StringComparison.Ordinal) || k.Contains("blockmap", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Maps_are_left_out_where_they_are_long_or_not_wanted_and_those_that_change_meanwhile_too()
    {
        var outcome = await rig.StartAsync(rig.Request);
        Assert.Contains("the limit is 1 KiB", await SummaryAsync(outcome.Id, Plain with { BlockMapLimitBytes = 1024 }), StringComparison.Ordinal);
        Assert.Contains("left out as asked", await SummaryAsync(outcome.Id, Plain with { BlockMaps = false }), StringComparison.Ordinal);

        var map = Path.Combine(rig.Target, "box-disk1.blockmap");
        var changing = Plain with
        {
            Doctor = _ =>
            {
                using var file = PosixFile.Open(map, OpenMode.ReadWrite);
                file.WriteAt("changed"u8, 100);
                return Task.FromResult(string.Empty);
            },
        };
        var (path, report) = await SupportBundle.WriteFileAsync(rig.State, outcome.Id, Output, true, changing, MigrationRig.Cancel);
        Assert.Contains(report.Missing, m => m.Contains("it changed while the bundle was written", StringComparison.Ordinal));
        var files = await UnpackAsync(path);
        Assert.DoesNotContain("block-maps/box-disk1.blockmap", files.Keys);
        Assert.Contains("it changed while", Encoding.UTF8.GetString(files["MANIFEST.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_was_killed_or_runs_has_a_bundle_too_and_an_unknown_one_has_none()
    {
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) throw new SimulatedCrash();
        })));
        using var store = rig.OpenStore(); // open while the bundle reads
        using var buffer = new MemoryStream();
        var report = await SupportBundle.WriteAsync(store, store.List().Single().Id, buffer, Plain, MigrationRig.Cancel);
        Assert.Contains("block-maps/disk1.source.blockmap", report.Files);
        await File.WriteAllBytesAsync(Output, buffer.ToArray(), MigrationRig.Cancel);
        Assert.Contains("it is at read-back disk1, or was interrupted there", Encoding.UTF8.GetString((await UnpackAsync(Output))["SUMMARY.md"]), StringComparison.Ordinal);
        Assert.Equal("SL7003", (await Assert.ThrowsAnyAsync<SealiftException>(() => SupportBundle.WriteAsync(store, "none", buffer, Plain, MigrationRig.Cancel))).Code);
        Assert.Equal("SL7562", (await Assert.ThrowsAnyAsync<SealiftException>(() => SupportBundle.WriteAsync(Path.Combine(rig.Root, "nowhere"), "x", buffer, Plain, MigrationRig.Cancel))).Code);
    }

    private string Log(string id, string name) => Path.Combine(rig.State, "migrations", id, name);

    private async Task<string> SummaryAsync(string id, SupportBundleOptions? options = null)
    {
        await SupportBundle.WriteFileAsync(rig.State, id, Output, overwrite: true, options ?? Plain, MigrationRig.Cancel);
        return Encoding.UTF8.GetString((await UnpackAsync(Output))["SUMMARY.md"]);
    }

    private void Sql(string statement, string text)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(rig.State, "sealift.db"), Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the statements are literals of the tests
        command.CommandText = statement;
#pragma warning restore CA2100
        command.Parameters.AddWithValue("$text", text);
        Assert.True(command.ExecuteNonQuery() > 0);
    }

    /// <summary>A seal that was signed with a secret in it.</summary>
    private async Task ReplaceInSealAsync(string id, string secret)
    {
        var path = Log(id, "box.seal.json");
        var envelope = SealEnvelope.Parse(await File.ReadAllBytesAsync(path, MigrationRig.Cancel), path);
        var payload = Encoding.UTF8.GetString(envelope.Payload).Replace(rig.First, $"https://u:{secret}@h{rig.First}", StringComparison.Ordinal);
        using var key = SealKey.OpenOrCreate(rig.State);
        await File.WriteAllBytesAsync(path, SealEnvelope.Sign(Encoding.UTF8.GetBytes(payload), key).ToJson(), MigrationRig.Cancel);
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(string path) =>
        [.. (await ChildProcess.RunAsync(new ChildCommand("tar", "-tzf", path), MigrationRig.Cancel)).Output.Trim().Split('\n').Select(n => n[(n.IndexOf('/', StringComparison.Ordinal) + 1)..])];

    /// <summary>Unpacked by tar, as whoever gets it does.</summary>
    private async Task<Dictionary<string, byte[]>> UnpackAsync(string path)
    {
        var directory = Directory.CreateDirectory(Path.Combine(rig.Root, Guid.NewGuid().ToString("N"))).FullName;
        await ChildProcess.RunAsync(new ChildCommand("tar", "-xzf", path, "-C", directory), MigrationRig.Cancel);
        var top = Directory.GetDirectories(directory).Single();
        Assert.StartsWith("sealift-support-", Path.GetFileName(top), StringComparison.Ordinal);
        return Directory.EnumerateFiles(top, "*", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(top, f), File.ReadAllBytes);
    }

    private static byte[] RawTar(string path)
    {
        using var file = File.OpenRead(path);
        using var zip = new GZipStream(file, CompressionMode.Decompress);
        using var raw = new MemoryStream();
        zip.CopyTo(raw);
        return raw.ToArray();
    }
}
