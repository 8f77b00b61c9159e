namespace Sealift.Guests.Ntfs;

/// <summary>hiberfil.sys: whether a Windows sleeps in it.</summary>
internal static class HibernationCheck
{
    /// <summary>Reads its first bytes. A Windows that has woken up leaves another mark there, or zeros.</summary>
    public static async Task RunAsync(NtfsVolume volume, MasterFileTable mft, FileReference reference)
    {
        var file = await FileRecordSet.LoadAsync(volume, mft, reference.Number);
        var content = file?.Content(AttributeType.Data, [], out _); // its runlist is checked with every other one
        var mark = new byte[4];
        if (content is null || content.LengthBytes < mark.Length || !await content.TryReadAsync(0, mark)) return;
        if (!mark.AsSpan().SequenceEqual("hibr"u8) && !mark.AsSpan().SequenceEqual("HIBR"u8)) return;
        volume.Findings.Note(NtfsClasses.Hibernated, $"hiberfil.sys ({NtfsVolume.NameOf(reference.Number)}) holds a Windows that sleeps: it was hibernated, or shut down with Fast Startup. What it had not yet written is only there, and it must not be started on other hardware");
    }
}
