using System.Text.Json.Serialization;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>A machine that was read from its source, and what it was read from.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Kind"><c>image</c>, <c>ovf</c>, <c>ova</c>, or <c>qemu</c>, <c>libvirt</c> or <c>vsphere</c> where it is read through what runs it.</param>
/// <param name="Files">Every source file that was read, as it was then: measure again before the machine is handed over.</param>
/// <param name="Notes">What was decided or found on the way that changes nothing, one sentence each: a manifest that is missing, a default that was taken.</param>
/// <param name="CreatedFiles">Files that were unpacked into <see cref="SourceOptions.WorkDirectory"/>; the caller removes them when the disks have been copied.</param>
public sealed record SourceMachine(
    VirtualMachine Machine,
    string Kind,
    IReadOnlyList<SourceFileFact> Files,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> CreatedFiles)
{
    /// <summary>Its name as a source, where it runs and its disks have to be read through what runs it (<see cref="RunningSource"/>); null where it does not run.</summary>
    public string? RunningName { get; init; }

    /// <summary>Whether a change of any of them shows in size, identity or time of change; it does for files, and not for block devices.</summary>
    [JsonIgnore]
    public bool ShowsChanges => Files.All(f => f.Facts.Kind == FileKind.Regular);

    /// <summary>Measures every source file again.</summary>
    /// <exception cref="SealiftException">One is not what it was (SL6003), or is gone.</exception>
    public void VerifyUnchanged()
    {
        foreach (var file in Files) file.VerifyUnchanged();
    }
}

/// <summary>A file of a source as it was when it was first opened.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Facts">Size, identity and time of change.</param>
public sealed record SourceFileFact(string Path, FileFacts Facts)
{
    /// <summary>Measures a file.</summary>
    public static SourceFileFact Of(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        return new SourceFileFact(path, file.Facts());
    }

    /// <summary>Measures it again.</summary>
    /// <exception cref="SealiftException">It is not what it was (SL6003), or is gone.</exception>
    public void VerifyUnchanged()
    {
        var now = Of(Path).Facts;
        // Permissions, owner and allocation may change without the content: only what would mean other bytes counts.
        if (now with { AllocatedBytes = 0, Permissions = 0, Owner = 0 } != Facts with { AllocatedBytes = 0, Permissions = 0, Owner = 0 }) throw ProviderErrors.SourceChanged(Path, Facts, now);
    }
}
