using Sealift.Disks;

namespace Sealift.Providers;

/// <summary>A disk of a vSphere machine, with the way by which it is read.</summary>
/// <param name="inner">What reads it.</param>
/// <param name="path">What the way is called in reports.</param>
/// <param name="notes">Which ways could not be taken, and why, in the order of preference.</param>
internal sealed class VSphereDiskReader(IDiskReader inner, string path, IReadOnlyList<string> notes) : ForwardedDisk(inner)
{
    /// <summary>What the way is called in reports: <c>vddk</c>, <c>https</c> or <c>nfc</c>.</summary>
    public string DataPath => path;

    /// <summary>Which ways could not be taken, and why: for the report.</summary>
    public IReadOnlyList<string> Notes => notes;
}
