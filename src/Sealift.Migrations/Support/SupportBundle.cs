using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Support;

/// <summary>
/// All that is known about one migration, in one file for whoever is asked months later whether it was the migration. Never what is on
/// the disks, and no secrets. Whatever cannot be read is told instead.
/// </summary>
public static class SupportBundle
{
    private const int OwnerOnly = 0x180 /* 0600 */;
    private static readonly string[] PaperKinds = [Artefacts.Domain, Artefacts.StartScript, Artefacts.Seal, Artefacts.Page, Artefacts.Paper];

    /// <summary>Writes a bundle into a stream, which stays open.</summary>
    /// <param name="store">Where the migration is known.</param>
    /// <param name="id">Its id, or the unambiguous beginning of one.</param>
    /// <param name="output">Where to.</param>
    /// <param name="options">What goes in.</param>
    /// <param name="cancel">Stops it; what was written is not whole then.</param>
    /// <exception cref="SealiftException">SL7003: there is none, or several.</exception>
    public static Task<SupportBundleReport> WriteAsync(MigrationStore store, string id, Stream output, SupportBundleOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(store);
        return WriteAsync(store.StateDirectory, id, output, options, cancel);
    }

    /// <summary>The same where the journal may be damaged: no store can be opened then, and there is a bundle all the same.</summary>
    /// <param name="stateDirectory">The state directory; nothing is written to it.</param>
    /// <param name="id">The migration's id, or the unambiguous beginning of one.</param>
    /// <param name="output">Where to.</param>
    /// <param name="options">What goes in.</param>
    /// <param name="cancel">Stops it; what was written is not whole then.</param>
    /// <exception cref="SealiftException">SL7003: there is none, or several. SL7561: nothing is known of it. SL7562: there is no such state directory. SL7563: the stream does not take it.</exception>
    public static async Task<SupportBundleReport> WriteAsync(string stateDirectory, string id, Stream output, SupportBundleOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(options);
        var state = Path.GetFullPath(stateDirectory);
        if (!Directory.Exists(state)) throw SupportErrors.NoDirectory(state);
        var at = DateTimeOffset.UtcNow;
        var journal = JournalExtract.Read(state, id);
        var facts = BundleFacts.Of(journal);
        var notKnown = new List<string>();
        var known = BundleSecrets.Gather(state, facts.Request?.LuksKeys.Select(k => k.Path).OfType<string>() ?? [], notKnown);
        var redaction = new Redaction(known);
        var content = new BundleContent(redaction);
        content.Remarks.AddRange(notKnown.Select(redaction.Text));
        content.Missing.AddRange(journal.Troubles.Concat(facts.Troubles).Select(redaction.Text));

        var json = journal.ToJson(redaction);
        content.Add("journal.json", json, Encoding.UTF8.GetString(json));
        var directory = Path.Combine(state, "migrations", journal.Id);
        GatherDirectory(content, directory, options);
        GatherTarget(content, journal, options);
        content.Add("host.txt", redaction.Text(HostFacts.Text([("the state directory", state), .. facts.Request is { } request ? new[] { ("the target", request.TargetDirectory) } : []])));
        await AskDoctorAsync(content, options, cancel);
        foreach (var paper in options.Papers) content.Add($"papers/{paper.Name}", redaction.Text(paper.Text));

        var name = $"sealift-support-{journal.Id}";
        var summary = Encoding.UTF8.GetBytes(redaction.Text(BundleSummary.Write(journal, facts, content, known.Count, at)));
        var first = new BundledFile("SUMMARY.md", summary, null, summary.Length, Convert.ToHexStringLower(SHA256.HashData(summary)));
        if (redaction.HasKnown(Encoding.UTF8.GetString(summary))) throw new InvalidOperationException("a secret of this host would not come out of the summary");
        try
        {
            var late = await BundleArchive.WriteAsync(name, at, first, content.Files, redaction, output, cancel);
            await output.FlushAsync(cancel);
            return new SupportBundleReport(journal.Id, ["SUMMARY.md", .. content.Files.Select(f => f.Name), "MANIFEST.json"], [.. content.Missing, .. late], redaction.Counts);
        }
        catch (IOException e)
        {
            throw SupportErrors.Unwritten("the stream that it goes to", e.Message, e);
        }
    }

