namespace Sealift.Migrations;

/// <summary>The names of the steps: the same word in progress, journal and seal.</summary>
public static class StepName
{
    /// <summary>Read the machine's description and measure every source file.</summary>
    public const string Describe = "describe";

    /// <summary>Look at target, space and tools before anything is made.</summary>
    public const string Preflight = "preflight";

    /// <summary>Check the source's file systems, in isolation.</summary>
    public const string CheckSource = "check-source";

    /// <summary>Follow a running machine: copy its disks again and again, each time what changed.</summary>
    public const string Precopy = "precopy";

    /// <summary>Shut the running machine down and copy the last difference.</summary>
    public const string Cutover = "cutover";

    /// <summary>Copy a disk, hashing what is read.</summary>
    public const string Copy = "copy";

    /// <summary>Read a copied disk back from storage and compare it leaf by leaf.</summary>
    public const string ReadBack = "read-back";

    /// <summary>Make the guest fit for KVM, in overlays.</summary>
    public const string Convert = "convert";

    /// <summary>Check the file systems as the new machine will see them.</summary>
    public const string CheckTarget = "check-target";

    /// <summary>Write a disk's overlay into the copied disk.</summary>
    public const string Commit = "commit";

    /// <summary>Read a committed disk back from storage and compare it with what it must be now.</summary>
    public const string Prove = "prove";

    /// <summary>Check the file systems of the committed disks, as they are handed over.</summary>
    public const string CheckCommitted = "check-committed";

    /// <summary>Boot the machine on throwaway overlays, in isolation, until it shows that it came up.</summary>
    public const string BootCheck = "boot-check";

    /// <summary>Weigh the evidence.</summary>
    public const string Gate = "gate";

    /// <summary>Give the files their final names.</summary>
    public const string HandOver = "hand-over";

    /// <summary>Sign the report.</summary>
    public const string Seal = "seal";

    /// <summary>All of them in the order in which they run.</summary>
    public static IReadOnlyList<string> All { get; } =
        [Describe, Preflight, CheckSource, Precopy, Cutover, Copy, ReadBack, Convert, CheckTarget, Commit, Prove, CheckCommitted, BootCheck, Gate, HandOver, Seal];
}
