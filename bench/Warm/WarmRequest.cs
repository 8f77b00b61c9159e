using Sealift.Bench.Copies;
using Sealift.Migrations;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Bench.Warm;

/// <summary>The migration of a running machine by the library, so that what happens between its passes happens exactly there.</summary>
internal static class WarmRequest
{
    /// <summary>The name of the disk that it makes.</summary>
    public const string DiskName = "box-disk1.raw";

    /// <summary>Without whatever needs a system: there is none to be checked, converted, booted or shut down.</summary>
    public static MigrationRequest Of(RunningQemu qemu, string targetDirectory, WarmPlan plan) => new()
    {
        Sources = [$"qmp:{qemu.SocketPath}"],
        TargetDirectory = targetDirectory,
        Convert = false,
        Check = false,
        AcceptDegraded = true,
        BootCheck = BootCheck.Never,
        Overrides = new MachineOverrides { Name = "box" },
        Warm = plan with { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(20) },
    };

    /// <summary>Throws unless it was handed over; since its file systems were not checked, its verdict is degraded.</summary>
    /// <exception cref="BenchException">It was not.</exception>
    public static void Demand(MigrationOutcome outcome)
    {
        if (outcome.Verdict != Verdict.Degraded) throw new BenchException($"{outcome.Verdict}: {string.Join(' ', outcome.Reasons)}");
    }
}
