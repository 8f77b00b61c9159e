using Sealift.Posix;

namespace Sealift.Migrations.Seals;

/// <summary>Checks a seal and the files that it speaks of, offline.</summary>
public static class SealVerifier
{
    /// <summary>Checks the signature, the statement, and every disk and file that the seal names.</summary>
    /// <param name="sealPath">The <c>.seal.json</c> file.</param>
    /// <param name="options">Which key, which files.</param>
    /// <param name="progress">How far the reading of each disk is, by disk key.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>
    /// One line a claim. What is wrong with the seal, the key or the disks is a claim that does not hold, not an exception. Nothing
    /// of an unsigned statement is believed: where the signature does not hold, no other claim is checked.
    /// </returns>
    public static async Task<SealVerification> VerifyAsync(string sealPath, SealVerifyOptions options, IProgress<SealProgress>? progress, CancellationToken cancel)
    {
        var claims = new List<ClaimResult>();
        if (CheckSignature(sealPath, options, claims) is not { } envelope) return new SealVerification(claims, null);
        if (CheckStatement(sealPath, envelope, claims) is not { } predicate) return new SealVerification(claims, null);
        if (predicate.Verdict is not (Verdict.Sealed or Verdict.Degraded)) return new SealVerification(claims, predicate);

        foreach (var key in options.DiskFiles.Keys.Where(k => predicate.Disks.All(d => d.Key != k)))
            claims.Add(new ClaimResult(key, false, $"the seal speaks of no disk {key}, but of {string.Join(", ", predicate.Disks.Select(d => d.Key))}", "Name disks by these keys."));
        var directory = Path.GetDirectoryName(Path.GetFullPath(sealPath))!;
        foreach (var disk in predicate.Disks)
            claims.Add(await SealedDiskCheck.RunAsync(disk, options.DiskFiles.GetValueOrDefault(disk.Key), directory, progress, cancel));
        foreach (var file in predicate.HandedOver)
            claims.Add(CheckFile(file, Path.Combine(directory, file.Name), cancel));
        return new SealVerification(claims, predicate);
    }

    private static SealEnvelope? CheckSignature(string sealPath, SealVerifyOptions options, List<ClaimResult> claims)
    {
        SealEnvelope envelope;
        try
        {
            envelope = SealEnvelope.Parse(ReadSeal(sealPath), sealPath);
        }
        catch (SealiftException e)
        {
            claims.Add(new ClaimResult("signature", false, $"the seal cannot be read: {Told(e)}", e.NextStep + "."));
            return null;
        }

        var signer = string.Join(", ", envelope.Signatures.Select(s => s.KeyId));
        var keyPath = options.PublicKeyPath ?? (options.StateDirectory is { } state ? SealKey.PublicKeyPathOf(state) : null);
        if (keyPath is null || (options.PublicKeyPath is null && FileFacts.OfPathIfExists(keyPath) is null))
        {
            claims.Add(new ClaimResult("signature", false, $"it is signed by key {signer}, and no key is known here that could check it", "Get the public key of whoever migrated the machine, and give it with --key."));
            return null;
        }

        try
        {
            using var key = SealPublicKey.Open(keyPath);
            var valid = envelope.IsSignedBy(key);
            if (valid) claims.Add(new ClaimResult("signature", true, $"valid, by key {key.KeyId}"));
            else if (envelope.Signatures.Any(s => s.KeyId == key.KeyId)) claims.Add(new ClaimResult("signature", false, $"invalid: key {key.KeyId} did not sign this content", "Somebody changed the seal after it was signed: take it again from where it was written."));
            else claims.Add(new ClaimResult("signature", false, $"it is signed by the unknown key {signer}; the trusted one is {key.KeyId} ({keyPath})", "Get the public key of whoever migrated the machine, and give it with --key."));
            return valid ? envelope : null;
        }
        catch (SealiftException e)
        {
            claims.Add(new ClaimResult("signature", false, $"the public key cannot be used: {e.Message}"));
            return null;
        }
    }

