namespace Sealift.VSphere;

/// <summary>One file that a lease lets be read.</summary>
/// <param name="Key">What the lease calls it: it names the device.</param>
/// <param name="Url">Where it is. A host of <c>*</c> means the server itself.</param>
/// <param name="Thumbprint">The SHA-1 of the certificate that is shown there; null where the server does not say.</param>
/// <param name="IsDisk">Whether it is a disk.</param>
/// <param name="FileBytes">How long the file is; null where the server does not say.</param>
public sealed record LeaseFile(string Key, string Url, string? Thumbprint, bool IsDisk, long? FileBytes)
{
    internal static LeaseFile Of(VimElement element) => new(
        element.Require("key").Text,
        element.Require("url").Text,
        element.TextOf("sslThumbprint") is { Length: > 0 } thumbprint ? thumbprint : null,
        element.FlagOf("disk") is true,
        element.NumberOf("fileSize"));
}

/// <summary>A lease on the disks of a machine or snapshot (<c>HttpNfcLease</c>). It ends by itself unless its progress is told in time.</summary>
/// <param name="Lease">The lease.</param>
/// <param name="Files">What it lets be read.</param>
/// <param name="Timeout">After how long without a word it ends.</param>
public sealed record ExportLease(ManagedReference Lease, IReadOnlyList<LeaseFile> Files, TimeSpan Timeout);