    /// <summary>Writes a bundle as a file of mode 0600, durably. It gets its name when it is whole; what fails or is stopped leaves nothing.</summary>
    /// <param name="stateDirectory">The state directory; nothing is written to it.</param>
    /// <param name="id">The migration's id, or the unambiguous beginning of one.</param>
    /// <param name="path">The file; null for <c>sealift-support-ID.tar.gz</c> in the working directory.</param>
    /// <param name="overwrite">Whether a file of that name is replaced.</param>
    /// <param name="options">What goes in.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>The file, as an absolute path, and what is in it.</returns>
    /// <exception cref="SealiftException">SL7560: it exists. SL1001: it cannot be written. And as <see cref="WriteAsync(string, string, Stream, SupportBundleOptions, CancellationToken)"/>.</exception>
    public static async Task<(string Path, SupportBundleReport Report)> WriteFileAsync(string stateDirectory, string id, string? path, bool overwrite, SupportBundleOptions options, CancellationToken cancel)
    {
        var final = Path.GetFullPath(path ?? $"sealift-support-{Whole(stateDirectory, id)}.tar.gz");
        CheckFree(final, overwrite);
        var temporary = $"{final}.{Environment.ProcessId}.new";
        _ = PosixPath.RemoveFile(temporary); // false: no earlier process of this id died while it wrote one
        var file = PosixFile.Open(temporary, OpenMode.ReadWrite | OpenMode.CreateNew | OpenMode.NoFollow, OwnerOnly);
        SupportBundleReport report;
        try
        {
            using (file)
            {
                await using (var stream = new DurableStream(file)) report = await WriteAsync(stateDirectory, id, stream, options, cancel);
                file.Sync();
            }

            // Looked at again: gathering takes a while.
            CheckFree(final, overwrite);
            PosixPath.Rename(temporary, final, overwrite);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            _ = PosixPath.RemoveFile(temporary); // false: somebody removed it already
            throw SupportErrors.Exists(final);
        }
        catch
        {
            _ = PosixPath.RemoveFile(temporary); // false: somebody removed it already
            throw;
        }

        return (final, report);
    }

    private static string Whole(string stateDirectory, string id)
    {
        var state = Path.GetFullPath(stateDirectory);
        return Directory.Exists(state) ? JournalExtract.Read(state, id).Id : throw SupportErrors.NoDirectory(state);
    }

    private static void CheckFree(string path, bool overwrite)
    {
        if (FileFacts.OfPathIfExists(path) is not { } there) return;
        if (there.Kind != FileKind.Regular) throw SupportErrors.NotAFile(path, there.Kind);
        if (!overwrite) throw SupportErrors.Exists(path);
    }

    /// <summary>Logs, reports and seals of the state directory.</summary>
    private static void GatherDirectory(BundleContent content, string directory, SupportBundleOptions options)
    {
        if (FileFacts.OfPathIfExists(directory) is not { Kind: FileKind.Directory })
        {
            content.Missing.Add($"Logs and reports: {content.Redaction.Text(directory)} is not there, or is no directory.");
            return;
        }

        IReadOnlyList<string> names;
        try
        {
            names = PosixPath.List(directory);
        }
        catch (PosixException e)
        {
            content.Missing.Add($"Logs and reports: {content.Redaction.Text(e.Message)}");
            return;
        }

        foreach (var name in names.Where(n => n != "lock").Order(StringComparer.Ordinal))
        {
            var path = Path.Combine(directory, name);
            if (name.EndsWith(".log", StringComparison.Ordinal) || name.EndsWith(".txt", StringComparison.Ordinal)) content.AddText($"logs/{name}", path, null, options.LogEndBytes);
            else if (name.EndsWith(".seal.json", StringComparison.Ordinal)) GatherSeal(content, $"seal/{name}", path, null);
            else if (name.EndsWith(".html", StringComparison.Ordinal) || name.EndsWith(".json", StringComparison.Ordinal) || name.EndsWith(".xml", StringComparison.Ordinal) || name.EndsWith(".ovf", StringComparison.Ordinal)) content.AddText($"seal/{name}", path, null, options.LogEndBytes);
            else if (name is "files-before" or "files-after") content.Missing.Add($"{name}: the lists of the guest's files are never taken.");
            else content.Missing.Add($"{content.Redaction.Text(name)}: it is no log and no report, and was not taken.");
        }
    }