    private static SealPredicate? CheckStatement(string sealPath, SealEnvelope envelope, List<ClaimResult> claims)
    {
        try
        {
            var predicate = SealStatement.Parse(envelope.Payload, sealPath).Predicate;
            claims.Add(new ClaimResult("statement", true, $"migration {predicate.MigrationId} of {predicate.Machine.Name}, {Measures.Instant(predicate.FinishedAt)}"));
            var reasons = string.Join(" ", predicate.Reasons);
            claims.Add(predicate.Verdict switch
            {
                Verdict.Sealed => new ClaimResult("verdict", true, $"sealed: {reasons}"),
                Verdict.Degraded => new ClaimResult("verdict", true, $"degraded: {reasons}"),
                var other => new ClaimResult("verdict", false, $"{other.ToString().ToLowerInvariant()}: {reasons} Nothing was handed over, so there is no disk to verify", "The report is genuine; it is no proof of a machine."),
            });
            return predicate;
        }
        catch (SealiftException e)
        {
            claims.Add(new ClaimResult("statement", false, e.Said, "It was written by another version of Sealift, or by another program: verify it with that."));
            return null;
        }
    }

    private static byte[] ReadSeal(string path)
    {
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw SealErrors.NotASeal(path, "it is not a regular file");
        using var file = PosixFile.Open(path, OpenMode.Read);
        return SmallFile.Read(file, SealEnvelope.MaxFileBytes) ?? throw SealErrors.NotASeal(path, $"it is longer than {SealEnvelope.MaxFileBytes} bytes");
    }

    /// <summary>An error in one line, with its code and the file: what to do is the claim's advice.</summary>
    private static string Told(SealiftException e) => $"{e.Code}: cannot {e.Attempt}: {e.Subject}: {e.Said}";

    private static ClaimResult CheckFile(SealedFile file, string path, CancellationToken cancel)
    {
        try
        {
            return FileDigest.Differs(path, file, cancel) is { } differs
                ? new ClaimResult(file.Name, false, $"the {file.Role} differs: {differs}", "Somebody changed or replaced it since it was sealed; if that was you, and on purpose, the rest of the seal still holds.")
                : new ClaimResult(file.Name, true, $"the {file.Role} is as it was sealed");
        }
        catch (SealiftException e)
        {
            return new ClaimResult(file.Name, false, $"the {file.Role} cannot be read: {Told(e)}", e is PosixException { Errno: Errno.ENOENT } ? "Put it beside the seal." : e.NextStep + ".");
        }
    }
}

/// <summary>How a seal is verified.</summary>
public sealed record SealVerifyOptions
{
    /// <summary>PEM file of the public key that must have signed; null to use the local one.</summary>
    public string? PublicKeyPath { get; init; }

    /// <summary>The state directory whose <c>keys/seal.pub</c> is trusted where no key is given; null where there is none.</summary>
    public string? StateDirectory { get; init; }

    /// <summary>Disk key to image path, where disks are not beside the seal. Images are in the format that the seal names, block devices hold raw ones.</summary>
    public IReadOnlyDictionary<string, string> DiskFiles { get; init; } = new Dictionary<string, string>();
}

/// <summary>How far the reading of a disk is.</summary>
/// <param name="Disk">Its key.</param>
/// <param name="DoneBytes">Bytes of the disk dealt with.</param>
/// <param name="TotalBytes">Its length in bytes.</param>
public sealed record SealProgress(string Disk, long DoneBytes, long TotalBytes);

/// <summary>What came of a verification.</summary>
/// <param name="Claims">Every claim that was checked, in order.</param>
/// <param name="Predicate">What the seal says; null where it is not signed by the trusted key or not well-formed.</param>
public sealed record SealVerification(IReadOnlyList<ClaimResult> Claims, SealPredicate? Predicate)
{
    /// <summary>Whether every claim holds.</summary>
    public bool Ok => Claims.Count > 0 && Claims.All(c => c.Holds);
}

/// <summary>One claim and whether it holds.</summary>
/// <param name="Subject">What it is about: <c>signature</c>, <c>statement</c>, <c>verdict</c>, <c>disk1</c>, a file name.</param>
/// <param name="Holds">Whether it holds.</param>
/// <param name="Text">One clear sentence; it may hold text from outside, so print it with control characters made visible.</param>
/// <param name="Advice">What to do where it does not hold; empty otherwise.</param>
public sealed record ClaimResult(string Subject, bool Holds, string Text, string Advice = "");
