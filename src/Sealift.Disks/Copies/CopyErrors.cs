using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The errors of a copy as a whole: SL425x.</summary>
internal static class CopyErrors
{
    public static SealiftException Unfinished(string target, string workPath) =>
        new("SL4251", "begin a copy", target, $"an unfinished copy to it lies in {workPath}", "Pass --resume to go on with it, or --restart to throw it away and begin anew");

    public static SealiftException InUse(string target, string workPath) =>
        new("SL4252", "work on the unfinished copy", target, $"another process holds {workPath}", "Wait for that process, or stop it");

    public static SealiftException TargetRefused(string target, string said, string nextStep) =>
        new("SL4253", "copy to this target", target, said, nextStep);

    public static SealiftException SourceChanged(string source, string said) =>
        new("SL4254", "go on with the copy", source, said, "What was copied is of no use any more: pass --restart to copy the source as it is now");

    public static SealiftException BadRecord(string path, string said) =>
        new("SL4255", "go on with the copy", path, said, "Pass --restart to throw the unfinished copy away and begin anew");

    public static SealiftException NothingToResume(string target) =>
        new("SL4256", "go on with a copy", target, "there is no unfinished copy to it", "If it is there, the copy had come to its end; otherwise leave out --resume to begin one");

    public static SealiftException TargetIsSource(string target, string source) =>
        new("SL4257", "copy to this target", target, $"it is the source, or a part of it ({source})", "Name another target: a source is never written to");

    public static SealiftException SameUnit(string target, string source, string name) =>
        new("SL4258", "copy to this target", target, $"it says that it is {name}, and so does the source ({source}): they are one unit, or two that cannot be told apart", "Name another target, or give each unit an identity of its own");

    public static SealiftException BelongsTo(string target, string what, string way) =>
        new("SL4259", "copy to this target", target, $"it is {what}, of which others may be making use", $"Name another target; or, if it is no longer one, take it out of that ({way}), or wipe its first MiBs (wipefs --all)");

    public static SealiftException StillDifferent(string target, long mismatchedBytes, DiskRange first) =>
        new("SL4235", "prove the target", target, $"after a repair {mismatchedBytes} bytes read back wrong that were right before, the first {first.LengthBytes} at offset {first.Offset}", "Do not use this target: check the storage below it, then copy to another one");
}
