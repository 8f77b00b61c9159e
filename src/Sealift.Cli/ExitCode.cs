namespace Sealift.Cli;

/// <summary>What the command's exit code means; the same table stands in docs/exit-codes.md and in the manual page.</summary>
internal static class ExitCode
{
    /// <summary>Done; for a migration: sealed; for a copy: proven.</summary>
    public const int Success = 0;

    /// <summary>A verdict of failed; a seal, disk or map that does not verify; disks that differ; a check that found damage.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A verdict of degraded: only waived findings, or less proof than the default was asked for; a check that found no damage and could not look at everything.</summary>
    public const int Degraded = 3;

    /// <summary>A verdict of cancelled, or interrupted by the user.</summary>
    public const int Cancelled = 4;

    /// <summary>Refused before anything began: a plan that contradicts itself, an unknown migration, a file that cannot be read. There is no verdict.</summary>
    public const int Refused = 5;

    /// <summary>Something that sealift needs is not installed or does not work.</summary>
    public const int MissingTool = 6;

    /// <summary>A fault in sealift itself: report it with the text that it printed.</summary>
    public const int Bug = 70;
}