    /// <summary>The papers of the machine and the block maps of its disks, by what the journal says of them.</summary>
    private static void GatherTarget(BundleContent content, JournalExtract journal, SupportBundleOptions options)
    {
        var made = journal.Artefacts();
        foreach (var artefact in made.Where(a => PaperKinds.Contains(a.Kind)))
        {
            var name = $"target/{Path.GetFileName(artefact.Path)}";
            if (artefact.Path.EndsWith(".seal.json", StringComparison.Ordinal)) GatherSeal(content, name, artefact.Path, artefact);
            else content.AddText(name, artefact.Path, artefact, options.LogEndBytes);
        }

        foreach (var changes in made.Where(a => a.Kind == Artefacts.FileChanges))
        {
            if (options.GuestFileNames) content.AddText($"target/{Path.GetFileName(changes.Path)}", changes.Path, changes, options.LogEndBytes);
            else content.Missing.Add($"{content.Redaction.Text(Path.GetFileName(changes.Path))}: names of the guest's files are only taken with --include-names.");
        }

        foreach (var map in made.Where(a => a.Kind == Artefacts.BlockMap))
        {
            if (options.BlockMaps) content.AddMap(map, options.BlockMapLimitBytes);
            else content.Missing.Add($"block-maps/{content.Redaction.Text(Path.GetFileName(map.Path))}: left out as asked.");
        }
    }

    /// <summary>A seal byte for byte, so that its signature can be verified; where a secret is in what was signed, that without it.</summary>
    private static void GatherSeal(BundleContent content, string name, string path, ArtefactRecord? made)
    {
        using var file = FoundFile.Open(path, made, out var why);
        if (file is null || file.LengthBytes > SealEnvelope.MaxFileBytes)
        {
            content.Missing.Add($"{content.Redaction.Text(name)}: {(file is null ? why : "it is longer than any seal")}.");
            return;
        }

        try
        {
            var bytes = file.Read();
            var envelope = SealEnvelope.Parse(bytes, path);
            var payload = Encoding.UTF8.GetString(envelope.Payload);
            using var document = JsonDocument.Parse(envelope.Payload);
            if (!HasSecret(document.RootElement, content.Redaction))
            {
                // The envelope is nothing but this payload and signatures by its own grammar.
                content.Add(name, envelope.ToJson().AsSpan().SequenceEqual(bytes) ? bytes : envelope.ToJson(), payload);
                return;
            }

            using var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true })) content.Redaction.Json(document.RootElement, writer);
            content.Remarks.Add($"{content.Redaction.Text(name)} had a secret in it: here is what was signed, without the secret and without the signature, which would not fit it.");
            content.Add(name.Replace(".seal.json", ".statement.json", StringComparison.Ordinal), buffer.ToArray(), Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
        }
        catch (Exception e) when (e is SealiftException or JsonException or InvalidOperationException)
        {
            content.Remarks.Add($"{content.Redaction.Text(name)} is damaged ({content.Redaction.Text(e.Message)}): it is here as text.");
            content.AddText($"{name}.damaged.txt", path, made, 1 << 20);
        }
    }

    private static bool HasSecret(JsonElement element, Redaction redaction) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().Any(m => (m.Value.ValueKind is JsonValueKind.String && SecretPatterns.SecretName.IsMatch(m.Name)) || redaction.Find(Redaction.Plain(m.Name)).Count > 0 || HasSecret(m.Value, redaction)),
        JsonValueKind.Array => element.EnumerateArray().Any(e => HasSecret(e, redaction)),
        JsonValueKind.String => redaction.Find(Redaction.Plain(element.GetString()!)).Count > 0,
        _ => false,
    };

    private static async Task AskDoctorAsync(BundleContent content, SupportBundleOptions options, CancellationToken cancel)
    {
        if (options.Doctor is null) return;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(TimeSpan.FromMinutes(3));
        try
        {
            content.Add("doctor.txt", content.Redaction.Text(await options.Doctor(deadline.Token)));
        }
        catch (Exception e) when (e is SealiftException or IOException or UnauthorizedAccessException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            content.Missing.Add($"doctor.txt: {(e is OperationCanceledException ? "sealift doctor did not come to its end within 3 minutes" : content.Redaction.Text(e.Message))}.");
        }
    }
}
