namespace Sealift.Guests;

/// <summary>How much a finding weighs.</summary>
public enum FindingSeverity
{
    /// <summary>Worth knowing; never stops a migration: a journal that was replayed, content that no checker covers.</summary>
    Note,

    /// <summary>The migration may fail over it, or the new machine not boot. It stops nothing and leaves the verdict as it is.</summary>
    Warning,

    /// <summary>The file system, partition table or conversion is not sound. New ones are fatal; inherited ones unless waived.</summary>
    Damage,

    /// <summary>Nothing is damaged, and yet the conversion is bound to fail: said before anything is copied. Fatal unless waived.</summary>
    Obstacle,
}

/// <summary>One thing that a checker reported.</summary>
/// <param name="Class">A stable name that a waiver can use: <c>ext4.errors</c>, <c>xfs.dirty-log</c>, <c>convert.warning</c>, <c>not-checked</c>.</param>
/// <param name="Severity">Its weight.</param>
/// <param name="Filesystem">Identity of what it is about: the UUID where there is one, otherwise the disk key and partition (<c>disk1/2</c>).</param>
/// <param name="Device">Where it was seen: <c>disk1 partition 2, ext4 "root"</c>. For people; it may differ between two checks of the same thing.</param>
/// <param name="Text">The raw text of the checker, cut to 4 Ki characters with the cut marked.</param>
public sealed record Finding(string Class, FindingSeverity Severity, string Filesystem, string Device, string Text)
{
    /// <summary>What makes two findings the same before and after conversion: class and file system.</summary>
    public (string Class, string Filesystem) Identity => (Class, Filesystem);
}
